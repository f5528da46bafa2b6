//! The public operations, read from the library's own source.

use std::path::Path;

/// An operation that can be called.
pub(super) struct Method {
    /// The name; of a loss, with its module.
    pub(super) name: String,
    /// The call as users write it.
    pub(super) call: String,
    /// Where its documentation is.
    pub(super) link: Option<String>,
    /// The first sentence of its documentation.
    pub(super) summary: String,
}

/// All functions and methods of operations and losses that return a value of a graph, but for
/// those that apply an operation of the user's own.
pub(super) fn methods() -> Vec<Method> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    for folder in ["ops", "loss"] {
        let entries = std::fs::read_dir(root.join(folder)).expect("the source is there");
        let mut files: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
        files.sort();
        for file in files.iter().filter(|file| file.extension().is_some_and(|e| e == "rs")) {
            // A user's own operation and a parameter's value compute nothing by themselves.
            if !["custom.rs", "state.rs"].iter().any(|name| file.ends_with(name)) {
                read(&std::fs::read_to_string(file).expect("text"), folder == "loss", &mut all);
            }
        }
    }
    all
}

/// Reads the operations of one file.
fn read(text: &str, is_loss: bool, all: &mut Vec<Method>) {
    let mut owner = "";
    let mut docs: Vec<&str> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let trimmed = line.trim_start();
        if line.starts_with("impl") {
            owner = if line.contains("Var<'t> {") { "Var" } else { line };
            owner = if line == "impl Graph {" { "Graph" } else { owner };
        } else if line.starts_with('}') {
            owner = "";
        }
        if let Some(doc) = trimmed.strip_prefix("///") {
            docs.push(doc);
        } else if let Some(rest) = trimmed.strip_prefix("pub fn ").filter(|r| !r.starts_with('$')) {
            let mut signature = rest.to_string();
            while !signature.ends_with('{') {
                signature += lines.next().expect("a signature ends").trim_start();
            }
            let method = method(&signature, owner, is_loss, &docs);
            all.extend(method.filter(|_| signature.contains("-> Var<")));
            docs.clear();
        } else if !trimmed.starts_with('#') {
            docs.clear();
        }
    }
}

/// An operation with this signature.
fn method(signature: &str, owner: &str, is_loss: bool, docs: &[&str]) -> Option<Method> {
    let (head, rest) = signature.split_once('(')?;
    let name = head.split('<').next()?;
    let (args, _) = rest.rsplit_once(") ->")?;
    // An argument's name stands before a colon; those of types stand in pairs.
    let args = args.replace("::", "").split(':').map(last_word).collect::<Vec<_>>();
    let own = args[..args.len() - 1].join(", ");
    let (name, call, link) = match owner {
        "Graph" => (name.to_string(), format!("graph.{name}({own})"), format!("Graph::{name}")),
        "Var" if signature.contains("(self") => {
            (name.to_string(), format!("x.{name}({own})"), format!("Var::{name}"))
        }
        "Var" => (name.to_string(), format!("Var::{name}({own})"), format!("Var::{name}")),
        "" if is_loss => {
            let name = format!("loss::{name}");
            (name.clone(), format!("{name}({own})"), name)
        }
        _ => return None,
    };
    Some(Method { name, call, link: Some(format!("crate::{link}")), summary: summary(docs) })
}

/// The word that a text ends with.
fn last_word(text: &str) -> String {
    let mut words = text.rsplit(|c: char| !c.is_alphanumeric() && c != '_');
    words.next().unwrap_or_default().to_string()
}

/// The first sentence of a documentation, without links.
pub(super) fn summary(docs: &[&str]) -> String {
    let lines = docs.iter().map(|line| line.trim()).take_while(|line| !line.is_empty());
    let text = lines.collect::<Vec<_>>().join(" ");
    let end = ["; ", ". ", ", which is "].iter().filter_map(|end| text.find(end)).min();
    let mut text = text[..end.unwrap_or(text.len())].trim_end_matches('.').to_string();
    // A source that was cut off.
    if text.matches('(').count() > text.matches(')').count() {
        text.truncate(text.rfind(" (").unwrap_or(text.len()));
    }
    while let Some(start) = text.find("](") {
        let end = text[start..].find(')').map_or(text.len(), |end| start + end + 1);
        text.replace_range(start..end, "]");
    }
    text.replace("[`", "`").replace("`]", "`")
}
