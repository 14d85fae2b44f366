//! The machine of one connection between a client and a server that may say anything at any time. The input is a list of turns:
//! bytes of either side, cut anywhere, ready-made messages so that deep states are near, and what the host may tell.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pgsluice::audit::Digester;
use pgsluice::gate::{Judge, Policy};
use pgsluice::session::output::{Demand, Lane, Output, Piece};
use pgsluice::session::recording::{Keep, Recorder};
use pgsluice::session::{LinkReport, Parameters, Session, Terms, Timeouts};
use pgsluice::wire::backend::Backend;
use pgsluice::wire::frame::{self, Caps};
use pgsluice::wire::frontend::Frontend;
use pgsluice::wire::limits::{ClientLimits, ServerLimits};
use pgsluice::wire::report::Report;

/// What policy refuses in some runs.
const REFUSED: &str = "drop";
const COPY_LIMIT: u64 = 16;
/// Caps low enough for a fuzzer to reach them.
const LOW: usize = 64;
/// What the client's messages may make in one call: the machine stops taking at 64 KiB, and the last message may bring a name.
const MADE_FOR_CLIENT: usize = 129 * 1024;
/// Runs of bytes likewise.
const PIECES: usize = 4098;
/// What a server's message may be turned into: the text of a refusal in place of its error.
const MADE_FOR_SERVER: usize = 32;

pub const CLIENT: &[&[u8]] = &[
    b"Q\0\0\0\x0dselect 1\0",
    b"Q\0\0\0\x0bdrop x\0",
    b"P\0\0\0\x10\0select 1\0\0\0",
    b"P\0\0\0\x11a\0select 1\0\0\0",
    b"P\0\0\0\x0fa\0drop x\0\0\0",
    b"B\0\0\0\x0c\0\0\0\0\0\0\0\0",
    b"B\0\0\0\x0ep\0a\0\0\0\0\0\0\0",
    b"B\0\0\0\x0f\0a\0\0\0\0\0\0\x01\0\x01",
    b"D\0\0\0\x07Sa\0",
    b"D\0\0\0\x06P\0",
    b"E\0\0\0\x09\0\0\0\0\0",
    b"E\0\0\0\x0ap\0\0\0\0\x02",
    b"C\0\0\0\x07Sa\0",
    b"C\0\0\0\x07Pp\0",
    b"S\0\0\0\x04",
    b"H\0\0\0\x04",
    b"d\0\0\0\x08row\n",
    b"c\0\0\0\x04",
    b"f\0\0\0\x05\0",
    b"F\0\0\0\x04",
    b"D\0\0\0\x0eSreserved\0",
    b"P\0\0\0\x11reserved\0x\0\0\0",
    b"X\0\0\0\x04",
];

pub const SERVER: &[&[u8]] = &[
    b"1\0\0\0\x04",
    b"2\0\0\0\x04",
    b"3\0\0\0\x04",
    b"Z\0\0\0\x05I",
    b"Z\0\0\0\x05T",
    b"Z\0\0\0\x05E",
    b"T\0\0\0\x1a\0\x01c\0\0\0\x40\x04\0\x01\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0",
    b"D\0\0\0\x0b\0\x01\0\0\0\x01x",
    b"C\0\0\0\x0dSELECT 1\0",
    b"C\0\0\0\x10DISCARD ALL\0",
    b"C\0\0\0\x13DEALLOCATE ALL\0",
    b"n\0\0\0\x04",
    b"t\0\0\0\x06\0\0",
    b"s\0\0\0\x04",
    b"I\0\0\0\x04",
    b"E\0\0\0\x13VERROR\0C22012\0\0",
    b"E\0\0\0\x13VFATAL\0C57P01\0\0",
    b"N\0\0\0\x0dVNOTICE\0\0",
    b"A\0\0\0\x0b\0\0\0\x09c\0\0",
    b"A\0\0\0\x0b\0\0\0\x05c\0\0",
    b"S\0\0\0\x08a\0b\0",
    b"G\0\0\0\x09\0\0\x01\0\0",
    b"H\0\0\0\x09\0\0\x01\0\0",
    b"d\0\0\0\x08row\n",
    b"c\0\0\0\x04",
];

pub fn session(data: &[u8]) {
    let Some((&manner, turns)) = data.split_first() else { return };
    Run::new(manner).go(turns);
}

struct Run {
    session: Session,
    out: Output,
    now: Instant,
    refusing: bool,
    /// What the machine has not taken yet.
    client: Vec<u8>,
    server: Vec<u8>,
    to_server: Decoder<ClientLimits>,
    to_client: Decoder<ServerLimits>,
    link_demanded: bool,
}

