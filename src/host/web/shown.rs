//! A hold as it is shown to people and to their commands: one form for pages, for JSON, and for the digest by which a decision says what it was
//! about. What is sensitive in a text is masked unless somebody had it revealed; whoever draws it makes the rest harmless.

use ring::digest::SHA256;
use serde::{Deserialize, Serialize};

use crate::audit::Digest;
use crate::gate::hold::{self, Deliberation, Quantity, State, Verdict};
use crate::host::desk::{Ruled, Sight, StandingGrant, View, Written, bounds_in_words};
use crate::host::when;
use crate::mask::Masking;
use crate::sql::effect::{Effect, EffectSet};
use crate::sql::shape;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shown {
    pub id: String,
    /// waiting, approved, reserved, spent, denied, expired, withdrawn
    pub state: String,
    pub about: About,
    /// RFC 3339. When it ends by itself.
    pub until: String,
    pub decided: Option<Decided>,
    /// Who has approved so far, where several people have to.
    #[serde(default)]
    pub approved: Vec<Approved>,
    /// How many more have to; none where it is decided.
    #[serde(default)]
    pub missing: u32,
    /// RFC 3339. Since when it waits for the people of its groups.
    #[serde(default)]
    pub waits_since: Option<String>,
    /// Of all that is under `about`, masked, and of what was sent: a decision gives it back.
    pub digest: String,
}

/// A hold in a list: nothing that an agent sent as a value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Listed {
    pub id: String,
    pub state: String,
    pub agent: String,
    pub owner: String,
    pub database: String,
    pub environment: Option<String>,
    pub opened: String,
    pub until: String,
    pub effects: Vec<String>,
    pub rule: String,
    pub in_transaction: bool,
    /// The statement without its literals, cut.
    pub shape: Option<String>,
    pub decided: Option<Decided>,
    /// What can be decided together has the same here.
    #[serde(default)]
    pub together: String,
    #[serde(default)]
    pub groups: Vec<String>,
    #[serde(default)]
    pub missing: u32,
    #[serde(default)]
    pub waits_since: Option<String>,
}

/// Letters of a shape in a list.
const MOST_SHAPE: usize = 160;

impl Listed {
    pub fn of(view: &View) -> Self {
        let about = &view.about;
        let shape = view.matter.as_ref().map(|sight| {
            let mut shape = String::new();
            match &sight.sql {
                Written::Text(text) => shape::write(text.as_bytes(), &mut shape),
                Written::Bytes(bytes) => shape::write(bytes, &mut shape),
                Written::Null => {}
            }
            shape.chars().take(MOST_SHAPE).collect()
        });
        Self {
            id: view.id.to_string(),
            state: view.state.word().to_owned(),
            agent: about.agent.to_string(),
            owner: about.owner.to_string(),
            database: about.database.to_string(),
            environment: about.environment.as_deref().map(str::to_owned),
            opened: when::show(about.opened),
            until: when::show(view.until),
            effects: effects(about.effects),
            rule: about.rule.to_string(),
            in_transaction: about.in_transaction,
            shape,
            decided: view.decided.as_ref().map(Decided::of),
            together: together(view),
            groups: view.groups().iter().map(ToString::to_string).collect(),
            missing: missing(view),
            waits_since: view.waits_since().map(when::show),
        }
    }
}

fn together(view: &View) -> String {
    let (session, in_transaction) = view.together();
    if in_transaction { format!("{session} transaction") } else { session.to_string() }
}

fn missing(view: &View) -> u32 {
    if view.state.is_undecided() { view.missing() } else { 0 }
}

fn effects(set: EffectSet) -> Vec<String> {
    Effect::ALL.into_iter().filter(|effect| set.has(*effect)).map(|effect| effect.word().to_owned()).collect()
}

/// What a decision is about. It stays the same as long as the hold waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct About {
    pub agent: String,
    pub owner: String,
    pub database: String,
    pub role: String,
    pub environment: Option<String>,
    pub session: u64,
    /// RFC 3339.
    pub opened: String,
    pub effects: Vec<String>,
    pub rule: String,
    pub reason: String,
    /// Who may decide it; everybody who decides at all where there are none.
    pub groups: Vec<String>,
    /// How many different people have to approve.
    #[serde(default = "one")]
    pub approvals: u32,
    /// What reviewers asked, and what the agent answered: its own claims, unproven.
    #[serde(default)]
    pub dialogue: Vec<Exchange>,
    #[serde(default)]
    pub passed: Vec<Passed>,
    pub in_transaction: bool,
    /// The limit that was reached, in words.
    pub over: Option<String>,
    /// It asks to see values as they are: approved as it is, it sees them masked.
    #[serde(default)]
    pub asks_unmasked: bool,
    /// Erased when the hold closes.
    pub statement: Option<Statement>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Statement {
    pub sql: Text,
    pub parameters: Vec<Parameter>,
    /// The agent's own claims, unproven.
    pub claims: Vec<Claim>,
    pub findings: Vec<String>,
    pub relations: Vec<Relation>,
    pub estimate: Option<Estimate>,
    /// Places of the text, the parameters and the claims where something sensitive is masked.
    #[serde(default)]
    pub masked: usize,
    /// Whole numbers that a standing grant can give room to, in order; one that is masked is none.
    #[serde(default)]
    pub numbers: Vec<Option<i64>>,
    /// Why there can be no standing grant for it.
    #[serde(default)]
    pub unsteady: Option<String>,
}

