//! What is told of a hold, before it takes any place's form: words of ours, and texts of others that each place makes harmless in its own way.
//! It is made of what people are shown and nothing else, so that what is sensitive in it is masked.

use crate::host::visible::{Piece, deceives, pieces};
use crate::host::web::shown::{About, Decided, Estimate, Relation, Statement};
use crate::host::web::{Shown, Text, masked_places, number, size};

/// Lines of a text, those that are too long for a narrow window counted as several: what is further down is not seen at a glance.
const MOST_LINES: usize = 60;
/// Letters in one line of such a window.
const WIDE: usize = 80;
/// Ends of lines, and letters, of a gap in a text. Behind a larger one something could be hidden.
const MOST_BLANK_LINES: usize = 4;
const MOST_BLANKS: usize = WIDE;

/// A text that somebody else wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub label: &'static str,
    pub text: String,
}

#[derive(Debug, Clone)]
pub struct Telling {
    pub shown: Shown,
    /// The hold's page.
    pub link: String,
    /// Nobody has decided for a while.
    pub is_second: bool,
    /// Each a line.
    pub facts: Vec<Said>,
    /// Whole texts, of several lines.
    pub texts: Vec<Said>,
    /// Words of ours.
    pub notes: Vec<String>,
    /// Who decided, or how it ended.
    pub outcome: Option<String>,
}

impl Telling {
    pub fn of(shown: Shown, link: String, is_second: bool) -> Self {
        let mut told = Self { outcome: outcome(&shown), shown, link, is_second, facts: Vec::new(), texts: Vec::new(), notes: Vec::new() };
        let shown = told.shown.clone();
        told.about(shown.about, &shown.until);
        told
    }

    pub fn is_open(&self) -> bool {
        self.shown.is_waiting()
    }

    fn fact(&mut self, label: &'static str, text: impl Into<String>) {
        self.facts.push(Said { label, text: text.into() });
    }

    fn text(&mut self, label: &'static str, lines: Vec<String>) {
        if !lines.is_empty() {
            self.texts.push(Said { label, text: lines.join("\n") });
        }
    }

    /// Everything that a decision is about is told here: whatever is added to it has to find its place.
    fn about(&mut self, about: About, until: &str) {
        let About {
            agent,
            owner,
            database,
            role,
            environment,
            session,
            opened,
            effects,
            rule,
            reason,
            groups,
            approvals,
            dialogue,
            passed,
            in_transaction,
            over,
            asks_unmasked,
            statement,
        } = about;
        self.fact("Agent", agent);
        self.fact("Owner", owner);
        self.fact("Database", environment.map_or_else(|| database.clone(), |environment| format!("{database} ({environment})")));
        self.fact("Role", role);
        self.fact("Effects", effects.join(", "));
        self.fact("Rule", format!("{rule}: {reason}"));
        if !groups.is_empty() {
            self.fact("For", groups.join(", "));
        }
        if approvals > 1 {
            self.fact("Approvals", format!("{approvals} different people have to approve"));
        }
        // What people write, nobody masks: what was asked, its page shows.
        self.text("Passed on", passed.into_iter().map(|one| format!("by {} to {} at {}", one.by, one.to, one.at)).collect());
        if !dialogue.is_empty() {
            self.notes.push("The agent was asked about it: its page has what was asked and answered.".to_owned());
        }
        self.fact("Session", session.to_string());
        self.fact("Since", opened);
        if self.is_open() {
            self.fact("Until", until.to_owned());
        }
        if in_transaction {
            self.notes.push("It stands in a transaction that is open.".to_owned());
        }
        self.notes.extend(over.map(|over| format!("It {over}.")));
        if asks_unmasked {
            self.notes
                .push("It asks to see values unmasked. Approved here it sees them masked; its page can approve it unmasked.".to_owned());
        }
        if let Some(statement) = statement {
            self.statement(statement);
        }
    }

