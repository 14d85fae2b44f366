//! Journals made in memory, as the journal makes them and as somebody would who wants them to say something else.
#![allow(clippy::string_slice, reason = "a test says so by failing")]

use super::*;
use crate::audit::Event;
use crate::audit::checkpoint::SigningKey;
use crate::audit::event::*;
use crate::audit::record::{self, Body, Place};

const ID: Digest = Digest([3; 16]);
const MINUTE: u64 = 60_000_000;

/// Writes segments the way the journal does.
struct Maker {
    key: SigningKey,
    id: Digest,
    segments: Vec<(u64, Vec<u8>)>,
    previous: Hash,
    next_seq: u64,
    time: u64,
    epoch: u32,
}

impl Maker {
    fn new() -> Self {
        let mut maker = Self {
            key: SigningKey::from_seed(&[1; 32]).unwrap(),
            id: ID,
            segments: Vec::new(),
            previous: Hash::default(),
            next_seq: 1,
            time: 1_700_000_000_000_000,
            epoch: 0,
        };
        maker.rotate();
        let key = maker.key.public();
        maker.put(KeyChanged { key, previous: None, endorsement: None, by: None });
        maker
    }

    fn rotate(&mut self) {
        let header = Header { journal: self.id, epoch: self.epoch, first_seq: self.next_seq, time: self.time, previous: self.previous };
        self.segments.push((self.next_seq, header.write().to_vec()));
        self.previous = header.hash();
    }

    /// The hash of the last record, also behind a rotation.
    fn last_hash(&self) -> Hash {
        let (first, bytes) = self.segments.last().unwrap();
        if *first == self.next_seq { Header::read(bytes).unwrap().previous } else { self.previous }
    }

    fn put(&mut self, event: impl Into<Event>) -> u64 {
        let event = event.into();
        let mut encoded = Encoded::default();
        event.encode(&mut encoded);
        self.time += 1000;
        let place = Place { seq: self.next_seq, time: self.time, previous: self.previous };
        let body = Some((&[5; record::SALT], encoded.body.as_slice())).filter(|_| !encoded.body.is_empty());
        let (_, bytes) = self.segments.last_mut().unwrap();
        self.previous = record::write(bytes, event.kind().0, place, &encoded.facts, body).unwrap();
        self.next_seq += 1;
        place.seq
    }

    fn anchor(&self) -> Checkpoint {
        self.key.checkpoint(self.id, self.epoch, self.next_seq - 1, self.last_hash(), self.time)
    }

    fn checkpoint(&mut self) -> Checkpoint {
        let anchor = self.anchor();
        let Checkpoint { seq, hash, time, key, signature, .. } = anchor;
        self.put(Checkpointed { seq, hash, time, key, signature });
        anchor
    }

    fn said(&mut self, text: &str) -> u64 {
        self.put(AuditRead { by: "ann".to_owned(), what: "tail".into(), body: Some(Box::new(Words { text: text.to_owned() })) })
    }

    /// Several segments, each closed by a checkpoint.
    fn several() -> Self {
        let mut maker = Self::new();
        for segment in 0..4 {
            for index in 0..5 {
                maker.said(&format!("segment {segment}, words {index}"));
            }
            maker.checkpoint();
            maker.rotate();
        }
        maker.said("the last");
        maker
    }

    /// Overwrites the body of a record.
    fn wipe(&mut self, seq: u64) {
        for (_, bytes) in &mut self.segments {
            let places = places(bytes);
            if let Some((_, range)) = places.into_iter().find(|(found, _)| *found == seq) {
                let (at, wiped) = Record::read(&bytes[range.clone()]).unwrap().unwrap().erasure().unwrap();
                bytes[range.start + at..range.start + at + wiped.len()].copy_from_slice(&wiped);
            }
        }
    }

    fn check(&self) -> Findings {
        check(&self.segments, Trust::default())
    }
}

/// The records of a segment, and where they lie.
fn places(bytes: &[u8]) -> Vec<(u64, std::ops::Range<usize>)> {
    let mut found = Vec::new();
    let mut at = HEADER;
    while let Ok(Some(record)) = Record::read(&bytes[at..]) {
        found.push((record.seq, at..at + record.length()));
        at += record.length();
    }
    found
}

