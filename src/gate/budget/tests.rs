#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test says so by failing")]
#![allow(clippy::disallowed_methods, reason = "a beginning of time")]

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::gate::hold::Quantity;
use crate::sql::facts::CopyFormat;

const WINDOW: Duration = Duration::from_secs(600);

fn allowance(rows: u64, sensitive: u64) -> Allowance {
    Allowance { window: WINDOW, rows: Some(rows), sensitive_rows: Some(sensitive), ..Allowance::NONE }
}

fn rows(rows: u64) -> Amount {
    Amount { rows, ..Amount::default() }
}

fn charge(purse: &Purse, now: Instant, allowance: &Allowance, amount: Amount) -> Result<(), Quantity> {
    purse.charge(now, allowance, amount).map_err(|exceeded| exceeded.quantity)
}

#[test]
fn what_was_taken_is_free_again_after_a_window() {
    let (purse, start, ten) = (Purse::default(), Instant::now(), allowance(10, 10));
    let at = |seconds| start + Duration::from_secs(seconds);
    assert_eq!(charge(&purse, at(0), &ten, rows(6)), Ok(()));
    assert_eq!(charge(&purse, at(300), &ten, rows(5)), Err(Quantity::Rows));
    assert_eq!(charge(&purse, at(300), &ten, rows(4)), Ok(()), "what was refused is not charged");
    assert_eq!(purse.spent(at(300), &ten, rows(1)), Some(Exceeded { quantity: Quantity::Rows, limit: 10 }));
    assert_eq!(purse.spent(at(300), &ten, Amount { sensitive: 1, ..Amount::default() }), None);
    assert_eq!(purse.frees_in(at(300), &ten), Duration::from_secs(310));
    assert_eq!(charge(&purse, at(599), &ten, rows(1)), Err(Quantity::Rows));
    assert_eq!(charge(&purse, at(611), &ten, rows(6)), Ok(()));
    assert_eq!(charge(&purse, at(611), &ten, rows(1)), Err(Quantity::Rows));
}

#[test]
fn other_numbers_hold_from_then_on_for_what_was_taken_before() {
    let (purse, start) = (Purse::default(), Instant::now());
    assert_eq!(charge(&purse, start, &allowance(100, 100), rows(60)), Ok(()));
    assert_eq!(charge(&purse, start, &allowance(50, 50), rows(1)), Err(Quantity::Rows));
    assert_eq!(charge(&purse, start, &allowance(61, 50), rows(1)), Ok(()));
    let shorter = Allowance { window: Duration::from_secs(6), ..allowance(10, 10) };
    assert_eq!(charge(&purse, start + Duration::from_secs(17), &shorter, rows(10)), Ok(()));
}

#[test]
fn questions_count_once_each() {
    let (purse, start) = (Purse::default(), Instant::now());
    let two = Allowance { probes: Some(2), ..allowance(1, 1) };
    for (question, expected) in [(1, Ok(())), (2, Ok(())), (1, Ok(())), (3, Err(Quantity::Probes)), (2, Ok(()))] {
        assert_eq!(purse.probe(start, &two, [question; 16], 1).map_err(|exceeded| exceeded.quantity), expected);
    }
    assert_eq!(purse.probe(start + WINDOW, &two, [3; 16], 1), Ok(()));
}

#[test]
fn a_question_counts_for_its_values() {
    let (purse, start) = (Purse::default(), Instant::now());
    let allowance = Allowance { probes: Some(100), ..allowance(1, 1) };
    let ask = |now, question: u8, weight| purse.probe(now, &allowance, [question; 16], weight).map_err(|exceeded| exceeded.quantity);
    // A login, a page of a list; a list of guesses; one long text of them.
    assert_eq!(compared([11, 1, 2].into_iter()), 1);
    assert_eq!(compared(std::iter::repeat_n(11, 90)), 83);
    assert_eq!(compared([9_000].into_iter()), 1_111);
    assert_eq!(ask(start, 1, 83), Ok(()));
    assert_eq!(ask(start, 2, 18), Err(Quantity::Probes));
    assert_eq!(ask(start, 2, 17), Ok(()));
    assert_eq!(ask(start, 1, 83), Ok(()), "the same one again");
    assert_eq!(ask(start, 3, 1), Err(Quantity::Probes));
    assert_eq!(ask(start + WINDOW, 4, 101), Err(Quantity::Probes), "more than is ever allowed");
    assert_eq!(ask(start + WINDOW, 4, 100), Ok(()));
}

