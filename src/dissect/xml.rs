//! XML text to a tree of elements, and that to JSON; of single messages, where no protocol is known (XML 1.0).

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};
use serde_json::{Map, Value as Node, json};

use super::decoded::{Unit, Value};
use super::{Dissect, Found, Incoming, Malformed, Protocol, no_target};
use crate::anomaly::Code;
use crate::config::Limits;

/// The row of the table.
pub(super) const PROTOCOL: Protocol = Protocol {
    name: "xml",
    about: "XML documents",
    subprotocols: &["xml"],
    target: no_target,
    begins: b"<\xef",
    probe: |message| Element::of(message).is_some(),
    make: |_| Box::new(Xml),
    lasting: false,
    format: true,
    malformed: Code::PayloadMalformed,
    fields: &[
        ("root", "name of the root element"),
        ("value", "the document: elements with name, attributes and children"),
    ],
};

/// Each message is a document.
#[derive(Debug)]
struct Xml;

impl Dissect for Xml {
    fn message(&mut self, message: &Incoming<'_>, found: &mut Found) -> Result<(), Malformed> {
        let root = Element::of(message).ok_or(Malformed::new("no XML document"))?;
        let text = String::from_utf8_lossy(message.bytes);
        found.push(Unit::new("document").summary(text.trim()).with("root", &*root.name).with("value", root.value()));
        Ok(())
    }
}

/// An element with its attributes and what is in it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// As written, with its prefix.
    pub name: String,
    /// Names as written, and values.
    pub attributes: Vec<(String, String)>,
    /// Elements in it.
    pub children: Vec<Element>,
    /// Text directly in it, joined.
    pub text: String,
}

impl Element {
    /// The one element that a whole message is.
    pub fn of(message: &Incoming<'_>) -> Option<Self> {
        const BYTE_ORDER_MARK: u8 = 0xef;
        if !matches!(message.first(), Some(b'<' | BYTE_ORDER_MARK)) {
            return None;
        }
        let text = message.as_utf8().map(|text| text.trim_start_matches('\u{feff}').trim())?;
        if text.starts_with('<') { Self::parse(text, message.limits) } else { None }
    }

    /// Reads a document of one element, at most [`Limits::decode`] bytes and [`Limits::depth`] deep.
    pub fn parse(text: &str, limits: &Limits) -> Option<Self> {
        if text.len() > limits.decode {
            return None;
        }
        let mut reader = Reader::from_str(text);
        let mut open: Vec<Self> = Vec::new();
        let mut root = None;
        loop {
            match reader.read_event().ok()? {
                Event::Start(start) if root.is_none() && open.len() < limits.depth => open.push(Self::begin(&start)?),
                Event::Empty(start) if root.is_none() => close(Self::begin(&start)?, &mut open, &mut root),
                Event::End(_) => {
                    let element = open.pop()?;
                    close(element, &mut open, &mut root);
                }
                Event::Text(text) => match open.last_mut() {
                    Some(element) => element.text.push_str(&text),
                    None if text.trim().is_empty() => {}
                    None => return None,
                },
                Event::CData(text) => open.last_mut()?.text.push_str(&text),
                Event::GeneralRef(reference) => open.last_mut()?.text.push_str(&resolve(&reference)?),
                Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
                // A DTD could define entities, which are not followed.
                Event::DocType(_) | Event::Start(_) | Event::Empty(_) => return None,
                Event::Eof => return root.filter(|_| open.is_empty()),
            }
        }
    }

    fn begin(start: &BytesStart<'_>) -> Option<Self> {
        let name = start.name().as_ref().to_owned();
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.ok()?;
            let value = quick_xml::escape::unescape(&attribute.value).ok()?.into_owned();
            attributes.push((attribute.key.as_ref().to_owned(), value));
        }
        Some(Self { name, attributes, ..Self::default() })
    }

    /// Its name without the prefix.
    pub fn local(&self) -> &str {
        self.name.rsplit_once(':').map_or(&self.name, |(_, local)| local)
    }

    /// An attribute by its name as written.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The namespace that it declares for its own prefix.
    pub fn namespace(&self) -> Option<&str> {
        match self.name.split_once(':') {
            Some((prefix, _)) => self.attribute(&format!("xmlns:{prefix}")),
            None => self.attribute("xmlns"),
        }
    }

    /// The first child of this local name.
    pub fn child(&self, local: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.local() == local)
    }

    /// It as JSON.
    pub fn value(&self) -> Value {
        Value::Json(self.node().to_string().into())
    }

    fn node(&self) -> Node {
        let mut node = Map::new();
        node.insert("name".into(), json!(self.name));
        if !self.attributes.is_empty() {
            let attributes = self.attributes.iter().map(|(name, value)| (name.clone(), json!(value)));
            node.insert("attributes".into(), Node::Object(attributes.collect()));
        }
        if !self.text.trim().is_empty() {
            node.insert("text".into(), json!(self.text));
        }
        if !self.children.is_empty() {
            node.insert("children".into(), self.children.iter().map(Self::node).collect());
        }
        Node::Object(node)
    }
}

fn close(element: Element, open: &mut [Element], root: &mut Option<Element>) {
    match open.last_mut() {
        Some(parent) => parent.children.push(element),
        None => *root = Some(element),
    }
}

/// What a character reference or a predefined entity stands for (XML 1.0 §4.1, §4.6).
fn resolve(reference: &BytesRef<'_>) -> Option<String> {
    if let Some(c) = reference.resolve_char_ref().ok()? {
        return Some(c.to_string());
    }
    quick_xml::escape::resolve_predefined_entity(reference).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Talk;
    use super::*;

    #[test]
    fn a_document_is_a_tree() {
        let told = Talk::on("/", None)
            .client("<?xml version=\"1.0\"?>\n<a:b x=\"1&amp;2\"><c>t&lt;&#233;</c><!-- --><d/></a:b>");
        assert_eq!(told.field("xml.root"), [Value::from("a:b")]);
        let json = r#"{"name":"a:b","attributes":{"x":"1&2"},"children":[{"name":"c","text":"t<é"},{"name":"d"}]}"#;
        let [Value::Json(value)] = &told.field("xml.value")[..] else { panic!("a tree") };
        let parse = |json: &str| serde_json::from_str::<Node>(json).expect("JSON");
        assert_eq!(parse(value), parse(json));
    }

    #[test]
    fn what_is_no_whole_document_is_not_taken_for_one() {
        let limits = Limits { depth: 4, decode: 100, ..Limits::default() };
        let deep = "<a>".repeat(5) + &"</a>".repeat(5);
        for odd in
            ["<a>", "<a></b>", "<a/><b/>", "<a/>x", "<a x=1/>", "<!DOCTYPE a><a/>", "<a>&x;</a>", "< a/>", "", &deep]
        {
            assert_eq!(Element::parse(odd, &limits), None, "{odd}");
        }
    }
}
