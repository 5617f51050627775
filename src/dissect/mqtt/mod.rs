//! MQTT 3.1, 3.1.1 and 5: the packets of a byte stream that need not align with messages (MQTT 3.1.1 §6, 5.0 §6).

mod identifiers;
mod v3;
mod v5;

use std::collections::HashMap;

use super::decoded::{Unit, Value};
use super::json;
use super::pending::Key;
use super::stream::{Cut, Framing, Stream};
use super::{Dissect, Found, Incoming, Link, Malformed, Protocol, no_target};
use crate::anomaly::Code;
use crate::config::Limits;
use crate::duplex::{Direction, Duplex};

/// The row of the table.
pub(super) const PROTOCOL: Protocol = Protocol {
    name: "mqtt",
    about: "MQTT 3.1, 3.1.1 and 5",
    subprotocols: &["mqtt", "mqttv3.1"],
    target: no_target,
    // CONNECT, and PUBLISH with any flags.
    begins: b"\x100123456789:;<=>?",
    probe,
    make: |opening| Box::new(Mqtt::new(opening.late)),
    lasting: true,
    format: false,
    malformed: Code::MqttMalformed,
    fields: &[
        ("topic", "topic of PUBLISH; by its alias where that was set before"),
        ("topics", "topic filters of SUBSCRIBE and UNSUBSCRIBE"),
        ("payload", "payload of PUBLISH"),
        ("qos", "quality of service, 0 to 2"),
        ("retain", "whether the server is to keep the message"),
        ("dup", "whether it was sent before"),
        ("packet_id", "packet identifier"),
        ("reason", "reason code, or return code of version 3"),
        ("reasons", "reason codes of SUBACK and UNSUBACK, one for each filter"),
        ("reason_string", "reason string"),
        ("version", "protocol level of CONNECT: 3, 4 (3.1.1) or 5"),
        ("client_id", "client identifier, also one that the server assigned"),
        ("username", "user name of CONNECT; passwords are not told"),
        ("keep_alive", "keep alive of CONNECT, in seconds"),
        ("clean", "clean session, or clean start"),
        ("will_topic", "topic of the will"),
        ("will_payload", "payload of the will"),
        ("session_present", "whether the server had a session"),
        ("topic_alias", "topic alias"),
        ("response_topic", "response topic"),
        ("correlation", "correlation data"),
        ("content_type", "content type"),
        ("subscription_id", "subscription identifier"),
        ("subscription_ids", "all of them, where a PUBLISH has several"),
        ("properties", "user properties, as pairs of name and value"),
    ],
};

const FRAMING: Framing = Framing { cut, whole };

/// One connection.
#[derive(Debug)]
struct Mqtt {
    streams: Duplex<Stream>,
    version: Version,
    aliases: Duplex<Aliases>,
}

/// How packets are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    /// The CONNECT was not seen.
    Unknown,
    /// 3.1 and 3.1.1.
    V3,
    /// 5.
    V5,
}

/// What a packet is, and how it is linked with others.
struct Packet {
    unit: Unit,
    link: Option<Link>,
}

impl Mqtt {
    fn new(late: bool) -> Self {
        Self { streams: Stream::both(late), version: Version::Unknown, aliases: Duplex::default() }
    }
}

impl Dissect for Mqtt {
    fn message(&mut self, message: &Incoming<'_>, found: &mut Found) -> Result<(), Malformed> {
        let Self { streams, version, aliases } = self;
        let direction = message.direction;
        let rest = streams[direction].push(message, &FRAMING, |bytes, begin| {
            if !may_send(bytes[0] >> 4, direction) {
                return Err(Malformed::new(format!("packet type {} from the {}", bytes[0] >> 4, direction.sender())));
            }
            *version = decide(*version, bytes);
            let packet = if *version == Version::V5 {
                v5::packet(bytes, &mut aliases[direction], message.limits)
            } else {
                v3::packet(bytes, message.limits)
            };
            let packet = packet.map_err(Malformed::new)?;
            found.push_linked(Unit { begins: Some(begin), ..packet.unit }, packet.link);
            Ok(())
        })?;
        found.push_rest(rest);
        Ok(())
    }

