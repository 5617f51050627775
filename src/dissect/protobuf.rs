//! Protocol Buffers by hand: with a schema as its JSON form, without as fields, wire types and a guess of what they hold.
//!
//! <https://protobuf.dev/programming-guides/encoding/>. Never guessed: nearly all short bytes are some valid message.

use prost_reflect::prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use serde_json::{Value as Node, json};

use super::decoded::{Unit, Value};
use super::{Dissect, Found, Incoming, Malformed, Opening, Protocol, json, no_target};
use crate::anomaly::Code;
use crate::config::Limits;
use crate::duplex::Duplex;

/// The row of the table.
pub(super) const PROTOCOL: Protocol = Protocol {
    name: "protobuf",
    about: "Protocol Buffers; `protobuf:pkg.Request:pkg.Response` with --proto",
    subprotocols: &[],
    target: no_target,
    begins: &[],
    probe: |_| false,
    make: |opening| Box::new(Protobuf::new(opening)),
    lasting: true,
    format: true,
    malformed: Code::PayloadMalformed,
    fields: &[
        ("type", "type of the message, where there is a schema"),
        ("value", "the message in its JSON form, or its fields"),
    ],
};

/// One connection: the types of what each side sends.
#[derive(Debug)]
struct Protobuf {
    types: Duplex<Option<MessageDescriptor>>,
}

impl Protobuf {
    fn new(opening: &Opening<'_>) -> Self {
        let (request, response) = types(opening.schema, opening.parameter).unwrap_or_default();
        Self { types: Duplex { to_server: request, to_client: response } }
    }
}

impl Dissect for Protobuf {
    fn message(&mut self, message: &Incoming<'_>, found: &mut Found) -> Result<(), Malformed> {
        if message.bytes.len() > message.limits.decode {
            return Err(Malformed::too_long(message.bytes.len()));
        }
        let unit = match &self.types[message.direction] {
            Some(kind) => {
                let value = DynamicMessage::decode(kind.clone(), message.bytes)
                    .map_err(|error| Malformed::new(error.to_string()))?;
                let text = serde_json::to_string(&value).map_err(|error| Malformed::new(error.to_string()))?;
                let unit =
                    Unit::new("message").summary(format!("{} {text}", kind.name())).with("type", kind.full_name());
                unit.with("value", json::value(&text, message.limits))
            }
            None => {
                let fields = fields(&mut { message.bytes }, None, message.limits, message.limits.depth / 2)
                    .ok_or(Malformed::new("no fields and wire types"))?;
                let text = Node::Array(fields).to_string();
                Unit::new("fields").summary(&*text).with("value", Value::Json(text.into()))
            }
        };
        found.push(unit);
        Ok(())
    }
}

/// The types that a parameter `Request:Response`, `Message` or nothing names for each side; nothing stands for the only one there is.
///
/// # Errors
/// Which name the schema does not have, for the user.
pub fn types(
    schema: Option<&DescriptorPool>,
    parameter: &str,
) -> Result<(Option<MessageDescriptor>, Option<MessageDescriptor>), String> {
    let Some(schema) = schema else {
        return if parameter.is_empty() { Ok((None, None)) } else { Err("a type of protobuf needs --proto".into()) };
    };
    let named =
        |name: &str| schema.get_message_by_name(name).ok_or_else(|| format!("no message type {name:?} in the schema"));
    match parameter.split_once(':') {
        Some((request, response)) => Ok((Some(named(request)?), Some(named(response)?))),
        None if parameter.is_empty() => {
            let top =
                |kind: &MessageDescriptor| kind.parent_message().is_none() && kind.package_name() != "google.protobuf";
            let mut all = schema.all_messages().filter(top);
            let only = all.next().filter(|_| all.next().is_none());
            Ok((only.clone(), only))
        }
        None => named(parameter).map(|kind| (Some(kind.clone()), Some(kind))),
    }
}

/// The fields that all of the bytes are, or those up to the end of `group`: number, wire type, and value.
fn fields(bytes: &mut &[u8], group: Option<u32>, limits: &Limits, depth: usize) -> Option<Vec<Node>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let (number, wire) = decode_key(bytes).ok()?;
        let (name, value) = match wire {
            WireType::Varint => ("varint", json!(decode_varint(bytes).ok()?)),
            WireType::SixtyFourBit => ("i64", number_of(take(bytes, 8)?)),
            WireType::ThirtyTwoBit => ("i32", number_of(take(bytes, 4)?)),
            WireType::LengthDelimited => {
                let length = usize::try_from(decode_varint(bytes).ok()?).ok()?;
                ("len", guess(take(bytes, length)?, limits, depth))
            }
            // As in `guess`, two levels of JSON.
            WireType::StartGroup if depth > 2 => ("group", fields(bytes, Some(number), limits, depth - 2)?.into()),
            WireType::StartGroup => {
                let before = bytes.len();
                skip_field(wire, number, bytes, DecodeContext::default()).ok()?;
                ("group", json!({ "omitted": before - bytes.len() }))
            }
            WireType::EndGroup => return (group == Some(number)).then_some(found),
        };
        found.push(json!({ "field": number, "wire": name, "value": value }));
    }
    group.is_none().then_some(found)
}

