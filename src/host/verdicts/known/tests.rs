use super::*;
use crate::mask::{Kind, KindSet};

const NOTHING: Holding = Holding::Mixed(KindSet::NONE);

fn column(attribute: i16, name: &str, type_oid: u32) -> KnownColumn {
    KnownColumn { attribute, name: name.into(), type_oid, named: NOTHING, sampled: Vec::new(), learned: None, marked: None, defined: None }
}

fn known(name: &str, columns: Vec<KnownColumn>) -> Known {
    let looks = vec![Look { role: "r".into(), at: 1, rows: Some(5) }];
    Known {
        schema: "public".into(),
        name: name.into(),
        parents: Vec::new(),
        guarded: false,
        columns,
        definition: None,
        looks,
        doubted: false,
    }
}

fn sampled(mut column: KnownColumn, role: &str, holding: Holding) -> KnownColumn {
    column.sample(&role.into(), holding, 5);
    column
}

fn shown(facts: &Facts, role: &str, overrules: &[Overrule]) -> Verdicts {
    facts.verdicts(Sight { generation: 1, role, database: "d", overrules }, None)
}

fn verdict(verdicts: &Verdicts, relation: u32, attribute: i16) -> Verdict {
    verdicts.of(ColumnId { relation, attribute }).unwrap()
}

#[test]
fn what_may_be_two_things_is_the_one_that_hides_more() {
    let one = Holding::Mixed(KindSet::of(&[Kind::EMAIL]));
    let other = Holding::Mixed(KindSet::of(&[Kind::PHONE]));
    assert_eq!(unite(one, other), Holding::Mixed(KindSet::of(&[Kind::EMAIL, Kind::PHONE])));
    assert_eq!(unite(Holding::Harmless, one), one);
    assert_eq!(unite(one, Holding::Whole(Kind::IBAN)), Holding::Whole(Kind::IBAN));
    assert_eq!(unite(Holding::Harmless, Holding::Harmless), Holding::Harmless);
}

#[test]
fn what_a_column_was_is_forgotten_with_the_column() {
    let mut facts = Facts::default();
    let person = Holding::Whole(Kind::PERSON);
    let mut before = known("t", vec![sampled(column(1, "a", 25), "r", person), sampled(column(2, "b", 25), "r", person)]);
    before.columns[0].mark(person);
    facts.put(7, before.clone());
    // Of another type, and one that was added.
    facts.put(7, known("t", vec![column(1, "a", 25), column(2, "b", 23), column(3, "c", 25)]));
    let verdicts = shown(&facts, "r", &[]);
    assert_eq!(verdict(&verdicts, 7, 1), Verdict { holding: person, basis: Basis::Marked });
    assert_eq!(verdict(&verdicts, 7, 2).holding, NOTHING);
    // A relation that has the number of one that is gone.
    facts.put(8, before);
    facts.put(8, known("other", vec![column(1, "x", 25)]));
    assert_eq!(verdict(&shown(&facts, "r", &[]), 8, 1).holding, NOTHING);
}

#[test]
fn a_newer_sample_takes_the_place_of_the_older_one_unless_it_saw_less() {
    let role: Arc<str> = "r".into();
    let mut one = column(1, "a", 25);
    one.sample(&role, Holding::Whole(Kind::PERSON), 10);
    one.sample(&role, NOTHING, 3);
    assert_eq!(one.verdict().holding, Holding::Whole(Kind::PERSON));
    one.sample(&role, NOTHING, 10);
    assert_eq!(one.verdict().holding, NOTHING);
    // What another role saw stays beside it.
    one.sample(&"s".into(), Holding::Whole(Kind::IBAN), 1);
    assert_eq!(one.verdict(), Verdict { holding: Holding::Whole(Kind::IBAN), basis: Basis::Sampled(11) });
}

#[test]
fn where_rows_are_guarded_each_role_looks_for_itself() {
    let mut facts = Facts::default();
    let guarded = Known { guarded: true, ..known("t", vec![sampled(column(1, "a", 25), "r", Holding::Harmless)]) };
    facts.put(7, guarded);
    facts.put(8, known("u", vec![sampled(column(1, "a", 25), "r", Holding::Harmless)]));
    let id = |relation| ColumnId { relation, attribute: 1 };
    assert!(shown(&facts, "r", &[]).is_settled(id(7), 25));
    assert!(!shown(&facts, "s", &[]).is_settled(id(7), 25));
    assert!(shown(&facts, "s", &[]).is_settled(id(8), 25));
}

