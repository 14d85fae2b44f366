//! `[mask]` of a policy: every key with its meaning, every mistake with its place.

use std::sync::Arc;

use super::super::pattern::{ColumnPattern, Glob};
use super::super::read::{Groups, agent_groups, name_of};
use super::super::table::{Findings, Table, Word, meant, shown};
use super::{Allowed, Detector, Finder, Mask, Masks, Profile, Said, Style, Unreadable};
use crate::gate::kind::{CUSTOM, Kind, KindSet};

/// First match wins, and each is looked at for each session.
const MOST_PROFILES: usize = 256;
/// Each is looked at for each finding, by a bit of its own.
const MOST_ALLOWED: usize = 64;
/// Bytes that the automaton of one pattern may take.
const MOST_AUTOMATON: usize = 1 << 20;
/// A kind's name stands in the place of a value.
const LONGEST_KIND: usize = 32;

/// Kinds by their names: those that come with the program, and the policy's own.
struct Kinds<'d>(Vec<(&'d str, Kind)>);

impl Kinds<'_> {
    fn known(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| *name).chain(Kind::ALL.iter().map(|kind| kind.name())).collect()
    }

    fn of(&self, name: &str) -> Option<Kind> {
        let own = self.0.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, kind)| *kind);
        own.or_else(|| Kind::of_name(name))
    }

    fn read(&self, findings: &mut Findings<'_>, key: &str, word: Word<'_>) -> Option<Kind> {
        let kind = self.of(word.text);
        if kind.is_none() {
            let upper = word.text.to_ascii_uppercase();
            let text = match meant(&upper, &self.known()) {
                none if none.is_empty() => ": kinds are such as EMAIL, PERSON, CREDIT_CARD, API_KEY".to_owned(),
                meant => meant,
            };
            findings.fail(word.at, format!("{key}: there is no kind {}{text}", shown(word.text)));
        }
        kind
    }

    fn set(&self, table: &mut Table<'_>, findings: &mut Findings<'_>, key: &'static str) -> Option<KindSet> {
        let words = table.texts(findings, key)?;
        Some(words.into_iter().filter_map(|word| self.read(findings, key, word)).fold(KindSet::NONE, KindSet::with))
    }
}

pub fn read(top: &mut Table<'_>, findings: &mut Findings<'_>, groups: &Groups<'_>) -> Masks {
    let Some(mut table) = top.table(findings, "mask") else { return Masks::default() };
    let (own, detectors) = detectors(&mut table, findings);
    let kinds = Kinds(own);
    let base = said(&mut table, findings, &kinds, &Mask::default());
    let base = with_own_columns(base, &detectors);
    let profiles = profiles(&mut table, findings, &kinds, groups, &base);
    let allowed = allowed(&mut table, findings, &kinds);
    table.finish(findings);
    Masks { base: Arc::new(base), profiles, allowed, detectors }
}

/// A detector's columns hold its kind, unless something else is said of them.
fn with_own_columns(mut base: Mask, detectors: &[Detector]) -> Mask {
    for detector in detectors {
        if let Finder::Columns(columns) = &detector.finder {
            base.columns.extend(columns.iter().map(|column| (column.clone(), Said::Whole(detector.kind))));
        }
    }
    base
}

