//! The table of operations in the documentation, made from the code.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::catalogue::{Sample, samples};
use super::source::{Method, methods, summary};
use super::used_twice;
use crate::grad::GradCheck;
use crate::ops::Op;
use crate::seed::Seed;
use crate::{Tape, Var};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/ops/table.md");

/// One line: how an operation is called, what it computes, its rule, its kinks, orders checked.
struct Line([String; 5]);

impl Line {
    fn write(&self, table: &mut String) {
        let cells = self.0.iter().map(|cell| cell.replace('|', "\\|"));
        writeln!(table, "| {} |", cells.collect::<Vec<_>>().join(" | ")).expect("a string grows");
    }
}

/// The operations that a sample and its derivatives record: how many it records itself, and of
/// each with how many inputs it is recorded.
fn recorded(sample: &Sample) -> (usize, Vec<(Op, usize)>) {
    let (params, ids) = sample.params(Seed(0));
    let tape = Tape::training(&params, Seed(0));
    let inputs: Vec<Var<'_>> = ids.iter().map(|&id| tape.param(id)).collect();
    let first = inputs.len();
    let mut y = sample.apply(&inputs);
    let own = y.id().index() + 1;
    for _ in 0..3 {
        let slopes = tape.gradient(y.sin().sum(..), &inputs);
        y = slopes.into_iter().map(|slope| slope.sum(..)).reduce(|a, b| a + b).expect("inputs");
    }
    tape.graph().with_nodes(|nodes, _| {
        let computed = |node: &&crate::graph::Node| !matches!(node.op, Op::Source(_));
        let own = nodes[first..own].iter().filter(computed).count();
        let all = nodes.iter().filter(computed).map(|node| (node.op.clone(), node.inputs.len()));
        (own, all.collect())
    })
}

/// The rule of an operation, one text for inputs that have the same.
fn rule(op: &Op, inputs: usize) -> String {
    let mut texts: Vec<String> = (0..inputs).map(|input| op.rule(input).to_string()).collect();
    if let Op::Elementwise(_) = op {
        let one_line = |text: &String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let code = |text| format!("`{}`", one_line(text)).replace("`NoGradient`", "none");
        texts = texts.iter().map(code).collect();
    }
    texts.dedup();
    texts.join(", ")
}

