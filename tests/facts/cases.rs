//! Hand-written cases: statements, and what must be told of them. `fixtures/sql/cases.txt` says how they are written down.

use pgsluice::sql;
use pgsluice::sql::facts::{CopyTarget, Direction, Facts, How, Limit, SettingValue};

use super::{effects, fixture};

fn relations(facts: &Facts, wanted: How) -> Vec<String> {
    let all = facts.statements.iter().flat_map(|statement| &statement.relations);
    let mut names: Vec<String> = all
        .filter(|relation| relation.how == wanted)
        .map(|relation| {
            let parts = [relation.database.as_deref(), relation.schema.as_deref(), Some(&*relation.name)];
            parts.into_iter().flatten().collect::<Vec<_>>().join(".")
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

/// What is told, in the words that a case is checked against.
fn told(facts: &Facts, what: &str) -> String {
    let statements = &facts.statements;
    match what {
        "kinds" => statements.iter().map(|statement| statement.kind).collect::<Vec<_>>().join(", "),
        "reads" => relations(facts, How::Read).join(" "),
        "writes" => relations(facts, How::Written).join(" "),
        "defines" => relations(facts, How::Defined).join(" "),
        "alters" => relations(facts, How::Altered).join(" "),
        "drops" => relations(facts, How::Dropped).join(" "),
        "columns" => {
            let columns = statements.iter().flat_map(|statement| &statement.columns);
            let name = |column: &sql::facts::Column| match &column.qualifier {
                Some(qualifier) => format!("{qualifier}.{}", column.name),
                None => column.name.to_string(),
            };
            columns.map(name).collect::<Vec<_>>().join(" ")
        }
        "sets" => {
            let settings = statements.iter().flat_map(|statement| &statement.settings);
            let value =
                |value: &SettingValue| if let SettingValue::Known(value) = value { value.to_string() } else { format!("{value:?}") };
            settings.map(|setting| format!("{}={}", setting.name, value(&setting.value))).collect::<Vec<_>>().join(" ")
        }
        "copy" => {
            let copies = statements.iter().filter_map(|statement| statement.copy.as_ref());
            let target = |target: &CopyTarget| match target {
                CopyTarget::Client => "client",
                CopyTarget::File(_) => "file",
                CopyTarget::Program(_) => "program",
            };
            let direction = |direction| if direction == Direction::In { "in" } else { "out" };
            copies.map(|copy| format!("{} {}", direction(copy.direction), target(&copy.target))).collect::<Vec<_>>().join(" ")
        }
        "limit" => match statements[0].bounds.limit {
            Limit::None => "none".to_owned(),
            Limit::Rows(rows) => rows.to_string(),
            Limit::Other => "other".to_owned(),
        },
        "groups" => statements[0].bounds.groups.map_or_else(|| "any".to_owned(), |groups| groups.to_string()),
        "bounded" => {
            (if statements.iter().all(|statement| statement.bounds.excludes_rows != Some(false)) { "yes" } else { "no" }).to_owned()
        }
        "opaque" => (if facts.opaque.is_some() { "" } else { "not at all" }).to_owned(),
        _ => panic!("nothing is told of {what}"),
    }
}

#[test]
fn what_is_told_of_each_statement() {
    let mut wrong = Vec::new();
    let mut checked = 0;
    let text = fixture("cases.txt");
    let mut expected = "";
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        if let Some(group) = line.strip_prefix('=') {
            expected = group;
            continue;
        }
        let text = if line.starts_with('"') && line.ends_with('"') && serde_json::from_str::<String>(line).is_ok() {
            serde_json::from_str(line).unwrap()
        } else {
            line.to_owned()
        };
        checked += 1;
        let facts = sql::read(text.as_bytes());
        let mut parts = expected.split(';').map(str::trim);
        let words = effects(parts.next().unwrap());
        if facts.effects != words {
            wrong.push(format!("{:?} instead of {words:?} {:?}: {text}", facts.effects, facts.opaque));
            continue;
        }
        for part in parts {
            let (what, value) = part.split_once(' ').unwrap_or((part, ""));
            let told = told(&facts, what);
            if told != value {
                wrong.push(format!("{what} {told:?} instead of {value:?}: {text}"));
            }
        }
    }
    println!("{checked} cases");
    assert!(checked > 400 && wrong.is_empty(), "{} of {checked}:\n{}", wrong.len(), wrong.join("\n"));
}

/// Who looks up what was prepared must not clear up anything else with it.
#[test]
fn a_prepared_statement_hides_no_other_reason() {
    use pgsluice::sql::facts::Opaque;
    let prepared = sql::read(b"execute p; select 1; execute q");
    assert_eq!((prepared.opaque, prepared.statements.len()), (Some(Opaque::Prepared), 3));
    let disputed = sql::read(b"execute p; SELECT E'a'\n'\\', $$'; DELETE FROM t1 --$$");
    assert_eq!(disputed.opaque, Some(Opaque::DisputedNumber));
}