/// Text, else a message, else bytes.
fn guess(bytes: &[u8], limits: &Limits, depth: usize) -> Node {
    let text = str::from_utf8(bytes).ok().filter(|text| !text.chars().any(|c| c.is_control() && !c.is_whitespace()));
    if let Some(text) = text {
        return json!(text);
    }
    // Each message takes two levels of JSON: the array, and the object of the field.
    if depth > 2
        && let Some(fields) = fields(&mut { bytes }, None, limits, depth - 2)
    {
        return Node::Array(fields);
    }
    json!({ "base64": super::value::base64(bytes) })
}

/// A fixed-size value as an unsigned number; whether it is a float only the schema knows.
fn number_of(bytes: &[u8]) -> Node {
    json!(bytes.iter().rev().fold(0u64, |number, byte| number << 8 | u64::from(*byte)))
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use prost_reflect::prost_types::field_descriptor_proto::{Label, Type};
    use prost_reflect::prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet};

    use super::super::testing::Talk;
    use super::*;

    /// `message M { string name = 1; int32 n = 2; }`
    fn schema() -> DescriptorPool {
        let field = |name: &str, number, kind: Type| FieldDescriptorProto {
            name: Some(name.into()),
            number: Some(number),
            label: Some(Label::Optional.into()),
            r#type: Some(kind.into()),
            ..FieldDescriptorProto::default()
        };
        let message = DescriptorProto {
            name: Some("M".into()),
            field: vec![field("name", 1, Type::String), field("n", 2, Type::Int32)],
            ..DescriptorProto::default()
        };
        let file = FileDescriptorProto {
            name: Some("m.proto".into()),
            package: Some("p".into()),
            message_type: vec![message],
            syntax: Some("proto3".into()),
            ..FileDescriptorProto::default()
        };
        DescriptorPool::from_file_descriptor_set(FileDescriptorSet { file: vec![file] }).expect("a schema")
    }

    #[test]
    fn without_a_schema_fields_are_told_as_they_stand() {
        let mut talk = Talk::by_hand("protobuf");
        let told = talk
            .client_binary(b"\x08\x96\x01\x12\x02hi\x1a\x05\x0a\x01\x01\x10\x07\x25\x01\0\0\0\x2b\x08\x01\x33\x34\x2c");
        let [Value::Json(value)] = &told.field("protobuf.value")[..] else { panic!("a tree") };
        let expected = json!([
            { "field": 1, "wire": "varint", "value": 150 },
            { "field": 2, "wire": "len", "value": "hi" },
            { "field": 3, "wire": "len", "value": [
                { "field": 1, "wire": "len", "value": { "base64": "AQ==" } },
                { "field": 2, "wire": "varint", "value": 7 },
            ] },
            { "field": 4, "wire": "i32", "value": 1 },
            { "field": 5, "wire": "group", "value": [
                { "field": 1, "wire": "varint", "value": 1 },
                { "field": 6, "wire": "group", "value": [] },
            ] },
        ]);
        assert_eq!(serde_json::from_str::<Node>(value).expect("JSON"), expected);
        for odd in [&b"\x08"[..], b"\x0a\x05hi", b"\x0c", b"\x0b\x08\x01", b"\x0b\x14", b"\x07", b"\x00\x01"] {
            assert_eq!(talk.client_binary(odd).codes(), ["payload.malformed"], "{odd:x?}");
        }
    }

    #[test]
    fn with_a_schema_messages_are_told_in_their_json_form() {
        let mut talk = Talk::with_schema("protobuf:p.M:p.M", schema());
        let told = talk.client_binary(b"\x0a\x02hi\x10\x07");
        assert_eq!(told.field("protobuf.value"), [Value::Json("{\"name\":\"hi\",\"n\":7}".into())]);
        assert_eq!(told.field("protobuf.type"), ["p.M".into()]);
        assert_eq!(talk.server_binary(b"\x0a\xff").codes(), ["payload.malformed"]);
    }

    #[test]
    fn types_must_be_in_the_schema() {
        let schema = schema();
        assert!(types(Some(&schema), "p.M:p.N").is_err() && types(None, "p.M").is_err());
        let (request, response) = types(Some(&schema), "").expect("the only one");
        assert_eq!(request.map(|kind| kind.full_name().to_owned()).as_deref(), Some("p.M"));
        assert!(response.is_some() && types(None, "") == Ok((None, None)));
    }
}
