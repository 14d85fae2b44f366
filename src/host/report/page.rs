//! The report as one page: no scripts, nothing loaded, fit for paper and for dark rooms. Whatever came from the record is text.

use std::collections::BTreeMap;

use maud::{DOCTYPE, Markup, html};

use super::Report;
use super::bounded::{List, Tally};
use super::changes::Row;
use super::controls::{self, CONTROLS, Framework, Section};
use super::duties::{Finding, Weight};
use super::holds::{HoldRow, HoldState, decision_word};
use super::period::{DAY, Period};
use super::volumes::Work;
use crate::audit::checkpoint::key_name;
use crate::host::when;

/// Rows of one table; the JSON has them all.
const MOST_ROWS: usize = 1_000;

const STYLE: &str = include_str!("page.css");

const SECTIONS: [(Section, &str, &str); 13] = [
    (
        Section::Chain,
        "The record itself",
        "The hash chain of all segments was walked when this report was made. An edit, removal, reordering or cut is found up to the last checkpoint that is kept off the machine; who controls the machine and the signing key could write anew what came after it.",
    ),
    (
        Section::Volumes,
        "Volumes",
        "An execution, a refusal and a sign-in count when they began, an outcome with its rows and bytes when it was reached. “Prepared” was sent to the server without being run.",
    ),
    (Section::SignIns, "Sign-ins denied", "Nobody was let in. Names that no agent has are counted together; each is on its record."),
    (
        Section::Holds,
        "Holds and decisions",
        "Statements that waited for people. The time to a decision is taken from the hold to the first approval or denial by a person; states are those at the period’s end.",
    ),
    (
        Section::Separation,
        "Separation of duties",
        "A violation is what pgsluice is built to prevent. An overlap may be right; somebody should say so. Owners and agents are compared by name, without regard to capital letters.",
    ),
    (Section::Configuration, "Configuration and policy", "Changes as they took effect, or were refused."),
    (Section::Agents, "Agents", "Added, changed (given a new password) and revoked."),
    (Section::People, "People", "Roles given and taken."),
    (Section::Keys, "Keys", "What checkpoints are signed with, and what texts are sealed to."),
    (Section::Removals, "Erasures, pruning, restored backups", "What the record no longer holds, or what set it back."),
    (Section::Gaps, "Gaps", "Where the record has less than everything. While nothing can be recorded, nothing runs."),
    (
        Section::AuditReads,
        "Readers of the record",
        "Every search, export and report. This report’s own reading is among them where it lies in the period.",
    ),
    (
        Section::SignOffs,
        "Sign-offs",
        "Stretches of the period that a reviewer looked through. A sign-off covers nothing that came after it was given.",
    ),
];

fn key(section: Section) -> &'static str {
    match section {
        Section::Chain => "chain",
        Section::Volumes => "volumes",
        Section::SignIns => "sign-ins",
        Section::Holds => "holds",
        Section::Separation => "separation",
        Section::Configuration => "configuration",
        Section::Agents => "agents",
        Section::People => "people",
        Section::Keys => "keys",
        Section::Removals => "removals",
        Section::Gaps => "gaps",
        Section::AuditReads => "audit-reads",
        Section::SignOffs => "sign-offs",
    }
}

/// A number with its thousands apart.
fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// How long, to two units.
fn span(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match seconds {
        0 => format!("{milliseconds} ms"),
        1..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        86_400.. => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

pub(super) fn render(report: &Report) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { "pgsluice: evidence " (when::day(report.period.from.0)) " to " (last_day(report.period)) }
                style { (maud::PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { "Evidence report" }
                    p { "From " b { (report.period.from.short()) } " (included) to " b { (report.period.to.short()) } " (not included), made "
                        (report.made.short()) " by " (report.program) "." }
                    p.note { (report.note) }
                    @if let Some(cut) = &report.cut_short {
                        p.bad { "The record could not be read behind number " (cut.after_seq) ": " (cut.reason) ". What follows is what came before." }
                    }
                }
                (summary(report))
                @for (section, title, about) in SECTIONS {
                    section id=(key(section)) {
                        h2 { (title) }
                        p.about { (about) }
                        (body(report, section))
                        (serves(section))
                    }
                }
                (index())
            }
        }
    };
    page.into_string()
}