#[test]
fn values_that_are_shown_count_once_each_and_are_bounded() {
    let (purse, start) = (Purse::default(), Instant::now());
    let show = |now, limit: u64, values: &[u64]| {
        let allowance = Allowance { sensitive_values: Some(limit), ..allowance(1_000_000, 1_000_000) };
        purse.show(now, &allowance, values).map_err(|exceeded| exceeded.quantity)
    };
    assert_eq!(show(start, 3, &[1, 2, 1, 2]), Ok(()));
    assert_eq!(show(start, 3, &[3, 4]), Err(Quantity::SensitiveValues));
    assert_eq!(show(start, 3, &[2, 3, 3]), Ok(()), "what was refused is not counted, and of one row each counts once");
    assert_eq!(show(start, 3, &[1, 2, 3]), Ok(()));
    let three = Allowance { sensitive_values: Some(3), ..Allowance::NONE };
    let spent = |next| purse.spent(start, &three, next).map(|exceeded| exceeded.quantity);
    assert_eq!(spent(Amount { sensitive: 1, ..Amount::default() }), Some(Quantity::SensitiveValues));
    assert_eq!(spent(Amount { rows: 1, ..Amount::default() }), None, "what may carry nothing sensitive goes on");
    let later = start + WINDOW;
    assert_eq!(show(later, 3, &[4, 5, 6]), Ok(()));
    assert_eq!(show(later, 3, &[1]), Err(Quantity::SensitiveValues));
    let many: Vec<u64> = (0..=u64::try_from(MOST_SHOWN).unwrap()).collect();
    assert_eq!(show(later + WINDOW, u64::MAX, &many), Err(Quantity::SensitiveValues), "however much is allowed, memory is bounded");
    assert_eq!(show(later + WINDOW, u64::MAX, &many[1..]), Ok(()));
}

#[test]
fn an_approval_over_a_limit_is_for_its_shape_and_once() {
    let purse = Purse::default();
    let over = Over::asking(Quantity::SensitiveRows, 1_000);
    assert_eq!((over.raised, over.times()), (10_000, 10));
    purse.raise(7, [1; 16], over);
    assert_eq!((purse.raised_for([2; 16]), purse.raised_for([1; 16])), (None, Some(over)));
    purse.raise(8, [2; 16], over);
    purse.lower(7);
    assert_eq!((purse.raised_for([2; 16]), purse.raised_for([1; 16])), (Some(over), None));
    for hold in 0..1_000 {
        purse.raise(hold, [1; 16], over);
    }
    assert_eq!(purse.raised_for([2; 16]), None, "the number of them is bounded");
}

#[test]
fn a_table_in_one_row_is_not_one_row() {
    // Addresses of five thousand people, as one array.
    assert!(weight(110_000, Cells::Computed) > 1_000 && weight(110_000, Cells::Collected) > 1_000);
    assert_eq!([weight(0, Cells::Collected), weight(512, Cells::Collected), weight(513, Cells::Collected)], [1, 1, 2]);
    assert_eq!([weight(8_192, Cells::Plain), weight(8_193, Cells::Plain), weight(u64::MAX, Cells::Plain)], [1, 2, (u64::MAX >> 10) - 6]);
}