fn check(segments: &[(u64, Vec<u8>)], trust: Trust) -> Findings {
    let mut verifier = Verifier::new(trust);
    let last = segments.last().map(|(first, _)| *first);
    for (named, bytes) in segments {
        verifier.segment(*named, &mut bytes.as_slice(), Some(*named) == last).unwrap();
    }
    verifier.finish()
}

fn anchored(segments: &[(u64, Vec<u8>)], checkpoints: &[Checkpoint]) -> Findings {
    check(segments, Trust { checkpoints: checkpoints.to_vec(), ..Trust::default() })
}

/// Exactly this one finding.
fn only(found: &Findings, problem: Problem, seq: u64, last: u64) {
    let all: Vec<_> = found.findings.iter().map(|finding| (finding.problem, finding.seq, finding.last)).collect();
    assert_eq!(all, [(problem, seq, last)], "{:#?}", found.findings);
}

fn sound(found: &Findings) {
    assert!(found.is_sound() && found.warnings.is_empty(), "{found:#?}");
}

#[test]
fn what_was_written_is_sound() {
    let mut maker = Maker::several();
    let anchor = maker.anchor();
    maker.segments.last_mut().unwrap().1.extend([0; 500]);
    let found = anchored(&maker.segments, &[anchor]);
    sound(&found);
    assert_eq!((found.records, found.segments, found.checkpoints, found.anchors), (26, 5, 4, 1));
    assert_eq!((found.first_seq, found.last_seq, found.anchored_seq, found.keys.len()), (1, 26, 26, 1));
}

#[test]
fn every_bit_of_a_small_journal() {
    let mut maker = Maker::new();
    let erased = maker.said("one");
    maker.checkpoint();
    maker.rotate();
    maker.said("two");
    maker.put(Erased { seq: erased, by: "ann".to_owned(), body: Some(Box::new(Words { text: "because".to_owned() })) });
    maker.wipe(erased);
    maker.segments.last_mut().unwrap().1.extend([0; 40]);
    sound(&maker.check());
    for segment in 0..maker.segments.len() {
        for position in 0..maker.segments[segment].1.len() {
            for bit in 0..8 {
                maker.segments[segment].1[position] ^= 1 << bit;
                assert!(!maker.check().is_sound(), "segment {segment}, byte {position}, bit {bit}");
                maker.segments[segment].1[position] ^= 1 << bit;
            }
        }
    }
}

#[test]
fn a_changed_record_is_named() {
    let maker = Maker::several();
    for (index, (_, bytes)) in maker.segments.iter().enumerate() {
        for (seq, range) in places(bytes) {
            for position in range.clone() {
                let mut segments = maker.segments.clone();
                segments[index].1[position] ^= 0x10;
                let found = check(&segments, Trust::default());
                let first = &found.findings[0];
                // What makes the last record seem unfinished is taken for what a crash leaves.
                let torn = seq == 26 && first.problem == Problem::Torn;
                assert!(torn || first.problem == Problem::Edited, "{seq} at {}: {first}", position - range.start);
                assert!((first.seq..=first.last).contains(&seq) || first.seq == seq + 1, "{seq} at {}: {first}", position - range.start);
            }
        }
    }
}

#[test]
fn records_taken_out_are_named() {
    let maker = Maker::several();
    for seq in 1..=26 {
        let mut segments = maker.segments.clone();
        for (_, bytes) in &mut segments {
            if let Some((_, range)) = places(bytes).into_iter().find(|(found, _)| *found == seq) {
                bytes.drain(range);
            }
        }
        let found = check(&segments, Trust::default());
        if seq == 26 {
            // Nothing in what is left tells of it: a checkpoint from elsewhere does.
            sound(&found);
            only(&anchored(&segments, &[maker.anchor()]), Problem::CutOff, 26, 26);
        } else {
            only(&found, Problem::Removed, seq, seq);
        }
    }
}

#[test]
fn records_that_changed_places_or_stand_twice_are_named() {
    let maker = Maker::several();
    for (index, (_, bytes)) in maker.segments.iter().enumerate() {
        let places = places(bytes);
        for pair in places.windows(2) {
            let [(seq, first), (_, second)] = pair else { unreachable!() };
            let mut segments = maker.segments.clone();
            segments[index].1.splice(first.start..second.end, [&bytes[second.clone()], &bytes[first.clone()]].concat());
            only(&check(&segments, Trust::default()), Problem::Reordered, *seq, *seq);
        }
        for (seq, range) in places {
            let mut segments = maker.segments.clone();
            segments[index].1.splice(range.end..range.end, bytes[range.clone()].to_vec());
            only(&check(&segments, Trust::default()), Problem::Duplicated, seq, seq);
        }
    }
}

