//! How each field of the table is read from an event and its connection.

use std::borrow::Cow;

use super::Subject;
use super::field::TYPES;
use super::value::Value;
use crate::dissect::decoded::{self, Decoded};
use crate::duplex::Direction;
use crate::event::{Body, Event, Frame, Message};
use crate::http::head::{Request, Response};
use crate::http::headers::{Headers, Name};
use crate::net::segment::Endpoint;
use crate::payload::Payload;
use crate::ws::close::Close;
use crate::ws::frame::Opcode;

type One<'a> = Option<Value<'a>>;
type Enough<'e, 'a> = &'e mut dyn FnMut(Value<'a>) -> bool;

// ---- the connection

pub(super) fn connection<'a>(subject: &Subject<'a>) -> One<'a> {
    Some(Value::Number(subject.event.connection))
}

pub(super) fn host<'a>(subject: &Subject<'a>) -> One<'a> {
    request(subject)?.authority().map(Value::text)
}

pub(super) fn stream<'a>(subject: &Subject<'a>) -> One<'a> {
    subject.opening()?.transport.stream.map(|stream| Value::Number(stream.into()))
}

pub(super) fn proxy<'a>(subject: &Subject<'a>) -> One<'a> {
    subject.opening()?.transport.proxy.as_deref().map(Value::text)
}

pub(super) fn user_agent<'a>(subject: &Subject<'a>) -> One<'a> {
    header(subject, Name::UserAgent)
}

pub(super) fn origin<'a>(subject: &Subject<'a>) -> One<'a> {
    header(subject, Name::Origin)
}

pub(super) fn uri<'a>(subject: &Subject<'a>) -> One<'a> {
    subject.opening()?.uri().map(|uri| Value::Text(Cow::Owned(uri)))
}

pub(super) fn target<'a>(subject: &Subject<'a>) -> One<'a> {
    Some(Value::text(&request(subject)?.target))
}

pub(super) fn method<'a>(subject: &Subject<'a>) -> One<'a> {
    Some(Value::text(&request(subject)?.method))
}

pub(super) fn status<'a>(subject: &Subject<'a>) -> One<'a> {
    Some(Value::Number(response(subject)?.status.into()))
}

pub(super) fn request_lines<'a>(subject: &Subject<'a>, enough: Enough<'_, 'a>) -> bool {
    request(subject).is_some_and(|request| lines(&request.headers, enough))
}

pub(super) fn response_lines<'a>(subject: &Subject<'a>, enough: Enough<'_, 'a>) -> bool {
    response(subject).is_some_and(|response| lines(&response.headers, enough))
}

pub(super) fn subprotocol<'a>(subject: &Subject<'a>) -> One<'a> {
    subject.opening()?.terms.subprotocol.as_deref().map(Value::text)
}

pub(super) fn extension<'a>(subject: &Subject<'a>) -> One<'a> {
    subject.opening()?.terms.extension.as_deref().map(Value::text)
}

pub(super) fn verdict<'a>(subject: &Subject<'a>) -> One<'a> {
    Some(Value::text(subject.opening()?.verdict.name()))
}

pub(super) fn latency<'a>(subject: &Subject<'a>) -> One<'a> {
    let (asked, answered) = subject.opening()?.turn?;
    Some(Value::Duration(answered.time.since(asked.time)))
}

pub(super) fn addresses<'a>(subject: &Subject<'a>, enough: Enough<'_, 'a>) -> bool {
    endpoints(subject).is_some_and(|ends| ends.iter().any(|end| enough(Value::Address(end.ip))))
}

pub(super) fn ports<'a>(subject: &Subject<'a>, enough: Enough<'_, 'a>) -> bool {
    endpoints(subject).is_some_and(|ends| ends.iter().any(|end| enough(Value::Number(end.port.into()))))
}

// ---- the event

pub(super) fn kind<'a>(subject: &Subject<'a>) -> One<'a> {
    let word = match &subject.event.body {
        Body::Handshake(_) => "handshake",
        Body::Frame(frame) if frame.header.opcode.is_reserved() => "reserved",
        Body::Frame(frame) => frame.header.opcode.name(),
        Body::Message(message) => opcode_of(message).name(),
        Body::Gap(_) => "gap",
        Body::Notice(_) => "notice",
        Body::Closed(_) => "closed",
    };
    debug_assert!(TYPES.contains(&word), "{word}");
    Some(Value::text(word))
}

pub(super) fn direction<'a>(subject: &Subject<'a>) -> One<'a> {
    Some(Value::text(match subject.event.body.direction()? {
        Direction::ToServer => "c2s",
        Direction::ToClient => "s2c",
    }))
}

pub(super) fn source<'a>(subject: &Subject<'a>) -> One<'a> {
    Some(Value::Address(sender_and_receiver(subject)?[0].ip))
}

