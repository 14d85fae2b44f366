#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use super::*;

#[test]
fn what_ships_is_sound_and_says_what_its_cases_say() {
    for (name, which) in BUILT_IN {
        let (policy, own) = Policy::parse(which.text()).unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
        let beside = cases::parse(which.cases()).unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
        assert!(own.is_empty() && !beside.is_empty());
        let wrong: Vec<String> =
            beside.iter().filter_map(|case| Some(format!("line {}: {}", case.line, case.check(&policy).err()?))).collect();
        assert!(wrong.is_empty(), "{name}: {wrong:#?}");
    }
}
