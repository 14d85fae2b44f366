use super::*;
use proptest::prelude::*;

fn packet(code: u32, rest: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes(), rest].concat()
}

fn v3(rest: &[u8]) -> Result<Packet, Refusal> {
    parse(&packet(0x0003_0000, rest))
}

/// The SQLSTATE a refusal tells.
fn code(result: Result<Packet, Refusal>) -> String {
    match result {
        Err(Refusal::Told(report)) => report.code.into_owned(),
        other => panic!("not told: {other:?}"),
    }
}

#[test]
fn a_startup_keeps_the_order_and_splits_what_is_known() {
    let Ok(Packet::Startup(made)) = v3(b"user\0ann\0DateStyle\0ISO\0database\0shop\0_pq_.x\x001\0application_name\0\0replication\0OFF\0\0")
    else {
        panic!()
    };
    assert_eq!(
        made,
        Startup {
            minor: 0,
            user: "ann".into(),
            database: Some("shop".into()),
            parameters: vec![("DateStyle".into(), "ISO".into()), ("application_name".into(), String::new())],
            unrecognised: vec!["_pq_.x".into()],
        }
    );
    assert!(made.wants_negotiation());
}

#[test]
fn newer_minor_versions_are_spoken_as_the_newest_known() {
    for (asked, spoken, told) in [(0, 0, false), (1, 1, false), (2, 2, false), (3, 2, true), (9999, 2, true)] {
        let Ok(Packet::Startup(made)) = parse(&packet(0x0003_0000 | asked, b"user\0a\0\0")) else { panic!() };
        assert_eq!((made.spoken_minor(), made.wants_negotiation()), (spoken, told), "3.{asked}");
    }
}

#[test]
fn bad_layout_is_a_protocol_violation() {
    for bad in [
        &b""[..],
        b"user\0a\0",
        b"user\0a",
        b"user",
        b"user\0",
        b"user\0a\0\0x",
        b"user\0a\0\0\0",
        b"\0user\0a\0\0",
        b"user\0a\0database\0\0",
    ] {
        assert_eq!(code(v3(bad)), "08P01", "{bad:?}");
    }
}

#[test]
fn what_the_server_would_guess_about_is_refused() {
    assert_eq!(code(v3(b"user\0a\0user\0b\0\0")), "08P01");
    assert_eq!(code(v3(b"user\0a\0DateStyle\0ISO\0datestyle\0SQL\0\0")), "08P01");
    assert_eq!(code(v3(b"user\0a\0_pq_.x\x001\0_pq_.x\x002\0\0")), "08P01");
    assert_eq!(code(v3(b"database\0a\0\0")), "28000");
    assert_eq!(code(v3(b"user\0\0\0")), "28000");
    assert_eq!(code(v3(b"\0")), "28000");
    assert_eq!(code(v3(b"user\0\xff\0\0")), "22021");
    assert_eq!(code(v3(b"user\0a\0x\xc3\0y\0\0")), "22021");
    for value in ["database", "true", "on", "1", "", "off "] {
        assert_eq!(code(v3(format!("user\0a\0replication\0{value}\0\0").as_bytes())), "0A000", "{value}");
    }
}

#[test]
fn protocol_2_is_told_in_its_own_form() {
    let refusal = parse(&packet(0x0002_0000, &[0; 288])).unwrap_err();
    let mut out = Vec::new();
    refusal.write(&mut out);
    assert_eq!(out, b"EFATAL:  unsupported frontend protocol 2.0: server supports 3.0 to 3.2\n\0");
    assert_eq!(code(parse(&packet(0x0004_0000, b"user\0a\0\0"))), "0A000");
    assert_eq!(code(Err(misplaced_encryption_request(&Packet::Ssl))), "0A000");
}

#[test]
fn encryption_requests_are_exactly_their_code() {
    assert_eq!(parse(&packet(SSL, b"")), Ok(Packet::Ssl));
    assert_eq!(parse(&packet(GSSENC, b"")), Ok(Packet::GssEnc));
    for request in [SSL, GSSENC] {
        assert!(matches!(parse(&packet(request, b"x")), Err(Refusal::Silent(_))));
    }
}

#[test]
fn cancel_keys_have_4_to_256_bytes() {
    for length in [4, 32, 256] {
        let mut out = Vec::new();
        write_cancel(&mut out, 7, &CancelKey::new(&vec![9; length]).unwrap());
        let Ok(Packet::Cancel(request)) = parse(&out[4..]) else { panic!("{length}") };
        assert_eq!((request.process_id, request.key.as_bytes()), (7, &vec![9; length][..]));
        assert!(!format!("{request:?}").contains("9, 9"));
    }
    for length in [0, 3, 257] {
        assert!(matches!(parse(&packet(CANCEL, &vec![9; 4 + length])), Err(Refusal::Silent(_))), "{length}");
    }
    assert!(matches!(parse(&packet(CANCEL, b"abc")), Err(Refusal::Silent(_))));
}

#[test]
fn lengths_are_judged_before_anything_is_read() {
    for (length, good) in [(0u32, false), (4, false), (7, false), (8, true), (10_004, true), (10_005, false), (u32::MAX, false)] {
        assert_eq!(body_length(length.to_be_bytes()).is_ok(), good, "{length}");
    }
}

#[test]
fn a_written_startup_is_read_back() {
    let mut out = Vec::new();
    write_startup(&mut out, 2, [("user", "a"), ("database", "b"), ("x", "y")]);
    let length = body_length(*out.first_chunk().unwrap()).unwrap();
    assert_eq!(length, out.len() - HEAD);
    let Ok(Packet::Startup(made)) = parse(&out[HEAD..]) else { panic!() };
    assert_eq!((made.minor, made.user.as_str(), made.database.as_deref()), (2, "a", Some("b")));
}

proptest! {
    #[test]
    fn no_bytes_panic(code in prop_oneof![Just(0x0003_0000u32), Just(0x0003_0002), Just(CANCEL), Just(SSL), any::<u32>()],
                      rest in prop_oneof![
                          proptest::collection::vec(any::<u8>(), 0..300),
                          proptest::collection::vec(prop_oneof![Just(0u8), Just(b'u'), Just(0xffu8)], 0..40),
                      ]) {
        let body = packet(code, &rest);
        if let Err(refusal) = parse(&body) {
            refusal.write(&mut Vec::new());
        }
        drop(parse(&rest));
    }

    #[test]
    fn every_prefix_of_a_startup_is_refused(cut in 0usize..30) {
        let whole = b"user\0ann\0database\0shop\0a\0b\0\0";
        prop_assume!(cut < whole.len());
        prop_assert!(v3(&whole[..cut]).is_err());
    }
}
