//! Who may decide a hold. Names are compared as people enter them: without regard to case and to space around them.

/// Somebody who wants to decide.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decider {
    /// As it goes on the record.
    pub name: Box<str>,
    /// What else this person is called: the operating system's name for them.
    pub aliases: Vec<Box<str>>,
    pub groups: Vec<Box<str>>,
    /// Their role lets them decide: reviewers and administrators.
    pub reviews: bool,
}

impl Decider {
    /// All that this person is called.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&*self.name).chain(self.aliases.iter().map(|alias| &**alias))
    }
}

/// Why somebody may not decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Barred {
    /// No reviewer.
    Role,
    /// It is their own agent.
    Owner,
    /// The rule wants somebody of a group that they are not in.
    Group,
}

/// Returns whether it takes the single-person mode to let them: then the record says so. `groups` are those that the rule names, if any.
pub fn may_decide(decider: &Decider, owner: &str, groups: &[Box<str>], single_person: bool) -> Result<bool, Barred> {
    if !decider.reviews {
        return Err(Barred::Role);
    }
    let in_group = |group: &str| decider.groups.iter().any(|own| same(own, group));
    if !groups.is_empty() && !groups.iter().any(|group| in_group(group)) {
        return Err(Barred::Group);
    }
    // Several people may own an agent.
    let owns = owner.split([',', ';']).any(|owner| decider.names().any(|name| same(name, owner)));
    if owns && !single_person { Err(Barred::Owner) } else { Ok(owns) }
}

pub(super) fn same(one: &str, other: &str) -> bool {
    let folded = |name: &str| name.trim().to_lowercase();
    folded(one) == folded(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decider(name: &str, aliases: &[&str], groups: &[&str]) -> Decider {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).into()).collect();
        Decider { name: name.into(), aliases: texts(aliases), groups: texts(groups), reviews: true }
    }

    #[test]
    fn nobody_decides_for_an_agent_of_theirs_under_any_of_their_names() {
        for (name, aliases, owner) in [
            ("ann", &[] as &[&str], "ann"),
            ("Ann ", &[], "ann"),
            ("ann@example.com", &["ANN"], "ann"),
            ("ann", &[], "bob, Ann"),
            ("Änn", &[], "änn"),
        ] {
            let ann = decider(name, aliases, &[]);
            assert_eq!(may_decide(&ann, owner, &[], false), Err(Barred::Owner), "{name} {owner}");
            assert_eq!(may_decide(&ann, owner, &[], true), Ok(true), "{name} {owner}");
        }
        assert_eq!(may_decide(&decider("anna", &[], &[]), "ann", &[], true), Ok(false));
    }

    #[test]
    fn roles_and_groups_count_in_the_single_person_mode_too() {
        let auditor = Decider { reviews: false, ..decider("rita", &[], &["dba"]) };
        assert_eq!(may_decide(&auditor, "ann", &["dba".into()], true), Err(Barred::Role));
        let rita = decider("rita", &[], &["DBA"]);
        assert_eq!(may_decide(&rita, "ann", &["legal".into()], true), Err(Barred::Group));
        assert_eq!(may_decide(&rita, "ann", &["legal".into(), "dba".into()], false), Ok(false));
    }
}
