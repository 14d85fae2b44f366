use proptest::prelude::*;

use super::*;

fn tcp(name: &str, port: u16) -> Host {
    Host::Tcp { name: name.to_owned(), port }
}

#[test]
fn hosts_in_every_form() {
    let socket = |port| Host::Unix { folder: PathBuf::from("/var/run/postgresql"), port };
    let cases = [
        ("postgres://u@h", vec![tcp("h", 5432)]),
        ("postgresql://u@h:6000/d", vec![tcp("h", 6000)]),
        ("postgres://u@a:1,b,c:3/d", vec![tcp("a", 1), tcp("b", 5432), tcp("c", 3)]),
        ("postgres://u@[::1]:7/d", vec![tcp("::1", 7)]),
        ("postgres://u@[fe80::1%25eth0],b/d", vec![tcp("fe80::1%eth0", 5432), tcp("b", 5432)]),
        ("postgres://u@%2Fvar%2Frun%2Fpostgresql:6/d", vec![socket(6)]),
        ("postgres://u@/d?host=/var/run/postgresql&port=9", vec![socket(9)]),
        ("postgres:///d?user=u&host=a,b&port=1,2", vec![tcp("a", 1), tcp("b", 2)]),
        ("postgres:///d?user=u&host=a,b&port=7", vec![tcp("a", 7), tcp("b", 7)]),
    ];
    for (url, hosts) in cases {
        assert_eq!(parse(url).unwrap().hosts, hosts, "{url}");
    }
}

#[test]
fn user_password_and_database_are_decoded_and_have_libpqs_defaults() {
    let url = parse("postgres://al%40ice:p%3A%2F%40+%C3%A9@h/my%20db").unwrap();
    assert_eq!((url.user.as_str(), url.database.as_str()), ("al@ice", "my db"));
    assert_eq!(url.password.unwrap().expose(), "p:/@+é");
    let url = parse("postgres://alice@h").unwrap();
    assert_eq!((url.database.as_str(), url.password), ("alice", None));
    let url = parse("postgres://h/d?user=bob&password=x%26y").unwrap();
    assert_eq!((url.user.as_str(), url.password.unwrap().expose()), ("bob", "x&y"));
    assert_eq!(url.database, "d");
}

#[test]
fn every_parameter() {
    let url = parse(
        "postgres://u@h/d?sslmode=verify-ca&sslrootcert=system&sslcert=/c&sslkey=/k&channel_binding=require&\
         target_session_attrs=prefer-standby&sslnegotiation=direct&connect_timeout=7&application_name=x&gssencmode=prefer",
    )
    .unwrap();
    assert_eq!(url.sslmode, Some(SslMode::VerifyCa));
    assert_eq!(url.sslrootcert, Some(Roots::Platform));
    assert_eq!((url.sslcert, url.sslkey), (Some(PathBuf::from("/c")), Some(PathBuf::from("/k"))));
    assert_eq!(url.channel_binding, Some(ChannelBinding::Require));
    assert_eq!(url.target_session, Some(TargetSession::PreferStandby));
    assert_eq!((url.direct_tls, url.connect_timeout), (Some(true), Some(7)));
    assert_eq!(parse("postgres://u@h/?sslrootcert=/ca").unwrap().sslrootcert, Some(Roots::File("/ca".into())));
    assert_eq!(parse("postgres://u@h/?connect_timeout=0").unwrap().connect_timeout, None);
}

#[test]
fn what_is_refused() {
    let cases = [
        ("mysql://u@h", "starts with postgres://"),
        ("host=h user=u", "starts with postgres://"),
        ("postgres://h/d", "names no user"),
        ("postgres://u@/d", "names no host"),
        ("postgres://u@a,,b/d", "names no host"),
        ("postgres://u@h:0/d", "port 1"),
        ("postgres://u@h,i:99999/d", "port 2"),
        ("postgres://u@[::1/d", "host 1"),
        ("postgres://u@@x/d", "host 1"),
        ("postgres://u@/d?host=a,b&port=1,2,3", "number of ports"),
        ("postgres://u@h/d?host=a", "host is given twice"),
        ("postgres://u@h:1/d?port=2", "port is given twice"),
        ("postgres://u:%zz@h/d", "two hexadecimal digits"),
        ("postgres://u:%00@h/d", "zero byte"),
        ("postgres://u:%ff@h/d", "not UTF-8"),
        ("postgres://u@h/d?sslmode", "has no ="),
        ("postgres://u@h/d?sslmode=requir", "expected one of disable, allow"),
        ("postgres://u@h/d?sslmod=require", "did you mean sslmode?"),
        ("postgres://u@h/d?pgbouncer=true", "parameter 1 after the ? of the URL is not known"),
        ("postgres://u@h/d?options=-c%20x%3D1", "ALTER ROLE"),
        ("postgres://u@h/d?sslmode=require&sslmode=disable", "sslmode is given twice"),
        ("postgres://u@h/d?user=v", "user is given twice"),
        ("postgres://u@h/d?gssencmode=require", "GSSAPI"),
        ("postgres://u@h/d?connect_timeout=soon", "whole seconds"),
    ];
    for (url, expected) in cases {
        let error = parse(url).unwrap_err().to_string();
        assert!(error.contains(expected), "{url}: {error}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC*", tail in "[a-z@:/?&=%,\\[\\]0-9]{0,60}") {
        parse(&text).ok();
        parse(&format!("postgres://{tail}")).ok();
    }

    /// Whatever is broken around the password, and whatever it holds unescaped, none of it is repeated.
    #[test]
    fn no_error_and_no_debug_output_shows_the_password(
        before in "[a-z:@/?%,]{0,6}",
        after in "[a-z:@/?&=%,\\[\\]]{0,12}",
        split in "[@/?:&=,%]{0,2}",
    ) {
        let url = format!("postgres://{before}u:XQZWV{split}KJHGF@{after}");
        let shown = match parse(&url) {
            Ok(url) if url.password.as_ref().is_some_and(|password| password.expose().contains("XQZWV")) => format!("{:?}", url.password),
            Ok(_) => String::new(),
            Err(error) => format!("{error} {error:?}"),
        };
        prop_assert!(!shown.contains("XQZWV") && !shown.contains("KJHGF"), "{}", shown);
    }
}