pub(super) fn destination<'a>(subject: &Subject<'a>) -> One<'a> {
    Some(Value::Address(sender_and_receiver(subject)?[1].ip))
}

pub(super) fn source_port<'a>(subject: &Subject<'a>) -> One<'a> {
    Some(Value::Number(sender_and_receiver(subject)?[0].port.into()))
}

pub(super) fn destination_port<'a>(subject: &Subject<'a>) -> One<'a> {
    Some(Value::Number(sender_and_receiver(subject)?[1].port.into()))
}

pub(super) fn packets<'a>(subject: &Subject<'a>, enough: Enough<'_, 'a>) -> bool {
    let span = subject.event.span;
    enough(Value::Number(span.first.packet)) || enough(Value::Number(span.last.packet))
}

pub(super) fn time<'a>(subject: &Subject<'a>) -> One<'a> {
    Some(Value::Time(subject.event.time()))
}

pub(super) fn elapsed<'a>(subject: &Subject<'a>) -> One<'a> {
    Some(Value::Duration(subject.event.time().since(subject.started)))
}

pub(super) fn websocket<'a>(subject: &Subject<'a>) -> One<'a> {
    Some(Value::Flag(item(subject.event).is_some()))
}

pub(super) fn http<'a>(subject: &Subject<'a>) -> One<'a> {
    Some(Value::Flag(matches!(subject.event.body, Body::Handshake(_))))
}

pub(super) fn opcode<'a>(subject: &Subject<'a>) -> One<'a> {
    let opcode = match item(subject.event)? {
        Item::Frame(frame) => frame.header.opcode,
        Item::Message(message) => opcode_of(message),
    };
    Some(Value::Number(opcode.0.into()))
}

pub(super) fn fin<'a>(subject: &Subject<'a>) -> One<'a> {
    Some(Value::Flag(of_frame(subject)?.header.fin))
}

pub(super) fn rsv<'a>(subject: &Subject<'a>) -> One<'a> {
    Some(Value::Number(of_frame(subject)?.header.rsv.into()))
}

pub(super) fn mask<'a>(subject: &Subject<'a>) -> One<'a> {
    // Where the header was cut, nothing behind the opcode is known.
    let frame = of_frame(subject).filter(|frame| !frame.truncated)?;
    Some(Value::Flag(frame.header.masked))
}

pub(super) fn masking_key<'a>(subject: &Subject<'a>) -> One<'a> {
    let key = of_frame(subject)?.header.masking_key.as_ref()?;
    Some(Value::Bytes(Cow::Borrowed(key)))
}

pub(super) fn compressed<'a>(subject: &Subject<'a>) -> One<'a> {
    Some(Value::Flag(match item(subject.event)? {
        Item::Frame(frame) => frame.compressed,
        Item::Message(message) => message.compressed,
    }))
}

pub(super) fn wire_length<'a>(subject: &Subject<'a>) -> One<'a> {
    match item(subject.event)? {
        Item::Frame(frame) if frame.truncated => None,
        Item::Frame(frame) => Some(Value::Number(frame.header.payload_length)),
        Item::Message(message) => Some(Value::Number(message.payload_length)),
    }
}

pub(super) fn size<'a>(subject: &Subject<'a>) -> One<'a> {
    Some(Value::Number(payload_of(subject)?.length))
}

pub(super) fn ratio<'a>(subject: &Subject<'a>) -> One<'a> {
    let (Value::Flag(true), Value::Number(wire)) = (compressed(subject)?, wire_length(subject)?) else { return None };
    (wire > 0).then_some(Value::Real(payload_of(subject)?.length as f64 / wire as f64))
}

pub(super) fn message<'a>(subject: &Subject<'a>) -> One<'a> {
    let number = match item(subject.event)? {
        Item::Frame(frame) => frame.message?,
        Item::Message(message) => message.number,
    };
    Some(Value::Number(number))
}

pub(super) fn frame<'a>(subject: &Subject<'a>) -> One<'a> {
    Some(Value::Number(of_frame(subject)?.number))
}

pub(super) fn frames<'a>(subject: &Subject<'a>) -> One<'a> {
    match item(subject.event)? {
        Item::Frame(_) => None,
        Item::Message(message) => Some(Value::Number(message.frames)),
    }
}

pub(super) fn protocol<'a>(subject: &Subject<'a>) -> One<'a> {
    decoded_of(subject).map(|decoded| Value::text(&decoded.protocol))
}

pub(super) fn control<'a>(subject: &Subject<'a>) -> One<'a> {
    Some(Value::Flag(match item(subject.event)? {
        Item::Frame(frame) => frame.header.opcode.is_control(),
        Item::Message(_) => false,
    }))
}

pub(super) fn complete<'a>(subject: &Subject<'a>) -> One<'a> {
    Some(Value::Flag(match item(subject.event)? {
        Item::Frame(frame) => frame.missing == 0 && !frame.truncated,
        Item::Message(message) => message.complete,
    }))
}