/// The day that the period's last moment is in.
fn last_day(period: Period) -> String {
    when::day(period.to.0.saturating_sub(1).max(period.from.0))
}

fn summary(report: &Report) -> Markup {
    let total = &report.volumes.total;
    let facts = [
        ("Executions", number(total.executions)),
        ("Sign-ins", number(total.sign_ins)),
        ("Sign-ins denied", number(report.volumes.denied_total)),
        ("Refused", number(total.refused)),
        ("Holds", number(report.holds.held)),
        ("Undecided", number(report.holds.undecided)),
        ("Violations of duties", number(report.separation.violations)),
        ("Outcome unknown", number(report.gaps.outcome_unknown)),
        ("Standstills", number(report.gaps.standstills)),
        ("Stretches not signed off", number(u64::try_from(report.sign_offs.uncovered.len()).unwrap_or(u64::MAX))),
    ];
    html! {
        section id="summary" {
            h2 { "In short" }
            (soundness(report))
            dl.facts { @for (label, value) in facts { div { dt { (label) } dd { (value) } } } }
            nav { ol { @for (section, title, _) in SECTIONS { li { a href={ "#" (key(section)) } { (title) } } } } }
        }
    }
}

fn soundness(report: &Report) -> Markup {
    let found = &report.chain.found;
    html! {
        @match report.chain.problem() {
            None => p.good { "The chain is whole: " (number(found.records)) " records in " (number(found.segments)) " segments verified." },
            Some(problem) => p.bad { "The record is not sound: " (problem) ". Figures in this report may be of a record that was changed." },
        }
    }
}

fn body(report: &Report, section: Section) -> Markup {
    match section {
        Section::Chain => chain(report),
        Section::Volumes => volumes(report),
        Section::SignIns => sign_ins(report),
        Section::Holds => holds(report),
        Section::Separation => separation(report),
        Section::Configuration => rows(&report.changes.configuration),
        Section::Agents => rows(&report.changes.agents),
        Section::People => rows(&report.changes.people),
        Section::Keys => rows(&report.changes.keys),
        Section::Removals => rows(&report.changes.removals),
        Section::Gaps => gaps(report),
        Section::AuditReads => audit_reads(report),
        Section::SignOffs => sign_offs(report),
    }
}

fn facts(facts: &[(&str, String)]) -> Markup {
    html! { table.facts { tbody { @for (label, value) in facts { tr { th scope="row" { (label) } td { (value) } } } } } }
}

fn chain(report: &Report) -> Markup {
    let (chain, found) = (&report.chain, &report.chain.found);
    let keys: Vec<_> = found.keys.iter().map(|key| format!("{} since record {}", key_name(key.key), key.since)).collect();
    let mut lines = vec![
        ("Journal", found.journal.map_or_else(String::new, |id| id.to_string())),
        ("Epoch", found.epoch.to_string()),
        ("Segments", number(found.segments)),
        ("Records", format!("{} ({} to {})", number(found.records), found.first_seq, found.last_seq)),
        ("Records of the period", number(report.records)),
        ("Hash of the last record", found.last_hash.to_string()),
        ("Checkpoints in it", number(found.checkpoints)),
        ("Keys that signed", keys.join(", ")),
        ("Checkpoints kept elsewhere that fit", format!("{}, up to record {}", number(found.anchors), found.anchored_seq)),
        ("Records behind the last checkpoint", number(chain.behind_checkpoint)),
    ];
    if let Some(last) = &chain.last_checkpoint {
        lines.push(("Last checkpoint", format!("record {} at {}, key {}, hash {}", last.seq, last.at.short(), last.key_name, last.hash)));
    }
    let said = found.findings.iter().map(ToString::to_string).chain(found.warnings.iter().map(|warning| format!("warning: {warning}")));
    html! {
        (soundness(report)) (facts(&lines))
        @if !found.findings.is_empty() || !found.warnings.is_empty() { ul { @for line in said.take(MOST_ROWS) { li { (line) } } } }
        (more(found.findings.len().saturating_add(found.warnings.len()), found.more_findings.saturating_add(found.more_warnings)))
    }
}