fn said(table: &mut Table<'_>, findings: &mut Findings<'_>, kinds: &Kinds<'_>, base: &Mask) -> Mask {
    let mut mask = base.clone();
    mask.style = table.one_of(findings, "style", &Style::ALL).unwrap_or(mask.style);
    mask.unreadable =
        table.one_of(findings, "unreadable", &[("null", Unreadable::Null), ("error", Unreadable::Error)]).unwrap_or(mask.unreadable);
    mask.embeddings = table.one_of(findings, "embeddings", &[("skip", false), ("mask", true)]).unwrap_or(mask.embeddings);
    mask.may_unmask = table.one_of(findings, "unmask", &[("hold", true), ("deny", false)]).unwrap_or(mask.may_unmask);
    mask.holds = kinds.set(table, findings, "hold_results").unwrap_or(mask.holds);
    let only = kinds.set(table, findings, "only");
    let off = kinds.set(table, findings, "off");
    if only.is_some() && off.is_some() {
        findings.fail(table.place("off"), "off: name the kinds that are looked for (only) or those that are not (off), not both");
    }
    // What is computed from a sensitive column is not known to be of any kind.
    mask.wanted = match (only, off) {
        (Some(only), _) => only.with(Kind::DERIVED),
        (None, Some(off)) => KindSet::ALL.without(off),
        (None, None) => mask.wanted,
    };
    if off.is_some_and(|off| off.has(Kind::DERIVED)) {
        findings.fail(table.place("off"), "off: DERIVED is what is computed from a sensitive column, whatever it holds: it cannot be off");
    }
    if let Some(styles) = table.table(findings, "styles") {
        let known = Style::ALL.map(|(word, _)| word);
        let mut own = Vec::new();
        for (name, style) in styles.texts_by_name(findings) {
            let kind = kinds.read(findings, "styles", name);
            let found = Style::ALL.iter().find(|(word, _)| *word == style.text).map(|(_, style)| *style);
            if found.is_none() {
                let text = format!("{}: expected one of {}, not {}", name.text, known.join(", "), shown(style.text));
                findings.fail(style.at, text + &meant(style.text, &known));
            }
            own.extend(kind.zip(found));
        }
        mask.styles.retain(|(kind, _)| !own.iter().any(|(other, _)| kind == other));
        mask.styles.extend(own);
    }
    let mut columns = Vec::new();
    if let Some(patterns) = table.each(findings, "harmless", ColumnPattern::parse) {
        columns.extend(Vec::from(patterns).into_iter().map(|pattern| (pattern, Said::Harmless)));
    }
    if let Some(named) = table.table(findings, "columns") {
        for (name, held) in named.lists_or_texts(findings) {
            let pattern = match ColumnPattern::parse(name.text) {
                Ok(pattern) => Some(pattern),
                Err(why) => {
                    findings.fail(name.at, format!("columns: {}: {why}", shown(name.text)));
                    None
                }
            };
            let said = match held {
                Ok(word) if word.text == "harmless" => Some(Said::Harmless),
                Ok(word) => kinds.read(findings, name.text, word).map(Said::Whole),
                Err(words) => {
                    let set = words.into_iter().filter_map(|word| kinds.read(findings, name.text, word));
                    Some(Said::Among(set.fold(KindSet::NONE, KindSet::with)))
                }
            };
            columns.extend(pattern.zip(said));
        }
    }
    // What is said here comes before what is said for all.
    columns.append(&mut mask.columns);
    mask.columns = columns;
    mask
}

fn profiles(table: &mut Table<'_>, findings: &mut Findings<'_>, kinds: &Kinds<'_>, groups: &Groups<'_>, base: &Mask) -> Vec<Profile> {
    let tables = table.tables(findings, "profile");
    if tables.len() > MOST_PROFILES {
        findings.fail(table.place("profile"), format!("more than {MOST_PROFILES} profiles: use patterns such as report-*"));
        return Vec::new();
    }
    let mut profiles: Vec<Profile> = Vec::new();
    for mut table in tables {
        let at = table.at;
        let named = table.text(findings, "name");
        let name = named.and_then(|word| match name_of(word.text, LONGEST_KIND) {
            Ok(name) => Some(Box::<str>::from(name)),
            Err(why) => {
                findings.fail(word.at, format!("name: {why}"));
                None
            }
        });
        if named.is_none() {
            findings.fail(at, "a profile needs a name");
        }
        let agents = table.each(findings, "agents", Glob::parse);
        let agent_groups = agent_groups(&mut table, findings, groups);
        let databases = table.each(findings, "databases", Glob::parse);
        let environments = table.each(findings, "environments", Glob::parse);
        let mut mask = said(&mut table, findings, kinds, base);
        mask.unmasked = table.flag(findings, "unmasked").unwrap_or(false);
        let everybody = |globs: Option<&[Glob]>| globs.is_none_or(|globs| globs.iter().any(Glob::is_everything));
        if mask.unmasked && everybody(agents.as_deref()) && everybody(agent_groups.as_deref()) {
            findings.fail(
                table.place("unmasked"),
                "unmasked: say which agents see every value as it is: agents = [\"…\"] or agent_groups = [\"…\"], and not all of them",
            );
        }
        table.finish(findings);
        let unreached = profiles.iter().find(|before| {
            before.agents.is_none() && before.agent_groups.is_none() && before.databases.is_none() && before.environments.is_none()
        });
        if let Some(before) = unreached {
            findings.fail(at, format!("this profile is never reached: profile {:?} before it is for everybody", before.name));
        }
        let Some(name) = name else { continue };
        if profiles.iter().any(|before| before.name == name) {
            findings.fail(at, format!("there is a profile {name:?} already: give it another name"));
        }
        profiles.push(Profile { name, agents, agent_groups, databases, environments, mask: Arc::new(mask) });
    }
    profiles
}

