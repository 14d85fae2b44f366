//! From a policy's text to a policy: every key with its meaning, every mistake with its place.

use std::collections::HashMap;
use std::sync::Arc;

use ipnet::IpNet;
use toml::de::DeTable;

use super::cases::{self, Case};
use super::pattern::{ColumnPattern, Glob, Qualified};
use super::rule::Rule;
use super::table::{Findings, Table, meant, shown};
use super::window::{self, Window};
use super::{Action, Policy, Problem, mask, view};
use crate::gate::budget::{Allowance, Limits};
use crate::gate::hold::MOST_APPROVALS;
use crate::sql::effect::{Effect, EffectSet};

/// A policy that people still read; each rule is compared with all before it.
const MOST_RULES: usize = 4096;
/// A name, a reason: what stands in an error and on a page.
const LONGEST_NAME: usize = 64;
const LONGEST_REASON: usize = 500;

/// A group's agents by its name.
pub(super) type Groups<'d> = HashMap<&'d str, Vec<Glob>>;

pub fn policy(text: &str) -> Result<(Policy, Vec<Case>), Vec<Problem>> {
    let mut findings = Findings::new(text);
    let document = match DeTable::parse(text) {
        Ok(document) => document,
        Err(error) => {
            findings.fail(error.span().map_or(0, |span| span.start), format!("not valid TOML: {}", error.message()));
            return Err(findings.into_problems());
        }
    };
    let mut top = Table::top(document.get_ref());
    let policy = whole(&mut top, &mut findings);
    let cases = cases::read(&mut top, &mut findings);
    top.finish(&mut findings);
    if !findings.is_empty() {
        return Err(findings.into_problems());
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, text.as_bytes()).as_ref());
    Ok((Policy { hash, ..policy }, cases))
}

/// Cases that stand in a file of their own.
pub fn cases(text: &str) -> Result<Vec<Case>, Vec<Problem>> {
    let mut findings = Findings::new(text);
    let document = match DeTable::parse(text) {
        Ok(document) => document,
        Err(error) => {
            findings.fail(error.span().map_or(0, |span| span.start), format!("not valid TOML: {}", error.message()));
            return Err(findings.into_problems());
        }
    };
    let mut top = Table::top(document.get_ref());
    let cases = cases::read(&mut top, &mut findings);
    top.finish(&mut findings);
    if findings.is_empty() { Ok(cases) } else { Err(findings.into_problems()) }
}

fn whole(top: &mut Table<'_>, findings: &mut Findings<'_>) -> Policy {
    let observing = top.one_of(findings, "mode", &[("enforce", false), ("observe", true)]).unwrap_or(false);
    let groups = groups(top, findings);
    let rules = rules(top, findings, &groups);
    let limits = limits(top, findings);
    let allowance = allowance(top, findings);
    let masks = Arc::new(mask::read(top, findings, &groups));
    let mut policy = Policy { observing, limits, allowance, masks, ..Policy::of(rules) };
    if let Some(mut table) = top.table(findings, "sensitive") {
        policy.harmless = table.each(findings, "harmless", Qualified::parse).unwrap_or_default();
        table.finish(findings);
    }
    if let Some(mut table) = top.table(findings, "trusted") {
        policy.ships_trust = table.flag(findings, "shipped").unwrap_or(true);
        policy.trusted_extensions = table.each(findings, "extensions", Glob::parse).unwrap_or_default();
        policy.trusted_functions = table.each(findings, "functions", Qualified::parse).unwrap_or_default();
        table.finish(findings);
    }
    if let Some(mut table) = top.table(findings, "belt") {
        policy.read_only = table.each(findings, "read_only", Glob::parse).unwrap_or_default();
        table.finish(findings);
    }
    if let Some(mut table) = top.table(findings, "session") {
        policy.search_path = table.each(findings, "search_path", Glob::parse);
        table.finish(findings);
    }
    if let Some(mut table) = top.table(findings, "hold") {
        policy.wait_in_transaction = table.time(findings, "wait_in_transaction");
        table.finish(findings);
    }
    policy.views = Arc::new(view::Views::default());
    policy
}