    fn lose(&mut self, direction: Direction) {
        self.streams[direction].lose();
        // An alias may have been given another topic.
        self.aliases[direction] = Aliases::default();
    }

    fn held(&self) -> usize {
        Direction::BOTH.iter().map(|&way| self.streams[way].held() + self.aliases[way].bytes).sum()
    }
}

/// Topics by their alias (5.0 §3.3.2.3.4), of one direction.
#[derive(Debug, Default)]
struct Aliases {
    topics: HashMap<u16, Box<str>>,
    bytes: usize,
}

impl Aliases {
    fn set(&mut self, alias: u16, topic: &str) {
        self.bytes += topic.len() + 32;
        let before = self.topics.insert(alias, topic.into());
        self.bytes -= before.map_or(0, |topic| topic.len() + 32);
    }

    fn topic(&self, alias: u16) -> Option<&str> {
        self.topics.get(&alias).map(|topic| &**topic)
    }
}

/// What PUBLISH says in all versions.
struct Publish<'a> {
    topic: &'a str,
    qos: u8,
    id: Option<u16>,
    retain: bool,
    dup: bool,
    payload: &'a [u8],
}

impl Publish<'_> {
    fn packet(&self, limits: &Limits) -> Packet {
        let shown = String::from_utf8_lossy(&self.payload[..self.payload.len().min(256)]);
        let unit = Unit::new("PUBLISH").summary(format!("PUBLISH {} qos {}: {shown}", self.topic, self.qos));
        let mut unit = unit.with("topic", self.topic).with("qos", self.qos).with_some("packet_id", self.id);
        for (name, flag) in [("retain", self.retain), ("dup", self.dup)] {
            unit = unit.with_some(name, flag.then_some(true));
        }
        let unit = unit.with("payload", json::content(self.payload, limits));
        let method = format!("PUBLISH {}", self.topic);
        Packet { unit, link: self.id.map(|id| asks("publish", id, method)) }
    }
}

fn asks(space: &'static str, id: u16, method: impl Into<Box<str>>) -> Link {
    Link::Asks(Key::new(space, id.to_string()), method.into())
}

fn answers(space: &'static str, id: u16) -> Option<Link> {
    Some(Link::Answers(Key::new(space, id.to_string()), true))
}

/// The answer to a CONNECT, or to a PINGREQ: in order, without an identifier.
fn answers_next(space: &'static str) -> Option<Link> {
    Some(Link::Answers(Key::new(space, ""), true))
}

fn asks_next(space: &'static str, method: &str) -> Option<Link> {
    Some(Link::Asks(Key::new(space, ""), method.into()))
}

/// A packet that acknowledges another one by its identifier.
fn acknowledge(kind: &'static str, id: u16, reason: Option<String>) -> Unit {
    let summary = match &reason {
        Some(reason) => format!("{kind} {id} {reason}"),
        None => format!("{kind} {id}"),
    };
    Unit::new(kind).summary(summary).with("packet_id", id).with_some("reason", reason)
}

fn ping(request: bool) -> Packet {
    let kind = if request { "PINGREQ" } else { "PINGRESP" };
    let link = if request { asks_next("ping", kind) } else { answers_next("ping") };
    Packet { unit: Unit::new(kind).summary(kind).keepalive(), link }
}

/// A JSON array of strings.
fn list<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> Value {
    let items: Vec<_> = items.into_iter().collect();
    let items: Vec<_> = items.iter().map(AsRef::as_ref).collect();
    Value::Json(serde_json::to_string(&items).expect("strings can be written").into())
}