/// What was sent, without loss: as text, or in hexadecimal digits where it is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Text {
    Text(String),
    Hex(String),
    Null,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// The type's number; 0 where nobody named one.
    pub oid: u32,
    pub value: Text,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    pub name: String,
    pub value: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Relation {
    pub name: String,
    pub kind: String,
    pub oid: u32,
    pub rows: Option<u64>,
    pub bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    pub rows: f64,
    pub widest: f64,
    pub cost: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decided {
    pub approved: bool,
    /// Its run may see values as they are.
    #[serde(default)]
    pub unmasked: bool,
    pub by: String,
    /// RFC 3339.
    pub at: String,
    pub reason: Option<String>,
    /// It was their own agent, in the single-person mode.
    pub single_person: bool,
}

/// One of several people's approval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Approved {
    pub by: String,
    /// RFC 3339.
    pub at: String,
    pub reason: Option<String>,
    #[serde(default)]
    pub unmasked: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    pub by: String,
    /// RFC 3339.
    pub at: String,
    pub question: String,
    /// Empty once the hold is closed.
    pub answer: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Passed {
    pub by: String,
    /// RFC 3339.
    pub at: String,
    pub to: String,
    pub reason: String,
}

fn one() -> u32 {
    1
}

/// A standing grant: nothing that an agent sent as a value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Grant {
    pub id: String,
    pub agent: String,
    pub database: String,
    pub by: String,
    /// RFC 3339.
    pub at: String,
    pub until: String,
    pub times: u32,
    pub used: u32,
    /// The hold it was made from.
    pub hold: String,
    /// The statement without its literals, cut.
    pub shape: String,
    /// In words.
    pub bounds: String,
    pub reason: Option<String>,
}

impl Grant {
    pub fn of(grant: &StandingGrant) -> Self {
        let (given, lasting) = (&grant.given, &grant.lasting);
        Self {
            id: grant.id.to_string(),
            agent: given.agent.to_string(),
            database: given.database.to_string(),
            by: given.by.to_string(),
            at: when::show(given.at),
            until: when::show(lasting.until),
            times: lasting.times,
            used: lasting.used,
            hold: given.hold.to_string(),
            shape: given.shape.to_string(),
            bounds: bounds_in_words(&lasting.rooms),
            reason: given.reason.as_deref().map(str::to_owned),
        }
    }
}

/// A digest as it was shown; what is none is that of nothing.
pub fn digest(shown: &str) -> Digest {
    let byte = |at: usize| shown.get(at..at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok()).unwrap_or(0);
    Digest(std::array::from_fn(|at| byte(at * 2)))
}

/// Of several holds, in their order.
pub fn digest_of_all(holds: &[Shown]) -> String {
    let all: Vec<_> = holds.iter().map(|shown| (&shown.id, &shown.digest)).collect();
    hashed(&serde_json::to_vec(&all).unwrap_or_default())
}