fn limits(top: &mut Table<'_>, findings: &mut Findings<'_>) -> Limits {
    let mut limits = Limits::default();
    let Some(mut table) = top.table(findings, "limits") else { return limits };
    limits.rows = table.bound(findings, "rows").unwrap_or(limits.rows);
    limits.bytes = table.size(findings, "bytes").unwrap_or(limits.bytes);
    limits.copy_in_rows = table.bound(findings, "copy_in_rows").unwrap_or(limits.copy_in_rows);
    limits.copy_in_bytes = table.size(findings, "copy_in_bytes").unwrap_or(limits.copy_in_bytes);
    table.finish(findings);
    limits
}

fn allowance(top: &mut Table<'_>, findings: &mut Findings<'_>) -> Allowance {
    let mut allowance = Allowance::default();
    let Some(mut table) = top.table(findings, "budget") else { return allowance };
    allowance.window = table.time(findings, "window").unwrap_or(allowance.window);
    allowance.rows = table.bound(findings, "rows").unwrap_or(allowance.rows);
    allowance.sensitive_rows = table.bound(findings, "sensitive_rows").unwrap_or(allowance.sensitive_rows);
    allowance.sensitive_values = table.bound(findings, "sensitive_values").unwrap_or(allowance.sensitive_values);
    allowance.bytes = table.size(findings, "bytes").unwrap_or(allowance.bytes);
    allowance.copy_in_rows = table.bound(findings, "copy_in_rows").unwrap_or(allowance.copy_in_rows);
    allowance.probes = table.bound(findings, "probes").unwrap_or(allowance.probes);
    allowance.shape_bytes = table.size(findings, "shape_bytes").unwrap_or(allowance.shape_bytes);
    table.finish(findings);
    allowance
}

fn groups<'d>(top: &mut Table<'d>, findings: &mut Findings<'_>) -> Groups<'d> {
    let Some(table) = top.table(findings, "agent_groups") else { return Groups::new() };
    let mut groups = Groups::new();
    for (name, agents) in table.lists(findings) {
        let mut patterns = Vec::new();
        for agent in agents {
            match Glob::parse(agent.text) {
                Ok(pattern) => patterns.push(pattern),
                Err(why) => findings.fail(agent.at, format!("{}: {}: {why}", name.text, shown(agent.text))),
            }
        }
        groups.insert(name.text, patterns);
    }
    groups
}

fn rules(top: &mut Table<'_>, findings: &mut Findings<'_>, groups: &Groups<'_>) -> Vec<Rule> {
    let tables = top.tables(findings, "rule");
    if tables.len() > MOST_RULES {
        findings.fail(top.place("rule"), format!("more than {MOST_RULES} rules: use patterns such as sales_*"));
        return Vec::new();
    }
    let mut rules: Vec<Rule> = Vec::new();
    let mut places: Vec<usize> = Vec::new();
    for table in tables {
        let at = table.at;
        let sound = findings.count();
        let Some(rule) = rule(table, findings, groups) else { continue };
        if let Some((_, place)) = rules.iter().zip(&places).find(|(known, _)| known.name == rule.name) {
            let line = findings.line(*place);
            findings.fail(at, format!("rule {:?} is already on line {line}: give it another name", rule.name));
        }
        // One that was read in part says nothing about others.
        if findings.count() > sound {
            continue;
        }
        if let Some((before, place)) = rules.iter().zip(&places).find(|(before, _)| before.shadows(&rule)) {
            let line = findings.line(*place);
            findings.fail(
                at,
                format!(
                    "rule {:?} is never reached: rule {:?} on line {line} matches all that it would; put it before that one, narrow that one, \
                     or leave this one out",
                    rule.name, before.name
                ),
            );
        }
        rules.push(rule);
        places.push(at);
    }
    rules
}

