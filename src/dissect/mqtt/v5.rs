//! Packets of MQTT 5 to units, with their properties and topic aliases (MQTT 5.0 §3).

use mqtt_proto::v5::{Packet as Wire, UserProperty, VarByteInt};

use super::{Aliases, Packet, Publish, acknowledge, answers, answers_next, asks, asks_next, identifiers, list, ping};
use crate::config::Limits;
use crate::dissect::decoded::{Unit, Value};
use crate::dissect::json;

/// The four acknowledgements have the same fields in types of their own.
macro_rules! acknowledged {
    ($kind:literal, $ack:ident) => {{
        let unit = acknowledge($kind, $ack.pid.value(), Some(format!("{:?}", $ack.reason_code)));
        with_reason(unit, $ack.properties.reason_string.as_deref(), &$ack.properties.user_properties)
    }};
}

/// One whole packet; `aliases` are those of its direction.
///
/// # Errors
/// Why it is none, in the words of the codec.
pub(super) fn packet(bytes: &[u8], aliases: &mut Aliases, limits: &Limits) -> Result<Packet, String> {
    let several = identifiers::split(bytes);
    let bytes = several.as_ref().map_or(bytes, |(one, _)| one);
    let wire = Wire::decode(bytes).map_err(|error| error.to_string())?.ok_or("it ends inside a field")?;
    let (unit, link) = match wire {
        Wire::Connect(connect) => {
            let mut unit = Unit::new("CONNECT")
                .summary(format!("CONNECT {} version 5", connect.client_id))
                .with("client_id", &*connect.client_id)
                .with("version", 5u8)
                .with("keep_alive", connect.keep_alive)
                .with("clean", connect.clean_start)
                .with_some("username", connect.username.as_deref());
            if let Some(will) = &connect.last_will {
                unit = unit
                    .with("will_topic", &*will.topic_name)
                    .with("will_payload", json::content(&will.payload, limits));
            }
            (with_properties(unit, &connect.properties.user_properties), asks_next("connect", "CONNECT"))
        }
        Wire::Connack(connack) => {
            let (reason, properties) = (format!("{:?}", connack.reason_code), &connack.properties);
            let unit = Unit::new("CONNACK")
                .summary(format!("CONNACK {reason}"))
                .with("reason", reason)
                .with_some("reason_string", properties.reason_string.as_deref())
                .with("session_present", connack.session_present)
                .with_some("client_id", properties.assigned_client_id.as_deref())
                .with_some("keep_alive", properties.server_keep_alive);
            (with_properties(unit, &properties.user_properties), answers_next("connect"))
        }
        Wire::Publish(publish) => {
            let Packet { unit, link } = self::publish(&publish, aliases, limits);
            let all = several.map(|(_, all)| Value::Json(format!("{all:?}").replace(' ', "").into()));
            return Ok(Packet { unit: unit.with_some("subscription_ids", all), link });
        }
        Wire::Puback(ack) => (acknowledged!("PUBACK", ack), answers("publish", ack.pid.value())),
        Wire::Pubrec(ack) => (acknowledged!("PUBREC", ack), answers("publish", ack.pid.value())),
        Wire::Pubrel(ack) => (acknowledged!("PUBREL", ack), Some(asks("release", ack.pid.value(), "PUBREL"))),
        Wire::Pubcomp(ack) => (acknowledged!("PUBCOMP", ack), answers("release", ack.pid.value())),
        Wire::Subscribe(subscribe) => {
            let topics: Vec<_> = subscribe.topics.iter().map(|(topic, _)| topic.to_string()).collect();
            let qos = subscribe.topics.iter().map(|(_, options)| options.max_qos as u8).max();
            let summary = format!("SUBSCRIBE {}", topics.join(", "));
            let link = asks("subscribe", subscribe.pid.value(), &*summary);
            let unit = acknowledge("SUBSCRIBE", subscribe.pid.value(), None)
                .summary(summary)
                .with("topics", list(topics))
                .with_some("qos", qos)
                .with_some("subscription_id", subscribe.properties.subscription_id.map(VarByteInt::value));
            (with_properties(unit, &subscribe.properties.user_properties), Some(link))
        }
        Wire::Suback(suback) => {
            let reasons = suback.topics.iter().map(|code| format!("{code:?}"));
            let unit = acknowledge("SUBACK", suback.pid.value(), None).with("reasons", list(reasons));
            let properties = &suback.properties;
            let unit = with_reason(unit, properties.reason_string.as_deref(), &properties.user_properties);
            (unit, answers("subscribe", suback.pid.value()))
        }
        Wire::Unsubscribe(unsubscribe) => {
            let topics: Vec<_> = unsubscribe.topics.iter().map(ToString::to_string).collect();
            let summary = format!("UNSUBSCRIBE {}", topics.join(", "));
            let link = asks("unsubscribe", unsubscribe.pid.value(), &*summary);
            let unit =
                acknowledge("UNSUBSCRIBE", unsubscribe.pid.value(), None).summary(summary).with("topics", list(topics));
            (with_properties(unit, &unsubscribe.properties.user_properties), Some(link))
        }
        Wire::Unsuback(unsuback) => {
            let reasons = unsuback.topics.iter().map(|code| format!("{code:?}"));
            let unit = acknowledge("UNSUBACK", unsuback.pid.value(), None).with("reasons", list(reasons));
            let properties = &unsuback.properties;
            let unit = with_reason(unit, properties.reason_string.as_deref(), &properties.user_properties);
            (unit, answers("unsubscribe", unsuback.pid.value()))
        }
        Wire::Pingreq => return Ok(ping(true)),
        Wire::Pingresp => return Ok(ping(false)),
        Wire::Disconnect(disconnect) => {
            let (reason, properties) = (format!("{:?}", disconnect.reason_code), &disconnect.properties);
            let unit = Unit::new("DISCONNECT").summary(format!("DISCONNECT {reason}")).with("reason", reason);
            (with_reason(unit, properties.reason_string.as_deref(), &properties.user_properties), None)
        }
        Wire::Auth(auth) => {
            let reason = format!("{:?}", auth.reason_code);
            let unit = Unit::new("AUTH").summary(format!("AUTH {reason}")).with("reason", reason);
            (with_reason(unit, auth.properties.reason_string.as_deref(), &auth.properties.user_properties), None)
        }
    };
    Ok(Packet { unit, link })
}