#[test]
fn segments_removed_swapped_foreign_or_cut_are_named() {
    let maker = Maker::several();
    let count = maker.segments.len();
    for index in 0..count {
        let mut segments = maker.segments.clone();
        let (first, _) = segments.remove(index);
        let last = maker.segments.get(index + 1).map_or(26, |(next, _)| next - 1);
        let found = check(&segments, Trust::default());
        if index + 1 == count {
            sound(&found);
            only(&anchored(&segments, &[maker.anchor()]), Problem::CutOff, first, last);
        } else {
            only(&found, Problem::Removed, first, last);
        }
    }
    for one in 0..count {
        for two in one + 1..count {
            let mut segments = maker.segments.clone();
            segments[one].1 = maker.segments[two].1.clone();
            segments[two].1 = maker.segments[one].1.clone();
            let found = check(&segments, Trust::default());
            assert!(found.findings.iter().all(|finding| finding.problem == Problem::Reordered), "{:#?}", found.findings);
            assert!(!found.is_sound());
        }
    }
    let mut other = Maker { id: Digest([4; 16]), ..Maker::new() };
    other.segments.clear();
    (other.next_seq, other.previous) = (1, Hash::default());
    for (index, (first, _)) in maker.segments.iter().enumerate() {
        (other.next_seq, other.previous) = (*first, Hash([1; 32]));
        other.rotate();
        other.said("elsewhere");
        let mut segments = maker.segments.clone();
        segments[index].1 = other.segments.last().unwrap().1.clone();
        let found = check(&segments, Trust::default());
        assert_eq!(found.findings[0].problem, if index == 0 { Problem::Impossible } else { Problem::Foreign }, "{:#?}", found.findings);
    }
    // Cut behind each record: found by what comes behind, or by a checkpoint.
    for index in 0..count {
        for (seq, range) in places(&maker.segments[index].1) {
            let mut segments = maker.segments.clone();
            segments[index].1.truncate(range.end);
            let next = segments.get(index + 1).map(|(next, _)| *next);
            let found = check(&segments, Trust::default());
            match next {
                Some(next) if next == seq + 1 => sound(&found),
                Some(next) => only(&found, Problem::Removed, seq + 1, next - 1),
                None => sound(&found),
            }
            segments.truncate(index + 1);
            sound(&check(&segments, Trust::default()));
            if seq < 26 {
                only(&anchored(&segments, &[maker.anchor()]), Problem::CutOff, seq + 1, 26);
            }
        }
    }
}

#[test]
fn an_unfinished_record_at_the_end_is_torn_and_one_in_the_middle_is_not() {
    let maker = Maker::several();
    let range = places(&maker.segments[4].1).pop().unwrap().1;
    for kept in range.start + 5..range.end - 1 {
        let mut segments = maker.segments.clone();
        segments[4].1[kept..].fill(0);
        segments[4].1.extend([0; 100]);
        only(&check(&segments, Trust::default()), Problem::Torn, 26, 26);
    }
    let mut segments = maker.segments.clone();
    let range = places(&segments[1].1).pop().unwrap().1;
    segments[1].1[range.start + 30..range.end].fill(0);
    assert_eq!(check(&segments, Trust::default()).findings[0].problem, Problem::Edited);
}

