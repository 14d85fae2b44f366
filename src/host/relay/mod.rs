//! Carries one session: moves bytes between two streams and the machine, takes a link when the machine demands one, tells it
//! what the world does. It understands no message and decides nothing.

mod received;
mod sending;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc::{Receiver, UnboundedReceiver};
use tokio::time::Sleep;

use crate::audit::{Event, Note};
use crate::gate::Judge;
use crate::gate::hold::HoldId;
use crate::gate::judge::{Knowledge, Learned, Need};
use crate::host::journal::{Scribe, Unwritable};
use crate::mask::lineage::Written;
use crate::mask::token::Mint;
use crate::mask::verdict::{ColumnId, Mark, Unknown};
use crate::mask::{Masking, Verdict};
use crate::session::asking::{Message, Petition, Reply};
use crate::session::output::{Demand, Lane, Output};
use crate::session::{LinkReport, Session};
use crate::sql::effect::{Effect, EffectSet};
use crate::wire::report::{Report, Severity};

use received::Received;
use sending::Progress;

/// How long a client that is to be let go may take to read its last words.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Where links come from.
pub trait Server {
    type Stream: AsyncRead + AsyncWrite + Unpin;
    /// What cancels the work of one link; kept after the link itself is gone.
    type Canceller;

    fn connect(&self) -> impl Future<Output = Result<Taken<Self::Stream, Self::Canceller>, Report>> + 'static;

    /// Takes a link back that its session left in order: it may serve another one.
    fn give_back(&self, _link: Taken<Self::Stream, Self::Canceller>) {}

    /// Asks the server to cancel, without waiting for it; `done` is dropped when the server has taken the request.
    fn cancel(&self, canceller: &Self::Canceller, done: Option<Cancelled>);
}

/// Who is asked about a statement before it may pass.
pub trait Counsel {
    /// Tells the judge what is new: the policy, the catalog, the time. Asked at each wake-up, so it must cost next to nothing.
    fn refresh(&self, _judge: &mut Judge) {}

    /// Likewise for what masking goes by.
    fn inform(&self, _masking: &mut Masking) {}

    /// Ready when whatever can be known of these is.
    fn survey(&self, _unknown: Unknown) -> impl Future<Output = ()> + 'static {
        std::future::ready(())
    }

    /// Values of these columns passed, and this is what they say about them.
    fn learned(&self, _columns: Vec<(ColumnId, Verdict)>) {}

    /// What came from sensitive columns was written to these.
    fn mark(&self, _marks: Vec<Mark>) {}

    /// The same of relations that are made now, by their names.
    fn promise(&self, _written: Vec<Written>) {}

    /// Keeps what the agent of this mint writes to. False where it cannot be kept: then nothing of it may be written.
    fn keep(&self, _mint: &Mint) -> bool {
        true
    }

    /// Something was sent, or has come to its end, after which names may mean something else.
    fn changed(&self) {}

    fn learn(&self, _need: Need, _message: Message) -> impl Future<Output = Found> + 'static {
        std::future::ready(Found { knowledge: None, learned: Learned::default() })
    }

    fn petition(&self, _petition: Petition) -> impl Future<Output = Reply> + 'static {
        std::future::ready(Reply::Refused(Report::error("42501", "nobody is there to approve it")))
    }

    /// The message of a hold, if this agent may run it now.
    fn stored(&self, _hold: HoldId) -> impl Future<Output = Result<Message, Report>> + 'static {
        std::future::ready(Err(Report::error("42501", "nobody keeps held statements here")))
    }

    /// Ready when the hold no longer waits.
    fn decided(&self, _hold: HoldId) -> impl Future<Output = ()> + 'static {
        std::future::ready(())
    }

    /// A transaction that used these approvals ended.
    fn settle(&self, _holds: &[HoldId], _used: bool) {}
}

/// What was found out about a statement.
#[derive(Debug)]
pub struct Found {
    /// A newer catalog.
    pub knowledge: Option<Knowledge>,
    pub learned: Learned,
}