fn allowed(table: &mut Table<'_>, findings: &mut Findings<'_>, kinds: &Kinds<'_>) -> Vec<Allowed> {
    let tables = table.tables(findings, "allow");
    if tables.len() > MOST_ALLOWED {
        findings.fail(table.place("allow"), format!("more than {MOST_ALLOWED} lists of allowed values: one list takes many values"));
        return Vec::new();
    }
    let mut found = Vec::new();
    for mut table in tables {
        let columns = table.each(findings, "columns", ColumnPattern::parse);
        let set = kinds.set(&mut table, findings, "kinds").unwrap_or(KindSet::ALL);
        let values = table.each(findings, "values", |text| if text.is_empty() { Err("it is empty") } else { Ok(Box::<str>::from(text)) });
        let patterns = table.each(findings, "patterns", |text| pattern(&format!("^(?:{text})$")));
        if values.is_none() && patterns.is_none() {
            findings.fail(table.at, "allow: name values = [\"…\"], patterns = [\"…\"] or both");
        }
        table.finish(findings);
        found.push(Allowed { columns, kinds: set, values: values.unwrap_or_default(), patterns: patterns.unwrap_or_default() });
    }
    found
}

/// A pattern over bytes, of a bounded size. Matching one takes linear time.
fn pattern(text: &str) -> Result<regex::bytes::Regex, String> {
    let built = regex::bytes::RegexBuilder::new(text).size_limit(MOST_AUTOMATON).dfa_size_limit(MOST_AUTOMATON).build();
    built.map_err(|error| {
        if let regex::Error::CompiledTooBig(_) = error {
            return "the pattern is too large".to_owned();
        }
        // Its last line says what is wrong; those before draw the pattern.
        error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
    })
}

fn detectors<'d>(table: &mut Table<'d>, findings: &mut Findings<'_>) -> (Vec<(&'d str, Kind)>, Vec<Detector>) {
    let tables = table.tables(findings, "detector");
    let mut kinds: Vec<(&str, Kind)> = Vec::new();
    let mut detectors = Vec::new();
    if tables.len() > CUSTOM {
        findings.fail(table.place("detector"), format!("more than {CUSTOM} detectors"));
        return (kinds, detectors);
    }
    for (place, mut table) in tables.into_iter().enumerate() {
        let at = table.at;
        let name = table.text(findings, "name");
        let finder = finder(&mut table, findings);
        table.finish(findings);
        let Some(name) = name else {
            findings.fail(at, "a detector needs a name: it stands in the place of what it finds");
            continue;
        };
        let fits = |name: &str| {
            name.len() <= LONGEST_KIND
                && name.starts_with(|letter: char| letter.is_ascii_uppercase())
                && name.chars().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_')
        };
        if !fits(name.text) {
            findings.fail(name.at, format!("name: capitals, digits and _ such as EMPLOYEE_NO, not {}", shown(name.text)));
            continue;
        }
        if Kind::of_name(name.text).is_some() || kinds.iter().any(|(known, _)| *known == name.text) {
            findings.fail(name.at, format!("name: there is a kind {} already", name.text));
            continue;
        }
        let (Some(kind), Some(finder)) = (Kind::custom(place), finder) else { continue };
        let (line, column) = findings.place(at);
        kinds.push((name.text, kind));
        detectors.push(Detector { name: name.text.into(), kind, finder, line, column });
    }
    (kinds, detectors)
}

/// One way to find it.
fn finder(table: &mut Table<'_>, findings: &mut Findings<'_>) -> Option<Finder> {
    let entry = |text: &str| if text.trim().is_empty() { Err("it is empty") } else { Ok(Box::<str>::from(text.trim())) };
    let regex = table.text(findings, "regex");
    let before = table.each(findings, "before", entry);
    let entries = table.each(findings, "entries", entry);
    let dictionary = table.text(findings, "dictionary");
    let columns = table.each(findings, "columns", ColumnPattern::parse);
    if before.is_some() && regex.is_none() {
        findings.fail(table.place("before"), "before: words that stand before what a regex finds: it needs one");
    }
    match (regex, entries, dictionary, columns) {
        (Some(word), None, None, None) => match pattern(word.text) {
            Ok(regex) if regex.is_match(b"") => {
                findings.fail(word.at, "regex: it matches where there is nothing, and so everywhere");
                None
            }
            Ok(_) => Some(Finder::Regex { pattern: word.text.into(), before: before.unwrap_or_default() }),
            Err(why) => {
                findings.fail(word.at, format!("regex: {why}"));
                None
            }
        },
        (None, Some(entries), None, None) => Some(Finder::Entries(entries)),
        (None, None, Some(path), None) => Some(Finder::File(path.text.into())),
        (None, None, None, Some(columns)) => Some(Finder::Columns(columns)),
        (None, None, None, None) => {
            findings.fail(table.at, "a detector needs regex, entries, dictionary or columns");
            None
        }
        (_, _, _, _) => {
            findings.fail(table.at, "a detector has one of regex, entries, dictionary and columns: make several of it");
            None
        }
    }
}