#[test]
fn a_rewritten_journal_is_found_by_its_signatures() {
    // Everything behind an edit chained anew, without the key.
    let honest = Maker::several();
    let forged = |stripped: bool| {
        let mut forger = Maker::new();
        (forger.segments, forger.next_seq, forger.previous) = (Vec::new(), 1, Hash::default());
        for (_, bytes) in &honest.segments {
            forger.rotate();
            for (seq, range) in places(bytes) {
                let record = Record::read(&bytes[range]).unwrap().unwrap();
                let body = if let Body::Whole(body) = record.body { Some(body) } else { None };
                let event = Event::decode(Kind(record.kind), record.facts, body).unwrap().unwrap();
                if let (4, Event::AuditRead(event)) = (seq, &event) {
                    forger.put(AuditRead { by: "bob".to_owned(), ..event.clone() });
                } else if !stripped || !matches!(event, Event::Checkpointed(_)) {
                    forger.put(event);
                }
            }
        }
        forger
    };
    let found = forged(false).check();
    assert!(found.findings.iter().all(|finding| finding.problem == Problem::Rewritten), "{:#?}", found.findings);
    assert_eq!(found.findings.len(), 4);
    // Without them, the ends of the segments tell; and what was kept elsewhere does.
    let stripped = forged(true);
    let found = stripped.check();
    assert_eq!((found.checkpoints, found.findings.len()), (0, 4), "{:#?}", found.findings);
    assert!(found.findings.iter().all(|finding| finding.problem == Problem::Rewritten));
    // An older checkpoint of the same key in the place of each.
    let old = honest.segments.iter().find_map(|(_, bytes)| {
        let found = |(_, range)| Event::decode(Kind::Checkpointed, Record::read(&bytes[range]).ok()??.facts, None).ok()?;
        places(bytes).into_iter().rev().find_map(found)
    });
    let Some(old @ Event::Checkpointed(_)) = old else { panic!("{old:?}") };
    let mut replayed = Maker::new();
    for _ in 0..3 {
        for _ in 0..5000 {
            replayed.said("nothing happened");
        }
        replayed.put(old.clone());
        replayed.rotate();
    }
    let found = replayed.check();
    assert_eq!((found.checkpoints, found.findings.len()), (0, 3), "{:#?}", found.findings);
    let found = anchored(&stripped.segments, &[honest.anchor()]);
    assert!(found.findings.iter().any(|finding| finding.problem == Problem::CutOff), "{:#?}", found.findings);
    let early = Maker::several().checkpoint();
    assert!(!anchored(&stripped.segments, &[early]).is_sound());
}

#[test]
fn a_journal_signed_anew_is_found_by_a_checkpoint_or_by_its_key() {
    let honest = Maker::several();
    let mut forger = Maker::new();
    forger.key = SigningKey::from_seed(&[2; 32]).unwrap();
    (forger.segments, forger.next_seq, forger.previous) = (Vec::new(), 1, Hash::default());
    forger.rotate();
    let key = forger.key.public();
    forger.put(KeyChanged { key, previous: None, endorsement: None, by: None });
    for _ in 0..30 {
        forger.said("nothing happened");
    }
    forger.checkpoint();
    sound(&forger.check());
    let found = anchored(&forger.segments, &[honest.anchor()]);
    only(&found, Problem::Rewritten, 26, 26);
    let trust = |key: Hash| Trust { keys: vec![key_name(key)], ..Trust::default() };
    only(&check(&forger.segments, trust(honest.key.public())), Problem::Untrusted, 1, 1);
    sound(&check(&honest.segments, trust(honest.key.public())));
    sound(&check(&forger.segments, trust(forger.key.public())));
}

#[test]
fn an_older_copy_is_found_by_a_checkpoint_only() {
    let mut maker = Maker::several();
    let older = maker.segments.clone();
    maker.said("what somebody wants to be gone");
    let anchor = maker.anchor();
    sound(&check(&older, Trust::default()));
    only(&anchored(&older, &[anchor]), Problem::CutOff, 27, 27);
    sound(&anchored(&maker.segments, &[anchor]));
}

#[test]
fn a_checkpoint_that_was_changed_or_is_of_another_journal_shows_nothing() {
    let maker = Maker::several();
    let anchor = maker.anchor();
    only(&anchored(&maker.segments, &[Checkpoint { seq: 25, ..anchor }]), Problem::Untrusted, 25, 25);
    let other = maker.key.checkpoint(Digest([9; 16]), 0, anchor.seq, anchor.hash, anchor.time);
    only(&anchored(&maker.segments, &[other]), Problem::Foreign, 26, 26);
    let stranger = SigningKey::from_seed(&[7; 32]).unwrap().checkpoint(ID, 0, anchor.seq, anchor.hash, anchor.time);
    only(&anchored(&maker.segments, &[stranger]), Problem::Untrusted, 26, 26);
    let line = serde_json::to_string(&anchor).unwrap();
    assert_eq!(serde_json::from_str::<Checkpoint>(&line).unwrap(), anchor);
}