fn rule(mut table: Table<'_>, findings: &mut Findings<'_>, groups: &Groups<'_>) -> Option<Rule> {
    let has_name = table.value("name").is_some();
    let name = words(&mut table, findings, "name", LONGEST_NAME);
    let has_action = table.value("action").is_some();
    let action = table.one_of(findings, "action", &Action::ALL.map(|action| (action.word(), action)));
    let reason = words(&mut table, findings, "reason", LONGEST_REASON);
    let effects = effects(&mut table, findings);
    let agent_groups = agent_groups(&mut table, findings, groups);
    let reviewers = table.each(findings, "groups", |text| name_of(text, LONGEST_NAME).map(Box::<str>::from));
    if reviewers.is_some() && action.is_some_and(|action| action != Action::Hold) {
        findings.fail(table.place("groups"), "groups: only a rule that holds has people who decide: leave it out");
    }
    let approvals = approvals(&mut table, findings, action);
    let agents = table.each(findings, "agents", Glob::parse);
    let networks = table.each(findings, "networks", network);
    let databases = table.each(findings, "databases", Glob::parse);
    let environments = table.each(findings, "environments", Glob::parse);
    let relations = table.each(findings, "relations", Qualified::parse);
    let columns = table.each(findings, "columns", ColumnPattern::parse);
    let functions = table.each(findings, "functions", Qualified::parse);
    let settings = table.each(findings, "settings", setting);
    let rows_over = table.number(findings, "rows_over");
    let rows_up_to = table.number(findings, "rows_up_to");
    if let (Some(over), Some(up_to)) = (rows_over, rows_up_to)
        && over >= up_to
    {
        findings.fail(table.place("rows_up_to"), format!("rows_up_to: no number of rows is over {over} and up to {up_to}"));
    }
    let open_work = table.one_of(findings, "transaction", &[("open", true), ("none", false)]);
    let window = window(&mut table, findings);
    let at = table.at;
    table.finish(findings);
    if name.is_none() && !has_name {
        findings.fail(at, "a rule needs a name: people and agents read it");
    }
    if action.is_none() && !has_action {
        findings.fail(at, "a rule needs action = \"allow\", \"hold\" or \"deny\"");
    }
    let (name, action) = (name?, action?);
    if reason.is_none() && action != Action::Allow {
        findings.fail(at, format!("rule {name:?} needs a reason: it is what the agent and the reviewer read"));
    }
    let reason = reason.unwrap_or_else(|| format!("rule {name} allows it"));
    let doubt = format!("what it reaches cannot be told before it runs, and it may be what rule {name} is about: {reason}");
    Some(Rule {
        name: name.into(),
        action,
        reason: reason.into(),
        doubt: doubt.into(),
        groups: reviewers.map_or_else(Arc::default, |groups| Arc::from(Vec::from(groups))),
        approvals,
        agents,
        agent_groups,
        networks,
        databases,
        environments,
        effects: effects.unwrap_or_else(|| EffectSet::of(&Effect::ALL)),
        relations,
        columns,
        functions,
        settings,
        rows_over,
        rows_up_to,
        window,
        open_work,
    })
}

/// How many different people have to approve.
fn approvals(table: &mut Table<'_>, findings: &mut Findings<'_>, action: Option<Action>) -> u32 {
    let Some(number) = table.number(findings, "approvals") else { return 1 };
    if action.is_some_and(|action| action != Action::Hold) {
        findings.fail(table.place("approvals"), "approvals: only a rule that holds has people who decide: leave it out");
    }
    match u32::try_from(number) {
        Ok(number) if (1..=MOST_APPROVALS).contains(&number) => number,
        Ok(_) | Err(_) => {
            findings.fail(table.place("approvals"), format!("approvals: expected a number of people from 1 to {MOST_APPROVALS}"));
            1
        }
    }
}

