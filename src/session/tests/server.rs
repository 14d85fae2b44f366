//! A small server that follows PostgreSQL's rules for messages: what is skipped after an error, what a COPY reads, when a
//! transaction ends. Its SQL is a handful of words.

use std::collections::{HashMap, HashSet};

use crate::wire::backend::tag;
use crate::wire::frame;
use crate::wire::frontend::{Frontend, Target};
use crate::wire::limits::ClientLimits;
use crate::wire::write::message;

pub const PROCESS_ID: i32 = 42;

#[derive(Debug, Default)]
pub struct Server {
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    statements: HashMap<Vec<u8>, String>,
    /// Command and rows already sent.
    portals: HashMap<Vec<u8>, (String, usize)>,
    status: Status,
    skipping: bool,
    copy: Option<CopyIn>,
    /// It runs something that only a cancel ends; true in a simple query.
    stuck: Option<bool>,
    uncommitted: Vec<String>,
    /// What was committed, in order.
    pub committed: Vec<String>,
    pub closed: bool,
    /// Every command that ran, also one whose transaction was rolled back.
    pub ran: Vec<String>,
    /// Names that were asked about and do not exist.
    pub unknown_statements: HashSet<Vec<u8>>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Status {
    #[default]
    Idle,
    Open,
    Failed,
}

#[derive(Debug)]
struct CopyIn {
    rows: usize,
    fails: bool,
    /// What is left of a simple query after this command; `None` in the extended protocol.
    rest: Option<Vec<String>>,
}

impl Server {
    pub fn receive(&mut self, bytes: &[u8]) {
        if !self.closed {
            self.inbox.extend_from_slice(bytes);
        }
    }

    /// A cancel hits what runs now, and nothing where nothing does.
    pub fn cancel(&mut self) {
        let Some(simple) = self.stuck.take() else { return };
        self.fail("57014");
        if simple {
            self.skipping = false;
            self.end_implicit();
            self.ready();
        }
    }

    pub fn take_output(&mut self, at_most: usize) -> Vec<u8> {
        let count = at_most.min(self.outbox.len());
        self.outbox.drain(..count).collect()
    }