#[test]
fn keys_follow_each_other_with_the_signature_of_the_one_before() {
    let mut maker = Maker::several();
    let next = SigningKey::from_seed(&[2; 32]).unwrap();
    let (key, previous) = (next.public(), Some(maker.key.public()));
    let endorsement = Some(maker.key.endorse(ID, key));
    let unendorsed = |endorsement| KeyChanged { key, previous, endorsement, by: None };
    let mut other = Maker::several();
    maker.put(unendorsed(endorsement));
    let changed = other.put(unendorsed(None));
    for maker in [&mut maker, &mut other] {
        maker.key = SigningKey::from_seed(&[2; 32]).unwrap();
        maker.checkpoint();
    }
    sound(&maker.check());
    assert_eq!(maker.check().keys.len(), 2);
    only(&other.check(), Problem::Untrusted, changed, changed);
    let trust = Trust { keys: vec![key.to_string(), key_name(previous.unwrap())], ..Trust::default() };
    let found = check(&other.segments, trust);
    assert!(found.is_sound() && found.warnings.len() == 1, "{found:#?}");
    // A signature by a key that nothing speaks of.
    maker.key = SigningKey::from_seed(&[3; 32]).unwrap();
    let seq = maker.next_seq;
    maker.checkpoint();
    only(&maker.check(), Problem::Untrusted, seq, seq);
}

#[test]
fn what_is_erased_has_a_record_and_what_has_a_record_is_erased() {
    let mut maker = Maker::several();
    maker.wipe(9);
    only(&maker.check(), Problem::Erased, 9, 9);
    let erased = |seq| Erased { seq, by: "ann".to_owned(), body: Some(Box::new(Words { text: "she asked".to_owned() })) };
    maker.put(erased(9));
    sound(&maker.check());
    maker.put(erased(10));
    let found = maker.check();
    assert!(found.is_sound() && found.warnings[0].what.contains("erase 10"), "{found:#?}");
    // Interrupted in the middle.
    let whole = maker.segments.clone();
    maker.wipe(10);
    sound(&maker.check());
    for ((_, half), (_, whole)) in maker.segments.iter_mut().zip(&whole) {
        if let Some((_, range)) = places(whole).into_iter().find(|(seq, _)| *seq == 10) {
            let state = Record::read(&whole[range.clone()]).unwrap().unwrap().erasure().unwrap().0;
            half[range.start + state] = 0;
        }
    }
    only(&maker.check(), Problem::Torn, 10, 10);
}

#[test]
fn pruned_segments_are_named_by_a_record_that_fits() {
    let mut maker = Maker::several();
    let (first, _) = maker.segments[2];
    let hash = Header::read(&maker.segments[2].1).unwrap().previous;
    let early = {
        let (seq, bytes) = &maker.segments[1];
        let hash = Header::read(bytes).unwrap().previous;
        maker.key.checkpoint(ID, 0, seq - 1, hash, 0)
    };
    let at_the_edge = maker.key.checkpoint(ID, 0, first - 1, hash, 0);
    let whole = maker.segments.clone();
    only(&check(&whole[2..], Trust::default()), Problem::Removed, 1, first - 1);
    maker.put(Pruned { seq: first - 1, hash, before: maker.time - MINUTE, by: "ann".to_owned() });
    let unfinished = maker.check();
    assert!(unfinished.is_sound() && unfinished.warnings.len() == 1, "{unfinished:#?}");
    sound(&check(&maker.segments[2..], Trust::default()));
    only(&check(&maker.segments[3..], Trust::default()), Problem::Removed, 1, maker.segments[3].0 - 1);
    let found = anchored(&maker.segments[2..], &[early, at_the_edge]);
    assert!(found.is_sound() && found.anchors == 1 && found.warnings.len() == 1, "{found:#?}");
    maker.put(Pruned { seq: maker.segments[3].0 - 1, hash: Hash([1; 32]), before: 0, by: "ann".to_owned() });
    only(&check(&maker.segments[3..], Trust::default()), Problem::Removed, 1, maker.segments[3].0 - 1);
}