/// Length of the fixed header (§2.1) and of the packet, where they are known.
fn cut(bytes: &[u8]) -> Cut {
    let (kind, flags) = (bytes[0] >> 4, bytes[0] & 15);
    // §2.1.3: all but PUBLISH have fixed flags.
    let fixed = if matches!(kind, 6 | 8 | 10) { 2 } else { 0 };
    if kind == 0 || kind != 3 && flags != fixed || kind == 3 && flags & 6 == 6 {
        return Cut::Malformed("no MQTT fixed header");
    }
    let mut length = 0usize;
    for (index, &byte) in bytes[1..].iter().take(4).enumerate() {
        length |= usize::from(byte & 127) << (7 * index);
        if byte < 128 {
            let whole = 2 + index + length;
            return if bytes.len() < whole { Cut::Length(whole) } else { Cut::Unit(whole) };
        }
    }
    if bytes.len() < 5 {
        Cut::Length(bytes.len() + 1)
    } else {
        Cut::Malformed("a remaining length of more than four bytes")
    }
}

/// Whether all of the bytes are whole and valid packets.
fn whole(mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        let Cut::Unit(length) = cut(bytes) else { return false };
        let (packet, rest) = bytes.split_at(length);
        let limits = Limits::default();
        if v3::packet(packet, &limits).is_err() && v5::packet(packet, &mut Aliases::default(), &limits).is_err() {
            return false;
        }
        bytes = rest;
    }
    true
}

/// Which version a connection speaks once this packet is known; where the CONNECT was not seen, by what can be only one.
fn decide(version: Version, bytes: &[u8]) -> Version {
    const CONNECT: u8 = 1;
    const CONNACK: u8 = 2;
    if bytes[0] >> 4 == CONNECT {
        return if level(bytes) == Some(5) { Version::V5 } else { Version::V3 };
    }
    // A server that does not know version 5 refuses it in the words of its own, without properties.
    if bytes[0] >> 4 == CONNACK && bytes.len() == 4 {
        return Version::V3;
    }
    if version != Version::Unknown {
        return version;
    }
    // What has two bytes of version 3, or none, and what the codec there does not look at.
    if matches!(bytes[0] >> 4, 2 | 4..=7) && bytes.len() > 4 || bytes[0] >> 4 == 14 && bytes.len() > 2 {
        return Version::V5;
    }
    let limits = Limits::default();
    let fits_3 = v3::packet(bytes, &limits).is_ok();
    let fits_5 = v5::packet(bytes, &mut Aliases::default(), &limits).is_ok();
    match (fits_3, fits_5) {
        (false, true) => Version::V5,
        (true, false) => Version::V3,
        // The properties of a PUBLISH of version 5 would be the start of a version 3 payload, which seldom fits, unless that
        // begins with a zero: no properties.
        (true, true) if bytes[0] >> 4 == 3 && !has_payload_of_zero(bytes) => Version::V5,
        (true, true) | (false, false) => Version::Unknown,
    }
}

/// Whether a PUBLISH would in version 3 have a payload that begins with a zero and does not go on as text.
fn has_payload_of_zero(publish: &[u8]) -> bool {
    let Ok(Some(mqtt_proto::v3::Packet::Publish(publish))) = mqtt_proto::v3::Packet::decode(publish) else {
        return false;
    };
    let is_text =
        |rest: &[u8]| !rest.is_empty() && str::from_utf8(rest).is_ok_and(|text| !text.contains(char::is_control));
    matches!(&publish.payload[..], [0, rest @ ..] if !is_text(rest))
}

/// Protocol level of a CONNECT packet (§3.1.2.2).
fn level(connect: &[u8]) -> Option<u8> {
    let behind_length = connect.iter().skip(1).position(|byte| *byte < 128)? + 2;
    match connect.get(behind_length..)? {
        [0, 4, b'M', b'Q', b'T', b'T', level, ..] | [0, 6, b'M', b'Q', b'I', b's', b'd', b'p', level, ..] => {
            Some(*level)
        }
        _ => None,
    }
}