/// A column of a table of work.
type Column = (&'static str, fn(&Work) -> u64);

const COLUMNS: [Column; 14] = [
    ("Sign-ins", |work| work.sign_ins),
    ("Executions", |work| work.executions),
    ("Prepared", |work| work.prepared),
    ("Refused", |work| work.refused),
    ("Completed", |work| work.completed.saturating_add(work.suspended)),
    ("Failed", |work| work.failed),
    ("Cancelled", |work| work.cancelled.saturating_add(work.stopped)),
    ("Skipped", |work| work.skipped),
    ("Unknown", |work| work.unknown),
    ("Rows sent", |work| work.rows),
    ("Bytes sent", |work| work.bytes),
    ("Bytes received", |work| work.received),
    ("Rows changed or counted", |work| work.affected),
    ("Values masked", |work| work.masked),
];

fn work(heading: &str, tally: &Tally<Work>, total: &Work) -> Markup {
    let cells = |work: &Work| html! { @for (_, value) in COLUMNS { td.n { (number(value(work))) } } };
    html! {
        div.wide { table {
            thead { tr { th { (heading) } @for (label, _) in COLUMNS { th.n { (label) } } } }
            tbody {
                @for (name, work) in tally.named.iter().take(MOST_ROWS) { tr { th scope="row" { (name) } (cells(work)) } }
                @if tally.unnamed > 0 { tr { th scope="row" { "(all others)" } (cells(&tally.others)) } }
            }
            tfoot { tr { th scope="row" { "Together" } (cells(total)) } }
        } }
        (more(tally.named.len(), 0))
    }
}

fn counts(heading: &str, tally: &Tally<u64>) -> Markup {
    let mut sorted: Vec<_> = tally.named.iter().collect();
    sorted.sort_by(|one, other| other.1.cmp(one.1).then(one.0.cmp(other.0)));
    html! {
        @if !sorted.is_empty() {
            table {
                thead { tr { th { (heading) } th.n { "Number" } } }
                tbody {
                    @for (name, count) in sorted.iter().take(MOST_ROWS) { tr { td { (name) } td.n { (number(**count)) } } }
                    @if tally.unnamed > 0 { tr { td { "(all others)" } td.n { (number(tally.others)) } } }
                }
            }
            (more(sorted.len(), 0))
        }
    }
}

/// Says what a table leaves out.
fn more(entries: usize, unlisted: u64) -> Markup {
    let hidden = u64::try_from(entries.saturating_sub(MOST_ROWS)).unwrap_or(0);
    html! {
        @if hidden > 0 { p.note { (number(hidden)) " more are in the report’s JSON." } }
        @if unlisted > 0 { p.note { (number(unlisted)) " more are on the record and in no report: take a shorter period." } }
    }
}

fn volumes(report: &Report) -> Markup {
    let volumes = &report.volumes;
    html! {
        h3 { "By agent" } (work("Agent", &volumes.by_agent, &volumes.total))
        h3 { "By day (UTC)" } (work("Day", &volumes.by_day, &volumes.total))
        h3 { "By what they were" }
        div.columns {
            (counts("Verdict", &volumes.by_verdict)) (counts("Effect", &volumes.by_effect)) (counts("Way", &volumes.by_way))
            (counts("Command", &volumes.by_command)) (counts("SQLSTATE", &volumes.by_code)) (counts("Rule", &volumes.by_rule)) (counts("Table", &volumes.by_table))
            (counts("Masked", &volumes.masked_by_kind))
        }
    }
}

fn sign_ins(report: &Report) -> Markup {
    let volumes = &report.volumes;
    html! {
        p { (number(volumes.denied_total)) " denied, " (number(volumes.total.sign_ins)) " let in." }
        div.columns {
            (counts("Reason (SQLSTATE)", &volumes.denied_by_code)) (counts("Agent", &volumes.denied_by_agent))
            (counts("Address", &volumes.denied_by_address))
        }
    }
}

fn state_word(state: HoldState) -> &'static str {
    match state {
        HoldState::Waiting => "waiting",
        HoldState::Approved => "approved, not used",
        HoldState::Denied => "denied",
        HoldState::Expired => "expired",
        HoldState::Withdrawn => "withdrawn",
        HoldState::Spent => "approved and run",
    }
}