/// What the machine asked for and was not told yet.
enum Answer {
    Found(Found),
    Reply(Reply),
    Stored(Result<Message, Report>),
    Decided,
}

type Asking = Pin<Box<dyn Future<Output = Answer>>>;

/// A link to the server, signed in.
#[derive(Debug)]
pub struct Taken<S, C> {
    pub stream: S,
    /// Bytes that came behind the greeting.
    pub received: Vec<u8>,
    pub report: LinkReport,
    pub canceller: C,
}

/// Held until a cancel request is done with: whoever sent it waits for that.
pub type Cancelled = tokio::sync::mpsc::Sender<()>;

/// What the rest of the process tells a session.
#[derive(Debug, Clone)]
pub enum Control {
    /// A CancelRequest with the right key came in.
    Cancel(Cancelled),
    /// Finish what is open, then end.
    Drain,
    /// End now, and say why.
    /// Boxed, because each session owns a block of places for these.
    End(Box<Report>),
}

/// Whether after this statement the names of others may stand for something else.
fn changes_names(note: &Note) -> bool {
    const CHANGING: EffectSet = EffectSet::of(&[Effect::Ddl, Effect::Privilege, Effect::Code, Effect::Admin, Effect::Opaque]);
    let Event::Begun(begun) = &note.event else { return false };
    begun.statement.effects.is_none_or(|effects| !EffectSet::from_bits(effects).and(CHANGING).is_empty())
}

/// How long, and how much, a client may still send after it was told that it is over.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_READS: usize = 64;

async fn linger(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut nobody = [0; 4096];
    for _ in 0..LINGER_READS {
        if !matches!(stream.read(&mut nobody).await, Ok(1..)) {
            return;
        }
    }
}

type Connecting<S> = Pin<Box<dyn Future<Output = Result<Taken<<S as Server>::Stream, <S as Server>::Canceller>, Report>>>>;

pub struct Relay<C, S: Server> {
    session: Session,
    scribe: Scribe,
    server: S,
    control: UnboundedReceiver<Control>,
    client: Side<C>,
    link: Link<S>,
    asking: Option<Asking>,
    /// Rows wait for what is found out about the relations that they come from.
    surveying: Option<Pin<Box<dyn Future<Output = ()>>>>,
    /// Closed when the server has taken a cancel of the session's own.
    stopping: Option<Receiver<()>>,
    output: Output,
    sleep: Option<Pin<Box<Sleep>>>,
    /// The client's lane ended with the end of a message when it was last empty.
    whole: bool,
    /// Whoever asked for the cancel that is about to be carried out.
    cancelled: Option<Cancelled>,
    /// Something was sent that may change what names mean, and its transaction has not ended.
    changing: bool,
    /// The end of the time for last words, once the session is over.
    over_since: Option<Instant>,
}

impl<C, S: Server> std::fmt::Debug for Relay<C, S> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Relay").field("session", &self.session).finish_non_exhaustive()
    }
}

/// One stream with what came from it and how far what goes to it was sent.
struct Side<T> {
    stream: T,
    received: Received,
    /// Bytes of `received` that the lane to the other side still speaks of.
    taken: usize,
    progress: Progress,
    /// Nothing more will be read.
    ended: bool,
    /// Nothing more can be written.
    deaf: bool,
    /// The machine has not seen all that is there, or its state changed since.
    fresh: bool,
}

enum Link<S: Server> {
    None,
    Connecting(Connecting<S>),
    Up(Box<Side<S::Stream>>, S::Canceller),
}

impl<T: AsyncRead + AsyncWrite + Unpin> Side<T> {
    fn new(stream: T, received: &[u8]) -> Self {
        let received = Received::with(received);
        let fresh = !received.is_empty();
        Self { stream, received, taken: 0, progress: Progress::default(), ended: false, deaf: false, fresh }
    }