/// What changes at the kinks of some operations.
fn kinks(ops: &[(Op, usize)]) -> String {
    let mut texts = Vec::new();
    for (op, _) in ops {
        let text = match (op, op.kink()) {
            (_, None) => continue,
            (Op::Elementwise(_), Some(text)) => format!("`{text}`"),
            (_, Some(text)) => text.to_string(),
        };
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts.join(", ")
}

/// The orders of derivatives that agree with differences, each checked here: with inputs of their
/// own, and with all inputs taken from one.
fn orders(sample: &Sample) -> BTreeSet<u32> {
    let apart = |order: u32| {
        let (params, ids) = sample.params(Seed(12));
        let check = if order == 1 { GradCheck::new() } else { GradCheck::new().second_order() };
        let report = check.samples(12).run(&params, |tape| {
            let inputs: Vec<Var<'_>> = ids.iter().map(|&id| tape.param(id)).collect();
            let y = inputs.iter().fold(sample.apply(&inputs).sin(), |y, x| y + x.sin().sum(..));
            let slope = |x| tape.gradient(y.sum(..), &[x])[0].sin().sum(..);
            if order < 3 {
                y
            } else {
                inputs.iter().fold(tape.scalar(0.0), |sum, &x| sum + slope(x))
            }
        });
        report.is_ok_and(|report| report.is_below(1e-6))
    };
    (1..=3)
        .filter(|&order| apart(order) && used_twice::check(sample, order).is_below(1e-6))
        .collect()
}

/// Whether an operation is a row of the element-wise table, but not the one of this name.
fn is_of_another_row(op: &Op, name: &str) -> bool {
    matches!(op, Op::Elementwise(_)) && op.name() != name
}

/// The line of an operation, tried on all samples of its name.
fn line(method: &Method, samples: &[Sample]) -> Line {
    let samples: Vec<&Sample> = samples.iter().filter(|s| s.name == method.name).collect();
    let first = samples.first().unwrap_or_else(|| panic!("no sample of `{}`", method.name));
    let (count, mut ops) = recorded(first);
    ops.truncate(count);
    let names: Vec<&str> = ops.iter().map(|(op, _)| op.name()).collect();
    let rule = match &ops[..] {
        [(op, inputs)] if !is_of_another_row(op, &method.name) => rule(op, *inputs),
        _ => {
            let distinct = names.iter().enumerate().filter(|(i, name)| !names[..*i].contains(name));
            let quoted: Vec<String> = distinct.map(|(_, name)| format!("`{name}`")).collect();
            format!("composition of {}", quoted.join(", "))
        }
    };
    let checked = samples.iter().map(|sample| orders(sample));
    let orders = checked.reduce(|a, b| &a & &b).unwrap_or_default();
    let wanted: BTreeSet<u32> = if names == ["detach"] { [].into() } else { [1, 2, 3].into() };
    assert_eq!(orders, wanted, "orders of `{}` that agree with differences", method.name);
    let orders: Vec<String> = orders.iter().map(u32::to_string).collect();
    let orders = if orders.is_empty() { "none".to_string() } else { orders.join(", ") };
    let call = match &method.link {
        Some(link) => format!("[`{}`]({link})", method.call),
        None => format!("`{}`", method.call),
    };
    Line([call, method.summary.clone(), rule, kinks(&ops), orders])
}

/// The rows of the element-wise table, as methods.
fn elementwise_methods() -> Vec<Method> {
    let mut all: Vec<Method> = Vec::new();
    for sample in samples() {
        let ops = sample.ops();
        let [Op::Elementwise(op)] = &ops[..] else { continue };
        let (name, [args, docs, formula]) = (sample.name, op.texts());
        if all.iter().any(|method| method.name == name) || ops[0].name() != name {
            continue;
        }
        let rest = args[1..].join(", ");
        // What has no documentation of its own is an operator.
        let operator = docs.is_empty();
        let call =
            if operator { formula[0].to_string() } else { format!("{}.{name}({rest})", args[0]) };
        let lines = docs.iter().map(|doc| doc.split_once('"').map_or("", |(_, text)| text));
        let lines: Vec<&str> = lines.map(|text| text.trim_end_matches(['"', '#'])).collect();
        let summary = if operator { format!("`{}`", formula[0]) } else { summary(&lines) };
        let link = (!operator).then(|| format!("crate::Var::{name}"));
        all.push(Method { name: name.to_string(), call, link, summary });
    }
    all
}

fn table() -> String {
    let samples = samples();
    let elementwise = elementwise_methods();
    let rows = elementwise.iter().map(|method| line(method, &samples));
    let others: Vec<Method> = methods();
    for sample in &samples {
        let known = elementwise.iter().chain(&others).any(|method| method.name == sample.name);
        assert!(known, "`{}` is tried, but is no operation that can be called", sample.name);
    }
    let (composed, single): (Vec<Line>, Vec<Line>) = others
        .iter()
        .map(|method| line(method, &samples))
        .partition(|line| line.0[2].starts_with("composition"));
    let mut table = String::new();
    let mut section = |title: &str, lines: &mut dyn Iterator<Item = Line>| {
        let head =
            "| operation | value | gradient rule | kinks where this changes | orders checked |";
        write!(table, "\n# {title}\n\n{head}\n|---|---|---|---|---|\n").expect("a string grows");
        lines.for_each(|line| line.write(&mut table));
    };
    section("Element by element", &mut rows.into_iter());
    section("Of whole tensors", &mut single.into_iter());
    section("Compositions", &mut composed.into_iter());

    let mut known: BTreeSet<String> = elementwise.iter().map(|m| m.name.clone()).collect();
    let mut internal: Vec<Line> = Vec::new();
    let recorded: Vec<(usize, Vec<(Op, usize)>)> = samples.iter().map(recorded).collect();
    known.extend(
        recorded.iter().filter(|(own, _)| *own == 1).map(|(_, ops)| ops[0].0.name().into()),
    );
    for (op, inputs) in recorded.into_iter().flat_map(|(_, ops)| ops) {
        if known.insert(op.name().to_string()) {
            let kink = kinks(&[(op.clone(), inputs)]);
            let cells =
                [&format!("`{}`", op.name()), "", &rule(&op, inputs), &kink, "with the others"];
            internal.push(Line(cells.map(str::to_string)));
        }
    }
    section("Recorded by compositions and rules alone", &mut internal.into_iter());
    table.trim_start().to_string()
}

#[test]
fn the_table_in_the_documentation_is_what_the_code_says() {
    let table = table();
    if std::env::var_os("GRADTAPE_BLESS").is_some() {
        std::fs::write(PATH, &table).expect("the table can be written");
    }
    let found = std::fs::read_to_string(PATH).unwrap_or_default();
    let first = table.lines().zip(found.lines()).find(|(want, found)| want != found);
    assert!(
        found == table,
        "{PATH} is not what the code says; run this test with GRADTAPE_BLESS=1 to rewrite it; \
         the first difference: {first:?}"
    );
}

#[test]
fn what_has_kinks_in_the_table_tells_sides() {
    for sample in samples() {
        let (params, ids) = sample.params(Seed(0));
        let tape = Tape::training(&params, Seed(0));
        let inputs: Vec<Var<'_>> = ids.iter().map(|&id| tape.param(id)).collect();
        let y = sample.apply(&inputs);
        let nodes = tape.graph().with_nodes(|nodes, _| nodes[..=y.id().index()].to_vec());
        for (at, node) in nodes.iter().enumerate() {
            let inputs: Vec<Var<'_>> = node.inputs.iter().map(|&id| tape.graph().var(id)).collect();
            let this = tape.graph().var(crate::graph::NodeId(at as u32));
            assert_eq!(node.op.sides(&inputs, this).is_some(), node.op.kink().is_some());
        }
    }
}