fn holds(report: &Report) -> Markup {
    let holds = &report.holds;
    let taken = |time: Option<u64>| time.map_or_else(|| "–".to_owned(), span);
    html! {
        (facts(&[
            ("Held", number(holds.held)),
            ("Undecided at the end", number(holds.undecided)),
            ("Approvals used", number(holds.spent)),
            ("Standing grants made, and ended early", format!("{}, {}", holds.grants.count(), holds.grants_ended)),
            ("Masked values revealed to reviewers", number(holds.reveals)),
            ("Time to a decision, median", taken(holds.median_milliseconds_to_decision)),
            ("… 90 of 100 within", taken(holds.p90_milliseconds_to_decision)),
            ("… longest", taken(holds.longest_milliseconds_to_decision)),
        ]))
        @if holds.not_followed > 0 { p.warn { (number(holds.not_followed)) " holds were too many to follow at once." } }
        div.columns { (counts("Decision", &holds.decisions)) (counts("Decided by", &holds.decisions_by_person)) }
        @if !holds.rows.entries.is_empty() {
            div.wide { table {
                thead { tr { th { "Hold" } th { "Held" } th { "Agent (owner)" } th { "Rule, effects, why" } th { "Decisions" } th { "After" } th { "State" } } }
                tbody { @for row in holds.rows.entries.iter().take(MOST_ROWS) { (hold(row)) } }
            } }
            (more(holds.rows.entries.len(), holds.rows.more))
        }
        @if !holds.grants.entries.is_empty() {
            h3 { "Standing grants" }
            div.wide { table {
                thead { tr { th { "Grant" } th { "Made" } th { "Agent" } th { "By" } th { "Until" } th.n { "Times" } th { "Bounds" } } }
                tbody { @for row in holds.grants.entries.iter().take(MOST_ROWS) { tr {
                    td { (row.grant) } td { (row.at.short()) } td { (row.agent) } td { (row.by) } td { (row.until.short()) } td.n { (row.times) }
                    td { (row.bounds.as_deref().unwrap_or("")) }
                } } }
            } }
            (more(holds.grants.entries.len(), holds.grants.more))
        }
    }
}

fn hold(row: &HoldRow) -> Markup {
    html! { tr {
        td { (row.hold) br; small { "record " (row.seq) } }
        td { (row.held_at.short()) }
        td { (row.agent) " (" (row.owner) ")" }
        td { (row.rule.as_deref().unwrap_or("–")) br; small { (row.effects.join(", ")) } @if let Some(why) = &row.why { br; (why) } }
        td { @for decision in &row.decisions { p {
            b { (decision_word(decision.decision)) } " by " (decision.by.as_deref().unwrap_or("nobody")) " " small { (decision.at.short()) }
            @if !decision.groups.is_empty() { " " small { "for " (decision.groups.join(", ")) } }
            @if let Some(through) = &decision.through { " " small { "through " (through) } }
            @if let Some(reason) = &decision.reason { br; q { (reason) } }
        } } }
        td { (row.milliseconds_to_decision.map_or_else(|| "–".to_owned(), span)) }
        td { (state_word(row.state)) @if let Some(at) = row.spent_at { br; small { (at.short()) } } }
    } }
}