    /// Reads more, where there is room. Room is made only when what is there was looked at and is wanted, so that nobody can
    /// make the buffer grow but by one long message. True when something changed.
    fn poll_receive(&mut self, wanted: bool, context: &mut Context<'_>) -> bool {
        if self.ended {
            return false;
        }
        if wanted {
            self.received.make_room();
        }
        match self.received.poll_read(&mut self.stream, context) {
            Poll::Pending => false,
            Poll::Ready(Ok(count)) if count > 0 => {
                self.fresh = true;
                true
            }
            Poll::Ready(Ok(_) | Err(_)) => {
                self.ended = true;
                true
            }
        }
    }

    /// Sends what the lane holds. An error makes the side deaf.
    fn poll_send(&mut self, lane: &mut Lane, received: &[u8], context: &mut Context<'_>) -> io::Result<()> {
        if self.deaf {
            lane.clear();
            return Ok(());
        }
        match self.progress.poll_send(lane, received, &mut self.stream, context) {
            Poll::Ready(Err(error)) => {
                self.deaf = true;
                lane.clear();
                Err(error)
            }
            Poll::Ready(Ok(())) | Poll::Pending => Ok(()),
        }
    }

    /// The lane to the other side is empty: what it spoke of can go.
    fn release(&mut self) {
        self.received.consume(std::mem::take(&mut self.taken));
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin, S: Server + Counsel> Relay<C, S> {
    /// `received` came behind the handshake; `greeting` is sent first.
    pub fn new(
        session: Session,
        scribe: Scribe,
        client: C,
        received: &[u8],
        greeting: &[u8],
        server: S,
        control: UnboundedReceiver<Control>,
    ) -> Self {
        let mut output = Output::default();
        output.to_client.say(greeting);
        Self {
            session,
            scribe,
            server,
            control,
            client: Side::new(client, received),
            link: Link::None,
            asking: None,
            surveying: None,
            stopping: None,
            output,
            sleep: None,
            whole: true,
            cancelled: None,
            changing: false,
            over_since: None,
        }
    }

    /// Starts with a link that was taken for the greeting's sake.
    pub fn with_link(mut self, taken: Taken<S::Stream, S::Canceller>, now: Instant) -> Self {
        self.session.preset_link(taken.report, now, &mut self.output);
        self.link = Link::Up(Box::new(Side::new(taken.stream, &taken.received)), taken.canceller);
        self
    }

    /// Runs the session to its end.
    pub async fn run(mut self) {
        std::future::poll_fn(|context| self.poll(context)).await;
        self.give_back();
        // Closing on unread bytes would make the system throw away what was said last.
        if !self.client.ended && !self.client.deaf {
            // Boxed: its buffer must not be part of every session that lives.
            Box::pin(tokio::time::timeout(LINGER, linger(&mut self.client.stream))).await.ok();
        }
    }

    /// The link goes back to where links come from, if it is whole: nothing of a message is left to be sent or read.
    fn give_back(&mut self) {
        let Link::Up(side, canceller) = std::mem::replace(&mut self.link, Link::None) else { return };
        let whole = self.output.to_upstream.is_empty() && !side.ended && !side.deaf;
        if let Some(report) = self.session.reusable().filter(|_| whole) {
            let received = side.received.bytes().get(side.taken..).unwrap_or_default().to_vec();
            self.server.give_back(Taken { stream: side.stream, received, report: report.clone(), canceller });
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        // One reading of the clock serves all that this wake-up brought.
        let now = Instant::now();
        self.session.recordable(self.scribe.journal().trouble().map(Unwritable::report));
        self.server.refresh(self.session.judge_mut());
        self.server.inform(self.session.masking_mut());
        loop {
            let mut moved = self.hear_control(now, context);
            moved |= self.poll_link(now, context);
            moved |= self.poll_asking(now, context);
            moved |= self.poll_surveying(now, context);
            moved |= self.poll_stopping(now, context);
            moved |= self.poll_client(now, context);
            moved |= self.poll_upstream(now, context);
            self.record();
            moved |= self.carry_out_demands();
            moved |= self.send(context);
            // What was found out while sending: that the client is gone.
            self.record();
            if self.session.is_over() {
                self.carry_out_demands();
                if self.poll_over(now, context).is_ready() {
                    return Poll::Ready(());
                }
            } else {
                moved |= self.poll_deadline(now, context);
                self.record();
            }
            if self.changing && !self.session.is_open() {
                self.changing = false;
                self.server.changed();
            }
            if !moved {
                return Poll::Pending;
            }
        }
    }

    fn hear_control(&mut self, now: Instant, context: &mut Context<'_>) -> bool {
        let mut heard = false;
        while let Poll::Ready(Some(control)) = self.control.poll_recv(context) {
            heard = true;
            match control {
                Control::Cancel(done) => {
                    self.cancelled = Some(done);
                    self.session.cancel(&mut self.output);
                    // Whoever gave up its wait must not be given what others wait for.
                    if matches!(self.link, Link::Connecting(_)) && !self.session.awaits_link() {
                        self.link = Link::None;
                    }
                    self.client.fresh = true;
                }
                Control::Drain => {
                    self.session.drain(now, &mut self.output);
                    self.client.fresh = true;
                }
                Control::End(report) => self.session.end(&report, &mut self.output),
            }
        }
        self.forget_asking();
        heard
    }

    fn poll_link(&mut self, now: Instant, context: &mut Context<'_>) -> bool {
        let Link::Connecting(connecting) = &mut self.link else { return false };
        let Poll::Ready(result) = connecting.as_mut().poll(context) else { return false };
        match result {
            Ok(taken) => {
                self.session.linked(taken.report, now, &mut self.output);
                self.link = Link::Up(Box::new(Side::new(taken.stream, &taken.received)), taken.canceller);
            }
            Err(report) => {
                self.link = Link::None;
                self.session.link_failed(&report, &mut self.output);
            }
        }
        self.client.fresh = true;
        true
    }

    fn poll_asking(&mut self, now: Instant, context: &mut Context<'_>) -> bool {
        let Some(asking) = &mut self.asking else { return false };
        let Poll::Ready(answer) = asking.as_mut().poll(context) else { return false };
        self.asking = None;
        match answer {
            Answer::Found(Found { knowledge, learned }) => {
                if let Some(knowledge) = knowledge {
                    self.session.judge_mut().knowledge = knowledge;
                }
                self.session.learned(learned, now, &mut self.output);
            }
            Answer::Stored(found) => self.session.fetched(found, now, &mut self.output),
            Answer::Reply(reply) => self.session.answered(reply, now, &mut self.output),
            Answer::Decided => self.session.decided(now, &mut self.output),
        }
        self.client.fresh = true;
        // The end of a run that was stopped waits for its ticket.
        if let Link::Up(side, _) = &mut self.link {
            side.fresh = true;
        }
        true
    }

    fn poll_surveying(&mut self, now: Instant, context: &mut Context<'_>) -> bool {
        let Some(surveying) = &mut self.surveying else { return false };
        if surveying.as_mut().poll(context).is_pending() {
            return false;
        }
        self.surveying = None;
        self.server.inform(self.session.masking_mut());
        self.session.surveyed(now, &mut self.output);
        self.client.fresh = true;
        if let Link::Up(side, _) = &mut self.link {
            side.fresh = true;
        }
        true
    }

    fn poll_stopping(&mut self, now: Instant, context: &mut Context<'_>) -> bool {
        let Some(stopping) = &mut self.stopping else { return false };
        if stopping.poll_recv(context).is_pending() {
            return false;
        }
        self.stopping = None;
        self.session.stopped(now, &mut self.output);
        self.client.fresh = true;
        true
    }

    /// The wait for an answer ended before it came.
    fn forget_asking(&mut self) {
        if self.asking.is_some() && !self.session.awaits_host() {
            self.asking = None;
        }
    }

    fn poll_client(&mut self, now: Instant, context: &mut Context<'_>) -> bool {
        let free = self.output.to_upstream.is_empty();
        let mut moved = false;
        // A goodbye was said: what comes behind it is nobody's.
        if !self.session.is_leaving() {
            let wanted = free && !self.client.fresh && self.session.takes_client_bytes();
            moved = self.client.poll_receive(wanted, context);
        }
        if self.client.fresh && free && !self.output.is_full() {
            self.client.fresh = false;
            if self.session.takes_client_bytes() && !self.client.received.is_empty() {
                self.client.taken = self.session.client(self.client.received.bytes(), now, &mut self.output);
                // What was left is looked at again when there is room for its outcome.
                self.client.fresh = self.output.is_full();
            }
            // Looked at and not enough: only now is room for more wanted.
            moved = true;
        }
        // Whether or not the server takes what was sent before: it may be waiting for a lock that nobody needs any more.
        // Nor does anyone decide for a client that is not there to be told, whether or not it said goodbye.
        if self.client.ended && !self.client.fresh && !self.session.is_over() && (!self.will_leave() || self.session.awaits_people()) {
            self.session.client_gone(&mut self.output);
            moved = true;
        }
        moved
    }

    fn poll_upstream(&mut self, now: Instant, context: &mut Context<'_>) -> bool {
        let Link::Up(side, _) = &mut self.link else { return false };
        let free = self.output.to_client.is_empty();
        let wanted = free && !side.fresh && self.session.takes_upstream_bytes();
        let mut moved = side.poll_receive(wanted, context);
        if side.fresh && free {
            side.fresh = false;
            self.whole = self.session.client_is_between_messages();
            side.taken = self.session.upstream(side.received.bytes(), now, &mut self.output);
            moved = true;
            if side.taken > 0 {
                // What was in flight may have kept the client's bytes waiting.
                self.client.fresh |= !self.client.received.is_empty();
            }
        }
        if side.ended && !side.fresh && free && !self.session.is_over() {
            self.session.upstream_gone(&mut self.output);
            moved = true;
        }
        moved
    }

    /// Puts on the record what the machine noted. Nothing of this step leaves before that, and nothing at all if it cannot be done.
    fn record(&mut self) {
        if self.output.notes.iter().any(changes_names) {
            self.changing = true;
            self.server.changed();
        }
        self.scribe.refused(std::mem::take(&mut self.output.unrecorded));
        let Err(trouble) = self.scribe.write(&self.output.notes) else { return drop(self.output.take_notes()) };
        self.output.to_client.clear();
        let severe = Report { severity: Severity::Fatal, ..trouble.report() };
        // Inside a message there is no place for another.
        if self.whole && self.client.progress.is_between_lanes() {
            self.session.end(&severe, &mut self.output);
        } else {
            self.session.client_gone(&mut self.output);
            self.client.deaf = true;
        }
        // Not even a goodbye: it could stand in the middle of a message.
        self.output.to_upstream.clear();
        self.scribe.owe(self.output.take_notes());
    }

    /// True when something was asked: only when it was polled will it wake us.
    fn carry_out_demands(&mut self) -> bool {
        let asked = self.asking.is_some();
        let (mut stops, mut kept) = (false, true);
        for demand in self.output.demands.drain(..) {
            match (demand, &self.link) {
                (Demand::Link, _) => self.link = Link::Connecting(Box::pin(self.server.connect())),
                (Demand::Cancel, Link::Up(_, canceller)) => self.server.cancel(canceller, self.cancelled.take()),
                (Demand::Cancel, Link::None | Link::Connecting(_)) => {}
                (Demand::Stop, link) => {
                    let (done, stopping) = tokio::sync::mpsc::channel(1);
                    if let Link::Up(_, canceller) = link {
                        self.server.cancel(canceller, Some(done));
                    }
                    self.stopping = Some(stopping);
                    stops = true;
                }
                (Demand::Learn(need, message), _) => {
                    let asked = self.server.learn(need, message);
                    self.asking = Some(Box::pin(async { Answer::Found(asked.await) }));
                }
                (Demand::Petition(petition), _) => {
                    let asked = self.server.petition(*petition);
                    self.asking = Some(Box::pin(async { Answer::Reply(asked.await) }));
                }
                (Demand::Survey(unknown), _) => {
                    self.surveying = Some(Box::pin(self.server.survey(unknown)));
                    stops = true;
                }
                (Demand::Learned(columns), _) => self.server.learned(columns),
                (Demand::Keep(mint), _) => kept &= self.server.keep(&mint),
                (Demand::Promise(written), _) => self.server.promise(written),
                (Demand::Mark(marks), _) => {
                    self.server.mark(marks);
                    // What follows in this very step may read it.
                    self.server.inform(self.session.masking_mut());
                }
                (Demand::Fetch(hold), _) => {
                    let asked = self.server.stored(hold);
                    self.asking = Some(Box::pin(async { Answer::Stored(asked.await) }));
                }
                (Demand::Await(hold), _) => {
                    let asked = self.server.decided(hold);
                    self.asking = Some(Box::pin(async {
                        asked.await;
                        Answer::Decided
                    }));
                }
                (Demand::Settle(holds, used), _) => self.server.settle(&holds, used),
            }
        }
        if !kept {
            self.session.client_gone(&mut self.output);
            self.client.deaf = true;
            self.output.to_upstream.clear();
        }
        // Nothing ran, so there was nothing to cancel.
        self.cancelled = None;
        stops || !asked && self.asking.is_some()
    }

    /// Sends both lanes as far as the streams take them. True when a lane became empty: what waited for that is nobody else's to wake.
    fn send(&mut self, context: &mut Context<'_>) -> bool {
        let full = [!self.output.to_upstream.is_empty(), !self.output.to_client.is_empty()];
        let heard = if let Link::Up(side, _) = &mut self.link {
            // A server that stopped listening may still have said why: its last words are read before the end is told.
            side.poll_send(&mut self.output.to_upstream, self.client.received.bytes(), context).ok();
            let heard = self.client.poll_send(&mut self.output.to_client, side.received.bytes(), context);
            if self.output.to_client.is_empty() {
                side.release();
            }
            heard
        } else {
            self.output.to_upstream.clear();
            self.client.poll_send(&mut self.output.to_client, &[], context)
        };
        if heard.is_err() && !self.will_leave() {
            self.session.client_gone(&mut self.output);
        }
        if self.output.to_upstream.is_empty() {
            self.client.release();
        }
        full != [!self.output.to_upstream.is_empty(), !self.output.to_client.is_empty()]
    }

    /// Whether the client said goodbye, heard already or still to be handed to the machine.
    fn will_leave(&self) -> bool {
        let waiting = self.client.received.bytes().get(self.client.taken..).unwrap_or_default();
        self.session.is_leaving() || self.session.goodbye_follows(waiting)
    }

    /// Ready when the last words are said, or nobody takes them.
    fn poll_over(&mut self, now: Instant, context: &mut Context<'_>) -> Poll<()> {
        let since = *self.over_since.get_or_insert(now);
        let unheard = self.output.to_client.is_empty() || self.client.deaf || self.client.ended;
        if unheard || now.saturating_duration_since(since) >= LAST_WORDS {
            return Poll::Ready(());
        }
        self.sleep_until(since.checked_add(LAST_WORDS).unwrap_or(now), context).map(|()| ())
    }

    fn poll_deadline(&mut self, now: Instant, context: &mut Context<'_>) -> bool {
        let Some(deadline) = self.session.deadline() else { return false };
        if now < deadline && self.sleep_until(deadline, context).is_pending() {
            return false;
        }
        self.session.elapsed(Instant::now(), &mut self.output);
        self.forget_asking();
        self.client.fresh = true;
        // Rows that waited for others are judged as they are.
        if let Link::Up(side, _) = &mut self.link {
            side.fresh = true;
        }
        true
    }

    fn sleep_until(&mut self, deadline: Instant, context: &mut Context<'_>) -> Poll<()> {
        let deadline = tokio::time::Instant::from_std(deadline);
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if sleep.deadline() != deadline {
            sleep.as_mut().reset(deadline);
        }
        sleep.as_mut().poll(context)
    }
}