#[test]
fn whoever_meets_rows_where_none_were_seen_asks_again() {
    let mut facts = Facts::default();
    let id = ColumnId { relation: 7, attribute: 1 };
    for (rows, settled) in [(Some(0), false), (None, true), (Some(1), true)] {
        let looks = vec![Look { role: "r".into(), at: 2, rows }];
        facts.relations.insert(7, Known { looks, ..known("t", vec![column(1, "a", 25)]) });
        assert_eq!(shown(&facts, "r", &[]).is_settled(id, 25), settled, "{rows:?}");
    }
    let verdicts = shown(&facts, "r", &[]);
    // A column that was added, one of another type, one of the server's own.
    for (attribute, type_oid, settled) in [(2, 25, false), (1, 23, false), (-1, 27, true)] {
        assert_eq!(verdicts.is_settled(ColumnId { relation: 7, attribute }, type_oid), settled);
    }
    facts.doubt();
    assert!(!shown(&facts, "r", &[]).is_settled(id, 25));
}

#[test]
fn a_family_holds_under_one_name_what_any_of_it_holds() {
    let mut facts = Facts::default();
    facts.put(1, known("parent", vec![column(1, "a", 25), column(2, "b", 25)]));
    let child = |name: &str, attribute| Known { parents: vec![1], ..known(name, vec![column(attribute, "a", 25)]) };
    facts.put(2, child("one", 1));
    facts.put(3, child("other", 4));
    let before = shown(&facts, "r", &[]);
    let changed =
        facts.learn(&[(ColumnId { relation: 3, attribute: 4 }, Verdict { holding: Holding::Whole(Kind::IBAN), basis: Basis::Learned(2) })]);
    assert_eq!(changed, [3]);
    // Made anew, and made from what was before.
    let sight = Sight { generation: 2, role: "r", database: "d", overrules: &[] };
    for verdicts in [facts.verdicts(sight, None), facts.verdicts(sight, Some((&before, &changed)))] {
        for (relation, attribute) in [(1, 1), (2, 1), (3, 4)] {
            assert_eq!(verdict(&verdicts, relation, attribute).holding, Holding::Whole(Kind::IBAN), "{relation}");
        }
        assert_eq!(verdict(&verdicts, 1, 2).holding, NOTHING);
    }
}

#[test]
fn what_is_made_anew_in_part_is_what_is_made_as_a_whole() {
    let mut facts = Facts::default();
    for oid in 1..50 {
        facts.put(oid, known(&format!("t{oid}"), vec![column(1, "a", 25)]));
    }
    let before = shown(&facts, "r", &[]);
    facts.relations.remove(&3);
    facts.put(60, known("new", vec![column(1, "a", 25)]));
    facts.put(5, known("t5", vec![column(1, "a", 25), column(2, "b", 23)]));
    let sight = Sight { generation: 2, role: "r", database: "d", overrules: &[] };
    let (whole, part) = (facts.verdicts(sight, None), facts.verdicts(sight, Some((&before, &[3, 5, 60]))));
    assert_eq!(whole.relations, part.relations);
    assert!(Arc::ptr_eq(&before.relations[&9], &part.relations[&9]), "what did not change is not made again");
}

#[test]
fn whatever_has_the_name_of_another_took_its_place() {
    let mut facts = Facts::default();
    assert_eq!(facts.put(7, known("t", vec![column(1, "a", 25)])), [0; 0]);
    assert_eq!(facts.put(8, Known { schema: "other".into(), ..known("t", vec![column(1, "a", 25)]) }), [0; 0]);
    assert_eq!(facts.put(9, known("t", vec![column(1, "a", 25)])), [7]);
    assert_eq!(facts.relations.keys().copied().collect::<Vec<_>>(), [8, 9]);
}