fn finding_words(finding: &Finding) -> &'static str {
    match finding.what {
        "decided_by_owner" => "The agent’s owner decided its hold",
        "decided_by_agent" => "An agent decided a hold",
        "decided_by_nobody" => "A decision has nobody’s name",
        "decided_by_auditor" => "Somebody with no role but auditor decided a hold",
        "decided_without_hold" => "The hold that was decided is not followed on this record",
        "approved_twice_by_one" => "One person gave two of a hold’s approvals",
        "decided_in_several_groups" => "One person decided for several groups",
        "spent_without_approval" => "An approval was used that this record does not have, or that was used before",
        "granted_by_agent" => "An agent made a standing grant",
        "granted_by_owner" => "The agent’s owner made a standing grant for it",
        "changed_own_role" => "Somebody changed their own role",
        "administers_and_decides" => "One person administers and decides",
        "decides_and_signs_off" => "One person decides and signs off",
        "administers_and_signs_off" => "One person administers and signs off",
        "signed_off_by_agent" => "An agent signed off",
        other => other,
    }
}

fn separation(report: &Report) -> Markup {
    let separation = &report.separation;
    html! {
        @if separation.violations == 0 { p.good { "No violation was found." } } @else { p.bad { (number(separation.violations)) " violations." } }
        @if separation.overlaps > 0 { p.warn { (number(separation.overlaps)) " overlaps to judge." } }
        @if !separation.findings.entries.is_empty() {
            div.wide { table {
                thead { tr { th { "Weight" } th { "What" } th { "Who" } th { "Hold" } th { "Record" } th { "When" } } }
                tbody { @for finding in separation.findings.entries.iter().take(MOST_ROWS) { tr {
                    td { @match finding.weight { Weight::Violation => b.bad { "violation" }, Weight::Overlap => "overlap" } }
                    td { (finding_words(finding)) } td { (finding.who) }
                    td { @if let Some(hold) = finding.hold { (hold) } }
                    td { @if let Some(seq) = finding.seq { (seq) } } td { @if let Some(at) = finding.at { (at.short()) } }
                } } }
            } }
            (more(separation.findings.entries.len(), separation.findings.more))
        }
        @if !separation.people.named.is_empty() {
            h3 { "Who did what" }
            div.wide { table {
                thead { tr { th { "Person" } th { "Roles at the end" } th.n { "Administered" } th.n { "Decided" } th.n { "Granted" } th.n { "Revealed" }
                    th.n { "Signed off" } th.n { "Read the record" } } }
                tbody { @for (person, duties) in separation.people.named.iter().take(MOST_ROWS) { tr {
                    th scope="row" { (person) }
                    td { @if let Some(roles) = separation.roles.get(person) { (roles.iter().map(String::as_str).collect::<Vec<_>>().join(", ")) } }
                    @for count in [duties.administered, duties.decided, duties.granted, duties.revealed, duties.signed_off, duties.read_the_audit] {
                        td.n { (number(count)) }
                    }
                } } }
            } }
            (more(separation.people.named.len(), separation.people.unnamed))
        }
    }
}

fn rows(list: &List<Row>) -> Markup {
    html! {
        @if list.entries.is_empty() { p { "None in this period." } } @else {
            div.wide { table {
                thead { tr { th { "Record" } th { "When" } th { "What" } th { "Which" } th { "How" } th { "By" } th { "Why" } } }
                tbody { @for row in list.entries.iter().take(MOST_ROWS) { tr {
                    td { (row.seq) } td { (row.at.short()) } td { (row.kind) } td.id { (row.subject) } td.id { (row.detail) }
                    td { (row.by.as_deref().unwrap_or("")) } td { (row.reason.as_deref().unwrap_or("")) }
                } } }
            } }
            (more(list.entries.len(), list.more))
        }
    }
}

fn gaps(report: &Report) -> Markup {
    let gaps = &report.gaps;
    html! {
        (facts(&[
            ("Starts, and of them without a stop before", format!("{}, {}", gaps.starts, gaps.starts_after_a_crash)),
            ("Stops in order", number(gaps.stops)),
            ("Recoveries of the journal", number(gaps.recoveries)),
            ("… bytes of torn records set aside", number(gaps.bytes_cut)),
            ("… executions and sessions closed", format!("{}, {}", gaps.orphans, gaps.sessions_closed)),
            ("Executions with outcome unknown", number(gaps.outcome_unknown)),
            ("Executions without an end at the end", number(gaps.without_an_end)),
            ("Standstills, in which nothing could be recorded and nothing ran", number(gaps.standstills)),
            ("… statements refused in them", number(gaps.refused_in_standstills)),
            ("Records that only a newer program reads", number(gaps.of_a_newer_program)),
        ]))
        (rows(&gaps.rows))
    }
}