fn is_publish(bytes: &[u8]) -> bool {
    let whole = !bytes.is_empty() && cut(bytes) == Cut::Unit(bytes.len());
    let packet = if whole { mqtt_proto::v3::Packet::decode(bytes) } else { return false };
    let Ok(Some(mqtt_proto::v3::Packet::Publish(publish))) = packet else { return false };
    publish.topic_name.len() >= 4 && !publish.topic_name.contains(char::is_control)
}

fn may_send(kind: u8, direction: Direction) -> bool {
    match kind {
        1 | 8 | 10 | 12 => direction == Direction::ToServer,
        2 | 9 | 11 | 13 => direction == Direction::ToClient,
        _ => true,
    }
}

/// A CONNECT that is a message of its own; joined late, a PUBLISH whose topic has some length.
fn probe(message: &Incoming<'_>) -> bool {
    if message.late && is_publish(message.bytes) {
        return true;
    }
    let connects = message.direction == Direction::ToServer && message.bytes.first() == Some(&0x10);
    connects && level(message.bytes).is_some() && whole(message.bytes)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Talk;
    use super::*;

    const CONNECT: &[u8] = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a";
    const CONNECT_5: &[u8] = b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01a";

    #[test]
    fn acknowledgements_find_their_packets() {
        let mut talk = Talk::on("/", Some("mqtt"));
        let connect = talk.client_binary(CONNECT);
        assert_eq!(
            (connect.summary().as_str(), connect.field("mqtt.keep_alive")),
            ("CONNECT a version 4", vec![60u8.into()])
        );
        assert_eq!(talk.server_binary(b"\x20\x02\x00\x00").answers(), Some((1, "CONNECT")));
        talk.client_binary(b"\x82\x06\x00\x07\x00\x01#\x01");
        assert_eq!(talk.server_binary(b"\x90\x03\x00\x07\x01").answers(), Some((2, "SUBSCRIBE #")));
        talk.client_binary(b"\x34\x08\x00\x01t\x00\x09{1}");
        assert_eq!(talk.server_binary(b"\x50\x02\x00\x09").answers(), Some((3, "PUBLISH t")));
        talk.client_binary(b"\x62\x02\x00\x09");
        assert_eq!(talk.server_binary(b"\x70\x02\x00\x09").answers(), Some((4, "PUBREL")));
        assert!(talk.client_binary(b"\xc0\x00").is_keepalive());
        assert_eq!(talk.server_binary(b"\xd0\x00").answers(), Some((5, "PINGREQ")));
        talk.server_binary(b"\x32\x05\x00\x01t\x00\x01");
        assert_eq!(talk.unanswered(), ["PUBLISH t"]);
    }

    #[test]
    fn packets_need_not_align_with_messages() {
        let mut talk = Talk::on("/", Some("mqtt"));
        for byte in &CONNECT[..CONNECT.len() - 1] {
            assert_eq!(talk.client_binary(&[*byte]).kinds(), ["part"]);
        }
        let told = talk.client_binary(b"a\x30\x04\x00\x01t!\x30\x04\x00\x01");
        assert_eq!((told.kinds(), told.begins()), (vec!["CONNECT", "PUBLISH", "part"], Some(1)));
        assert_eq!(talk.client_binary(b"t?").field("mqtt.payload"), [Value::from("?")]);
    }

    #[test]
    fn version_5_has_properties_and_topic_aliases() {
        let mut talk = Talk::on("/", Some("mqtt"));
        talk.client_binary(CONNECT_5);
        let set = talk.client_binary(b"\x30\x0f\x00\x01t\x0a\x23\x00\x05\x26\x00\x01a\x00\x01b!");
        assert_eq!(set.field("mqtt.properties"), [Value::Json("[[\"a\",\"b\"]]".into())]);
        let used = talk.client_binary(b"\x30\x07\x00\x00\x03\x23\x00\x05?");
        assert_eq!((used.field("mqtt.topic"), used.field("mqtt.payload")), (vec!["t".into()], vec!["?".into()]));
        talk.incomplete(Direction::ToServer);
        let lost = talk.client_binary(b"\x30\x07\x00\x00\x03\x23\x00\x05?");
        assert_eq!(lost.field("mqtt.topic"), ["".into()]);
    }

    #[test]
    fn a_server_of_version_3_refuses_version_5() {
        let mut talk = Talk::on("/", Some("mqtt"));
        talk.client_binary(CONNECT_5);
        let refused = talk.server_binary(b"\x20\x02\x00\x01");
        assert_eq!((refused.codes(), refused.answers()), (vec![], Some((1, "CONNECT"))));
        assert_eq!(refused.field("mqtt.reason"), ["UnacceptableProtocolVersion".into()]);
    }

    #[test]
    fn a_publish_may_match_several_subscriptions() {
        let mut talk = Talk::on("/", Some("mqtt"));
        talk.client_binary(CONNECT_5);
        let told = talk.server_binary(b"\x30\x0d\x00\x01t\x07\x0b\x07\x0b\xac\x02\x01\x01hi");
        assert_eq!((told.codes(), told.field("mqtt.payload")), (vec![], vec!["hi".into()]));
        assert_eq!(told.field("mqtt.subscription_id"), [7u8.into()]);
        assert_eq!(told.field("mqtt.subscription_ids"), [Value::Json("[7,300]".into())]);
    }

    #[test]
    fn what_is_no_packet_is_told_so() {
        let odd: [&[u8]; 6] =
            [b"\x00\x00", b"\x11\x00", b"\x30\x80\x80\x80\x80\x01", b"\x10\x02ab", b"\x20\x02\0\0", b"\x36\x01\0"];
        for odd in odd {
            let told = Talk::on("/", Some("mqtt")).client_binary(odd).codes();
            assert_eq!(told, ["mqtt.malformed"], "{odd:x?}");
        }
    }

    #[test]
    fn it_is_joined_at_whole_packets() {
        let mut talk = Talk::late("mqtt");
        assert_eq!(talk.server_binary(b"\x00\x01t!").kinds(), ["part"]);
        let told = talk.server_binary(b"\x30\x04\x00\x01t!");
        assert_eq!((told.kinds(), told.codes()), (vec!["PUBLISH"], vec![]));
    }

    #[test]
    fn joined_late_the_version_is_what_a_packet_can_only_be() {
        let payload = |publish: &[u8]| Talk::late("mqtt").server_binary(publish).field("mqtt.payload");
        assert_eq!(payload(b"\x30\x05\x00\x01t\x00!"), ["!".into()], "no properties, and text");
        assert_eq!(payload(b"\x30\x07\x00\x01t\x02\x01\x01!"), ["!".into()], "a property");
        assert_eq!(
            payload(b"\x30\x07\x00\x01t\x00\x01\x00\xff"),
            [Value::Bytes([0, 1, 0, 255].into())],
            "binary of version 3"
        );
        let mut talk = Talk::late("mqtt");
        talk.server_binary(b"\x40\x03\x00\x07\x10");
        assert_eq!(
            talk.server_binary(b"\x30\x07\x00\x01t\x00\x01\x00\xff").field("mqtt.payload"),
            [Value::Bytes([1, 0, 255].into())]
        );
    }

    #[test]
    fn it_is_recognised_by_connect() {
        assert_eq!(Talk::on("/", None).client_binary(CONNECT).protocol(), Some("mqtt"));
        assert_eq!(Talk::on("/", None).client_binary(b"\xc0\x00").protocol(), None);
        assert_eq!(Talk::on("/", None).server_binary(CONNECT).protocol(), None);
    }
}