pub(super) fn missing<'a>(subject: &Subject<'a>) -> One<'a> {
    Some(Value::Number(missing_bytes(subject.event)?))
}

pub(super) fn gap<'a>(subject: &Subject<'a>) -> One<'a> {
    Some(Value::Flag(missing_bytes(subject.event)? > 0))
}

pub(super) fn rtt<'a>(subject: &Subject<'a>) -> One<'a> {
    of_frame(subject)?.rtt.map(Value::Duration)
}

pub(super) fn answer<'a>(subject: &Subject<'a>) -> One<'a> {
    decoded_of(subject)?.reply().map(|reply| Value::Duration(reply.latency))
}

pub(super) fn close_code<'a>(subject: &Subject<'a>) -> One<'a> {
    Some(Value::Number(close(subject)?.code?.into()))
}

pub(super) fn close_reason<'a>(subject: &Subject<'a>) -> One<'a> {
    Some(Value::text(&close(subject)?.reason))
}

pub(super) fn end<'a>(subject: &Subject<'a>) -> One<'a> {
    match &subject.event.body {
        Body::Closed(closed) => Some(Value::text(closed.how.name())),
        _ => None,
    }
}

pub(super) fn anomalies<'a>(subject: &Subject<'a>, enough: Enough<'_, 'a>) -> bool {
    subject.event.body.anomalies().iter().any(|anomaly| enough(Value::text(anomaly.code.rule().name)))
}

pub(super) fn severities<'a>(subject: &Subject<'a>, enough: Enough<'_, 'a>) -> bool {
    subject.event.body.anomalies().iter().any(|anomaly| enough(Value::text(anomaly.code.rule().severity.name())))
}

pub(super) fn mark<'a>(subject: &Subject<'a>) -> One<'a> {
    Some(Value::Flag(subject.marked))
}

// ---- the payload

pub(super) fn text<'a>(subject: &Subject<'a>) -> One<'a> {
    // It was found to be text when it was read; it need not be checked again.
    payload_of(subject).filter(|payload| payload.text).map(bytes)
}

pub(super) fn payload<'a>(subject: &Subject<'a>) -> One<'a> {
    payload_of(subject).map(bytes)
}

/// Values that the dissector of a sub-protocol calls by this name.
pub(super) fn decoded<'a>(subject: &Subject<'a>, name: &'static str, enough: Enough<'_, 'a>) -> bool {
    decoded_of(subject).is_some_and(|decoded| decoded.field(name).filter_map(value).any(enough))
}

fn value<'a>(value: Cow<'a, decoded::Value>) -> One<'a> {
    use decoded::Value as From;
    Some(match value {
        Cow::Borrowed(From::Text(text) | From::Json(text)) => Value::text(text),
        Cow::Borrowed(From::Bytes(bytes)) => Value::Bytes(Cow::Borrowed(bytes)),
        Cow::Owned(From::Text(text) | From::Json(text)) => Value::Text(Cow::Owned(text.into())),
        Cow::Owned(From::Bytes(bytes)) => Value::Bytes(Cow::Owned(bytes.into())),
        Cow::Borrowed(&From::Flag(flag)) | Cow::Owned(From::Flag(flag)) => Value::Flag(flag),
        Cow::Borrowed(&From::Number(number)) | Cow::Owned(From::Number(number)) => match u64::try_from(number) {
            Ok(number) => Value::Number(number),
            Err(_) => Value::Real(number as f64),
        },
        // So many bytes are not kept.
        Cow::Borrowed(From::Omitted(_)) | Cow::Owned(From::Omitted(_)) => return None,
    })
}

/// The trees that a sub-protocol's dissector made of a message, as JSON.
pub(super) fn trees<'a>(subject: &Subject<'a>) -> impl Iterator<Item = &'a [u8]> {
    let units = decoded_of(subject).into_iter().flat_map(|decoded| &decoded.units);
    units.flat_map(|unit| &unit.fields).filter_map(|(_, value)| match value {
        decoded::Value::Json(text) => Some(text.as_bytes()),
        _ => None,
    })
}

fn decoded_of<'a>(subject: &Subject<'a>) -> Option<&'a Decoded> {
    match item(subject.event)? {
        Item::Frame(_) => None,
        Item::Message(message) => message.decoded.as_deref(),
    }
}

/// A text that is kept whole: JSON with a hole is none.
pub(super) fn json<'a>(subject: &Subject<'a>) -> Option<&'a [u8]> {
    let payload =
        payload_of(subject).filter(|payload| payload.text && !payload.is_cut() && payload.holes.is_empty())?;
    Some(&payload.bytes)
}

