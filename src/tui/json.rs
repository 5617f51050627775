//! JSON text to the lines of a tree: in the order sent, repeated names and long numbers kept as they stand.
//!
//! Whether it is JSON (RFC 8259) is serde_json's to say; the lines are cut here, as its values forget order and digits.

use std::ops::Range;

use serde::de::IgnoredAny;

/// Larger texts are shown as text: a tree of them would take many times their size.
const LARGEST: usize = 4 << 20;

/// A JSON text as lines.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    nodes: Vec<Node>,
    /// The nodes that are shown, those inside folded ones left out.
    visible: Vec<u32>,
}

/// One line of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// How deep it lies, from 0.
    pub depth: u16,
    /// Its name with the quotes, where it is a member of an object.
    pub name: Option<Range<usize>>,
    /// Its place in an array.
    pub index: Option<u32>,
    /// The node it stands in; of a closing bracket the one that opens.
    parent: Option<u32>,
    /// What stands there.
    pub value: Value,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A string, number or word.
    Scalar(Range<usize>),
    /// `{` or `[`.
    Open {
        /// Of an object.
        object: bool,
        /// How many it has inside.
        items: u32,
        /// The node that closes it.
        close: u32,
        /// From the bracket to the bracket.
        range: Range<usize>,
        /// Whether what is inside is not shown.
        folded: bool,
    },
    /// `}` or `]`.
    Close {
        /// Of an object.
        object: bool,
    },
}

impl Tree {
    /// The tree of a text that is JSON with something to fold in it, or `None`.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > LARGEST || !text.trim_start().starts_with(['{', '[']) {
            return None;
        }
        // Bounded in depth, so that nothing here is called too deep.
        serde_json::from_str::<IgnoredAny>(text).ok()?;
        let mut tree = Self { nodes: cut(text), visible: Vec::new() };
        tree.show();
        Some(tree)
    }

    /// How many lines are shown.
    pub fn line_count(&self) -> usize {
        self.visible.len()
    }

    /// The node of a line.
    pub fn line(&self, line: usize) -> Option<&Node> {
        self.nodes.get(*self.visible.get(line)? as usize)
    }

    /// Folds (`Some(true)`), unfolds or toggles (`None`) the node of a line; the line where it stands then.
    ///
    /// Where the line has nothing to fold, what it stands in is folded.
    pub fn fold(&mut self, line: usize, fold: Option<bool>) -> usize {
        let Some(&at) = self.visible.get(line) else { return line };
        let is_folded = |node: &Node| matches!(node.value, Value::Open { folded: true, .. });
        let opens = matches!(self.nodes[at as usize].value, Value::Open { .. });
        let target = if opens && (fold != Some(true) || !is_folded(&self.nodes[at as usize])) {
            at
        } else if fold == Some(false) {
            return line;
        } else {
            self.parent(at).unwrap_or(at)
        };
        if let Value::Open { folded, .. } = &mut self.nodes[target as usize].value {
            *folded = fold.unwrap_or(!*folded);
        }
        self.show();
        self.visible.binary_search(&target).unwrap_or(line)
    }

    /// Folds or unfolds everything below the first level.
    pub fn fold_all(&mut self, fold: bool) {
        for node in &mut self.nodes {
            if let Value::Open { folded, .. } = &mut node.value {
                *folded = fold && node.depth > 0;
            }
        }
        self.show();
    }

    /// The jq path of a line: `.data.items[0]`.
    pub fn path(&self, line: usize, text: &str) -> String {
        let Some(&at) = self.visible.get(line) else { return String::new() };
        let mut parts = Vec::new();
        let mut node = Some(at);
        while let Some(at) = node {
            let here = &self.nodes[at as usize];
            if let Some(name) = &here.name {
                parts.push(step(&text[name.clone()]));
            } else if let Some(index) = here.index {
                parts.push(format!("[{index}]"));
            }
            node = self.parent(at);
        }
        let path: String = parts.into_iter().rev().collect();
        if path.starts_with('.') { path } else { format!(".{path}") }
    }

    /// Where the value of a line stands in the text.
    pub fn value(&self, line: usize) -> Option<Range<usize>> {
        match &self.line(line)?.value {
            Value::Scalar(range) | Value::Open { range, .. } => Some(range.clone()),
            Value::Close { .. } => None,
        }
    }

    fn parent(&self, at: u32) -> Option<u32> {
        self.nodes[at as usize].parent
    }

    fn show(&mut self) {
        self.visible.clear();
        let mut at = 0;
        while let Some(node) = self.nodes.get(at) {
            self.visible.push(at as u32);
            at = match node.value {
                // What is empty closes on its own line.
                Value::Open { folded: true, close, .. } | Value::Open { items: 0, close, .. } => close as usize + 1,
                Value::Open { .. } | Value::Scalar(_) | Value::Close { .. } => at + 1,
            };
        }
    }
}

