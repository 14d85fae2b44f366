use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const JOURNAL: Digest = Digest([7; 16]);

fn pair(seed: u8) -> (PrivateKey, PublicKey) {
    let private = PrivateKey::from_random(&Zeroizing::new([seed; KEY]));
    let public = private.public().unwrap();
    (private, public)
}

/// A segment's key alone.
fn key(seed: u8) -> SegmentKey {
    SegmentKey::new(&[seed; KEY], JOURNAL).unwrap()
}

fn segment(to: PublicKey, seed: u8) -> (SealingKey, SegmentKey) {
    let mut random = Zeroizing::new([seed; RANDOM]);
    random[KEY] = seed.wrapping_add(1);
    Sealer::new(to, JOURNAL).begin_segment(&random).unwrap()
}

fn original() -> Original {
    let parameters = [
        Parameter { oid: 25, binary: false, value: Some(b"ann@example.com"), cut: 0 },
        Parameter { oid: 0, binary: true, value: Some(&[0, 255]), cut: 0 },
        Parameter { oid: 23, binary: false, value: None, cut: 0 },
    ];
    Original::new(b"SELECT $1", parameters)
}

#[test]
fn what_was_sealed_opens_with_the_private_key() {
    let (private, public) = pair(1);
    let (record, key) = segment(public, 1);
    let sealed = key.seal(5, 6, &original()).unwrap();
    assert!(memchr::memmem::find(&sealed, b"SELECT").is_none());
    let opened = private.open_segment(JOURNAL, &record).unwrap().open(5, 6, &sealed).unwrap();
    assert!(opened == original());
    let contents = opened.contents().unwrap();
    assert_eq!((contents.text, contents.text_cut, contents.parameters_cut), (&b"SELECT $1"[..], 0, 0));
    assert_eq!(contents.parameters[0].value, Some(&b"ann@example.com"[..]));
    assert!(contents.parameters[1].binary && contents.parameters[2].value.is_none());
}

#[test]
fn nothing_opens_with_another_key_or_elsewhere() {
    let (private, public) = pair(1);
    let (record, key) = segment(public, 1);
    let sealed = key.seal(5, 6, &original()).unwrap();
    assert_eq!(pair(2).0.open_segment(JOURNAL, &record).unwrap_err(), SealError::OtherKey(public));
    // Somebody who claims that it was sealed to them.
    let claimed = SealingKey { to: pair(2).1.hash(), ..record.clone() };
    assert_eq!(pair(2).0.open_segment(JOURNAL, &claimed).unwrap_err(), SealError::NotOpened);
    assert_eq!(private.open_segment(Digest([8; 16]), &record).unwrap_err(), SealError::NotOpened);
    for (session, number) in [(5, 7), (6, 6), (6, 5), (5 | 1 << 48, 6), (5, u64::MAX)] {
        assert_eq!(key.open(session, number, &sealed).unwrap_err(), SealError::NotOpened);
    }
    assert_eq!(super::tests::key(9).open(5, 6, &sealed).unwrap_err(), SealError::NotOpened);
}

#[test]
fn every_changed_byte_is_found() {
    let (private, public) = pair(1);
    let (record, key) = segment(public, 1);
    let sealed = key.seal(5, 6, &original()).unwrap();
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert_eq!(key.open(5, 6, &changed).unwrap_err(), SealError::NotOpened);
        assert!(key.open(5, 6, &sealed[..at]).is_err());
    }
    for at in 0..record.sealed.len() {
        let mut changed = record.sealed.to_vec();
        changed[at] ^= 1;
        assert!(private.open_segment(JOURNAL, &SealingKey { sealed: changed.into(), ..record.clone() }).is_err(), "{at}");
    }
    for length in [0, KEY - 1, KEY, record.sealed.len() - 1] {
        let cut = SealingKey { sealed: record.sealed[..length].to_vec().into(), ..record.clone() };
        assert!(private.open_segment(JOURNAL, &cut).is_err());
    }
}

#[test]
fn no_two_statements_have_a_nonce_in_common() {
    let key = key(1);
    let nonces: std::collections::HashSet<[u8; 12]> =
        [(0, 1), (1, 0), (1, 1), (1 << 47, 1), (1, 1 << 47), (NUMBERS - 1, 0), (0, NUMBERS - 1)]
            .map(|(session, number)| *key.bound(session, number).unwrap().0.as_ref())
            .into();
    assert_eq!(nonces.len(), 7);
    assert_eq!(key.seal(NUMBERS, 0, &original()).unwrap_err(), SealError::NotSealed);
    assert_eq!(key.seal(0, NUMBERS, &original()).unwrap_err(), SealError::NotSealed);
}

