//! XMPP over WebSocket (RFC 7395): stanzas with their answers, the opening and closing of streams.

use super::decoded::Unit;
use super::pending::Key;
use super::xml::Element;
use super::{Dissect, Found, Incoming, Link, Malformed, Protocol, no_target};
use crate::anomaly::Code;
use crate::duplex::Direction;

/// The row of the table.
pub(super) const PROTOCOL: Protocol = Protocol {
    name: "xmpp",
    about: "XMPP over WebSocket (RFC 7395)",
    subprotocols: &["xmpp"],
    target: no_target,
    begins: b"<\xef",
    probe,
    make: |_| Box::new(Xmpp { closing: false }),
    lasting: true,
    format: false,
    malformed: Code::XmppMalformed,
    fields: &[
        ("stanza", "name of the element: message, presence, iq, open, auth"),
        ("type", "type of a stanza"),
        ("from", "who sent it"),
        ("to", "whom it is for"),
        ("namespace", "namespace of the element"),
        ("child", "name of the first element in it"),
        ("child_namespace", "namespace of that"),
        ("body", "body of a message"),
        ("value", "the element: name, attributes, text and children"),
    ],
};

const FRAMING: &str = "urn:ietf:params:xml:ns:xmpp-framing";

/// One connection.
#[derive(Debug)]
struct Xmpp {
    closing: bool,
}

impl Dissect for Xmpp {
    fn message(&mut self, message: &Incoming<'_>, found: &mut Found) -> Result<(), Malformed> {
        if message.text && message.bytes.trim_ascii().is_empty() {
            found.push(Unit::new("whitespace").summary("whitespace").keepalive());
            return Ok(());
        }
        // §3.3: each message is one whole element, without a declaration.
        let element = Element::of(message).ok_or(Malformed::new("not one XML element"))?;
        let link = self.link(&element, message.direction);
        found.push_linked(unit(&element), link);
        Ok(())
    }
}

impl Xmpp {
    fn link(&mut self, element: &Element, direction: Direction) -> Option<Link> {
        let ordered = |space| Key::new(space, "");
        let kind = element.attribute("type");
        match element.local() {
            "iq" => {
                let key = Key::new("iq", element.attribute("id")?);
                match kind? {
                    "get" | "set" => {
                        let asked =
                            element.children.first().map_or("iq", |child| child.namespace().unwrap_or(child.local()));
                        Some(Link::Asks(key, format!("iq {asked}").into()))
                    }
                    "result" | "error" => Some(Link::Answers(key, true)),
                    _ => None,
                }
            }
            "open" if direction == Direction::ToServer => Some(Link::Asks(ordered("open"), "open".into())),
            "open" => Some(Link::Answers(ordered("open"), true)),
            "close" if self.closing => Some(Link::Answers(ordered("close"), true)),
            "close" => {
                self.closing = true;
                Some(Link::Asks(ordered("close"), "close".into()))
            }
            "auth" | "authenticate" | "response" => Some(Link::Asks(ordered("sasl"), element.local().into())),
            "challenge" | "success" | "failure" => Some(Link::Answers(ordered("sasl"), true)),
            // Stream management (XEP-0198).
            "r" => Some(Link::Asks(ordered("ack"), "r".into())),
            // Also told unasked.
            "a" => Some(Link::MayAnswer(ordered("ack"), true)),
            "enable" | "resume" => Some(Link::Asks(ordered("sm"), element.local().into())),
            "enabled" | "resumed" | "failed" => Some(Link::Answers(ordered("sm"), true)),
            _ => None,
        }
    }
}

fn unit(element: &Element) -> Unit {
    let stanza = element.local().to_owned();
    let child = element.children.first();
    let body = element.child("body").map(|body| body.text.as_str());
    let mut summary = stanza.clone();
    let parts = [element.attribute("type"), element.attribute("to"), child.map(Element::local), body];
    for part in parts.into_iter().flatten() {
        summary = summary + " " + part;
    }
    // Pings (XEP-0199), and acknowledgements of stream management.
    let ping = child.and_then(Element::namespace) == Some("urn:xmpp:ping");
    let managed = matches!(&*stanza, "r" | "a") && element.children.is_empty();
    let unit = Unit { keepalive: ping || managed, ..Unit::new(stanza.clone()) };
    unit.summary(summary)
        .with("stanza", stanza)
        .with_some("type", element.attribute("type"))
        .with_some("from", element.attribute("from"))
        .with_some("to", element.attribute("to"))
        .with_some("namespace", element.namespace())
        .with_some("child", child.map(Element::local))
        .with_some("child_namespace", child.and_then(Element::namespace))
        .with_some("body", body)
        .with("value", element.value())
}

/// The open element of its framing; joined late, a stanza.
fn probe(message: &Incoming<'_>) -> bool {
    let is_stanza = |element: Element| {
        element.namespace() == Some("jabber:client") && matches!(element.local(), "message" | "presence" | "iq")
    };
    if message.late && message.text && Element::of(message).is_some_and(is_stanza) {
        return true;
    }
    let open = message.text && message.bytes.trim_ascii_start().starts_with(b"<open");
    open && Element::of(message).is_some_and(|element| element.namespace() == Some(FRAMING))
}

#[cfg(test)]
mod tests {
    use super::super::testing::Talk;

    #[test]
    fn stanzas_find_their_answers() {
        let mut talk = Talk::on("/", None);
        talk.client("<open xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\" to=\"example.org\" version=\"1.0\"/>");
        let open = talk.server("<open xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\" from=\"example.org\" id=\"x\"/>");
        assert_eq!((open.protocol(), open.answers()), (Some("xmpp"), Some((1, "open"))));
        talk.client("<iq type='get' id='v1' xmlns='jabber:client'><query xmlns='jabber:iq:version'/></iq>");
        let result = talk.server("<iq type='result' id='v1' xmlns='jabber:client'><query xmlns='jabber:iq:version'><name>x</name></query></iq>");
        assert_eq!(
            (result.answers(), result.summary().as_str()),
            (Some((2, "iq jabber:iq:version")), "iq result query")
        );
        let chat = talk.client("<message to='a@b' type='chat'><body>h&amp;i</body></message>");
        assert_eq!(
            (chat.summary().as_str(), chat.field("xmpp.body")),
            ("message chat a@b body h&i", vec!["h&i".into()])
        );
        for id in ["p", "q"] {
            assert!(
                talk.server(&format!("<iq type='get' id='{id}'><ping xmlns='urn:xmpp:ping'/></iq>")).is_keepalive()
            );
        }
        assert!(talk.client("<iq type='result' id='p'/>").is_keepalive());
        assert!(talk.client(" ").is_keepalive());
        assert_eq!(talk.unanswered(), ["iq urn:xmpp:ping"]);
    }

    #[test]
    fn what_is_no_element_is_told_so() {
        for odd in ["<iq>", "<a/><b/>", "text", "<stream:stream>"] {
            assert_eq!(Talk::on("/", Some("xmpp")).client(odd).codes(), ["xmpp.malformed"], "{odd}");
        }
    }
}