/// A step of a jq path.
fn step(name: &str) -> String {
    let plain = name.trim_matches('"');
    let simple = !plain.is_empty()
        && plain.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !plain.starts_with(|c: char| c.is_ascii_digit());
    if simple { format!(".{plain}") } else { format!("[{name}]") }
}

/// Cuts JSON that is known to be valid into nodes.
fn cut(text: &str) -> Vec<Node> {
    let bytes = text.as_bytes();
    let mut nodes: Vec<Node> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut name = None;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        match byte {
            b'{' | b'[' => {
                let place = place(&mut nodes, &open, name.take());
                let value =
                    Value::Open { object: byte == b'{', items: 0, close: 0, range: start..start, folded: false };
                open.push(nodes.len());
                nodes.push(Node { value, ..place });
                at += 1;
            }
            b'}' | b']' => {
                at += 1;
                let Some(opened) = open.pop() else { break };
                let close = nodes.len() as u32;
                if let Value::Open { close: known, range, .. } = &mut nodes[opened].value {
                    (*known, range.end) = (close, at);
                }
                let depth = nodes[opened].depth;
                let value = Value::Close { object: byte == b'}' };
                nodes.push(Node { depth, name: None, index: None, parent: Some(opened as u32), value });
            }
            b'"' => {
                at = end_of_string(bytes, at);
                let colon = bytes[at..].iter().position(|byte| !byte.is_ascii_whitespace()).map(|skip| at + skip);
                if let Some(colon) = colon.filter(|&colon| bytes[colon] == b':') {
                    name = Some(start..at);
                    at = colon + 1;
                } else {
                    let place = place(&mut nodes, &open, name.take());
                    nodes.push(Node { value: Value::Scalar(start..at), ..place });
                }
            }
            b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' => at += 1,
            _ => {
                let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']') || byte.is_ascii_whitespace();
                at += bytes[at..].iter().position(ends).unwrap_or(bytes.len() - at);
                let place = place(&mut nodes, &open, name.take());
                nodes.push(Node { value: Value::Scalar(start..at), ..place });
            }
        }
    }
    nodes
}

/// Where the next node stands; counts it with the node around it.
fn place(nodes: &mut [Node], open: &[usize], name: Option<Range<usize>>) -> Node {
    let mut index = None;
    if let Some(&around) = open.last()
        && let Value::Open { object, items, .. } = &mut nodes[around].value
    {
        index = (!*object).then_some(*items);
        *items += 1;
    }
    let parent = open.last().map(|&around| around as u32);
    Node { depth: open.len() as u16, name, index, parent, value: Value::Scalar(0..0) }
}

fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#" {"a":[1,"x\"]",{"b c":null}], "a": 12345678901234567890.0, "e":{}} "#;

    fn lines(tree: &Tree) -> Vec<String> {
        let line = |node: &Node| {
            let name = node.name.clone().map(|name| format!("{}: ", &TEXT[name])).unwrap_or_default();
            let value = match &node.value {
                Value::Scalar(range) => TEXT[range.clone()].to_owned(),
                Value::Open { object, items, folded, .. } => {
                    format!("{}{items}{}", if *object { "{" } else { "[" }, if *folded { " folded" } else { "" })
                }
                Value::Close { object } => if *object { "}" } else { "]" }.to_owned(),
            };
            format!("{}{name}{value}", " ".repeat(node.depth.into()))
        };
        (0..tree.line_count()).filter_map(|at| tree.line(at)).map(line).collect()
    }

    #[test]
    fn order_repeated_names_and_digits_are_kept() {
        let tree = Tree::parse(TEXT).expect("JSON");
        let told = [
            "{3",
            " \"a\": [3",
            "  1",
            "  \"x\\\"]\"",
            "  {1",
            "   \"b c\": null",
            "  }",
            " ]",
            " \"a\": 12345678901234567890.0",
            " \"e\": {0",
            "}",
        ];
        assert_eq!(lines(&tree), told);
        assert_eq!((tree.path(5, TEXT), tree.path(2, TEXT)), (".a[2][\"b c\"]".to_owned(), ".a[0]".to_owned()));
        assert_eq!(&TEXT[tree.value(4).expect("an object")], r#"{"b c":null}"#);
    }

    #[test]
    fn what_is_folded_is_one_line() {
        let mut tree = Tree::parse(TEXT).expect("JSON");
        assert_eq!(tree.fold(2, Some(true)), 1, "what it stands in is folded");
        let told = ["{3", " \"a\": [3 folded", " \"a\": 12345678901234567890.0", " \"e\": {0", "}"];
        assert_eq!(lines(&tree), told);
        tree.fold(1, None);
        assert_eq!(tree.line_count(), 11);
        tree.fold_all(true);
        assert_eq!(tree.line_count(), 5, "all but the outermost");
    }

    #[test]
    fn what_is_no_json_is_no_tree() {
        let deep = "[".repeat(100_000);
        for text in ["", "{", "12", "{\"a\":}", "[1,]", &deep, "{\"a\":1}x"] {
            assert!(Tree::parse(text).is_none(), "{text:.10}");
        }
    }
}