fn words(table: &mut Table<'_>, findings: &mut Findings<'_>, key: &'static str, longest: usize) -> Option<String> {
    let word = table.text(findings, key)?;
    match name_of(word.text, longest) {
        Ok(text) => Some(text.to_owned()),
        Err(why) => {
            findings.fail(word.at, format!("{key}: {why}"));
            Some("?".to_owned())
        }
    }
}

pub(super) fn name_of(text: &str, longest: usize) -> Result<&str, String> {
    if text.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    if text.contains(char::is_control) {
        return Err("it must be one line, without control characters".to_owned());
    }
    if text.chars().count() > longest { Err(format!("it is longer than {longest} letters")) } else { Ok(text) }
}

fn effects(table: &mut Table<'_>, findings: &mut Findings<'_>) -> Option<EffectSet> {
    let words = table.texts(findings, "effects")?;
    let known = Effect::ALL.map(Effect::word);
    let mut effects = EffectSet::NONE;
    for word in words {
        match Effect::of_word(word.text) {
            Some(effect) => effects |= effect.into(),
            None => findings.fail(
                word.at,
                match meant(word.text, &known) {
                    none if none.is_empty() => format!("effects: there is no effect {}: they are {}", shown(word.text), known.join(", ")),
                    meant => format!("effects: there is no effect {}{meant}", shown(word.text)),
                },
            ),
        }
    }
    Some(effects)
}

pub(super) fn agent_groups(table: &mut Table<'_>, findings: &mut Findings<'_>, groups: &Groups<'_>) -> Option<Box<[Glob]>> {
    let words = table.texts(findings, "agent_groups")?;
    let mut agents = Vec::new();
    for word in words {
        match groups.get(word.text) {
            Some(group) => agents.extend(group.iter().cloned()),
            None => {
                let known: Vec<&str> = groups.keys().copied().collect();
                let text = format!("agent_groups: there is no group {} under [agent_groups]{}", shown(word.text), meant(word.text, &known));
                findings.fail(word.at, text);
            }
        }
    }
    Some(agents.into())
}

fn network(text: &str) -> Result<IpNet, &'static str> {
    const WANTED: &str = "expected a network such as 10.0.0.0/8, fd00::/8 or an address";
    let network = text.parse().or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from)).map_err(|_| WANTED)?;
    if network.trunc() == network { Ok(network) } else { Err("the address has bits beyond the prefix: write the network's own address") }
}

fn setting(text: &str) -> Result<Glob, &'static str> {
    if text.chars().any(char::is_uppercase) {
        return Err("names of settings are written in lower case");
    }
    Glob::parse(text)
}

/// `when = { days = ["mon"], hours = ["08:00-18:00"], zone = "+02:00" }`.
fn window(table: &mut Table<'_>, findings: &mut Findings<'_>) -> Option<Window> {
    let mut when = table.table(findings, "when")?;
    let day = |text: &str| window::DAYS.iter().position(|day| *day == text).ok_or_else(|| format!("days are {}", window::DAYS.join(", ")));
    let days = when.each(findings, "days", day);
    let hours = when.each(findings, "hours", |text| window::hours(text).ok_or("expected hours such as \"08:00-18:00\" or \"22:00-06:00\""));
    let ahead = when.text(findings, "zone").map_or(0, |word| {
        window::zone(word.text).unwrap_or_else(|| {
            findings.fail(
                word.at,
                format!("zone: expected \"UTC\" or how far the clock is ahead of it, such as \"+02:00\", not {}", shown(word.text)),
            );
            0
        })
    });
    if days.is_none() && hours.is_none() {
        findings.fail(when.at, "when: name days, hours or both");
    }
    when.finish(findings);
    Some(Window::new(days.as_deref().unwrap_or(&[0, 1, 2, 3, 4, 5, 6]), hours.as_deref().unwrap_or(&[(0, 24 * 60)]), ahead))
}