fn audit_reads(report: &Report) -> Markup {
    let reads = &report.audit_reads;
    html! {
        div.columns { (counts("Person", &reads.by_person)) (counts("Command or page", &reads.by_command)) }
        @if reads.rows.entries.is_empty() { p { "None in this period." } } @else {
            div.wide { table {
                thead { tr { th { "Record" } th { "When" } th { "Who" } th { "What" } th { "Asked for" } } }
                tbody { @for row in reads.rows.entries.iter().take(MOST_ROWS) { tr {
                    td { (row.seq) } td { (row.at.short()) } td { (row.by) } td { (row.what) } td { (row.asked.as_deref().unwrap_or("")) }
                } } }
            } }
            (more(reads.rows.entries.len(), reads.rows.more))
        }
    }
}

fn sign_offs(report: &Report) -> Markup {
    let offs = &report.sign_offs;
    let length = |stretch: &Period| {
        let length = stretch.to.0.saturating_sub(stretch.from.0);
        if length.is_multiple_of(DAY) { format!("{} d", length / DAY) } else { span(length / 1000) }
    };
    html! {
        @if offs.uncovered.is_empty() { p.good { "The whole period was signed off." } } @else {
            p.warn { "Not signed off:" }
            ul { @for stretch in offs.uncovered.iter().take(MOST_ROWS) {
                li { (stretch.from.short()) " to " (stretch.to.short()) " (" (length(stretch)) ")" }
            } }
        }
        @if !offs.rows.entries.is_empty() {
            div.wide { table {
                thead { tr { th { "Record" } th { "Given" } th { "By" } th { "Period signed off" } th { "Covers of this period" } th { "Up to record" } th { "Remark" } } }
                tbody { @for row in offs.rows.entries.iter().take(MOST_ROWS) { tr {
                    td { (row.seq) } td { (row.at.short()) } td { (row.by) } td { (row.from.short()) " to " (row.to.short()) }
                    td { (row.covers.from.short()) " to " (row.covers.to.short()) } td.id { (row.last_seq) " " small { (row.last_hash) } }
                    td { (row.remark.as_deref().unwrap_or("")) }
                } } }
            } }
            (more(offs.rows.entries.len(), offs.rows.more))
        }
    }
}

fn serves(section: Section) -> Markup {
    html! {
        details.controls open {
            summary { "Evidence for" }
            table { tbody { @for control in controls::of(section) { tr {
                td { (control.framework.name()) } td.id { (control.id) } td { (control.title) } td { (control.how) }
            } } } }
        }
    }
}

/// By framework and control, the sections to look in.
fn index() -> Markup {
    let mut index: BTreeMap<(Framework, &str, &str), Vec<Section>> = BTreeMap::new();
    for control in CONTROLS {
        index.entry((control.framework, control.id, control.title)).or_default().push(control.section);
    }
    let title = |section: Section| SECTIONS.iter().find(|known| known.0 == section).map_or("", |known| known.1);
    html! {
        section id="controls" {
            h2 { "Controls and the sections that are evidence for them" }
            p.about { "Ids and titles are the frameworks’ own, but for the titles of SOC 2’s criteria, which have none. Whether a control is met is an assessor’s judgement, \
                with more evidence than this." }
            @for framework in Framework::ALL {
                h3 { (framework.name()) }
                table { tbody { @for ((_, id, name), sections) in index.iter().filter(|((of, ..), _)| *of == framework) { tr {
                    td.id { (id) } td { (name) }
                    td { @for section in sections { a href={ "#" (key(*section)) } { (title(*section)) } " " } }
                } } } }
            }
        }
    }
}
