//! Tokens and masks that an agent sends back. A token that is compared with a column which holds its kind stands for its value: the value goes
//! to the server as a parameter, and nowhere else. What is judged, recorded, held and approved is the message with the token in it: to the
//! facts of a statement no parameter's value matters, and nobody who looks at it is shown the value. A masked value, or a token, that would be
//! written to a table is refused: it would take the place of what it stands for.

use std::ops::Range;

use zeroize::Zeroizing;

use crate::mask::Masking;
use crate::mask::returned::holds_mask;
use crate::mask::token::{self, Mint, Opened};
use crate::mask::verdict::Holding;
use crate::sql::compare::{Compared, Comparisons, comparisons};
use crate::sql::effect::{Effect, EffectSet};
use crate::sql::facts::{Facts, How};
use crate::wire::frontend::{Bind, tag};
use crate::wire::report::Report;
use crate::wire::value::{Choice, Format, Leaf, Outcome, Scratch, Visitor};
use crate::wire::write;

use super::asking::Parameters;

/// A text of one statement whose literal tokens were made parameters.
#[derive(Debug)]
pub struct Spliced {
    pub sql: Zeroizing<Vec<u8>>,
    pub parameters: Parameters,
}

/// PostgreSQL's `text[]`, whose form every array of texts has.
const TEXTS: u32 = 1009;
/// Literals that are made parameters, in one statement.
const MOST: usize = 1024;

/// The parameters of a Bind, with values in the place of tokens that stand for some; `None` where there are none. `sql` is the text of its
/// statement.
pub fn bound(masking: &Masking, sql: &[u8], facts: &Facts, bind: &Bind<'_>) -> Result<Option<Parameters>, Box<Report>> {
    let values = || bind.parameters.iter().enumerate().filter_map(|(place, value)| Some((place, value?)));
    let writes = writes(facts);
    if !values().any(|(_, value)| token::holds_token(value) || writes && holds_mask(value, &masking.profile)) {
        return Ok(None);
    }
    let told = comparisons(sql);
    let mut resolved: Vec<Option<Zeroizing<Vec<u8>>>> = Vec::new();
    let mut changed = false;
    for (place, value) in bind.parameters.iter().enumerate() {
        let compared = u16::try_from(place + 1).ok().and_then(|number| told.parameters.get(&number));
        let found = match (value, compared) {
            (Some(value), Some(compared)) if token::holds_token(value) => {
                let format = Format::from_code(bind.parameter_formats.of(place)).unwrap_or(Format::Text);
                Some(opened(masking, value, format, compared)?)
            }
            // What is only looked for does not replace anything.
            (Some(_), Some(_)) => None,
            (Some(value), None) if writes && holds_mask(value, &masking.profile) => return Err(Box::new(written_back())),
            (Some(_), None) | (None, _) => None,
        };
        changed |= found.is_some();
        resolved.push(found.or_else(|| value.map(|value| Zeroizing::new(value.to_vec()))));
    }
    let formats = bind.parameter_formats.iter().collect();
    Ok(changed.then_some(Parameters { formats, values: resolved }))
}

/// A text with its literal tokens made parameters, where it has any that stand for values.
pub fn spliced(masking: &Masking, sql: &[u8], facts: &Facts) -> Result<Option<Spliced>, Box<Report>> {
    let Some(told) = literals(masking, sql, facts)? else { return Ok(None) };
    let mut out = Spliced { sql: Zeroizing::new(Vec::with_capacity(sql.len())), parameters: Parameters::default() };
    let mut copied = 0;
    for (place, compared) in &told {
        let inner = sql.get(place.start + 1..place.end.saturating_sub(1)).unwrap_or_default();
        out.parameters.values.push(Some(open(masking, inner, std::slice::from_ref(compared))?.value));
        out.sql.extend_from_slice(sql.get(copied..place.start).unwrap_or_default());
        // What stands before and behind it must not become one with it.
        out.sql.extend_from_slice(format!(" ${} ", out.parameters.values.len()).as_bytes());
        copied = place.end;
    }
    out.sql.extend_from_slice(sql.get(copied..).unwrap_or_default());
    Ok(Some(out))
}