pub(super) fn keepalive<'a>(subject: &Subject<'a>) -> One<'a> {
    let heartbeat = match item(subject.event)? {
        Item::Frame(frame) if frame.header.opcode.is_control() => {
            matches!(frame.header.opcode, Opcode::PING | Opcode::PONG)
        }
        Item::Message(message) if message.decoded.as_deref().is_some_and(is_sign_of_life) => true,
        Item::Frame(_) | Item::Message(_) => {
            let payload = payload_of(subject)?;
            payload.text && !payload.is_cut() && is_heartbeat(subject, &payload.bytes)
        }
    };
    Some(Value::Flag(heartbeat))
}

fn is_sign_of_life(decoded: &Decoded) -> bool {
    !decoded.units.is_empty() && decoded.is_keepalive()
}

/// Whether a text is a heartbeat by itself, or in the protocol that its connection speaks.
fn is_heartbeat(subject: &Subject<'_>, text: &[u8]) -> bool {
    match text {
        // Engine.IO, which Socket.IO stands on, says its version in the query.
        b"2" | b"3" => request(subject).is_some_and(|request| request.target.contains("EIO=")),
        // The hub protocol of SignalR.
        b"{\"type\":6}\x1e" => true,
        // graphql-transport-ws.
        b"{\"type\":\"ping\"}" | b"{\"type\":\"pong\"}" => true,
        _ => text.eq_ignore_ascii_case(b"ping") || text.eq_ignore_ascii_case(b"pong"),
    }
}

pub(super) fn any<'a>(subject: &Subject<'a>, enough: Enough<'_, 'a>) -> bool {
    payload(subject).is_some_and(&mut *enough)
        || close_reason(subject).is_some_and(&mut *enough)
        || host(subject).is_some_and(&mut *enough)
        || uri(subject).is_some_and(&mut *enough)
        || method(subject).is_some_and(enough)
}

// ---- parts of an event

/// What carries payload.
enum Item<'a> {
    Frame(&'a Frame),
    Message(&'a Message),
}

fn item(event: &Event) -> Option<Item<'_>> {
    match &event.body {
        Body::Frame(frame) => Some(Item::Frame(frame)),
        Body::Message(message) => Some(Item::Message(message)),
        Body::Handshake(_) | Body::Gap(_) | Body::Notice(_) | Body::Closed(_) => None,
    }
}

fn of_frame<'a>(subject: &Subject<'a>) -> Option<&'a Frame> {
    match item(subject.event)? {
        Item::Frame(frame) => Some(frame),
        Item::Message(_) => None,
    }
}

fn payload_of<'a>(subject: &Subject<'a>) -> Option<&'a Payload> {
    Some(match item(subject.event)? {
        Item::Frame(frame) => &frame.payload,
        Item::Message(message) => &message.payload,
    })
}

fn opcode_of(message: &Message) -> Opcode {
    if message.text { Opcode::TEXT } else { Opcode::BINARY }
}

fn missing_bytes(event: &Event) -> Option<u64> {
    match &event.body {
        Body::Frame(frame) => Some(frame.missing),
        Body::Message(message) => Some(message.missing),
        Body::Gap(gap) => Some(gap.length),
        Body::Handshake(_) | Body::Notice(_) | Body::Closed(_) => None,
    }
}

fn close<'a>(subject: &Subject<'a>) -> Option<&'a Close> {
    match &subject.event.body {
        Body::Frame(frame) => frame.close.as_ref(),
        Body::Closed(closed) => closed.close.as_ref(),
        Body::Handshake(_) | Body::Message(_) | Body::Gap(_) | Body::Notice(_) => None,
    }
}

fn request<'a>(subject: &Subject<'a>) -> Option<&'a Request> {
    subject.opening()?.request.as_ref()
}

fn response<'a>(subject: &Subject<'a>) -> Option<&'a Response> {
    subject.opening()?.response.as_ref()
}

fn header<'a>(subject: &Subject<'a>, name: Name) -> One<'a> {
    let headers: &'a Headers = &request(subject)?.headers;
    headers.first(name).map(Value::text)
}

fn lines<'a>(headers: &'a Headers, enough: Enough<'_, 'a>) -> bool {
    headers.lines().any(|(name, value)| enough(Value::Text(Cow::Owned(format!("{name}: {value}")))))
}

fn endpoints(subject: &Subject<'_>) -> Option<[Endpoint; 2]> {
    let opening = subject.opening()?;
    Some([opening.client, opening.server])
}

fn sender_and_receiver(subject: &Subject<'_>) -> Option<[Endpoint; 2]> {
    let [client, server] = endpoints(subject)?;
    Some(match subject.event.body.direction()? {
        Direction::ToServer => [client, server],
        Direction::ToClient => [server, client],
    })
}

fn bytes(payload: &Payload) -> Value<'_> {
    Value::Bytes(Cow::Borrowed(&payload.bytes))
}