impl Run {
    fn new(manner: u8) -> Self {
        let now = Instant::now();
        let mut policy = if manner & 1 == 0 { Policy::allow_all() } else { Policy::refusing(&[REFUSED]) };
        if manner & 2 != 0 {
            policy = policy.with_copy_in_limit(COPY_LIMIT);
        }
        let timeouts = if manner & 4 == 0 {
            Timeouts::default()
        } else {
            Timeouts { idle: Some(Duration::from_secs(9)), idle_in_transaction: Some(Duration::from_secs(3)) }
        };
        let (mut frontend, mut backend) = (ClientLimits::default(), ServerLimits::default());
        if manner & 8 != 0 {
            frontend = ClientLimits { query: LOW, parse: LOW, bind: LOW, copy_data: LOW, ..frontend };
            backend = ServerLimits { data_row: LOW, copy_data: LOW, row_description: LOW, ..backend };
        }
        let terms = Terms {
            masking: pgsluice::mask::Masking::built_in(),
            judge: Judge::textual(Arc::new(policy)),
            frontend,
            backend,
            timeouts,
            process_id: 5,
            reserved: Rc::from(&b"reserved"[..]),
            recorder: Rc::new(Recorder::new(Digester::new(&[1; 32]), Keep::Nothing)),
            session: 1,
            unrecordable: None,
            purse: Arc::default(),
            manner: Default::default(),
        };
        Self {
            session: Session::new(terms, Arc::from([]), now),
            out: Output::default(),
            now,
            refusing: manner & 1 != 0,
            client: Vec::new(),
            server: Vec::new(),
            to_server: Decoder::new(ClientLimits::default()),
            to_client: Decoder::new(ServerLimits::default()),
            link_demanded: false,
        }
    }

    fn go(mut self, mut turns: &[u8]) {
        while let Some((&turn, rest)) = turns.split_first() {
            turns = rest;
            let argument = rest.first().copied().unwrap_or(0);
            // The high values are the rare turns, so that most bytes carry traffic.
            match turn {
                0..=79 => self.client(CLIENT[usize::from(turn) % CLIENT.len()]),
                80..=169 => self.server(SERVER[usize::from(turn - 80) % SERVER.len()]),
                170..=199 => {
                    let (bytes, later) = take(rest, usize::from(turn - 170) + 1);
                    turns = later;
                    self.client(bytes);
                }
                200..=229 => {
                    let (bytes, later) = take(rest, usize::from(turn - 200) + 1);
                    turns = later;
                    self.server(bytes);
                }
                230..=233 => {
                    // The same message many times, so that bounds are met.
                    let (count, later) = take(rest, 2);
                    turns = later;
                    let message = CLIENT[usize::from(count.first().copied().unwrap_or(0)) % CLIENT.len()];
                    self.client(&message.repeat(usize::from(count.get(1).copied().unwrap_or(0)) * 8));
                }
                234..=243 => self.link(true, argument),
                244 => self.link(false, argument),
                245..=246 => self.tell(|session, _, out| session.cancel(out)),
                247 => self.tell(|session, now, out| session.drain(now, out)),
                248 => self.tell(|session, _, out| session.client_gone(out)),
                249 => self.tell(|session, _, out| session.upstream_gone(out)),
                250 => self.tell(|session, _, out| session.end(&Report::fatal("57P01", "over"), out)),
                251.. => {
                    self.now += Duration::from_secs(u64::from(turn - 250));
                    self.tell(|session, now, out| session.elapsed(now, out));
                    assert!(self.session.deadline().is_none_or(|deadline| self.session.is_over() || deadline > self.now));
                }
            }
        }
    }

    fn link(&mut self, got: bool, argument: u8) {
        if !std::mem::take(&mut self.link_demanded) {
            return;
        }
        if got {
            let parameters: Parameters = Arc::from([(Box::from(&b"TimeZone"[..]), Box::from([argument % 3 + b'a']))]);
            self.tell(|session, now, out| session.linked(LinkReport { process_id: 9, parameters }, now, out));
        } else {
            self.tell(|session, _, out| session.link_failed(&Report::fatal("53300", "full"), out));
        }
        self.client(&[]);
    }

    fn client(&mut self, bytes: &[u8]) {
        self.client.extend_from_slice(bytes);
        let was_over = self.session.is_over();
        let taken = self.session.client(&self.client, self.now, &mut self.out);
        assert!(taken <= self.client.len() && !(was_over && taken > 0));
        assert!(self.out.to_client.pieces().iter().all(|piece| matches!(piece, Piece::Made(_))), "client bytes sent back");
        assert_ranges(&self.out.to_upstream, taken);
        let given = std::mem::take(&mut self.client);
        let waited = self.carry(&given, &[], was_over);
        self.client = given;
        self.client.drain(..taken);
        if waited {
            self.client(&[]);
        }
    }