    fn statement(&mut self, statement: Statement) {
        // What a standing grant could give room to, its page tells.
        let Statement { sql, parameters, claims, findings, relations, estimate, masked, numbers: _, unsteady: _ } = statement;
        self.text("Statement", vec![written(sql)]);
        let parameters = parameters.into_iter().enumerate().map(|(at, parameter)| {
            let kind = if parameter.oid == 0 { String::new() } else { format!(" (type {})", parameter.oid) };
            format!("${}{kind} = {}", at.saturating_add(1), written(parameter.value))
        });
        self.text("Parameters", parameters.collect());
        self.text(
            "The agent's own claims, which nobody has checked",
            claims.into_iter().map(|one| format!("{}: {}", one.name, one.value)).collect(),
        );
        self.text("Found out", findings);
        let relation = |relation: Relation| {
            let rows = relation.rows.map_or_else(|| "unknown".to_owned(), number);
            format!("{} {} ({}): about {rows} rows, {}", relation.kind, relation.name, relation.oid, size(relation.bytes))
        };
        self.text("It touches", relations.into_iter().map(relation).collect());
        if let Some(Estimate { rows, widest, cost }) = estimate {
            self.notes
                .push(format!("The planner expects about {rows:.0} rows back, {widest:.0} at the widest step, at a cost of {cost:.0}."));
        }
        if masked > 0 {
            self.notes.push(format!("{} It runs as it was sent.", masked_places(masked)));
        }
    }

    /// Whether all of it can be told as it is, at a glance: nothing in it that is not what it looks like, and no gap that hides what follows.
    pub fn is_plain(&self) -> bool {
        let facts = self.facts.iter().all(|said| !deceives(&said.text) && !said.text.contains(['\n', '\t', '`']));
        let whole = self.shown.about.statement.is_some() && self.shown.about.dialogue.is_empty();
        whole && facts && self.texts.iter().all(|said| !deceives(&said.text) && !said.text.contains('`') && is_seen_whole(&said.text))
    }
}

fn written(text: Text) -> String {
    match text {
        Text::Text(text) => text,
        Text::Hex(digits) => format!("no text in UTF-8; its bytes: {digits}"),
        Text::Null => "NULL".to_owned(),
    }
}

fn is_seen_whole(text: &str) -> bool {
    let lines = text.lines().map(|line| line.chars().count() / WIDE + 1).sum::<usize>();
    let gap = text.split(|letter: char| !letter.is_whitespace());
    let open = gap.into_iter().all(|gap| gap.chars().count() <= MOST_BLANKS && gap.matches('\n').count() <= MOST_BLANK_LINES);
    lines <= MOST_LINES && open
}

/// How it ended, and by whom. Why, its page says: reasons are written for the agent, and nobody masks them.
fn outcome(shown: &Shown) -> Option<String> {
    let by = |what: &str, decided: &Decided| format!("{what} by {} at {}", decided.by, decided.at);
    match (shown.state.as_str(), &shown.decided) {
        ("expired", None) => Some("Expired: nobody decided in time".to_owned()),
        ("withdrawn", None) => Some("Withdrawn: nothing runs by it".to_owned()),
        ("waiting", _) | (_, None) => None,
        (_, Some(decided)) if decided.unmasked => Some(by("Approved, to see values unmasked,", decided)),
        (_, Some(decided)) if decided.approved => Some(by("Approved", decided)),
        (_, Some(decided)) => Some(by("Denied", decided)),
    }
}

/// A text as it can be seen: what acts instead of being seen stands as its code point; so do the letters for which `acts` holds.
pub fn visible(text: &str, acts: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    let code_point = |out: &mut String, letter: char| out.push_str(&format!("U+{:04X}", u32::from(letter)));
    for piece in pieces(text) {
        match piece {
            Piece::Plain(plain) => {
                for letter in plain.chars() {
                    if acts(letter) { code_point(&mut out, letter) } else { out.push(letter) }
                }
            }
            Piece::Hidden(letter) => code_point(&mut out, letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_behind_a_gap_or_far_down_is_not_seen_at_a_glance() {
        for (text, whole) in [
            ("SELECT 1".to_owned(), true),
            (format!("SELECT 1{}DROP TABLE t", "\n".repeat(4)), true),
            (format!("SELECT 1{}DROP TABLE t", "\n".repeat(5)), false),
            (format!("SELECT 1{}DROP TABLE t", "\n".repeat(5000)), false),
            (format!("SELECT 1{}DROP TABLE t", " \n\t".repeat(5)), false),
            (format!("SELECT 1{}DROP TABLE t", " ".repeat(81)), false),
            ("SELECT 1,\n".repeat(61), false),
            (format!("SELECT '{}'", "x".repeat(80 * 61)), false),
        ] {
            assert_eq!(is_seen_whole(&text), whole, "{:.40}", text);
        }
    }

    #[test]
    fn what_acts_stands_as_its_code_point() {
        assert_eq!(visible("a\u{202e}b`c", |letter| letter == '`'), "aU+202EbU+0060c");
    }
}
