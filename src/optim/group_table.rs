//! A table of who is in which group.

use std::fmt;

use super::WeightDecay;

/// Who is in which [`Group`](super::Group) of an optimizer, and what that means for the next step.
#[derive(Clone, PartialEq, Debug)]
pub struct GroupTable {
    rows: Vec<GroupRow>,
}

/// How an optimizer treats one parameter.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct GroupRow {
    /// The path.
    pub parameter: String,
    /// The names of the groups that it is in.
    pub groups: Vec<String>,
    /// The rate of the next step.
    pub rate: f64,
    /// The weight decay, if any.
    pub weight_decay: Option<WeightDecay>,
    /// The `λ` of the proximal L1, 0 for none.
    pub proximal_l1: f64,
    /// Whether it never moves, by a group or by itself.
    pub frozen: bool,
}

impl GroupTable {
    pub(super) fn new(rows: Vec<GroupRow>) -> Self {
        Self { rows }
    }

    /// A row for each parameter.
    pub fn rows(&self) -> &[GroupRow] {
        &self.rows
    }
}

impl fmt::Display for GroupTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |row: &GroupRow| {
            if row.frozen {
                let none = || "-".to_string();
                return [none(), none(), none()];
            }
            let decay = row.weight_decay.map_or("-".to_string(), |decay| decay.to_string());
            let l1 = if row.proximal_l1 > 0.0 { row.proximal_l1.to_string() } else { "-".into() };
            [row.rate.to_string(), decay, l1]
        };
        let groups = |row: &GroupRow| {
            let frozen = row.frozen.then_some("frozen");
            let names = row.groups.iter().map(|name| &name[..]).chain(frozen);
            names.collect::<Vec<_>>().join(", ")
        };
        let head = ["rate", "weight decay", "L1"].map(str::to_string);
        let cells: Vec<[String; 3]> = self.rows.iter().map(line).collect();
        let width = |column: usize| {
            let cells = cells.iter().chain([&head]).map(|row| row[column].chars().count());
            cells.max().unwrap_or(0)
        };
        let widths = [width(0), width(1), width(2)];
        let first = self.rows.iter().map(|row| row.parameter.chars().count()).max().unwrap_or(0);
        let first = first.max("parameter".len());
        let mut write = |name: &str, [rate, decay, l1]: &[String; 3], groups: &str| {
            let [a, b, c] = widths;
            let line = format!("{name:first$}  {rate:a$}  {decay:b$}  {l1:c$}  {groups}");
            writeln!(f, "{}", line.trim_end())
        };
        write("parameter", &head, "groups")?;
        for (row, cells) in self.rows.iter().zip(&cells) {
            write(&row.parameter, cells, &groups(row))?;
        }
        Ok(())
    }
}
