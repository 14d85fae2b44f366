#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test says so by failing")]

use minicbor::data::Type;
use minicbor::{Decoder, Encoder};

use super::*;
use crate::audit::digest::{Digest, Hash, Signature};

fn words() -> Option<Box<Words>> {
    Some(Box::new(Words { text: "because".to_owned() }))
}

fn statement(full: bool) -> Statement {
    Statement {
        session: 1,
        number: 300,
        way: Way::Execute,
        shape: Digest([1; 16]),
        digest: Digest([2; 16]),
        length: 70_000,
        parameters: 3,
        in_transaction: true,
        verdict: Verdict::Approved,
        effects: full.then_some(5),
        rule: full.then(|| "rule".to_owned()),
        policy: full.then_some(Digest([3; 16])),
        hold: full.then_some(9),
    }
}

fn sent() -> Option<Box<Sent>> {
    Some(Box::new(Sent {
        tags: vec![Tag { name: "task".to_owned(), value: "t-1".to_owned() }],
        masked: Some("SELECT '…'".to_owned()),
        sealed: Some(vec![1, 2, 3].into()),
        relations: vec!["public.orders".to_owned()],
        parameters: vec!["'[EMAIL]'".to_owned(), "NULL".to_owned()],
    }))
}

fn signed_in() -> SignedIn {
    SignedIn {
        agent_id: 7,
        agent: "billing-bot".to_owned(),
        owner: "ann".to_owned(),
        environment: None,
        database: "shop".to_owned(),
        role: "reader".to_owned(),
        address: Some("127.0.0.1".to_owned()),
        tls: true,
        process_id: -5,
        policy: None,
        body: None,
    }
}

/// At least one of each kind, with and without what may be missing.
fn samples() -> Vec<Event> {
    let (digest, hash) = (Digest([4; 16]), Hash([5; 32]));
    let signature = Signature([6; 64]);
    let claims = Some(Box::new(Claims { application: Some("psql".to_owned()) }));
    let by = || "ann".to_owned();
    vec![
        Started { version: "0.1.0".to_owned(), config: Some(digest), policy: None }.into(),
        Stopped { executions: 5 }.into(),
        Recovered { cut: 17, cut_hash: Some(hash), orphans: 2, sessions: 1 }.into(),
        Resumed { since: 1, refused: 2, trouble: "ENOSPC".into() }.into(),
        Checkpointed { seq: 1, hash, time: 2, key: hash, signature }.into(),
        KeyChanged { key: hash, previous: Some(hash), endorsement: Some(signature), by: Some(by()) }.into(),
        KeyChanged { key: hash, previous: None, endorsement: None, by: None }.into(),
        EpochBegan { epoch: 1, restored_seq: 2, restored_hash: hash, backup_time: 3, by: by(), branch: digest }.into(),
        Pruned { seq: 1, hash, before: 2, by: by() }.into(),
        Erased { seq: 1, by: by(), body: words() }.into(),
        SignedIn { body: claims.clone(), ..signed_in() }.into(),
        signed_in().into(),
        Continued { session: 1, who: signed_in(), body: claims }.into(),
        SignedOut { session: 1, executions: 2, code: Some("57P01".into()) }.into(),
        Denied { address: None, code: "28P01".into(), agent: None, body: words() }.into(),
        ShapeMet { shape: digest, body: Some(Box::new(ShapeText { text: "select ?".to_owned(), relations: vec!["t".to_owned()] })) }.into(),
        Begun { statement: statement(false), body: None }.into(),
        Begun { statement: statement(true), body: sent() }.into(),
        Prepared { statement: statement(false), body: sent() }.into(),
        Refused { statement: statement(true), code: "42501".into(), body: None }.into(),
        Ended {
            session: 1,
            number: 300,
            outcome: Outcome::Stopped,
            duration: Some(1_000_000),
            rows: 1,
            bytes: 2,
            received: 3,
            affected: Some(4),
            command: Some("INSERT".into()),
            commands: Some(2),
            code: Some("PS004".into()),
            masked: Some(vec![Masked { kind: "email".to_owned(), count: 3 }]),
        }
        .into(),
        ConfigChanged { config: digest, changed: vec!["log_level".to_owned()], refused: false, by: None }.into(),
        PolicyChanged { policy: digest, previous: None, by: None }.into(),
        AgentChanged { change: Change::Removed, agent_id: 1, agent: "a".to_owned(), owner: "o".to_owned(), by: by() }.into(),
        PersonChanged { change: Change::Added, person: by(), role: "auditor".to_owned(), by: by(), os_user: None }.into(),
        AuditRead { by: by(), what: "search".into(), body: words() }.into(),
        SignedOff { by: by(), from: 1, to: 2, seq: 3, hash, body: None }.into(),
        Held { hold: 1, statement: statement(true), bound: digest, until: 5, body: words() }.into(),
        Decided {
            hold: 1,
            decision: Decision::PassedOn,
            by: Some(by()),
            groups: vec!["dba".to_owned()],
            through: Some("web".into()),
            single_person: Some(true),
            until: Some(5),
            more: Some(1),
            to: Some("legal".to_owned()),
            seen: Some(digest),
            body: words(),
        }
        .into(),
        Answered { hold: 1, session: 2, number: 3, body: words() }.into(),
        DecidedTogether {
            holds: vec![DecidedOne { hold: 1, until: Some(5), more: None }, DecidedOne { hold: 2, until: None, more: Some(1) }],
            decision: Decision::Approved,
            by: by(),
            groups: Vec::new(),
            through: "web".into(),
            single_person: None,
            seen: digest,
            body: words(),
        }
        .into(),
        Spent { hold: 1, session: 2, number: 3, grant: None }.into(),
        Revealed { hold: 1, by: by(), body: words() }.into(),
        Granted {
            grant: 1,
            agent_id: 2,
            shape: digest,
            by: by(),
            until: 3,
            times: 4,
            hold: Some(1),
            through: None,
            single_person: None,
            body: words(),
        }
        .into(),
        GrantEnded { grant: 1, by: None, body: None }.into(),
        Returned { hold: 1 }.into(),
        SealingKey { to: hash, sealed: vec![1; 48].into() }.into(),
        PersonSignedIn { person: by(), role: "reviewer".to_owned(), address: None, through: "web".into(), tls: true }.into(),
        PersonDenied { address: Some("::1".to_owned()), through: "api".into(), person: None, body: words() }.into(),
        PersonSignedOut { person: by(), through: "web".into(), by: None }.into(),
        HoldRead { hold: 1, by: by(), through: "web".into() }.into(),
    ]
}

