//! `pgsluice mask --cells`: cells of tables in, row by row; what would be masked of each out. Each column of a table is taken for a column
//! of a result: its first values are looked at before any of it is answered.

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::sync::Arc;

use serde::Deserialize;

use super::Failure;
use crate::mask::evidence::Evidence;
use crate::mask::spans::spans;
use crate::mask::{Holding, Masking, Workspace};
use crate::wire::value::{Definition, Extension, Types};

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
    let masking = &Masking { types: Arc::new(types()), ..masking.clone() };
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

/// Types of extensions have another OID in each database; these are theirs here.
const HSTORE: u32 = 16_384;
const VECTOR: u32 = 16_385;
const CITEXT: u32 = 16_386;
const LTREE: u32 = 16_387;

/// The types that cells can have.
fn types() -> Types {
    let mut types = Types::new();
    for (oid, extension) in
        [(HSTORE, Extension::Hstore), (VECTOR, Extension::Vector), (CITEXT, Extension::Citext), (LTREE, Extension::Ltree)]
    {
        let added = types.add(oid, Definition::Extension(extension));
        debug_assert!(added.is_ok(), "refused are only OIDs of built-in types");
    }
    types
}

/// The OID of a type by the name that people know it by; 25 (text) where it is none of those.
fn type_oid(name: &str) -> u32 {
    match name.to_ascii_lowercase().as_str() {
        "bool" | "boolean" => 16,
        "name" => 19,
        "timetz" => 1266,
        "bytea" => 17,
        "int8" | "bigint" => 20,
        "int2" | "smallint" => 21,
        "int4" | "integer" | "int" => 23,
        "json" => 114,
        "xml" => 142,
        "point" | "geometry" | "geography" => 600,
        "polygon" => 604,
        "cidr" => 650,
        "float4" | "real" => 700,
        "float8" | "double precision" => 701,
        "macaddr8" => 774,
        "money" => 790,
        "macaddr" => 829,
        "inet" => 869,
        "bytea[]" => 1001,
        "int4[]" | "integer[]" => 1007,
        "text[]" => 1009,
        "varchar[]" => 1015,
        "int8[]" | "bigint[]" => 1016,
        "float4[]" | "real[]" => 1021,
        "float8[]" => 1022,
        "inet[]" => 1041,
        "bpchar" | "char" => 1042,
        "date" => 1082,
        "time" => 1083,
        "timestamp" => 1114,
        "date[]" => 1182,
        "timestamptz" => 1184,
        "interval" => 1186,
        "numeric[]" => 1231,
        "bit" => 1560,
        "varbit" => 1562,
        "numeric" | "decimal" => 1700,
        "record" => 2249,
        "uuid" => 2950,
        "uuid[]" => 2951,
        "tsvector" => 3614,
        "tsquery" => 3615,
        "jsonb" => 3802,
        "jsonb[]" => 3807,
        "int4range" => 3904,
        "numrange" => 3906,
        "tsrange" => 3908,
        "tstzrange" => 3910,
        "daterange" => 3912,
        "int8range" => 3926,
        "jsonpath" => 4072,
        "datemultirange" => 4535,
        "hstore" => HSTORE,
        "vector" => VECTOR,
        "citext" => CITEXT,
        "ltree" => LTREE,
        _ => 25,
    }
}