/// A statement to be prepared has its tokens as parameters.
pub fn prepared(masking: &Masking, sql: &[u8], facts: &Facts) -> Result<(), Box<Report>> {
    match literals(masking, sql, facts)? {
        Some(_) => Err(Box::new(
            Report::error("0A000", "a token stands in the text of a prepared statement")
                .with_detail("Nothing ran. A token stands for its value as a parameter, or in a simple query of one statement.")
                .with_hint("Send the token as a parameter: … WHERE column = $1."),
        )),
        None => Ok(()),
    }
}

/// Where literals stand, each with the column that it is compared with.
type Beside = Vec<(Range<usize>, Compared)>;

/// Literal tokens that are compared with columns; `None` where there are none.
fn literals(masking: &Masking, sql: &[u8], facts: &Facts) -> Result<Option<Beside>, Box<Report>> {
    let writes = writes(facts);
    let tokens = token::holds_token(sql);
    let brings_mask = writes && holds_mask(sql, &masking.profile);
    if !tokens && !brings_mask {
        return Ok(None);
    }
    let Comparisons { literals, parameters } = comparisons(sql);
    if writes {
        // Everything but what is only compared.
        let mut rest = sql.to_vec();
        for (place, _) in &literals {
            if let Some(compared) = rest.get_mut(place.clone()) {
                compared.fill(b' ');
            }
        }
        if holds_mask(&rest, &masking.profile) {
            return Err(Box::new(written_back()));
        }
    }
    let is_token = |place: &Range<usize>| sql.get(place.start + 1..place.end.saturating_sub(1)).is_some_and(token::is_token);
    let found: Vec<_> = literals.into_iter().filter(|(place, _)| is_token(place)).collect();
    if found.len() > MOST {
        return Err(Box::new(Report::error("54000", format!("more than {MOST} tokens in one statement"))));
    }
    // A text of a simple query has no parameters of its own.
    Ok((!found.is_empty() && parameters.is_empty()).then_some(found))
}

fn writes(facts: &Facts) -> bool {
    facts.effects.has(Effect::Write) || facts.effects.has(Effect::UnboundedWrite) || facts.effects.has(Effect::Import)
}

/// One value with its tokens opened: a token, or an array of texts in which some stand.
fn opened(masking: &Masking, value: &[u8], format: Format, compared: &[Compared]) -> Result<Zeroizing<Vec<u8>>, Box<Report>> {
    if token::is_token(value) {
        return Ok(open(masking, value, compared)?.value);
    }
    let mut opener = Opener { masking, compared, failed: None };
    let mut out = Zeroizing::new(Vec::new());
    let (mut scratch, array) = (Scratch::new(), masking.types.get(TEXTS));
    let outcome = array.map(|array| array.rewrite(format, value, &mut opener, &mut scratch, &mut out));
    if let Some(report) = opener.failed {
        return Err(report);
    }
    match outcome {
        Some(Ok(Outcome::Changed)) => Ok(out),
        // It only holds one: as a part of a text it is compared as that text.
        Some(Ok(Outcome::Kept | Outcome::Null) | Err(_)) | None => Ok(Zeroizing::new(value.to_vec())),
    }
}

struct Opener<'a> {
    masking: &'a Masking,
    compared: &'a [Compared],
    failed: Option<Box<Report>>,
}

impl Visitor for Opener<'_> {
    fn leaf(&mut self, leaf: &Leaf<'_>, replacement: &mut Vec<u8>) -> Choice {
        if !token::is_token(leaf.bytes) {
            return Choice::Keep;
        }
        match open(self.masking, leaf.bytes, self.compared) {
            Ok(opened) => {
                replacement.extend_from_slice(&opened.value);
                Choice::Replace
            }
            Err(report) => {
                self.failed.get_or_insert(report);
                Choice::Keep
            }
        }
    }
}

/// What a token stands for, where each column that it is compared with holds such values.
fn open(masking: &Masking, token: &[u8], compared: &[Compared]) -> Result<Opened, Box<Report>> {
    let Some(mint) = &masking.tokens else { return Err(Box::new(foreign())) };
    let Some(opened) = mint.open(token) else { return Err(Box::new(foreign())) };
    if !compared.is_empty() && compared.iter().all(|compared| holds(masking, mint, compared, &opened.kind)) {
        return Ok(opened);
    }
    let columns: Vec<&str> = compared.iter().map(|compared| &*compared.column).collect();
    Err(Box::new(
        Report::error("22023", format!("a token of kind {} is compared with a column that is not known to hold such values", opened.kind))
            .with_detail(format!(
                "Nothing ran. Compared with: {}. A token stands for its value only beside a column of its kind, in a table that was read \
                 from before and in which this agent wrote nothing to that column.",
                columns.join(", ")
            ))
            .with_hint("Compare it by =, IN or = ANY with the column that it came from, named with its table."),
    ))
}

