//! Which controls each section is evidence for, and how. Ids and titles are those of the frameworks (the Trust Services Criteria have no
//! titles: theirs are our words); what they ask for is in them, not here.

use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    Chain,
    Volumes,
    SignIns,
    Holds,
    Separation,
    Configuration,
    Agents,
    People,
    Keys,
    Removals,
    Gaps,
    AuditReads,
    SignOffs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub enum Framework {
    #[serde(rename = "SOC 2")]
    Soc2,
    #[serde(rename = "ISO/IEC 27001:2022 Annex A")]
    Iso27001,
    #[serde(rename = "NIST SP 800-53 Rev. 5")]
    Nist80053,
}

impl Framework {
    pub const ALL: [Self; 3] = [Self::Soc2, Self::Iso27001, Self::Nist80053];

    pub fn name(self) -> &'static str {
        match self {
            Self::Soc2 => "SOC 2 (Trust Services Criteria)",
            Self::Iso27001 => "ISO/IEC 27001:2022, Annex A",
            Self::Nist80053 => "NIST SP 800-53 Rev. 5 (as FedRAMP baselines use it)",
        }
    }
}

/// A section as evidence for a control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Control {
    pub section: Section,
    pub framework: Framework,
    pub id: &'static str,
    pub title: &'static str,
    pub how: &'static str,
}

macro_rules! controls {
    ($($section:ident { $($framework:ident $id:literal $title:literal: $how:literal;)+ })+) => {
        pub const CONTROLS: &[Control] = &[$($(
            Control { section: Section::$section, framework: Framework::$framework, id: $id, title: $title, how: $how },
        )+)+];
    };
}