#[test]
fn a_view_holds_what_those_columns_hold_that_it_is_computed_from() {
    let view = |name: &str, sql: &str, reads: &[u32], columns: &[&str]| {
        let definition = Definition { facts: Arc::new(sql::read(sql.as_bytes())), reads: reads.into() };
        let columns = columns.iter().zip(1..).map(|(name, attribute)| column(attribute, name, 25)).collect();
        Known { definition: Some(definition), ..known(name, columns) }
    };
    let mut facts = Facts::default();
    // The views are met before what they read.
    facts.put(3, view("upper", " SELECT lower.x AS y, lower.n\n   FROM public.lower;", &[2], &["y", "n"]));
    facts.put(2, view("lower", " SELECT upper(t.a) AS x, t.n\n   FROM public.t;", &[1], &["x", "n"]));
    facts.put(1, known("t", vec![column(1, "a", 25), column(2, "n", 23)]));
    assert_eq!(facts.define(&[1, 2, 3]), [0; 0]);
    let changed =
        facts.learn(&[(ColumnId { relation: 1, attribute: 1 }, Verdict { holding: Holding::Whole(Kind::IBAN), basis: Basis::Learned(2) })]);
    assert_eq!(facts.define(&changed), [2, 3]);
    let verdicts = shown(&facts, "r", &[]);
    for relation in [2, 3] {
        assert!(matches!(verdict(&verdicts, relation, 1).holding, Holding::Whole(_)), "{relation}");
        assert_eq!(verdict(&verdicts, relation, 2).holding, NOTHING, "{relation}");
    }
    assert_eq!(facts.define(&changed), [0; 0], "nothing new");
}

#[test]
fn marks_wait_until_somebody_looked_and_only_add() {
    let mut facts = Facts::default();
    let mark = |column: &str| Mark { relation: 7, column: column.into(), holding: Holding::Whole(Kind::DERIVED) };
    assert_eq!(facts.mark(vec![mark("a"), mark("a")]), (vec![], vec![7]));
    facts.put(7, known("t", vec![column(1, "a", 25), column(2, "b", 25)]));
    assert_eq!(verdict(&shown(&facts, "r", &[]), 7, 1), Verdict { holding: Holding::Whole(Kind::DERIVED), basis: Basis::Marked });
    assert_eq!(facts.mark(vec![mark("b")]), (vec![7], vec![]));
    assert_eq!(facts.mark(vec![mark("b")]), (vec![], vec![]), "nothing new");
    assert_eq!(
        facts.learn(&[(ColumnId { relation: 7, attribute: 1 }, Verdict { holding: Holding::Harmless, basis: Basis::Learned(9) })]),
        [0; 0]
    );
}

#[test]
fn what_people_say_counts_before_all_else_where_it_was_said() {
    let mut facts = Facts::default();
    facts.put(FIRST_MADE + 7, known("t", vec![sampled(column(1, "a", 25), "r", Holding::Whole(Kind::PERSON)), column(2, "b", 25)]));
    let said = |database: &str, column: &str, holding| Overrule {
        database: database.into(),
        schema: "public".into(),
        table: "t".into(),
        column: column.into(),
        holding,
    };
    let overrules = [said("", "a", Holding::Harmless), said("elsewhere", "b", Holding::Harmless)];
    let verdicts = shown(&facts, "r", &overrules);
    assert_eq!(verdict(&verdicts, FIRST_MADE + 7, 1), Verdict { holding: Holding::Harmless, basis: Basis::Overruled });
    assert_eq!(verdict(&verdicts, FIRST_MADE + 7, 2), Verdict { holding: NOTHING, basis: Basis::Unknown });
}

#[test]
fn what_was_looked_at_long_ago_is_looked_at_again_the_longest_first() {
    let mut facts = Facts::default();
    let look = |role: &str, at, rows| Look { role: role.into(), at, rows };
    for (place, looks) in [
        vec![look("r", 1_000, Some(5))],
        vec![look("r", 0, Some(5))],
        vec![look("r", 30_000, Some(0))],
        vec![look("r", 30_500, None)],
        vec![look("r", 0, Some(5)), look("s", 30_000, Some(5))],
    ]
    .into_iter()
    .enumerate()
    {
        let oid = FIRST_MADE + u32::try_from(place).unwrap();
        facts.put(oid, Known { looks, ..known(&format!("t{place}"), vec![]) });
    }
    let old = |now, most| facts.old("r", now, most).into_iter().map(|oid| oid - FIRST_MADE).collect::<Vec<_>>();
    assert_eq!(old(500, 9), [0; 0]);
    assert_eq!(old(31_000, 9), [1, 0, 2]);
    assert_eq!(old(31_100, 9), [1, 0, 2, 3]);
    assert_eq!(old(31_100, 2), [1, 0]);
    assert_eq!(old(60_000, 9), [1, 0, 2, 4, 3]);
}