#[test]
fn keys_are_read_as_they_are_written_and_slips_are_told() {
    let (private, public) = pair(3);
    let text = public.to_string();
    assert!(text.starts_with("pgsluice-seal-1-"));
    assert_eq!(format!("{text}\n").parse(), Ok(public));
    let again = PrivateKey::read(&private.expose()).unwrap();
    assert_eq!(again.public().unwrap(), public);
    assert_eq!(private.expose().parse::<PublicKey>(), Err(NotAKey::Private));
    assert_eq!(PrivateKey::read(&text).err(), Some(NotAKey::Public));
    assert_eq!("abc".parse::<PublicKey>(), Err(NotAKey::Unknown));
    assert_eq!(PrivateKey::read("").err(), Some(NotAKey::Unknown));
    for at in PUBLIC.len()..text.len() {
        let mut slip = text.clone().into_bytes();
        slip[at] = if slip[at] == b'A' { b'B' } else { b'A' };
        assert_eq!(String::from_utf8(slip).unwrap().parse::<PublicKey>(), Err(NotAKey::Damaged), "{at}");
        assert_eq!(text.split_at(at).0.parse::<PublicKey>(), Err(NotAKey::Damaged));
    }
    // Points of small order: whoever seals to them seals to everybody.
    for weak in [[0; KEY], {
        let mut one = [0; KEY];
        one[0] = 1;
        one
    }] {
        assert_eq!(PublicKey(weak).to_string().parse::<PublicKey>(), Err(NotAKey::Weak));
    }
}

#[test]
fn nothing_secret_is_shown() {
    let (_, public) = pair(1);
    let shown =
        format!("{:?} {:?} {:?} {:?}", original(), original().contents().unwrap(), segment(public, 1), Sealer::new(public, JOURNAL));
    assert!(!shown.contains("ann") && shown.contains("Contents(…)") && shown.contains("SegmentKey(…)"), "{shown}");
}

#[test]
fn an_original_is_bounded_and_says_what_it_lacks() {
    let long = vec![b'x'; MOST_KEPT + 10];
    let value = Parameter { oid: 0, binary: false, value: Some(b"v"), cut: 0 };
    let all = Original::new(&long, [value]);
    let contents = all.contents().unwrap();
    assert_eq!((contents.text.len(), contents.text_cut, contents.parameters.len(), contents.parameters_cut), (MOST_KEPT, 10, 0, 1));
    let all = Original::new(b"SELECT", [Parameter { value: Some(&long), ..value }, value]);
    let contents = all.contents().unwrap();
    assert_eq!((contents.parameters.len(), contents.parameters_cut), (1, 1));
    let kept = contents.parameters[0].value.unwrap().len();
    assert_eq!(contents.parameters[0].cut, u64::try_from(long.len() - kept).unwrap());
    assert!(all.0.len() <= MOST_KEPT);
    let many = Original::new(b"", std::iter::repeat_n(Parameter { value: None, ..value }, 100_000));
    assert!(many.0.len() <= MOST_KEPT && many.contents().unwrap().parameters_cut > 0);
}

proptest! {
    #[test]
    fn any_original_comes_back(text in vec(any::<u8>(), 0..300), values in vec((any::<u32>(), any::<bool>(), proptest::option::of(vec(any::<u8>(), 0..50))), 0..9), session in 0..NUMBERS, number in 0..NUMBERS) {
        let parameters: Vec<_> = values.iter().map(|(oid, binary, value)| Parameter { oid: *oid, binary: *binary, value: value.as_deref(), cut: 0 }).collect();
        let original = Original::new(&text, parameters.iter().copied());
        let key = key(1);
        let opened = key.open(session, number, &key.seal(session, number, &original).unwrap()).unwrap();
        let contents = opened.contents().unwrap();
        prop_assert!(contents.text == text && contents.parameters == parameters);
    }

    #[test]
    fn any_bytes_are_a_key_or_not(text in "(pgsluice-(un)?seal-1-)?[A-Za-z0-9_-]{0,60}") {
        prop_assert!(text.parse::<PublicKey>().is_err() && PrivateKey::read(&text).is_err());
    }
}