fn publish(publish: &mqtt_proto::v5::Publish, aliases: &mut Aliases, limits: &Limits) -> Packet {
    let properties = &publish.properties;
    let mut topic = publish.topic_name.to_string();
    if let Some(alias) = properties.topic_alias {
        if topic.is_empty() {
            topic = aliases.topic(alias).unwrap_or_default().to_owned();
        } else {
            aliases.set(alias, &topic);
        }
    }
    let common = Publish {
        topic: &topic,
        qos: publish.qos_pid.qos() as u8,
        id: publish.qos_pid.pid().map(mqtt_proto::Pid::value),
        retain: publish.retain,
        dup: publish.dup,
        payload: &publish.payload,
    };
    let Packet { unit, link } = common.packet(limits);
    let unit = unit
        .with_some("topic_alias", properties.topic_alias)
        .with_some("response_topic", properties.response_topic.as_deref())
        .with_some("correlation", properties.correlation_data.as_deref().map(|data| json::content(data, limits)))
        .with_some("content_type", properties.content_type.as_deref())
        .with_some("subscription_id", properties.subscription_id.map(VarByteInt::value));
    Packet { unit: with_properties(unit, &properties.user_properties), link }
}

fn with_reason(unit: Unit, reason: Option<&str>, user: &[UserProperty]) -> Unit {
    with_properties(unit.with_some("reason_string", reason), user)
}

fn with_properties(unit: Unit, user: &[UserProperty]) -> Unit {
    let pairs: Vec<_> = user.iter().map(|pair| ((&*pair.name).into(), (&*pair.value).into())).collect();
    unit.with_some("properties", (!pairs.is_empty()).then(|| Value::Json(json::pairs(&pairs).into())))
}
