//! A statement asks to see values as they are, or brings such as a policy holds results for: people are asked, and what they say is for that
//! one run. Values that nobody can read.

use super::*;

const ASKS: &str = "rows 2 /* pgsluice:unmask */";
const MASKED: &str = "T D[EMAIL] D[EMAIL] C Z=I";
const PLAIN: &str = "T Dvalue 0 Dvalue 1 C Z=I";

fn policy(mask: &str) -> Policy {
    let text = format!("[[rule]]\nname = \"all\"\naction = \"allow\"\n[mask]\ncolumns = {{ \"*.*.*\" = \"EMAIL\" }}\n{mask}");
    let limits = (crate::gate::budget::Limits::NONE, crate::gate::budget::Allowance::NONE);
    Policy::parse(&text).unwrap().0.with_limits(limits.0).with_allowance(limits.1)
}

impl Bench {
    /// Sends a script; what the client is told, with the values of rows.
    fn shown(&mut self, script: &Script) -> String {
        self.settle(script);
        self.taken()
    }

    fn taken(&mut self) -> String {
        let bytes = std::mem::take(&mut self.outcome.to_client);
        let mut shown = Vec::new();
        let mut rest = bytes.as_slice();
        while let Ok(Some(head)) = frame::head(rest, &ServerLimits::default()) {
            let (whole, behind) = rest.split_at(head.total());
            let value = if head.tag == b'D' { String::from_utf8_lossy(&whole[frame::HEAD + 6..]).into_owned() } else { String::new() };
            shown.push(tell(whole) + &value);
            rest = behind;
        }
        shown.join(" ")
    }
}

#[test]
fn an_approval_says_whether_values_are_shown_as_they_are() {
    for (verdict, told) in [(Verdict::Approve, MASKED), (Verdict::ApproveUnmasked, PLAIN)] {
        let mut bench = Bench::with_desk(policy(""), None);
        assert_eq!(bench.shown(&Script::default().query("rows 2")), MASKED);
        assert_eq!(bench.shown(&Script::default().query(ASKS)), "E=PS001 Z=I");
        bench.decide(verdict);
        // What did not ask is not served by it.
        assert_eq!(bench.shown(&Script::default().query("rows 2")), MASKED);
        assert_eq!(bench.shown(&Script::default().query(ASKS)), told);
        // Once, and for nothing that comes behind it.
        assert_eq!(bench.shown(&Script::default().query("rows 2").query(ASKS)), format!("{MASKED} E=PS001 Z=I"));
        bench.finish();
    }
}

#[test]
fn a_portal_sees_values_from_its_bind_to_its_end() {
    // What is not understood may have given the portal's name to another one once it ran, for which nobody said so.
    for (limits, told) in [(&[0][..], "2 Dvalue 0 Dvalue 1 C Z=I"), (&[1, 0], "2 Dvalue 0 s D[EMAIL] C Z=I")] {
        let mut bench = Bench::with_desk(policy(""), None);
        let run = |script: Script| limits.iter().fold(script.bind("p", "s"), |script, most| script.execute("p", *most)).sync();
        assert_eq!(bench.shown(&run(Script::default().parse("s", ASKS))), "1 E=PS001 Z=I");
        bench.decide(Verdict::ApproveUnmasked);
        assert_eq!(bench.shown(&run(Script::default())), told);
        // Once.
        assert!(!bench.shown(&run(Script::default())).contains("value"));
        bench.finish();
    }
}

#[test]
fn a_policy_may_forbid_it() {
    let mut bench = Bench::with_desk(policy("unmask = \"deny\""), None);
    assert_eq!(bench.shown(&Script::default().query(ASKS)), "E=42501 Z=I");
    assert!(bench.desk.holds.is_empty() && bench.server.ran.is_empty());
}

#[test]
fn a_result_that_begins_with_what_is_held_is_not_released() {
    let mut bench = Bench::with_desk(policy("hold_results = [\"EMAIL\"]"), None);
    assert_eq!(bench.shown(&Script::default().query("rows 2").query("insert")), "T E=PS004 Z=I C Z=I");
    assert_eq!(bench.desk.over.last().map(|asked| asked.over), Some(Some(crate::gate::hold::Over::FOUND)));
    bench.decide(Verdict::Approve);
    let shape = bench.desk.over[0].shape.digest.0;
    bench.session.terms.purse.raise(1, shape, crate::gate::hold::Over::FOUND);
    // Approved, it is released, and masked.
    assert_eq!(bench.shown(&Script::default().query("rows 2")), MASKED);
    let other = Bench::with_desk(policy("hold_results = [\"US_SSN\"]"), None).shown(&Script::default().query("rows 2"));
    assert_eq!(other, MASKED);
    bench.finish();
}

#[test]
fn values_that_nobody_can_read_are_null_or_end_the_statement() {
    let told = |mask: &str| Bench::with_desk(policy(mask), None).shown(&Script::default().query("odd 2").query("rows 1"));
    assert_eq!(told(""), "T D D C Z=I T D[EMAIL] C Z=I");
    assert_eq!(told("unreadable = \"error\""), "T E=PS004 Z=I T D[EMAIL] C Z=I");
}