fn hashed(bytes: &[u8]) -> String {
    ring::digest::digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Shown {
    /// With what is sensitive in it masked.
    pub fn of(view: &View, masking: &Masking) -> Self {
        let (talk, places) = view.masked_talk(masking);
        let statement = view.matter.as_ref().map(|sight| {
            let (sight, masked) = sight.masked(masking);
            Statement { masked: masked.saturating_add(places), ..Statement::of(&sight) }
        });
        let about = About::of(view, &talk, statement);
        // Everything in it is plain data: it always has a form in JSON, and none would match nothing. What is masked is in it by a digest that
        // nobody can try values against.
        let bytes = serde_json::to_vec(&(view.id.number(), &about, view.bound.0)).unwrap_or_default();
        Self {
            id: view.id.to_string(),
            state: view.state.word().to_owned(),
            until: when::show(view.until),
            decided: view.decided.as_ref().map(Decided::of),
            approved: view.talk.assents.iter().map(Approved::of).collect(),
            missing: missing(view),
            waits_since: view.waits_since().map(when::show),
            digest: hashed(&bytes),
            about,
        }
    }

    /// As it was sent. A decision about it is one about what is shown masked.
    pub fn revealed(view: &View, masking: &Masking) -> Self {
        let masked = Self::of(view, masking);
        Self { about: About::of(view, &view.talk, view.matter.as_ref().map(Statement::of)), ..masked }
    }

    pub fn is_waiting(&self) -> bool {
        self.state == State::Waiting.word() || self.state == State::Asked.word()
    }

    /// That there is nothing left to decide, in words.
    pub fn already(&self) -> String {
        match &self.decided {
            Some(decided) => format!("already decided by {}: it is {}", decided.by, self.state),
            None => format!("it is {} already", self.state),
        }
    }
}

impl Decided {
    fn of(ruled: &Ruled) -> Self {
        Self {
            approved: ruled.verdict.approves(),
            unmasked: ruled.verdict == Verdict::ApproveUnmasked,
            by: ruled.by.to_string(),
            at: when::show(ruled.at),
            reason: ruled.reason.as_deref().map(str::to_owned),
            single_person: ruled.single_person,
        }
    }
}

impl About {
    fn of(view: &View, talk: &Deliberation, statement: Option<Statement>) -> Self {
        let about = &view.about;
        Self {
            agent: about.agent.to_string(),
            owner: about.owner.to_string(),
            database: about.database.to_string(),
            role: about.role.to_string(),
            environment: about.environment.as_deref().map(str::to_owned),
            session: about.session,
            opened: when::show(about.opened),
            effects: effects(about.effects),
            rule: about.rule.to_string(),
            reason: about.reason.to_string(),
            groups: view.groups().iter().map(ToString::to_string).collect(),
            approvals: about.approvals,
            dialogue: talk.exchanges.iter().map(Exchange::of).collect(),
            passed: talk.passes.iter().map(Passed::of).collect(),
            in_transaction: about.in_transaction,
            over: about.over.map(|over| {
                if over.quantity == Quantity::Found {
                    "its result begins with values for which the policy holds results; an approval releases it, masked".to_owned()
                } else {
                    format!("reached {} {}; an approval raises the limit to {}", over.limit, over.quantity.word(), over.raised)
                }
            }),
            asks_unmasked: about.asks_unmasked,
            statement,
        }
    }
}

impl Approved {
    fn of(one: &hold::Assent) -> Self {
        let (by, at, reason) = (one.by.to_string(), when::show(one.at), one.reason.as_deref().map(str::to_owned));
        Self { by, at, reason, unmasked: one.unmasked }
    }
}

impl Exchange {
    fn of(one: &hold::Exchange) -> Self {
        let answer = one.answer.as_ref().map(|answer| answer.text.to_string());
        Self { by: one.by.to_string(), at: when::show(one.at), question: one.question.to_string(), answer }
    }
}

impl Passed {
    fn of(one: &hold::Pass) -> Self {
        Self { by: one.by.to_string(), at: when::show(one.at), to: one.to.to_string(), reason: one.reason.to_string() }
    }
}

impl Statement {
    fn of(sight: &Sight) -> Self {
        let task = sight.task.as_deref().map(|task| Claim { name: "task".to_owned(), value: task.to_owned() });
        let tags = sight.tags.iter().map(|tag| Claim { name: tag.name.clone(), value: tag.value.clone() });
        let relation = |relation: &crate::gate::catalog::Relation| Relation {
            name: format!("{}.{}", relation.schema, relation.name),
            kind: relation.kind.to_owned(),
            oid: relation.oid,
            rows: relation.rows,
            bytes: relation.bytes,
        };
        Self {
            sql: Text::of(&sight.sql),
            parameters: sight.parameters.iter().map(|one| Parameter { oid: one.oid, value: Text::of(&one.value) }).collect(),
            claims: task.into_iter().chain(tags).fold(Vec::new(), |mut claims, claim| {
                // The task may come from a tag.
                if !claims.contains(&claim) {
                    claims.push(claim);
                }
                claims
            }),
            findings: sight.findings.iter().map(ToString::to_string).collect(),
            relations: sight.relations.iter().map(relation).collect(),
            estimate: sight.estimate.map(|estimate| Estimate { rows: estimate.rows, widest: estimate.widest, cost: estimate.cost }),
            masked: 0,
            numbers: sight.numbers.iter().map(|one| one.value).collect(),
            unsteady: sight.unsteady.as_deref().map(str::to_owned),
        }
    }
}

impl Text {
    fn of(written: &Written) -> Self {
        match written {
            Written::Null => Self::Null,
            Written::Text(text) => Self::Text(text.to_string()),
            Written::Bytes(bytes) => Self::Hex(bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
        }
    }
}

/// That something is masked, in words.
pub fn masked_places(places: usize) -> String {
    if places == 1 {
        "Something sensitive in it is masked.".to_owned()
    } else {
        format!("Sensitive values in it are masked in {places} places.")
    }
}

/// A size for people.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes;
    let mut unit = 0;
    while value >= 10 * 1024 && unit + 1 < UNITS.len() {
        value /= 1024;
        unit += 1;
    }
    format!("{} {}", number(value), UNITS.get(unit).copied().unwrap_or_default())
}

/// A number with its thousands apart.
pub fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_numbers_for_people() {
        for (bytes, shown) in [(0, "0 bytes"), (8192, "8,192 bytes"), (16384, "16 KiB"), (3 << 30, "3,072 MiB"), (30 << 30, "30 GiB")] {
            assert_eq!(size(bytes), shown);
        }
        assert_eq!(number(1_234_567), "1,234,567");
    }
}