    pub fn has_output(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// Works through what is in the inbox.
    pub fn work(&mut self) {
        let inbox = std::mem::take(&mut self.inbox);
        let mut rest = inbox.as_slice();
        while !self.closed
            && self.stuck.is_none()
            && let Ok(Some(head)) = frame::head(rest, &ClientLimits::default())
            && let Some((whole, after)) = rest.split_at_checked(head.total())
        {
            rest = after;
            let message = Frontend::read(head.tag, &whole[frame::HEAD..]).unwrap();
            self.message(message);
        }
        self.inbox = rest.to_vec();
    }

    fn message(&mut self, message: Frontend<'_>) {
        if self.copy.is_some() {
            return self.copy_message(message);
        }
        match message {
            Frontend::Terminate => self.closed = true,
            Frontend::Sync => {
                self.skipping = false;
                self.end_implicit();
                self.ready();
            }
            Frontend::CopyData(_) | Frontend::CopyDone | Frontend::CopyFail(_) | Frontend::Flush => {}
            _ if self.skipping => {}
            Frontend::Query(sql) => {
                self.statements.remove(&b""[..]);
                let commands = String::from_utf8(sql.to_vec()).unwrap().split(';').map(|part| part.trim().to_owned()).collect();
                self.simple(commands);
            }
            Frontend::Parse(parse) => {
                if parse.statement.is_empty() {
                    self.statements.remove(&b""[..]);
                }
                let sql = String::from_utf8(parse.sql.to_vec()).unwrap();
                if self.aborted(&sql) {
                    return self.fail("25P02");
                }
                if sql == "junk" || self.statements.contains_key(parse.statement) {
                    return self.fail("42601");
                }
                self.statements.insert(parse.statement.to_vec(), sql);
                self.say(tag::PARSE_COMPLETE);
            }
            Frontend::Bind(bind) => {
                let Some(sql) = self.statements.get(bind.statement).cloned() else { return self.fail("26000") };
                if self.aborted(&sql) {
                    return self.fail("25P02");
                }
                if !bind.portal.is_empty() && self.portals.contains_key(bind.portal) {
                    return self.fail("42P03");
                }
                self.portals.insert(bind.portal.to_vec(), (sql, 0));
                self.say(tag::BIND_COMPLETE);
            }
            Frontend::Describe(Target::Statement(name)) => {
                let Some(sql) = self.statements.get(name).cloned() else {
                    self.unknown_statements.insert(name.to_vec());
                    return self.fail("26000");
                };
                message_with(&mut self.outbox, tag::PARAMETER_DESCRIPTION, &[0, 0]);
                self.describe(&sql);
            }
            Frontend::Describe(Target::Portal(name)) => {
                let Some((sql, _)) = self.portals.get(name).cloned() else { return self.fail("34000") };
                self.describe(&sql);
            }
            Frontend::Execute(execute) => {
                let Some((sql, sent)) = self.portals.get(execute.portal).cloned() else { return self.fail("34000") };
                if self.aborted(&sql) {
                    return self.fail("25P02");
                }
                let limit = usize::try_from(execute.max_rows).ok().filter(|limit| *limit > 0);
                if let (Some(total), Some(limit)) = (number(&sql, "rows"), limit)
                    && sent + limit < total
                {
                    self.rows(sent..sent + limit);
                    self.portals.insert(execute.portal.to_vec(), (sql, sent + limit));
                    return self.say(tag::PORTAL_SUSPENDED);
                }
                if let Some(first) = number(&sql, "stuck") {
                    self.rows(0..first);
                    self.stuck = Some(false);
                    return;
                }
                if let Some(total) = number(&sql, "rows") {
                    self.rows(sent..total);
                    return self.complete(&format!("SELECT {}", total - sent));
                }
                if let Some(total) = number(&sql, "people") {
                    self.people(0..total);
                    return self.complete(&format!("SELECT {total}"));
                }
                self.command(&sql, None);
            }
            Frontend::Close(Target::Statement(name)) => {
                self.statements.remove(name);
                self.say(tag::CLOSE_COMPLETE);
            }
            Frontend::Close(Target::Portal(name)) => {
                self.portals.remove(name);
                self.say(tag::CLOSE_COMPLETE);
            }
            Frontend::FunctionCall | Frontend::Password(_) => panic!("{message:?} reached the server"),
        }
    }

    fn copy_message(&mut self, message: Frontend<'_>) {
        let Some(copy) = &mut self.copy else { return };
        match message {
            Frontend::Sync | Frontend::Flush => {}
            Frontend::CopyData(_) if copy.fails => self.copy_error("22P04"),
            Frontend::CopyData(data) => copy.rows += data.iter().filter(|byte| **byte == b'\n').count(),
            Frontend::CopyFail(_) => self.copy_error("57014"),
            Frontend::CopyDone => {
                let copy = self.copy.take().unwrap();
                self.uncommitted.push(format!("copied {}", copy.rows));
                self.complete(&format!("COPY {}", copy.rows));
                if let Some(rest) = copy.rest {
                    self.simple(rest);
                }
            }
            _ => {
                error(&mut self.outbox, "FATAL", "08P01");
                self.closed = true;
            }
        }
    }

    fn copy_error(&mut self, code: &str) {
        let simple = self.copy.take().is_some_and(|copy| copy.rest.is_some());
        self.fail(code);
        if simple {
            self.skipping = false;
            self.ready();
        }
    }

    fn simple(&mut self, commands: Vec<String>) {
        let mut commands = commands.into_iter();
        while let Some(command) = commands.next() {
            if self.aborted(&command) || command == "junk" {
                self.fail(if command == "junk" { "42601" } else { "25P02" });
                self.skipping = false;
                break;
            }
            if let Some(total) = number(&command, "rows").or(number(&command, "people")).or(number(&command, "odd")) {
                self.simple_rows(&command, total);
                continue;
            }
            if let Some(first) = number(&command, "stuck") {
                self.describe(&command);
                self.rows(0..first);
                self.stuck = Some(true);
                return;
            }
            let rest: Vec<String> = commands.clone().collect();
            if !self.command(&command, Some(rest)) {
                if self.copy.is_some() || self.closed || self.stuck.is_some() {
                    return;
                }
                self.skipping = false;
                break;
            }
        }
        self.end_implicit();
        self.ready();
    }

    /// True when the next command may follow.
    fn command(&mut self, sql: &str, rest: Option<Vec<String>>) -> bool {
        self.ran.push(sql.to_owned());
        match sql {
            "" => self.say(tag::EMPTY_QUERY_RESPONSE),
            "begin" => {
                self.status = Status::Open;
                self.complete("BEGIN");
            }
            "commit" => {
                if self.status == Status::Failed {
                    self.uncommitted.clear();
                }
                let text = if self.status == Status::Failed { "ROLLBACK" } else { "COMMIT" };
                self.commit();
                self.complete(text);
            }
            "rollback" => {
                self.uncommitted.clear();
                self.commit();
                self.complete("ROLLBACK");
            }
            "copyin" | "copyin-fail" | "copyin-early" => {
                message_with(&mut self.outbox, tag::COPY_IN_RESPONSE, &[0, 0, 1, 0, 0]);
                self.copy = Some(CopyIn { rows: 0, fails: sql == "copyin-fail", rest });
                if sql == "copyin-early" {
                    self.copy_error("P0001");
                }
                return false;
            }
            "copy stuck to stdout" => {
                message_with(&mut self.outbox, tag::COPY_OUT_RESPONSE, &[0, 0, 1, 0, 0]);
                for row in 0..30 {
                    message_with(&mut self.outbox, tag::COPY_DATA, format!("row {row}\n").as_bytes());
                }
                self.stuck = Some(rest.is_some());
                return false;
            }
            "copy t to stdout" => {
                message_with(&mut self.outbox, tag::COPY_OUT_RESPONSE, &[0, 0, 1, 0, 0]);
                for row in 0..3 {
                    message_with(&mut self.outbox, tag::COPY_DATA, format!("row {row}\n").as_bytes());
                }
                self.say(tag::COPY_DONE);
                self.complete("COPY 3");
            }
            "copy people to stdout" => {
                message_with(&mut self.outbox, tag::COPY_OUT_RESPONSE, &[0, 0, 1, 0, 0]);
                for row in 0..90 {
                    message_with(&mut self.outbox, tag::COPY_DATA, format!("{row} person{row}@example.com\n").as_bytes());
                }
                self.say(tag::COPY_DONE);
                self.complete("COPY 90");
            }
            "error" => {
                self.fail("22012");
                return false;
            }
            "notify" => {
                message(&mut self.outbox, tag::NOTIFICATION_RESPONSE, |body| {
                    body.int32(PROCESS_ID).string(b"channel").string(b"payload");
                });
                self.complete("NOTIFY");
            }
            "set" => {
                message(&mut self.outbox, tag::PARAMETER_STATUS, |body| {
                    body.string(b"TimeZone").string(b"UTC");
                });
                self.complete("SET");
            }
            "notice" => {
                message(&mut self.outbox, tag::NOTICE_RESPONSE, |body| {
                    body.byte(b'S').string(b"NOTICE").byte(b'M').string(b"look").byte(0);
                });
                self.complete("DO");
            }
            _ if sql.starts_with("prepare ") => {
                let (name, inner) = sql.strip_prefix("prepare ").unwrap().split_once(" as ").unwrap();
                self.statements.insert(name.as_bytes().to_vec(), inner.to_owned());
                self.complete("PREPARE");
            }
            _ if sql.starts_with("execute ") => {
                let name = sql.strip_prefix("execute ").unwrap();
                let Some(inner) = self.statements.get(name.as_bytes()).cloned() else {
                    self.fail("26000");
                    return false;
                };
                return self.command(&inner, rest);
            }
            _ if sql.starts_with("deallocate ") => {
                self.statements.remove(sql.strip_prefix("deallocate ").unwrap().as_bytes());
                self.complete("DEALLOCATE");
            }
            _ if sql.starts_with("declare ") => {
                let (name, inner) = sql.strip_prefix("declare ").unwrap().split_once(" cursor for ").unwrap();
                self.portals.insert(name.as_bytes().to_vec(), (inner.to_owned(), 0));
                self.complete("DECLARE CURSOR");
            }
            "discard" => {
                self.statements.clear();
                self.portals.clear();
                self.complete("DISCARD ALL");
            }
            other => {
                self.uncommitted.push(other.to_owned());
                self.complete("INSERT 0 1");
            }
        }
        true
    }

    fn aborted(&self, sql: &str) -> bool {
        self.status == Status::Failed && !matches!(sql, "commit" | "rollback")
    }

    fn describe(&mut self, sql: &str) {
        let copied = sql.starts_with("SELECT *") || number(sql, "odd").is_some();
        if number(sql, "rows").or(number(sql, "people")).or(number(sql, "stuck")).is_none() && !copied {
            return self.say(tag::NO_DATA);
        }
        message(&mut self.outbox, tag::ROW_DESCRIPTION, |body| {
            // Of a type that nobody knows, or a text.
            let oid = if sql.starts_with("odd") { 90_000 } else { 25 };
            body.int16(1).string(b"n").int32(16_400).int16(1).int32(oid).int16(-1).int32(-1).int16(0);
        });
    }

    /// Rows of a simple query.
    fn simple_rows(&mut self, command: &str, total: usize) {
        self.describe(command);
        if command.starts_with("people") {
            self.people(0..total)
        } else {
            self.rows(0..total)
        }
        self.complete(&format!("SELECT {total}"));
    }

    /// Rows with something to be masked, of lengths that differ, with a notice in between.
    fn people(&mut self, range: std::ops::Range<usize>) {
        for row in range {
            let text = format!("{} person{row}@example.com {}", "x".repeat(row * 37 % 500), "é".repeat(row % 5));
            if row % 70 == 3 {
                message(&mut self.outbox, tag::NOTICE_RESPONSE, |body| {
                    body.byte(b'S').string(b"NOTICE").byte(b'C').string(b"00000").byte(b'M').string(text.as_bytes()).byte(0);
                });
            }
            message(&mut self.outbox, tag::DATA_ROW, |body| {
                body.int16(1).int32(i32::try_from(text.len()).unwrap()).bytes(text.as_bytes());
            });
        }
    }

    fn rows(&mut self, range: std::ops::Range<usize>) {
        for row in range {
            let text = format!("value {row}");
            message(&mut self.outbox, tag::DATA_ROW, |body| {
                body.int16(1).int32(i32::try_from(text.len()).unwrap()).bytes(text.as_bytes());
            });
        }
    }

    fn fail(&mut self, code: &str) {
        error(&mut self.outbox, "ERROR", code);
        self.uncommitted.clear();
        self.portals.clear();
        if self.status == Status::Open {
            self.status = Status::Failed;
        }
        self.skipping = true;
    }

    fn end_implicit(&mut self) {
        if self.status == Status::Idle {
            self.commit();
        }
    }

    fn commit(&mut self) {
        self.status = Status::Idle;
        self.committed.append(&mut self.uncommitted);
        self.portals.clear();
    }

    fn ready(&mut self) {
        let status = match self.status {
            Status::Idle => b'I',
            Status::Open => b'T',
            Status::Failed => b'E',
        };
        message_with(&mut self.outbox, tag::READY_FOR_QUERY, &[status]);
    }

    fn complete(&mut self, text: &str) {
        message(&mut self.outbox, tag::COMMAND_COMPLETE, |body| {
            body.string(text.as_bytes());
        });
    }

    fn say(&mut self, tag: u8) {
        message(&mut self.outbox, tag, |_| ());
    }
}

fn message_with(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    message(out, tag, |body| {
        body.bytes(bytes);
    });
}

fn error(out: &mut Vec<u8>, severity: &str, code: &str) {
    message(out, tag::ERROR_RESPONSE, |body| {
        body.byte(b'S').string(severity.as_bytes()).byte(b'V').string(severity.as_bytes());
        body.byte(b'C').string(code.as_bytes()).byte(b'M').string(b"no").byte(0);
    });
}

fn number(sql: &str, word: &str) -> Option<usize> {
    let sql = sql.split_once("/*").map_or(sql, |(before, _)| before);
    sql.strip_prefix(word)?.trim().parse().ok()
}