controls! {
    Chain {
        Soc2 "CC7.2" "Monitoring of system components": "Shows that the record monitoring works from was not changed after it was written.";
        Iso27001 "A.5.28" "Collection of evidence": "A hash chain with signed checkpoints lets others check that the evidence is whole.";
        Iso27001 "A.5.33" "Protection of records": "Edits, removals, reordering and cuts of the record are found by verifying.";
        Iso27001 "A.8.15" "Logging": "Tells whether the log is intact at the time of the report.";
        Nist80053 "AU-8" "Time Stamps": "Each record has its time in UTC, and none is before that of the record it follows.";
        Nist80053 "AU-9" "Protection of Audit Information": "Detects unauthorized modification and deletion up to the last checkpoint kept elsewhere.";
        Nist80053 "AU-9(3)" "Cryptographic Protection": "SHA-256 chain, Ed25519 signatures; the keys that signed are named.";
        Nist80053 "AU-10" "Non-repudiation": "Each execution and decision is tied to a name in a record that cannot be quietly changed.";
    }
    Volumes {
        Soc2 "CC6.1" "Logical access security": "Every statement passes one gate, and counts here with its verdict.";
        Soc2 "CC7.2" "Monitoring of system components": "Figures by agent, day, verdict, effect and error, against which anomalies stand out.";
        Iso27001 "A.8.3" "Information access restriction": "Which agents were allowed what, and how often they were refused.";
        Iso27001 "A.8.11" "Data masking": "Values masked, by kind, where masking is in use.";
        Iso27001 "A.8.16" "Monitoring activities": "Activity of agents against the database in numbers.";
        Nist80053 "AC-3" "Access Enforcement": "Verdicts show that access was enforced statement by statement.";
        Nist80053 "AC-6(9)" "Log Use of Privileged Functions": "Executions counted by effect: DDL, privileges, code, administration.";
        Nist80053 "AU-2" "Event Logging": "The kinds of events that were recorded, with their numbers.";
        Nist80053 "AU-3" "Content of Audit Records": "Who, when, from where, what and with what outcome is recorded for each.";
        Nist80053 "AU-12" "Audit Record Generation": "Executions, refusals and sign-ins as they were recorded in the period.";
    }
    SignIns {
        Soc2 "CC6.1" "Logical access security": "Sign-ins and those denied, by agent, reason and address.";
        Soc2 "CC6.6" "Threats from outside the boundary": "Denied sign-ins by the address they came from.";
        Iso27001 "A.8.5" "Secure authentication": "Every sign-in is authenticated, and every failure recorded.";
        Iso27001 "A.8.16" "Monitoring activities": "Failures to sign in, by agent and origin.";
        Nist80053 "AC-7" "Unsuccessful Logon Attempts": "Unsuccessful attempts, by agent, code and address.";
        Nist80053 "AU-2" "Event Logging": "Successful and denied sign-ins are among the recorded events.";
    }
    Holds {
        Soc2 "CC6.3" "Authorization by role and least privilege": "Risky statements were run only after a person's decision, with reason and time.";
        Soc2 "CC7.3" "Evaluation of security events": "How people evaluated what was stopped, and how fast.";
        Soc2 "CC8.1" "Change management": "Changes to data and schema that were held: who authorized them, and when they ran.";
        Iso27001 "A.5.15" "Access control": "Rules that held statements, and the decisions about them.";
        Iso27001 "A.5.25" "Assessment and decision on information security events": "Each hold with its decision and the reason given.";
        Iso27001 "A.8.32" "Change management": "Approval of changes before they were made, one by one.";
        Nist80053 "AC-3" "Access Enforcement": "An approval is tied to one execution and used up by it.";
        Nist80053 "AC-6" "Least Privilege": "What goes beyond an agent's standing rights was decided case by case.";
        Nist80053 "CM-3" "Configuration Change Control": "Held schema changes with approver, time and reason.";
    }
    Separation {
        Soc2 "CC6.3" "Authorization by role and least privilege": "Decisions by an agent's owner, or by an agent, are looked for and listed.";
        Iso27001 "A.5.3" "Segregation of duties": "People who administer, decide and sign off are set against each other.";
        Iso27001 "A.8.2" "Privileged access rights": "Who used rights to administer, to decide, to reveal.";
        Nist80053 "AC-5" "Separation of Duties": "Violations and overlaps of duties, each with its record.";
        Nist80053 "AC-6" "Least Privilege": "Which roles people had, and which they used.";
        Nist80053 "AU-9(4)" "Access by Subset of Privileged Users": "Who administers, and who reads and signs off the record.";
    }
    Configuration {
        Soc2 "CC7.1" "Detection of configuration changes": "Changes of settings, with those that were refused.";
        Soc2 "CC8.1" "Change management": "Changes of policy with their author and the version before.";
        Iso27001 "A.8.9" "Configuration management": "Which settings changed, and when.";
        Iso27001 "A.8.32" "Change management": "Policy versions and who put them in force.";
        Nist80053 "CM-3" "Configuration Change Control": "Each change of configuration and policy as it took effect.";
        Nist80053 "CM-6" "Configuration Settings": "Digests tell which configuration was in force when.";
    }
    Agents {
        Soc2 "CC6.2" "Registration and removal of users": "Agents added, given new credentials and revoked, by whom, with their owners.";
        Iso27001 "A.5.16" "Identity management": "The life of each agent's identity.";
        Iso27001 "A.5.17" "Authentication information": "When credentials of agents were renewed.";
        Iso27001 "A.5.18" "Access rights": "Granting and withdrawal of access, with who did it.";
        Nist80053 "AC-2" "Account Management": "Creation, change and removal of agents' accounts.";
        Nist80053 "AC-2(4)" "Automated Audit Actions": "Those changes were recorded without anybody's doing.";
        Nist80053 "IA-5" "Authenticator Management": "Renewal of agents' passwords.";
    }
    People {
        Soc2 "CC6.2" "Registration and removal of users": "People added, changed and removed, by whom.";
        Soc2 "CC6.3" "Authorization by role and least privilege": "Roles that people were given and lost.";
        Iso27001 "A.5.18" "Access rights": "Roles given and taken, with who did it.";
        Iso27001 "A.8.2" "Privileged access rights": "Who may decide, administer and audit.";
        Nist80053 "AC-2" "Account Management": "Creation, change and removal of people's accounts.";
        Nist80053 "AC-6(7)" "Review of User Privileges": "The roles to be reviewed, and when they changed.";
    }
    Keys {
        Soc2 "CC6.1" "Logical access security": "Changes of the keys that protect the record.";
        Iso27001 "A.8.24" "Use of cryptography": "Signing and sealing keys in use, and their succession.";
        Nist80053 "AU-9(3)" "Cryptographic Protection": "Whether each signing key was endorsed by the one before.";
        Nist80053 "SC-12" "Cryptographic Key Establishment and Management": "Key changes with their author.";
    }
    Removals {
        Soc2 "C1.2" "Disposal of confidential information": "Texts erased from the record, by whom and why.";
        Iso27001 "A.5.33" "Protection of records": "What was removed from the record, so that nothing is missing unexplained.";
        Iso27001 "A.8.10" "Information deletion": "Erasures with reasons, and pruning of old segments.";
        Iso27001 "A.8.13" "Information backup": "Backups that were restored.";
        Nist80053 "AU-11" "Audit Record Retention": "How far back the record was pruned, and when.";
        Nist80053 "AU-9" "Protection of Audit Information": "Removals are recorded and named.";
    }
    Gaps {
        Soc2 "CC7.2" "Monitoring of system components": "Times in which nothing could be recorded, or the program ended from outside.";
        Soc2 "CC7.5" "Recovery": "What recovery found and closed.";
        Iso27001 "A.8.15" "Logging": "Where the log is less than complete, and how much.";
        Nist80053 "AU-4" "Audit Log Storage Capacity": "Standstills because the disk was full.";
        Nist80053 "AU-5" "Response to Audit Logging Process Failures": "While nothing could be recorded, nothing ran; what was refused is counted.";
    }
    AuditReads {
        Soc2 "CC6.1" "Logical access security": "Reading the record is itself recorded.";
        Iso27001 "A.8.15" "Logging": "Access to logs, by person.";
        Iso27001 "A.8.34" "Protection of information systems during audit testing": "What auditors asked for, and when.";
        Nist80053 "AU-6" "Audit Record Review, Analysis, and Reporting": "That the record was looked at, by whom and for what.";
        Nist80053 "AU-7" "Audit Record Reduction and Report Generation": "Searches, exports and reports that were made.";
        Nist80053 "AU-9(4)" "Access by Subset of Privileged Users": "Who has used access to the record.";
    }
    SignOffs {
        Soc2 "CC4.1" "Ongoing and separate evaluations": "Periods that a reviewer looked through and signed off.";
        Soc2 "CC7.3" "Evaluation of security events": "Stretches that nobody reviewed are named.";
        Iso27001 "A.5.35" "Independent review of information security": "Who reviewed, apart from those who decide and administer.";
        Iso27001 "A.8.16" "Monitoring activities": "That activity was evaluated, and for which time.";
        Nist80053 "AU-6" "Audit Record Review, Analysis, and Reporting": "Review of the record, and how much of the period it covers.";
        Nist80053 "AC-5" "Separation of Duties": "Sign-offs by people who decided or administered are named as overlaps.";
    }
}

pub fn of(section: Section) -> impl Iterator<Item = &'static Control> {
    CONTROLS.iter().filter(move |control| control.section == section)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn a_control_has_one_title_and_stands_once_in_a_section() {
        let mut titles = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for control in CONTROLS {
            assert_eq!(*titles.entry((control.framework, control.id)).or_insert(control.title), control.title, "{}", control.id);
            assert!(seen.insert((control.section, control.framework, control.id)), "{:?} {}", control.section, control.id);
        }
    }

    #[test]
    fn every_section_serves_every_framework() {
        let sections: BTreeSet<_> = CONTROLS.iter().map(|control| control.section).collect();
        for section in sections {
            let served: BTreeSet<_> = of(section).map(|control| control.framework).collect();
            assert_eq!(served.len(), Framework::ALL.len(), "{section:?}");
        }
    }
}