fn encoded(event: &Event) -> Encoded {
    let mut encoded = Encoded::default();
    event.encode(&mut encoded);
    encoded
}

fn decoded(kind: Kind, encoded: &Encoded) -> Option<Event> {
    Event::decode(kind, &encoded.facts, (!encoded.body.is_empty()).then_some(&*encoded.body)).unwrap()
}

#[test]
fn every_kind_is_read_as_it_was_written() {
    let samples = samples();
    for kind in Kind::ALL {
        assert!(samples.iter().any(|sample| sample.kind() == *kind), "no sample of {kind}");
    }
    for sample in samples {
        assert_eq!(decoded(sample.kind(), &encoded(&sample)).as_ref(), Some(&sample));
    }
}

#[test]
fn an_erased_body_leaves_facts_that_are_read() {
    for sample in samples() {
        let facts = encoded(&sample).facts;
        let left = Event::decode(sample.kind(), &facts, None).unwrap().unwrap();
        assert_eq!(encoded(&left).facts, facts);
        assert!(encoded(&left).body.is_empty());
    }
}

/// Walks one value; demands definite lengths, rising integer keys and the shortest form of every number.
fn is_canonical(decoder: &mut Decoder<'_>) {
    let start = decoder.position();
    match decoder.datatype().unwrap() {
        Type::Map => {
            let mut last = None;
            for _ in 0..decoder.map().unwrap().unwrap() {
                let key = decoder.u64().unwrap();
                assert!(last < Some(key), "key {key} behind {last:?}");
                last = Some(key);
                assert!(decoder.datatype().unwrap() != Type::Null, "what is absent has no key");
                is_canonical(decoder);
            }
        }
        Type::Array => (0..decoder.array().unwrap().unwrap()).for_each(|_| is_canonical(decoder)),
        Type::String => _ = decoder.str().unwrap(),
        Type::Bytes => _ = decoder.bytes().unwrap(),
        Type::Bool => _ = decoder.bool().unwrap(),
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => {
            let mut again = Encoder::new(Vec::new());
            again.u64(decoder.u64().unwrap()).unwrap();
            assert_eq!(&decoder.input()[start..decoder.position()], again.writer().as_slice());
        }
        Type::I8 | Type::I16 | Type::I32 | Type::I64 => _ = decoder.i64().unwrap(),
        Type::Null
        | Type::Undefined
        | Type::Int
        | Type::F16
        | Type::F32
        | Type::F64
        | Type::Simple
        | Type::BytesIndef
        | Type::StringIndef
        | Type::ArrayIndef
        | Type::MapIndef
        | Type::Tag
        | Type::Break
        | Type::Unknown(_) => panic!("what is at {start} has no place in a record"),
    }
}

#[test]
fn the_bytes_are_canonical() {
    for sample in samples() {
        let Encoded { facts, body } = encoded(&sample);
        for part in [facts, body].iter().filter(|part| !part.is_empty()) {
            let mut decoder = Decoder::new(part);
            is_canonical(&mut decoder);
            assert_eq!(decoder.position(), part.len(), "{sample:?}");
        }
    }
}

#[test]
fn what_a_newer_program_wrote_does_not_stop_an_older_one() {
    assert_eq!(Event::decode(Kind(250), b"anything", None), Ok(None));
    let mut facts = Encoder::new(Vec::new());
    facts.map(2).unwrap().u8(0).unwrap().u8(7).unwrap().u16(4000).unwrap().str("new").unwrap();
    assert_eq!(Event::decode(Kind::Stopped, facts.writer(), None), Ok(Some(Stopped { executions: 7 }.into())));
    assert_eq!(Event::decode(Kind::Stopped, b"", None), Err(Unreadable));
}