#[test]
fn an_approved_run_leaves_the_purse_as_it_is() {
    let (purse, now, bounds) = (Purse::default(), Instant::now(), Bounds { limits: Limits::NONE, allowance: allowance(10, 2) });
    let mut lease = Lease::NONE;
    let mut take = |meter: &mut Meter, rows: u64| {
        let mut till = Till { purse: &purse, lease: &mut lease, now, bounds: &bounds };
        (0..rows).find_map(|_| meter.row(&mut till, 10, Cells::Plain).err())
    };
    let mut meter = Meter::new(true);
    let over = take(&mut meter, 3).unwrap();
    assert_eq!(over, Over { quantity: Quantity::SensitiveRows, limit: 2, raised: 1_000 });
    let mut raised = Meter::new(true).raised(bounds.raised(over));
    assert_eq!(take(&mut raised, 1_000), None);
    assert_eq!(take(&mut raised, 1), Some(Over { quantity: Quantity::SensitiveRows, limit: 1_000, raised: 10_000 }));
    assert_eq!(take(&mut Meter::new(false), 8), None, "two of ten were taken");
    assert_eq!(take(&mut Meter::new(false), 1).map(|over| over.quantity), Some(Quantity::Rows));
}

#[test]
fn a_statement_has_limits_of_its_own() {
    let limits = Limits { rows: Some(2), copy_in_rows: Some(3), copy_in_bytes: Some(100), ..Limits::NONE };
    let (purse, bounds) = (Purse::default(), Bounds { limits, allowance: Allowance::NONE });
    let mut lease = Lease::NONE;
    let mut till = Till { purse: &purse, lease: &mut lease, now: Instant::now(), bounds: &bounds };
    let mut meter = Meter::new(false);
    assert_eq!([meter.row(&mut till, 1, Cells::Plain), meter.row(&mut till, 1, Cells::Plain)], [Ok(()), Ok(())]);
    assert_eq!(meter.row(&mut till, 1, Cells::Plain).map_err(|over| over.quantity), Err(Quantity::Rows));
    assert_eq!(meter.copied(&mut till, 3, 100), Ok(()));
    assert_eq!(meter.copied(&mut till, 0, 1).map_err(|over| over.quantity), Err(Quantity::CopyInBytes));
    assert_eq!(Meter::new(false).copied(&mut till, 4, 1).map_err(|over| over.quantity), Err(Quantity::CopyInRows));
}

#[test]
fn what_is_counted_in_two_steps_is_leased_together() {
    let (purse, bounds) = (Purse::default(), Bounds { limits: Limits::NONE, allowance: Allowance::default() });
    let (mut lease, mut meter) = (Lease::NONE, Meter::new(true));
    for _ in 0..2 {
        let mut till = Till { purse: &purse, lease: &mut lease, now: Instant::now(), bounds: &bounds };
        meter.plain_row(&mut till, 100, Cells::Plain).unwrap();
        meter.found(&mut till, 100, Cells::Plain).unwrap();
    }
    assert!(lease.left.rows > 0 && lease.left.sensitive > 0 && lease.left.bytes > 0, "the next row asks the purse for nothing");
}