/// Whether every column that is meant is known to hold values of this kind, and none has what the agent put there: what it compares with its
/// own values it would find out.
fn holds(masking: &Masking, mint: &Mint, compared: &Compared, kind: &str) -> bool {
    let mut met = false;
    for (schema, name) in &compared.relations {
        let mut known = false;
        let of_name = |relation: &&crate::mask::verdict::Relation| {
            *relation.name == **name && schema.as_ref().is_none_or(|schema| *relation.schema == **schema)
        };
        for relation in masking.verdicts.relations.values().map(|relation| &**relation).filter(of_name) {
            known = true;
            let Some(column) = relation.columns.iter().find(|column| column.name == compared.column) else { continue };
            let verdict = masking.profile.verdict(relation, column).unwrap_or(column.verdict);
            let holds = match verdict.holding {
                Holding::Whole(of) => masking.profile.name_of(of) == kind,
                Holding::Mixed(kinds) => kinds.iter().any(|of| masking.profile.name_of(of) == kind),
                Holding::Harmless => false,
            };
            if !holds || !mint.may_show(&relation.schema, &relation.name, &column.name) {
                return false;
            }
            met = true;
        }
        if !known {
            return false;
        }
    }
    met
}

/// Notes what a statement writes: tokens are neither made of it nor compared with it from now on. What code writes, and what goes by another
/// name once something was altered, is not told: from then on there are no tokens for this agent. Whether any of it is to be kept before it is sent.
pub fn note_written(mint: &Mint, facts: &Facts, effects: EffectSet) -> bool {
    let defines = effects.has(Effect::Ddl);
    let alters = defines && facts.statements.iter().any(|statement| statement.kind.starts_with("ALTER"));
    if alters || effects.has(Effect::Code) || effects.has(Effect::Opaque) {
        return mint.close();
    }
    let mut unkept = false;
    for statement in &facts.statements {
        for (place, relation) in statement.relations.iter().enumerate() {
            match relation.how {
                How::Written if relation.writes.insert || relation.writes.update || statement.kind == "COPY" => {}
                How::Defined | How::Altered => {}
                // A table may take over the rows of another, and a view those that it reads.
                How::Read if defines => {}
                How::Written | How::Read | How::Dropped => continue,
            }
            let mut columns = statement.columns.iter().filter(|column| column.written && column.relation == Some(place)).peekable();
            let all = relation.how != How::Written || statement.kind == "COPY" || columns.peek().is_none();
            if all {
                unkept |= mint.wrote(&relation.name, None);
            }
            columns.for_each(|column| unkept |= mint.wrote(&relation.name, Some(&column.name)));
        }
    }
    unkept
}

/// A Bind with other values.
pub fn write_bind(out: &mut Vec<u8>, bind: &Bind<'_>, values: &Parameters) {
    let count = |count: usize| i16::from_be_bytes(u16::try_from(count).unwrap_or(u16::MAX).to_be_bytes());
    write::message(out, tag::BIND, |body| {
        body.string(bind.portal).string(bind.statement);
        body.int16(count(values.formats.len()));
        for format in &values.formats {
            body.int16(*format);
        }
        body.int16(count(values.values.len()));
        for value in &values.values {
            match value {
                Some(value) => body.int32(i32::try_from(value.len()).unwrap_or(i32::MAX)).bytes(value),
                None => body.int32(-1),
            };
        }
        body.int16(count(bind.result_formats.len())).bytes(bind.result_formats.bytes());
    });
}

fn foreign() -> Report {
    Report::error("22023", "a token that was not made for this agent, or whose key is gone")
        .with_detail("Nothing ran.")
        .with_hint("Use the token that a query of this agent brought: tokens of other agents stand for nothing here.")
}