#[test]
fn a_restore_explains_lost_records_and_has_to_be_accepted() {
    let mut maker = Maker::several();
    let (restored_seq, restored_hash, segments, time) = (maker.next_seq - 1, maker.last_hash(), maker.segments.clone(), maker.time);
    maker.said("lost");
    maker.said("lost too");
    let anchor = maker.anchor();
    (maker.segments, maker.next_seq, maker.previous, maker.epoch) = (segments, restored_seq + 1, restored_hash, 1);
    maker.rotate();
    maker.put(EpochBegan { epoch: 1, restored_seq, restored_hash, backup_time: time, by: "ann".to_owned(), branch: Digest::default() });
    maker.checkpoint();
    sound(&maker.check());
    only(&anchored(&maker.segments, &[anchor]), Problem::RolledBack, restored_seq + 1, anchor.seq);
    let trust = Trust { checkpoints: vec![anchor, maker.anchor()], epochs: vec![1], ..Trust::default() };
    let found = check(&maker.segments, trust);
    assert!(found.is_sound() && found.anchors == 1 && found.warnings.len() == 1, "{found:#?}");
    maker.said("more");
    maker.said("more");
    only(&anchored(&maker.segments, &[anchor]), Problem::RolledBack, restored_seq + 1, anchor.seq);
    // A segment that ends unsigned is excused by a restore that is told of, and by no other epoch.
    let last = maker.next_seq - 1;
    maker.epoch = 2;
    maker.rotate();
    maker.said("no restore");
    only(&maker.check(), Problem::Impossible, last + 1, last + 1);
}

#[test]
fn ends_without_a_beginning_and_second_ends_are_told() {
    let mut maker = Maker::new();
    let ended = |session, number| Ended {
        session,
        number,
        outcome: Outcome::Completed,
        duration: None,
        rows: 0,
        bytes: 0,
        received: 0,
        affected: None,
        command: None,
        commands: None,
        code: None,
        masked: None,
    };
    let begun = |number| Begun {
        statement: Statement {
            session: 1,
            number,
            way: Way::Query,
            shape: ID,
            digest: ID,
            length: 1,
            parameters: 0,
            in_transaction: false,
            verdict: Verdict::Allowed,
            effects: None,
            rule: None,
            policy: None,
            hold: None,
        },
        body: None,
    };
    maker.put(begun(1));
    maker.put(begun(2));
    maker.put(ended(1, 2));
    maker.put(ended(1, 1));
    maker.put(Prepared { statement: begun(3).statement, body: None });
    maker.put(begun(4));
    maker.put(ended(1, 3));
    maker.put(ended(1, 4));
    sound(&maker.check());
    maker.put(ended(1, 4));
    maker.put(ended(1, 9));
    maker.put(ended(2, 1));
    maker.put(begun(5));
    maker.put(begun(5));
    let found = maker.check();
    assert!(found.is_sound());
    let said: Vec<_> = found.warnings.iter().map(|warning| warning.what.rsplit(' ').next().unwrap()).collect();
    assert_eq!(said, ["ended", "begun", "begun", "end"], "{:#?}", found.warnings);
}

#[test]
fn a_record_in_the_making_is_no_false_alarm() {
    /// Shows a segment with its last record half written, until it is looked at again.
    struct Live {
        before: Vec<u8>,
        after: Option<Vec<u8>>,
    }
    impl Source for Live {
        fn window(&mut self, at: u64, length: usize) -> io::Result<&[u8]> {
            let rest = &self.before[usize::try_from(at).unwrap().min(self.before.len())..];
            Ok(&rest[..rest.len().min(length)])
        }

        fn look_again(&mut self, _: u64, _: usize) -> io::Result<bool> {
            Ok(self.after.take().map(|after| self.before = after).is_some())
        }
    }
    let mut maker = Maker::several();
    maker.segments[4].1.extend([0; 64]);
    let after = maker.segments[4].1.clone();
    let last = places(&after).pop().unwrap().1;
    for kept in last.start..last.end {
        let mut before = after.clone();
        before[kept..].fill(0);
        // Its length comes last.
        let mut backwards = after.clone();
        backwards[last.start..kept].fill(0);
        for before in [before, backwards] {
            let mut verifier = Verifier::new(Trust::default());
            for (named, bytes) in &maker.segments[..4] {
                verifier.segment(*named, &mut bytes.as_slice(), false).unwrap();
            }
            verifier.segment(maker.segments[4].0, &mut Live { before, after: Some(after.clone()) }, true).unwrap();
            sound(&verifier.finish());
        }
    }
    // Made, and its header not written yet; and complete, and not cut to its length yet.
    for index in [3, 4] {
        let mut verifier = Verifier::new(Trust::default());
        for (at, (named, bytes)) in maker.segments.iter().enumerate() {
            let after = bytes.clone();
            let before = if index == 4 && at == 4 { vec![0; bytes.len()] } else { [bytes.as_slice(), &[0; 99]].concat() };
            let live = at == index;
            let mut source = Live { before: if live { before } else { after.clone() }, after: live.then_some(after) };
            verifier.segment(*named, &mut source, at == 4).unwrap();
        }
        sound(&verifier.finish());
    }
}
