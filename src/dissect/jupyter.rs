//! Jupyter kernel messages over WebSocket: the protocol v1.kernel.websocket.jupyter.org, and the JSON of before.
//!
//! <https://jupyter-server.readthedocs.io/en/latest/developers/websocket-protocols.html>,
//! <https://jupyter-client.readthedocs.io/en/stable/messaging.html>

use super::decoded::Unit;
use super::json::{self, Object};
use super::pending::Key;
use super::{Dissect, Found, Incoming, Link, Malformed, Protocol};
use crate::anomaly::Code;

/// The row of the table.
pub(super) const PROTOCOL: Protocol = Protocol {
    name: "jupyter",
    about: "Jupyter kernel messages, v1 and JSON",
    subprotocols: &["v1.kernel.websocket.jupyter.org"],
    target: is_target,
    begins: &[],
    // The target says it, unless that was not seen.
    probe: |message| message.late && is_kernel_message(message),
    make: |_| Box::new(Jupyter),
    lasting: true,
    format: false,
    malformed: Code::JupyterMalformed,
    fields: &[
        ("channel", "channel of the kernel: shell, iopub, stdin, control"),
        ("msg_type", "type of the message"),
        ("msg_id", "identifier of the message"),
        ("parent", "identifier of the request that it belongs to"),
        ("session", "session of the sender"),
        ("content", "content of the message"),
        ("buffers", "binary buffers behind it"),
    ],
};

/// One kernel connection; each message stands for itself.
#[derive(Debug)]
struct Jupyter;

/// The parts of a message, as JSON text.
struct Parts<'a> {
    channel: std::borrow::Cow<'a, str>,
    header: &'a str,
    parent: &'a str,
    content: &'a str,
    buffers: usize,
}

impl Dissect for Jupyter {
    fn message(&mut self, message: &Incoming<'_>, found: &mut Found) -> Result<(), Malformed> {
        let parts = parts(message).ok_or(Malformed::new("no parts of a kernel message"))?;
        let header = Object::parse(parts.header).ok_or(Malformed::new("no header"))?;
        let (Some(kind), Some(id)) = (header.text("msg_type"), header.text("msg_id")) else {
            return Err(Malformed::new("no type or identifier in the header"));
        };
        let parent = Object::parse(parts.parent).and_then(|parent| parent.text("msg_id"));
        let summary = format!("{} {kind} {}", parts.channel, parts.content);
        let unit = Unit::new(kind.clone().into_owned()).summary(summary).with("channel", parts.channel);
        let unit = unit.with("msg_type", &*kind).with("msg_id", &*id).with_some("parent", parent.clone());
        let unit = unit
            .with_some("session", header.text("session"))
            .with("content", json::value(parts.content, message.limits));
        let unit = unit.with_some("buffers", (parts.buffers > 0).then_some(parts.buffers as u64));
        let link = match parent {
            _ if kind.ends_with("_request") => Some(Link::Asks(Key::new("message", id), kind.as_ref().into())),
            Some(parent) if kind.ends_with("_reply") => Some(Link::Answers(Key::new("message", parent), false)),
            // What the kernel tells while it works.
            Some(parent) => Some(Link::Belongs(Key::new("message", parent))),
            None => None,
        };
        found.push_linked(unit, link);
        Ok(())
    }
}

fn parts<'a>(message: &Incoming<'a>) -> Option<Parts<'a>> {
    match message.as_text() {
        Some(text) => object_parts(text, 0),
        None => offsets(message.bytes).and_then(|parts| v1_parts(&parts)).or_else(|| legacy_parts(message.bytes)),
    }
}

fn is_kernel_message(message: &Incoming<'_>) -> bool {
    let header = parts(message).and_then(|parts| Object::parse(parts.header));
    header.is_some_and(|header| header.has("msg_type") && header.has("msg_id"))
}

fn object_parts(text: &str, buffers: usize) -> Option<Parts<'_>> {
    let object = Object::parse(text)?;
    Some(Parts {
        channel: object.text("channel").unwrap_or_default(),
        header: object.get("header")?,
        parent: object.get("parent_header")?,
        content: object.get("content")?,
        buffers,
    })
}

/// Count of offsets, offsets, parts: 64-bit little-endian numbers, the last offset is the end.
fn offsets(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let number = |at: usize| {
        let field = bytes.get(at..at.checked_add(8)?)?.first_chunk()?;
        usize::try_from(u64::from_le_bytes(*field)).ok()
    };
    let count = number(0)?;
    if count < 6 || count > bytes.len() / 8 {
        return None;
    }
    let offsets = (1..=count).map(|index| number(8 * index)).collect::<Option<Vec<_>>>()?;
    let whole = offsets[0] == 8 * (count + 1) && offsets.last() == Some(&bytes.len());
    let parts = offsets.windows(2).map(|pair| bytes.get(pair[0]..pair[1])).collect::<Option<Vec<_>>>()?;
    whole.then_some(parts)
}