/// A masked value would take the place of what it stands for.
pub fn written_back() -> Report {
    Report::error("22023", "a masked value would be written to a table")
        .with_detail(
            "Nothing ran. What pgsluice put in the place of a sensitive value ([EMAIL], a token, …) is among the values to be written, and \
             would overwrite the real one.",
        )
        .with_hint("Write only the columns that change. To copy a value that you were not shown, have the server do it: SET a = b, INSERT … SELECT.")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::mask::Kind;
    use crate::mask::token::Masters;
    use crate::mask::verdict::{Basis, Column, Relation, Verdict, Verdicts};
    use crate::sql;
    use crate::wire::frontend::Frontend;

    /// `people` has addresses of mail and names of states; `guesses` is what the agent wrote.
    fn masking() -> Masking {
        let column = |attribute, name: &str, holding| Column {
            attribute,
            name: name.into(),
            type_oid: 25,
            verdict: Verdict { holding, basis: Basis::Sampled(9) },
        };
        let relation = |name: &str| {
            let columns = vec![column(1, "email", Holding::Whole(Kind::EMAIL)), column(2, "state", Holding::Harmless)];
            Arc::new(Relation { schema: "public".into(), name: name.into(), columns, ..Relation::default() })
        };
        let relations = [(1, relation("people")), (2, relation("guesses"))].into_iter().collect();
        let masters = Masters::new(vec![(1, Zeroizing::new([7; 32]))]).unwrap();
        Masking {
            verdicts: Arc::new(Verdicts { relations, ..Verdicts::default() }),
            tokens: Some(Arc::new(Mint::new(1, Arc::new(masters)))),
            ..Masking::built_in()
        }
    }

    fn token(masking: &Masking, value: &str) -> String {
        let mut out = Vec::new();
        assert!(masking.tokens.as_ref().unwrap().mint("EMAIL", value.as_bytes(), &mut out));
        String::from_utf8(out).unwrap()
    }

    fn wrote(mint: &Mint, sql: &[u8]) {
        let facts = sql::read(sql);
        note_written(mint, &facts, facts.effects);
    }

    /// What goes to the server for the parameters of a statement, or the code of the refusal.
    fn sent(masking: &Masking, sql: &str, values: &[&str]) -> Result<Option<Vec<String>>, String> {
        let parameters = Parameters {
            formats: Box::default(),
            values: values.iter().map(|value| Some(Zeroizing::new(value.as_bytes().to_vec()))).collect(),
        };
        let message = super::super::stored::bind(&parameters);
        let Ok(Frontend::Bind(bind)) = Frontend::read(tag::BIND, &message[4..]) else { panic!("no Bind") };
        let text = |value: Option<Zeroizing<Vec<u8>>>| String::from_utf8(value.unwrap().to_vec()).unwrap();
        match bound(masking, sql.as_bytes(), &sql::read(sql.as_bytes()), &bind) {
            Ok(found) => Ok(found.map(|found| found.values.into_iter().map(text).collect())),
            Err(report) => Err(report.message.to_string()),
        }
    }

    fn spliced_text(masking: &Masking, sql: &str) -> Result<Option<String>, String> {
        match spliced(masking, sql.as_bytes(), &sql::read(sql.as_bytes())) {
            Ok(found) => Ok(found.map(|found| {
                let values: Vec<_> =
                    found.parameters.values.iter().flatten().map(|value| String::from_utf8_lossy(value).into_owned()).collect();
                format!("{} | {}", String::from_utf8_lossy(&found.sql), values.join(","))
            })),
            Err(report) => Err(report.message.to_string()),
        }
    }

    #[test]
    fn a_token_that_is_compared_with_its_column_stands_for_its_value() {
        let masking = masking();
        let (ada, bob) = (token(&masking, "ada@example.com"), token(&masking, "bob@example.com"));
        let values = |values: &[&str]| Ok(Some(values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>()));
        assert_eq!(sent(&masking, "SELECT * FROM people WHERE email = $1", &[&ada]), values(&["ada@example.com"]));
        assert_eq!(sent(&masking, "UPDATE people SET state = $2 WHERE email = $1", &[&ada, "new"]), values(&["ada@example.com", "new"]));
        let array = format!("{{{ada},x,{bob}}}");
        let found = sent(&masking, "SELECT 1 FROM people WHERE email = ANY($1)", &[&array]).unwrap().unwrap();
        assert!(found[0].contains("ada@example.com") && found[0].contains("bob@example.com") && !found[0].contains("tok_"), "{found:?}");
        // Without a token nothing is touched.
        assert_eq!(sent(&masking, "SELECT * FROM people WHERE email = $1", &["ada@example.com"]), Ok(None));
        // Elsewhere it is the text that it is.
        assert_eq!(sent(&masking, "SELECT $1", &[&ada]), Ok(None));
        assert_eq!(sent(&masking, "SELECT upper($1) FROM people WHERE state = 'x'", &[&ada]), Ok(None));
    }

    #[test]
    fn a_token_stands_for_nothing_beside_what_the_agent_may_have_written() {
        let masking = masking();
        let ada = token(&masking, "ada@example.com");
        let mint = masking.tokens.as_ref().unwrap();
        for sql in [
            "SELECT * FROM people WHERE state = $1",
            "SELECT * FROM unknown WHERE email = $1",
            "SELECT * FROM people, unknown WHERE email = $1",
        ] {
            assert!(sent(&masking, sql, &[&ada]).unwrap_err().contains("not known to hold"), "{sql}");
        }
        let compare = "SELECT * FROM guesses WHERE email = $1";
        assert!(sent(&masking, compare, &[&ada]).is_ok());
        wrote(mint, b"INSERT INTO guesses (email) VALUES ('ada@example.com')");
        assert!(sent(&masking, compare, &[&ada]).is_err());
        wrote(mint, b"UPDATE people SET state = 'x'");
        assert!(sent(&masking, "SELECT * FROM people WHERE email = $1", &[&ada]).is_ok());
        for sql in [
            "COPY people FROM STDIN",
            "CREATE TEMP TABLE people AS SELECT 'x' AS email",
            "CREATE TABLE more () INHERITS (people)",
            "ALTER TABLE other RENAME TO mine",
            "SELECT app.write_somewhere()",
        ] {
            let masking = self::masking();
            wrote(masking.tokens.as_ref().unwrap(), sql.as_bytes());
            assert!(sent(&masking, "SELECT * FROM people WHERE email = $1", &[&ada]).is_err(), "{sql}");
        }
        // Nor for anybody else.
        let other = Masking {
            tokens: Some(Arc::new(Mint::new(2, Arc::new(Masters::new(vec![(1, Zeroizing::new([7; 32]))]).unwrap())))),
            ..masking
        };
        assert!(sent(&other, "SELECT * FROM people WHERE email = $1", &[&ada]).unwrap_err().contains("not made for this agent"));
    }

    #[test]
    fn a_literal_token_goes_as_a_parameter() {
        let masking = masking();
        let ada = token(&masking, "o'brien@example.com");
        let told = spliced_text(&masking, &format!("SELECT * FROM people WHERE email='{ada}'AND state = 'x'"));
        assert_eq!(told, Ok(Some("SELECT * FROM people WHERE email= $1 AND state = 'x' | o'brien@example.com".to_owned())));
        assert_eq!(spliced_text(&masking, &format!("SELECT '{ada}'")), Ok(None));
        assert!(spliced_text(&masking, &format!("SELECT 1 FROM people WHERE state = '{ada}'")).is_err());
        let sql = format!("SELECT 1 FROM people WHERE email = '{ada}'");
        assert!(prepared(&masking, sql.as_bytes(), &sql::read(sql.as_bytes())).is_err());
        assert!(prepared(&masking, b"SELECT 1 FROM people WHERE email = $1", &sql::read(b"SELECT 1")).is_ok());
    }

    #[test]
    fn masks_are_not_written_back() {
        let masking = masking();
        let ada = token(&masking, "ada@example.com");
        for value in ["[EMAIL]", "call [PHONE]", "***@example.com", ada.as_str()] {
            for sql in ["INSERT INTO people (email) VALUES ($1)", "UPDATE people SET email = $1 WHERE state = 'x'"] {
                assert!(sent(&masking, sql, &[value]).unwrap_err().contains("masked value"), "{sql} {value}");
                let literal = sql.replace("$1", &format!("'{value}'"));
                assert!(spliced_text(&masking, &literal).unwrap_err().contains("masked value"), "{literal}");
            }
            assert!(sent(&masking, "SELECT $1", &[value]).is_ok(), "{value}");
        }
        assert_eq!(sent(&masking, "INSERT INTO people (email) VALUES ($1)", &["ada@example.com"]), Ok(None));
        // To delete or change by one is no writing back.
        assert!(sent(&masking, "DELETE FROM people WHERE email = $1", &[&ada]).is_ok());
    }
}
