//! An event to facts about it, label and value, for the wide screen.

use crate::event::{Body, Event, Frame, Message};

use super::show;

/// Facts about an event.
pub fn of(event: &Event) -> Vec<(&'static str, String)> {
    let mut facts = vec![("time", show::time_of_day(event.time()))];
    let (first, last) = (event.span.first.packet, event.span.last.packet);
    let packets = if first == last { first.to_string() } else { format!("{first}..{last}") };
    facts.push(("packets", packets));
    match &event.body {
        Body::Message(message) => facts.extend(facts_of_message(message)),
        Body::Frame(frame) => facts.extend(facts_of_frame(frame)),
        Body::Gap(gap) => {
            facts.push(("from", gap.direction.sender().to_owned()));
            facts.push(("stream", format!("offset {}, {}", gap.offset, show::counted(gap.length, "byte", "bytes"))));
        }
        Body::Handshake(_) | Body::Notice(_) | Body::Closed(_) => {}
    }
    facts
}

fn facts_of_message(message: &Message) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("from", format!("{}, message {}", message.direction.sender(), message.number)),
        ("frames", format!("{}, stream offset {}", message.frames, message.offset)),
    ];
    let (wire, length) = (message.payload_length, message.payload.length);
    if message.compressed && message.complete && wire > 0 {
        let ratio = length as f64 / wire as f64;
        facts.push(("size", format!("{} inflated to {} bytes ({ratio:.1}x)", show::count(wire), show::count(length))));
    } else {
        facts.push(("size", show::counted(length, "byte", "bytes")));
    }
    if !message.complete {
        let missing = show::counted(message.missing, "byte", "bytes");
        facts.push(("incomplete", format!("{missing} not captured")));
    }
    facts
}

fn facts_of_frame(frame: &Frame) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("from", format!("{}, frame {}, stream offset {}", frame.direction.sender(), frame.number, frame.offset)),
        ("size", show::counted(frame.header.payload_length, "byte", "bytes")),
    ];
    if frame.missing > 0 {
        facts.push(("incomplete", format!("{} not captured", show::counted(frame.missing, "byte", "bytes"))));
    }
    if let Some(rtt) = frame.rtt {
        facts.push(("answered", format!("after {}", show::duration(rtt))));
    }
    facts
}