fn v1_parts<'a>(parts: &[&'a [u8]]) -> Option<Parts<'a>> {
    let [channel, header, parent, _metadata, content, buffers @ ..] = parts else { return None };
    let text = |part: &'a [u8]| str::from_utf8(part).ok();
    let json = |part| text(part).filter(|text| json::is_valid(text));
    Some(Parts {
        channel: text(channel)?.into(),
        header: json(header)?,
        parent: json(parent)?,
        content: json(content)?,
        buffers: buffers.len(),
    })
}

/// The JSON of before with buffers: their number, then offsets, 32 bits big-endian; the first part is the JSON text.
fn legacy_parts(bytes: &[u8]) -> Option<Parts<'_>> {
    let number = |at: usize| {
        let field = bytes.get(at..at.checked_add(4)?)?.first_chunk()?;
        Some(u32::from_be_bytes(*field) as usize)
    };
    let count = number(0)?;
    if count == 0 || count > bytes.len() / 4 || number(4)? != 4 * (count + 1) {
        return None;
    }
    let end = if count == 1 { bytes.len() } else { number(8)? };
    object_parts(str::from_utf8(bytes.get(number(4)?..end)?).ok()?, count - 1)
}

/// `/api/kernels/ID/channels`, behind any base.
fn is_target(path: &str, _query: &str) -> bool {
    let kernel = path.strip_suffix("/channels").and_then(|path| path.split_once("/api/kernels/"));
    kernel.is_some_and(|(_, kernel)| !kernel.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::super::testing::Talk;

    fn v1(parts: &[&str]) -> Vec<u8> {
        let count = parts.len() + 1;
        let mut bytes = (count as u64).to_le_bytes().to_vec();
        let mut at = 8 * (count + 1);
        bytes.extend_from_slice(&(at as u64).to_le_bytes());
        for part in parts {
            at += part.len();
            bytes.extend_from_slice(&(at as u64).to_le_bytes());
        }
        bytes.extend_from_slice(parts.concat().as_bytes());
        bytes
    }

    #[test]
    fn replies_and_outputs_find_their_request_in_all_forms() {
        let target = "/base/api/kernels/0a-1b/channels?session_id=x";
        let header = |kind: &str, id: &str| format!(r#"{{"msg_type":"{kind}","msg_id":"{id}"}}"#);
        let mut talk = Talk::on(target, Some("v1.kernel.websocket.jupyter.org"));
        let request = v1(&["shell", &header("execute_request", "a"), "{}", "{}", r#"{"code":"1+1"}"#]);
        assert_eq!(talk.client_binary(&request).summary(), r#"shell execute_request {"code":"1+1"}"#);
        let status = v1(&["iopub", &header("status", "b"), &header("execute_request", "a"), "{}", "{}"]);
        assert_eq!(talk.server_binary(&status).answers(), Some((1, "execute_request")));
        let reply =
            v1(&["shell", &header("execute_reply", "c"), &header("execute_request", "a"), "{}", "{}", "buffer"]);
        assert_eq!(talk.server_binary(&reply).answers(), Some((1, "execute_request")));
        assert_eq!(talk.unanswered(), [""; 0]);
        let mut talk = Talk::on(target, None);
        let json = |kind| {
            format!(
                r#"{{"channel":"shell","header":{},"parent_header":{{}},"metadata":{{}},"content":{{}}}}"#,
                header(kind, "a")
            )
        };
        assert_eq!(talk.client(&json("kernel_info_request")).kinds(), ["kernel_info_request"]);
        let mut legacy = b"\0\0\0\x02\0\0\0\x0c\0\0\0\0".to_vec();
        legacy.extend_from_slice(json("comm_msg").as_bytes());
        let end = legacy.len() as u32;
        legacy[8..12].copy_from_slice(&end.to_be_bytes());
        legacy.extend_from_slice(b"buffer");
        assert_eq!(talk.client_binary(&legacy).field("jupyter.buffers"), [1u8.into()]);
        assert_eq!(talk.unanswered(), ["kernel_info_request"]);
    }

    #[test]
    fn what_is_no_kernel_message_is_told_so() {
        for odd in [
            &b""[..],
            &[0xff; 40],
            &v1(&["shell", "{}", "{}", "{}", "{}"]),
            &v1(&["shell", "{}"]),
            &v1(&["a", "b", "c", "d", "e"]),
        ] {
            let told = Talk::on("/api/kernels/x/channels", None).server_binary(odd);
            assert_eq!(told.codes(), ["jupyter.malformed"], "{odd:?}");
        }
    }
}