    fn server(&mut self, bytes: &[u8]) {
        self.server.extend_from_slice(bytes);
        let was_over = self.session.is_over();
        let taken = self.session.upstream(&self.server, self.now, &mut self.out);
        assert!(taken <= self.server.len() && !(was_over && taken > 0));
        assert!(self.out.to_upstream.pieces().iter().all(|piece| matches!(piece, Piece::Made(_))), "server bytes sent back");
        assert_ranges(&self.out.to_client, taken);
        let given = std::mem::take(&mut self.server);
        self.carry(&[], &given, was_over);
        self.server = given;
        self.server.drain(..taken);
        // What was in flight may have kept the client's bytes waiting.
        if taken > 0 {
            self.client(&[]);
        }
    }

    fn tell(&mut self, what: impl FnOnce(&mut Session, Instant, &mut Output)) {
        let was_over = self.session.is_over();
        what(&mut self.session, self.now, &mut self.out);
        assert_ranges(&self.out.to_upstream, 0);
        assert_ranges(&self.out.to_client, 0);
        self.carry(&[], &[], was_over);
    }

    /// Does what the host does with the outcome of a call. True when the machine waited for that.
    fn carry(&mut self, from_client: &[u8], from_server: &[u8], was_over: bool) -> bool {
        let out = &mut self.out;
        if was_over {
            assert!(out.to_client.is_empty() && out.to_upstream.is_empty() && out.demands.is_empty(), "something was said after the end");
            assert!(self.session.is_over() && !self.session.takes_client_bytes());
        }
        for lane in [&out.to_client, &out.to_upstream] {
            let (made, pieces) = (lane.made().len(), lane.pieces().len());
            assert!(made <= MADE_FOR_CLIENT + MADE_FOR_SERVER * from_server.len(), "{made} bytes made");
            assert!(pieces <= PIECES + from_server.len(), "{pieces} pieces");
        }
        let full = out.is_full();
        for bytes in out.to_upstream.bytes(from_client) {
            self.to_server.feed(bytes, |tag, body| match Frontend::read(tag, body).expect("an invalid message went to the server") {
                Frontend::FunctionCall | Frontend::Password(_) => panic!("a message that is never passed on"),
                Frontend::Query(sql) if self.refusing => assert!(find(sql, REFUSED.as_bytes()).is_none(), "a refused query was sent"),
                _ => {}
            });
        }
        for bytes in out.to_client.bytes(from_server) {
            self.to_client.feed(bytes, |tag, body| match tag {
                // Passed on as it comes, and not looked into.
                b'D' => {}
                _ => drop(Backend::read(tag, body).expect("an invalid message went to the client")),
            });
        }
        // Only what is passed on as it comes may stand half sent.
        assert!(matches!(self.to_server.unfinished(), None | Some(b'd')));
        assert!(matches!(self.to_client.unfinished(), None | Some(b'D' | b'd')));
        self.link_demanded |= out.demands.iter().any(|demand| matches!(demand, Demand::Link));
        out.clear();
        full
    }
}

fn take(bytes: &[u8], count: usize) -> (&[u8], &[u8]) {
    bytes.split_at(count.min(bytes.len()))
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// Ranges lie in what was taken, in order, and none twice.
fn assert_ranges(lane: &Lane, taken: usize) {
    let mut received = 0;
    let mut made = 0;
    for piece in lane.pieces() {
        let (Range { start, end }, done, limit) = match piece {
            Piece::Received(range) => (range.clone(), &mut received, taken),
            Piece::Made(range) => (range.clone(), &mut made, lane.made().len()),
        };
        assert!(*done <= start && start < end && end <= limit, "{piece:?} of {limit}");
        *done = end;
    }
    assert_eq!(made, lane.made().len(), "made and not sent");
}

/// The far end of a lane: reads messages from bytes that come in any cut, and keeps no more than one of them.
struct Decoder<L> {
    limits: L,
    pending: Vec<u8>,
}

impl<L: Caps> Decoder<L> {
    fn new(limits: L) -> Self {
        Self { limits, pending: Vec::new() }
    }

    fn feed(&mut self, bytes: &[u8], mut read: impl FnMut(u8, &[u8])) {
        self.pending.extend_from_slice(bytes);
        let mut done = 0;
        while let Some(head) = frame::head(&self.pending[done..], &self.limits).expect("an impossible head was sent") {
            let Some(body) = self.pending.get(done + frame::HEAD..done + head.total()) else { break };
            read(head.tag, body);
            done += head.total();
        }
        self.pending.drain(..done);
    }

    fn unfinished(&self) -> Option<u8> {
        self.pending.first().copied()
    }
}