#[derive(Debug, Clone)]
enum Act {
    Wait(u64),
    Charge(u64),
    /// A lease of which so many rows are used.
    Lease(u64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![(0..200_000_u64).prop_map(Act::Wait), (1..60_u64).prop_map(Act::Charge), (1..400_u64).prop_map(Act::Lease),]
}

proptest! {
    /// However it is taken, no window of time has more than the allowance; and what is refused would have been more, counting a part
    /// of a window on top.
    #[test]
    fn never_more_than_the_allowance_in_any_window(acts in prop::collection::vec(act(), 1..300), bound in 1..5_000_u64) {
        let (purse, start) = (Purse::default(), Instant::now());
        let allowance = Allowance { rows: Some(bound), ..allowance(0, 0) };
        let mut now = start;
        let mut taken: Vec<(Instant, u64)> = Vec::new();
        let within = |taken: &[(Instant, u64)], since: Instant| taken.iter().filter(|(at, _)| *at > since).map(|(_, rows)| rows).sum::<u64>();
        for act in acts {
            let (used, refused) = match act {
                Act::Wait(milliseconds) => {
                    now += Duration::from_millis(milliseconds);
                    continue;
                }
                Act::Charge(count) => match purse.charge(now, &allowance, rows(count)) {
                    Ok(()) => (count, 0),
                    Err(_) => (0, count),
                },
                Act::Lease(count) => {
                    let (mut lease, mut used) = (Lease::NONE, 0);
                    while used < count {
                        if !lease.use_up(rows(1)) && purse.renew(&mut lease, now, &allowance, rows(1)).is_err() {
                            break;
                        }
                        used += 1;
                    }
                    purse.give_back(lease);
                    (used, count - used)
                }
            };
            taken.push((now, used));
            let window = now.checked_sub(WINDOW).map_or(0, |since| within(&taken, since));
            prop_assert!(window <= bound, "{window} of {bound}");
            if refused > 0 {
                let longer = now.checked_sub(WINDOW + WINDOW / 60).map_or(u64::MAX, |since| within(&taken, since));
                prop_assert!(longer.saturating_add(refused) > bound, "{refused} refused with {longer} taken of {bound}");
            }
        }
    }

    /// However the data is cut, as many rows are counted.
    #[test]
    fn rows_of_a_copy_are_those_that_the_server_reads(text in "[a\\\\\"'.\n]{0,40}", cuts in prop::collection::vec(1..5_usize, 0..20)) {
        for format in [CopyFormat::Text, CopyFormat::Csv { quote: b'"', escape: b'"' }, CopyFormat::Csv { quote: b'"', escape: b'\'' }, CopyFormat::Unknown] {
            let whole = Copied::new(format).feed(text.as_bytes());
            let (mut copied, mut count, mut rest) = (Copied::new(format), 0, text.as_bytes());
            for cut in &cuts {
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                count += copied.feed(now);
                rest = later;
            }
            prop_assert_eq!(count + copied.feed(rest), whole);
            prop_assert!(whole <= Copied::new(CopyFormat::Unknown).feed(text.as_bytes()), "what is not known counts most");
        }
    }
}

#[test]
fn rows_of_text_and_csv() {
    let csv = CopyFormat::Csv { quote: b'"', escape: b'"' };
    for (format, data, rows) in [
        (CopyFormat::Text, "", 0),
        (CopyFormat::Text, "a\nb\n", 2),
        (CopyFormat::Text, "a\nb", 2),
        (CopyFormat::Text, "\n\n\n", 3),
        (CopyFormat::Text, "a\r\nb\r\n", 2),
        (CopyFormat::Text, "a\rb\r", 2),
        (CopyFormat::Text, "a\\\nb\n", 1),
        (CopyFormat::Text, "a\\\\\nb\n", 2),
        (CopyFormat::Text, "\\N\n\\N\n", 2),
        (CopyFormat::Text, "a\n\\.\nb\nc\n", 1),
        (CopyFormat::Text, "\"a\nb\"\n", 2),
        (csv, "\"a\nb\"\nc\n", 2),
        (csv, "\"a\"\"\nb\"\nc\n", 2),
        (csv, "a\\\nb\n", 2),
        (csv, "\\.x\n\\.y\n", 2),
        (CopyFormat::Csv { quote: b'"', escape: b'\\' }, "\"a\\\"\nb\"\nc\n", 2),
        (CopyFormat::Csv { quote: b'\'', escape: b'\'' }, "'a\nb'\n\"c\nd\"\n", 3),
        (CopyFormat::Unknown, "a\\\n\"b\nc\"\n", 3),
    ] {
        assert_eq!(Copied::new(format).feed(data.as_bytes()), rows, "{data:?} as {format:?}");
    }
}

#[test]
fn rows_of_binary_data() {
    let mut data = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\x02ab".to_vec();
    data.extend_from_slice(b"\0\x02\0\0\0\x03\n\n\n\xff\xff\xff\xff");
    data.extend_from_slice(b"\0\0");
    data.extend_from_slice(b"\0\x01\0\0\0\0");
    data.extend_from_slice(b"\0\x01\0\0\0\x02\xff\xff");
    data.extend_from_slice(b"\xff\xff\0\0\0\x01\0\x01");
    for cut in 0..data.len() {
        let mut copied = Copied::new(CopyFormat::Binary);
        assert_eq!(copied.feed(&data[..cut]) + copied.feed(&data[cut..]), 4);
    }
}
