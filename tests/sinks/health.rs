//! The health page.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pgsluice::host::health::{self, JournalVitals, NoticeVitals, SinkVitals, Vitals};
use serde_json::json;

use crate::stage::LIMIT;

fn start(broken: Arc<AtomicBool>) -> SocketAddr {
    let (say, heard) = std::sync::mpsc::channel();
    let ask: health::Ask = Arc::new(move || Vitals {
        journal: JournalVitals { trouble: broken.load(Ordering::Relaxed).then_some("full"), last: 9, synced: 7 },
        index_lag: Some(2),
        sinks: vec![SinkVitals { name: "forward:lake".to_owned(), lag: 3, failing: true }],
        notices: vec![NoticeVitals { name: "slack".to_owned(), waiting: 4, dead: 1, failing: false }],
        upstream: None,
    });
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = health::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
            say.send(listener.local_addr().unwrap()).unwrap();
            health::serve(listener, ask, Arc::new(|| "counted 7\n".to_owned())).await;
        });
    });
    heard.recv_timeout(LIMIT).unwrap()
}

/// The status and the body.
fn ask(address: SocketAddr, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    write!(stream, "{request} HTTP/1.1\r\nhost: h\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(!head.to_ascii_lowercase().contains("pgsluice"), "{head}");
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[test]
fn it_says_whether_the_process_lives_and_can_work_and_nothing_else() {
    let broken = Arc::new(AtomicBool::new(false));
    let address = start(Arc::clone(&broken));
    // Who connects and says nothing holds up nobody.
    let _silent: Vec<_> = (0..8).map(|_| TcpStream::connect(address).unwrap()).collect();
    assert_eq!(ask(address, "GET /healthz"), (200, "{\"alive\":true}".to_owned()));
    for (trouble, status) in [(None, 200), (Some("full"), 503), (None, 200)] {
        broken.store(trouble.is_some(), Ordering::Relaxed);
        let (found, body) = ask(address, "GET /readyz");
        let expected = json!({
            "journal": {"trouble": trouble, "last": 9, "synced": 7},
            "index_lag": 2,
            "sinks": [{"name": "forward:lake", "lag": 3, "failing": true}],
            "notices": [{"name": "slack", "waiting": 4, "dead": 1, "failing": false}],
            "upstream": null,
        });
        assert_eq!((found, serde_json::from_str::<serde_json::Value>(&body).unwrap()), (status, expected));
        assert_eq!(ask(address, "GET /healthz").0, 200);
    }
    assert_eq!(ask(address, "GET /metrics"), (200, "counted 7\n".to_owned()));
    for (request, status) in [
        ("GET /", 404),
        ("GET /healthz/", 404),
        ("GET /metrics/", 404),
        ("POST /metrics", 405),
        ("POST /readyz", 405),
        ("DELETE /healthz", 405),
    ] {
        assert_eq!(ask(address, request), (status, String::new()), "{request}");
    }
}
