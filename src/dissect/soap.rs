//! SOAP 1.1 and 1.2 envelopes, linked by WS-Addressing.
//!
//! <https://www.w3.org/TR/soap12-part1/>, <https://www.w3.org/TR/ws-addr-core/>

use super::decoded::Unit;
use super::pending::Key;
use super::xml::Element;
use super::{Dissect, Found, Incoming, Link, Malformed, Protocol, no_target};
use crate::anomaly::Code;

/// The row of the table.
pub(super) const PROTOCOL: Protocol = Protocol {
    name: "soap",
    about: "SOAP 1.1 and 1.2",
    subprotocols: &["soap"],
    target: no_target,
    begins: b"<\xef",
    probe: |message| envelope(message).is_some(),
    make: |_| Box::new(Soap),
    lasting: false,
    format: false,
    malformed: Code::SoapMalformed,
    fields: &[
        ("version", "version of SOAP"),
        ("operation", "name of the first element in the body"),
        ("action", "action of WS-Addressing"),
        ("message_id", "identifier of the message"),
        ("relates_to", "identifier of the message that it answers"),
        ("fault", "reason of a fault"),
        ("value", "the envelope: name, attributes, text and children"),
    ],
};

/// One connection; each message stands for itself.
#[derive(Debug)]
struct Soap;

impl Dissect for Soap {
    fn message(&mut self, message: &Incoming<'_>, found: &mut Found) -> Result<(), Malformed> {
        let (envelope, version) = envelope(message).ok_or(Malformed::new("no SOAP envelope"))?;
        let header =
            |name| envelope.child("Header").and_then(|header| header.child(name)).map(|value| value.text.trim());
        let body = envelope.child("Body").ok_or(Malformed::new("no Body in the envelope"))?;
        let operation = body.children.first().map_or("empty", Element::local);
        let fault = body.child("Fault").map(|fault| {
            let reason = fault.child("Reason").and_then(|reason| reason.child("Text")).or(fault.child("faultstring"));
            reason.map_or("", |reason| reason.text.trim())
        });
        let (id, relates) = (header("MessageID"), header("RelatesTo"));
        let link = match (relates, id) {
            (Some(request), _) => Some(Link::Answers(Key::new("message", request), true)),
            (None, Some(id)) => Some(Link::Asks(Key::new("message", id), operation.into())),
            (None, None) => None,
        };
        let kind = if fault.is_some() { "fault" } else { "envelope" };
        let unit = Unit::new(kind)
            .summary(format!("{operation} {}", fault.unwrap_or_default()).trim_end())
            .with("version", version)
            .with("operation", operation)
            .with_some("action", header("Action"))
            .with_some("message_id", id)
            .with_some("relates_to", relates)
            .with_some("fault", fault)
            .with("value", envelope.value());
        found.push_linked(unit, link);
        Ok(())
    }
}

/// The envelope that a message is, and its version.
fn envelope(message: &Incoming<'_>) -> Option<(Element, &'static str)> {
    let element = Element::of(message).filter(|element| element.local() == "Envelope")?;
    let version = match element.namespace()? {
        "http://schemas.xmlsoap.org/soap/envelope/" => "1.1",
        "http://www.w3.org/2003/05/soap-envelope" => "1.2",
        _ => return None,
    };
    Some((element, version))
}

#[cfg(test)]
mod tests {
    use super::super::testing::Talk;

    #[test]
    fn answers_are_found_by_the_message_that_they_relate_to() {
        let envelope = |header: &str, body: &str| {
            format!(
                "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" xmlns:a=\"http://www.w3.org/2005/08/addressing\">\
                <s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
            )
        };
        let mut talk = Talk::on("/", None);
        let ask =
            talk.client(&envelope("<a:MessageID>urn:1</a:MessageID><a:Action>get</a:Action>", "<Get xmlns='x'/>"));
        assert_eq!((ask.protocol(), ask.summary().as_str()), (Some("soap"), "Get"));
        let fault = "<s:Fault><s:Reason><s:Text>no such thing</s:Text></s:Reason></s:Fault>";
        let answer = talk.server(&envelope("<a:RelatesTo>urn:1</a:RelatesTo>", fault));
        assert_eq!((answer.answers(), answer.kinds()), (Some((1, "Get")), vec!["fault"]));
        assert_eq!(answer.field("soap.fault"), ["no such thing".into()]);
        assert_eq!(Talk::by_hand("soap").server("<Envelope/>").codes(), ["soap.malformed"]);
    }
}
