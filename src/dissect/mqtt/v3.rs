//! Packets of MQTT 3.1 and 3.1.1 to units (MQTT 3.1.1 §3).

use mqtt_proto::v3::Packet as Wire;

use super::{Packet, Publish, acknowledge, answers, answers_next, asks, asks_next, list, ping};
use crate::config::Limits;
use crate::dissect::decoded::Unit;
use crate::dissect::json;

/// One whole packet.
///
/// # Errors
/// Why it is none, in the words of the codec.
pub(super) fn packet(bytes: &[u8], limits: &Limits) -> Result<Packet, String> {
    let wire = Wire::decode(bytes).map_err(|error| error.to_string())?.ok_or("it ends inside a field")?;
    let (unit, link) = match wire {
        Wire::Connect(connect) => {
            let level = connect.protocol as u8;
            let mut unit = Unit::new("CONNECT")
                .summary(format!("CONNECT {} version {level}", connect.client_id))
                .with("client_id", &*connect.client_id)
                .with("version", level)
                .with("keep_alive", connect.keep_alive)
                .with("clean", connect.clean_session)
                .with_some("username", connect.username.as_deref());
            if let Some(will) = &connect.last_will {
                unit = unit
                    .with("will_topic", &*will.topic_name)
                    .with("will_payload", json::content(&will.message, limits));
            }
            (unit, asks_next("connect", "CONNECT"))
        }
        Wire::Connack(connack) => {
            let reason = format!("{:?}", connack.code);
            let unit = Unit::new("CONNACK").summary(format!("CONNACK {reason}")).with("reason", reason);
            (unit.with("session_present", connack.session_present), answers_next("connect"))
        }
        Wire::Publish(publish) => {
            let publish = Publish {
                topic: &publish.topic_name,
                qos: publish.qos_pid.qos() as u8,
                id: publish.qos_pid.pid().map(mqtt_proto::Pid::value),
                retain: publish.retain,
                dup: publish.dup,
                payload: &publish.payload,
            };
            return Ok(publish.packet(limits));
        }
        Wire::Puback(id) => (acknowledge("PUBACK", id.value(), None), answers("publish", id.value())),
        Wire::Pubrec(id) => (acknowledge("PUBREC", id.value(), None), answers("publish", id.value())),
        Wire::Pubrel(id) => (acknowledge("PUBREL", id.value(), None), Some(asks("release", id.value(), "PUBREL"))),
        Wire::Pubcomp(id) => (acknowledge("PUBCOMP", id.value(), None), answers("release", id.value())),
        Wire::Subscribe(subscribe) => {
            let topics: Vec<_> = subscribe.topics.iter().map(|(topic, _)| topic.to_string()).collect();
            let qos = subscribe.topics.iter().map(|(_, qos)| *qos as u8).max();
            let unit = acknowledge("SUBSCRIBE", subscribe.pid.value(), None);
            let summary = format!("SUBSCRIBE {}", topics.join(", "));
            let link = asks("subscribe", subscribe.pid.value(), &*summary);
            (unit.summary(summary).with("topics", list(topics)).with_some("qos", qos), Some(link))
        }
        Wire::Suback(suback) => {
            let reasons = suback.topics.iter().map(|code| format!("{code:?}"));
            let unit = acknowledge("SUBACK", suback.pid.value(), None).with("reasons", list(reasons));
            (unit, answers("subscribe", suback.pid.value()))
        }
        Wire::Unsubscribe(unsubscribe) => {
            let topics: Vec<_> = unsubscribe.topics.iter().map(ToString::to_string).collect();
            let unit = acknowledge("UNSUBSCRIBE", unsubscribe.pid.value(), None);
            let summary = format!("UNSUBSCRIBE {}", topics.join(", "));
            let link = asks("unsubscribe", unsubscribe.pid.value(), &*summary);
            (unit.summary(summary).with("topics", list(topics)), Some(link))
        }
        Wire::Unsuback(id) => (acknowledge("UNSUBACK", id.value(), None), answers("unsubscribe", id.value())),
        Wire::Pingreq => return Ok(ping(true)),
        Wire::Pingresp => return Ok(ping(false)),
        Wire::Disconnect => (Unit::new("DISCONNECT").summary("DISCONNECT"), None),
    };
    Ok(Packet { unit, link })
}
