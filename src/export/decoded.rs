//! What a message means, as JSON: `decoded`, `reply_to` and `latency` of a message, `unanswered` of an end.

use crate::dissect::decoded::{Decoded, Reply, Role, Unanswered, Unit, Value};
use crate::export::json::{Base64, Json, field, object, optional};
use crate::export::time::write_seconds;

/// Appends what a message means; the link of its first unit that has one is the message's.
pub fn message(decoded: &Decoded, out: &mut Vec<u8>) {
    field!(out, "decoded", decoded);
    if let Some(reply) = decoded.reply() {
        self::reply(reply, out);
    }
}

fn reply(reply: &Reply, out: &mut Vec<u8>) {
    field!(out, "reply_to", reply);
    out.extend_from_slice(b",\"latency\":");
    write_seconds(reply.latency, out);
}

/// The first unit is the object's, the others stand in `more`.
impl Json for Decoded {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"protocol\":");
        self.protocol.as_ref().write(out);
        if let Some((first, more)) = self.units.split_first() {
            unit(first, out);
            if !more.is_empty() {
                field!(out, "more", more);
            }
        }
        out.push(b'}');
    }
}

impl Json for Unit {
    fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        unit(self, out);
        if let Some(reply) = &self.reply {
            self::reply(reply, out);
        }
        out[start] = b'{';
        out.push(b'}');
    }
}

fn unit(unit: &Unit, out: &mut Vec<u8>) {
    optional!(out, "protocol", unit.protocol.as_deref());
    field!(out, "kind", unit.kind.as_ref());
    if !unit.summary.is_empty() {
        field!(out, "summary", unit.summary);
    }
    optional!(out, "id", &unit.id);
    optional!(out, "role", unit.role.map(Role::name));
    if unit.keepalive {
        field!(out, "keepalive", true);
    }
    optional!(out, "begins", unit.begins.map(|begin| begin.message));
    for (name, value) in &unit.fields {
        out.push(b',');
        name.as_ref().write(out);
        out.push(b':');
        value.write(out);
    }
}

impl Json for Value {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Flag(flag) => flag.write(out),
            Self::Number(number) => number.write(out),
            Self::Text(text) => text.write(out),
            Self::Bytes(bytes) => object!(out, "base64": Base64(bytes)),
            Self::Json(json) => out.extend_from_slice(json.as_bytes()),
            Self::Omitted(length) => object!(out, "omitted": *length),
        }
    }
}

impl Json for Reply {
    fn write(&self, out: &mut Vec<u8>) {
        object!(out, "from": self.direction, "message": self.message, "method": self.method);
    }
}

impl Json for Unanswered {
    fn write(&self, out: &mut Vec<u8>) {
        if self.id.is_empty() {
            object!(out, "from": self.direction, "message": self.message, "method": self.method);
        } else {
            object!(out, "from": self.direction, "message": self.message, "method": self.method, "id": self.id);
        }
    }
}