const DERIVED: Holding = Holding::Whole(Kind::DERIVED);

fn marked(facts: &Facts, relation: u32, attribute: i16) -> bool {
    verdict(&shown(facts, "r", &[]), relation, attribute).holding == DERIVED
}

#[test]
fn what_was_written_is_in_it_under_another_name_and_of_another_type() {
    let mut facts = Facts::default();
    let mark = |relation, name: &str| Mark { relation, column: name.into(), holding: DERIVED };
    facts.put(7, known("t", vec![column(1, "a", 25), column(2, "b", 25)]));
    facts.mark(vec![mark(7, "a")]);
    facts.put(7, known("t", vec![column(1, "renamed", 1043), column(2, "b", 25)]));
    assert!(marked(&facts, 7, 1) && !marked(&facts, 7, 2));
    // It was renamed, and another one took its name before anybody looked at it again.
    assert_eq!(facts.put(8, known("t", vec![column(1, "a", 25)])), [7]);
    assert!(!marked(&facts, 8, 1));
    facts.put(7, known("u", vec![column(1, "renamed", 1043), column(2, "b", 25)]));
    assert!(marked(&facts, 7, 1) && !marked(&facts, 7, 2));
    // Nobody had looked before the column had another name.
    facts.mark(vec![mark(9, "a")]);
    facts.put(9, known("v", vec![column(1, "b", 25), column(2, "c", 25)]));
    assert!(marked(&facts, 9, 1) && marked(&facts, 9, 2));
}

#[test]
fn no_mark_is_lost_where_there_is_no_room_for_a_relation() {
    let mut facts = Facts::default();
    // One with a mark comes first and stays; the next goes.
    for oid in FIRST_MADE..FIRST_MADE + u32::try_from(MOST_RELATIONS).unwrap() {
        facts.relations.insert(oid, known(&format!("t{oid}"), vec![column(1, "a", 25)]));
    }
    facts.mark(vec![Mark { relation: FIRST_MADE, column: "a".into(), holding: DERIVED }]);
    facts.put(1, known("new", vec![column(1, "a", 25)]));
    assert_eq!(facts.relations.len(), MOST_RELATIONS);
    assert!(facts.relations.contains_key(&FIRST_MADE) && !facts.relations.contains_key(&(FIRST_MADE + 1)));
    // Where all have marks, the one that goes still has its own when it comes back.
    facts.relations.values_mut().for_each(|known| known.columns[0].mark(DERIVED));
    facts.put(2, known("newer", vec![column(1, "a", 25)]));
    assert!(!facts.relations.contains_key(&1));
    facts.put(1, known("new", vec![column(1, "a", 25)]));
    assert!(marked(&facts, 1, 1) && !facts.flooded);
}

#[test]
fn what_cannot_be_kept_in_mind_may_be_anywhere() {
    let mut facts = Facts::default();
    let most = u32::try_from(MOST_MARKS).unwrap();
    let mark = |relation| Mark { relation, column: "a".into(), holding: DERIVED };
    let before = FIRST_MADE + most + 5;
    facts.put(before, known("before", vec![column(1, "a", 25)]));
    facts.mark((0..most).map(|place| mark(FIRST_MADE + place)).collect());
    facts.put(before + 1, known("other", vec![column(1, "a", 25)]));
    assert!(!marked(&facts, before + 1, 1));
    facts.mark(vec![mark(FIRST_MADE + most)]);
    facts.put(FIRST_MADE + most, known("lost", vec![column(1, "a", 25), column(2, "b", 25)]));
    assert!(marked(&facts, FIRST_MADE + most, 1) && marked(&facts, FIRST_MADE + most, 2));
    // What was known before is as it was, also when it is looked at again; so are the server's own.
    facts.put(before, known("before", vec![column(1, "a", 25)]));
    facts.put(12, known("pg_own", vec![column(1, "a", 25)]));
    assert!(!marked(&facts, before, 1) && !marked(&facts, 12, 1));
    let promise = |place: usize| Written { schema: None, name: format!("p{place}").into(), column: None, holding: DERIVED };
    let mut facts = Facts::default();
    facts.promise((0..MOST_PROMISES).map(promise).collect());
    assert!(!facts.flooded);
    facts.promise(vec![promise(0), promise(MOST_PROMISES)]);
    assert!(facts.flooded);
}
