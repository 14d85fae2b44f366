//! `pgsluice mask --cells`: cells of tables in, row by row; what would be masked of each out. Each column of a table is taken for a column
//! of a result: its first values are looked at before any of it is answered.

use std::collections::HashMap;
use std::io::{BufRead, Write};

use serde::Deserialize;

use super::Failure;
use crate::mask::evidence::Evidence;
use crate::mask::spans::spans;
use crate::mask::{Holding, Masking, Workspace};

/// Cells of each column that are looked at before the first of them is answered.
const AHEAD: usize = 100;

#[derive(Debug, Deserialize)]
struct Cell {
    id: serde_json::Value,
    #[serde(default)]
    table: String,
    #[serde(default)]
    column: String,
    #[serde(default, rename = "type")]
    type_name: String,
    value: Option<String>,
}

/// The columns of the table that is read now.
#[derive(Default)]
struct Table {
    name: String,
    columns: HashMap<String, Column>,
    /// Cells that are not answered yet, in order.
    waiting: Vec<Cell>,
    judged: bool,
}

struct Column {
    evidence: Evidence,
    cells: usize,
    holding: Holding,
}

pub(super) fn run(masking: &Masking, input: impl BufRead, output: impl Write) -> Result<(), Failure> {
    let mut workspace = Workspace::default();
    let mut output = std::io::BufWriter::new(output);
    let mut table = Table::default();
    for (number, line) in input.lines().enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let cell: Cell = serde_json::from_str(&line).map_err(|error| Failure::Cells(number + 1, error.to_string()))?;
        if cell.table != table.name {
            table.judge();
            table.answer(masking, &mut workspace, &mut output)?;
            table = Table { name: cell.table.clone(), ..Table::default() };
        }
        table.take(cell, masking, &mut workspace);
        if table.judged {
            table.answer(masking, &mut workspace, &mut output)?;
        }
    }
    table.judge();
    table.answer(masking, &mut workspace, &mut output)?;
    Ok(output.flush()?)
}

impl Table {
    fn take(&mut self, cell: Cell, masking: &Masking, workspace: &mut Workspace) {
        if !self.judged {
            let column = self.columns.entry(cell.column.clone()).or_insert_with(|| Column {
                evidence: Evidence::new(cell.table.as_bytes(), cell.column.as_bytes(), type_oid(&cell.type_name)),
                cells: 0,
                holding: Holding::Harmless,
            });
            column.cells += 1;
            if let Some(value) = &cell.value {
                column.evidence.look(&masking.detectors, value.as_bytes(), &mut workspace.detect, &mut workspace.findings);
            }
            if column.cells > AHEAD {
                self.judge();
            }
        }
        self.waiting.push(cell);
    }

    fn judge(&mut self) {
        self.judged = true;
        for column in self.columns.values_mut() {
            column.holding = column.evidence.verdict().holding;
        }
    }

    fn answer(&mut self, masking: &Masking, workspace: &mut Workspace, output: &mut impl Write) -> Result<(), Failure> {
        for cell in self.waiting.drain(..) {
            let value = cell.value.as_deref().unwrap_or_default();
            let holding = self.columns.get(&cell.column).map_or(Holding::Mixed(crate::mask::KindSet::NONE), |column| column.holding);
            let found = spans(value.as_bytes(), type_oid(&cell.type_name), holding, masking, workspace);
            write!(output, "{{\"id\":{},\"spans\":[", cell.id)?;
            for (place, finding) in found.iter().enumerate() {
                let points = |at: usize| value.get(..at).map_or(0, |before| before.chars().count());
                let comma = if place == 0 { "" } else { "," };
                write!(
                    output,
                    "{comma}[\"{}\",{},{},{}]",
                    finding.kind.name(),
                    points(finding.start),
                    points(finding.end),
                    finding.sure.score()
                )?;
            }
            output.write_all(b"]}\n")?;
        }
        Ok(())
    }
}

/// The OID of a type by the name that people know it by; 25 (text) where it is none of those.
fn type_oid(name: &str) -> u32 {
    TYPES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map_or(25, |(_, oid)| *oid)
}

const TYPES: &[(&str, u32)] = &[
    ("text", 25),
    ("varchar", 1043),
    ("bpchar", 1042),
    ("char", 1042),
    ("int8", 20),
    ("bigint", 20),
    ("int4", 23),
    ("int", 23),
    ("integer", 23),
    ("int2", 21),
    ("smallint", 21),
    ("numeric", 1700),
    ("decimal", 1700),
    ("float8", 701),
    ("double precision", 701),
    ("float4", 700),
    ("real", 700),
    ("bool", 16),
    ("boolean", 16),
    ("uuid", 2950),
    ("date", 1082),
    ("timestamp", 1114),
    ("timestamptz", 1184),
    ("time", 1083),
    ("timetz", 1266),
    ("interval", 1186),
    ("json", 114),
    ("jsonb", 3802),
    ("xml", 142),
    ("bytea", 17),
    ("inet", 869),
    ("cidr", 650),
    ("macaddr", 829),
    ("macaddr8", 774),
    ("tsvector", 3614),
    ("record", 2249),
    ("name", 19),
    ("point", 600),
    ("daterange", 3912),
    ("tsrange", 3908),
    ("tstzrange", 3910),
    ("int4range", 3904),
    ("int8range", 3926),
    ("numrange", 3906),
    ("text[]", 1009),
    ("varchar[]", 1015),
    ("int8[]", 1016),
    ("int4[]", 1007),
    ("float8[]", 1022),
    ("numeric[]", 1231),
    ("uuid[]", 2951),
    ("date[]", 1182),
    ("jsonb[]", 3807),
    ("vector", 701),
    ("geometry", 600),
    ("geography", 600),
];
