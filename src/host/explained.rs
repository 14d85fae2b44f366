//! What a policy would do with a statement, in words: its facts, the rule, the reason, and what would be masked. By its text alone: no server is
//! asked.

use crate::audit::Digest;
use crate::gate::Policy;
use crate::gate::catalog::Resolved;
use crate::gate::policy::cases::Trial;
use crate::gate::policy::{Action, Choice};
use crate::mask::foreseen::{Foreseen, foreseen};
use crate::mask::profile::{Profile, Profiles};
use crate::session::Scribe;
use crate::sql::facts::{Facts, How};

/// Names and texts; a text may be empty. `source` says where the policy comes from.
pub fn explained(trial: &Trial, policy: &Policy, profiles: &Profiles, source: &str) -> Vec<(&'static str, String)> {
    let facts = trial.facts(policy);
    let (resolved, estimate) = (Resolved::of_text(&facts), trial.estimate());
    let tried = trial.run(policy, &facts, &resolved, estimate.as_ref());
    let mut lines = told(&facts);
    lines.insert(0, ("effects", tried.effects.to_string()));
    lines.insert(0, ("statement", Scribe::default().seen(&trial.sql, &profiles.for_people()).text));
    lines.extend(decided(&tried.choice));
    lines.push(("policy", format!("{source}, hash {}", Digest::cut(&policy.hash()))));
    lines.push(("masked", masked(&facts, profiles.of(&trial.subject))));
    let mut note = "by the text alone; a running server asks the database's catalog as well, and may hold what passes here".to_owned();
    if tried.choice.depends.estimate {
        note.push_str("; how many rows it brings is not known here: say how many to expect");
    }
    lines.push(("judged", note));
    lines
}

/// What would be masked of what it brings, as far as names tell.
fn masked(facts: &Facts, profile: &Profile) -> String {
    if profile.unmasked {
        return "nothing: the policy shows this agent every value as it is".to_owned();
    }
    let told = |column: Foreseen<'_>| {
        let kinds: Vec<&str> = column.kinds.iter().map(|kind| profile.name_of(kind)).collect();
        format!("{} ({})", column.name, kinds.join(", "))
    };
    let by_name = listed(foreseen(facts, profile).into_iter().map(told), false);
    let by_name = if by_name.is_empty() { "nothing by name".to_owned() } else { by_name };
    format!("{by_name}; every value is searched besides")
}

fn told(facts: &Facts) -> Vec<(&'static str, String)> {
    let statements = &facts.statements;
    let relation = |relation: &crate::sql::facts::Relation| {
        let how = match relation.how {
            How::Read => "read",
            How::Written => "written",
            How::Defined => "defined",
            How::Altered => "altered",
            How::Dropped => "dropped",
        };
        format!("{}.{} ({how})", relation.schema.as_deref().unwrap_or("?"), relation.name)
    };
    let name = |schema: Option<&str>, name: &str| schema.map_or_else(|| name.to_owned(), |schema| format!("{schema}.{name}"));
    vec![
        ("kind", listed(statements.iter().map(|statement| statement.kind.to_owned()), true)),
        ("tables", listed(statements.iter().flat_map(|statement| &statement.relations).map(relation), false)),
        (
            "columns",
            listed(
                statements.iter().flat_map(|statement| &statement.columns).map(|column| name(column.qualifier.as_deref(), &column.name)),
                false,
            ),
        ),
        (
            "functions",
            listed(
                statements
                    .iter()
                    .flat_map(|statement| &statement.functions)
                    .map(|function| name(function.name.schema.as_deref(), &function.name.name)),
                false,
            ),
        ),
        ("settings", listed(statements.iter().flat_map(|statement| &statement.settings).map(|setting| setting.name.to_string()), false)),
        ("opaque", facts.opaque.map_or_else(String::new, |reason| reason.words().to_owned())),
    ]
}

/// More than people read of one statement.
const MOST: usize = 20;

fn listed(names: impl Iterator<Item = String>, repeated: bool) -> String {
    let mut found: Vec<String> = Vec::new();
    for name in names {
        if found.len() == MOST {
            found.push("…".to_owned());
            break;
        }
        if repeated || !found.contains(&name) {
            found.push(name);
        }
    }
    found.join(", ")
}

fn decided(choice: &Choice<'_>) -> Vec<(&'static str, String)> {
    let would = choice.observed.unwrap_or(choice.action);
    let decision = match choice.observed {
        Some(_) => format!("{} (it would be; this policy only watches, and it passes)", would.word()),
        None => would.word().to_owned(),
    };
    let who = match would {
        Action::Hold => {
            let whose = if choice.groups.is_empty() { String::new() } else { format!(" of {}", choice.groups.join(", ")) };
            match choice.approvals {
                1 if whose.is_empty() => "any reviewer".to_owned(),
                1 => format!("reviewers{whose}"),
                many => format!("{many} different reviewers{whose}"),
            }
        }
        Action::Allow | Action::Deny => String::new(),
    };
    vec![("decision", decision), ("rule", choice.rule.to_string()), ("reason", choice.reason.to_string()), ("decided by", who)]
}
