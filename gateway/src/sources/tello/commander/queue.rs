//! One command in flight, the others in a short line. Pure: takes `now` and
//! replies, says what to send and what came of each command.
//!
//! A drone answers after the manoeuvre, queues nothing, and its answers carry
//! no number. So a reply belongs to the one command in flight if it can be its
//! reply at all; what comes at another time is late and dropped. After a
//! time-out or an interruption a reply may still be on its way: then a question
//! goes first whose answer cannot be mistaken, and all that arrives before that
//! answer is late (the fence). A movement is never sent twice.
//!
//! Nothing old is flown: a manoeuvre whose turn does not come soon is dropped.
//! What lands, stops or cuts the motors never comes through here, see `down`.

use std::time::Duration;

use heapless::Deque;
use readings::clock::Mono;
use tello::command::Command;
use tello::reply::Reply;

use super::outputs::{MAX_WAITING, Output, Outputs, put};
use super::patience::patience;
use super::replies::{FENCE, is_busy, judge};
use crate::sources::vehicles::Outcome;

/// How long a manoeuvre may wait for its turn, a take-off before it not counted:
/// a person who pressed longer ago means another place by now.
pub(super) const WAITS_FOR: Duration = Duration::from_secs(2);

/// Between a reply and the next command. Firmware loses commands that follow
/// too closely, and a reply doubled by the network arrives within this.
const GAP: Duration = Duration::from_millis(100);

/// How long the question may take that tells late replies apart.
const FENCE_WITHIN: Duration = Duration::from_millis(500);

/// What may be sent now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Gate {
    /// Anything.
    #[default]
    Open,
    /// What flies it, and nothing else: the drone comes down by itself, any command ends
    /// that, and who asks for its camera does not mean to.
    MovesOnly,
    /// Nothing: the drone may fly and is not seen, or a down-command is under way.
    Closed,
}

/// Counts since start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct QueueStats {
    pub(in super::super) sent: u64,
    pub(in super::super) late: u64,
    pub(in super::super) timeouts: u64,
}

#[derive(Debug)]
struct QueuedCommand<T> {
    command: Command,
    /// Whom to tell; nobody for what the gateway asks for itself.
    ticket: Option<T>,
    /// Until when it is still meant.
    meant_until: Mono,
}

/// The command in flight.
#[derive(Debug)]
struct InFlight<T> {
    entry: QueuedCommand<T>,
    deadline: Mono,
    tries_left: u8,
}

/// The commands of one drone.
#[derive(Debug)]
pub(super) struct Queue<T> {
    in_flight: Option<InFlight<T>>,
    waiting: Deque<QueuedCommand<T>, MAX_WAITING>,
    gate: Gate,
    not_before: Mono,
    /// When a command last ended.
    last_end: Mono,
    /// Whether a reply to something sent earlier may still arrive.
    stray_expected: bool,
    /// Whether the link asked the drone into SDK mode, and the `ok` to that may come.
    sdk_reply_expected: bool,
    /// Until when no manoeuvre is sent, because one was refused by a drone that
    /// is busy: perhaps with that very manoeuvre. Its reply ends the wait.
    held_until: Option<Mono>,
    stats: QueueStats,
}

impl<T> Queue<T> {
    pub(super) fn new() -> Queue<T> {
        Queue {
            in_flight: None,
            waiting: Deque::new(),
            gate: Gate::Open,
            not_before: Mono::ZERO,
            last_end: Mono::ZERO,
            stray_expected: false,
            sdk_reply_expected: false,
            held_until: None,
            stats: QueueStats::default(),
        }
    }

    pub(super) fn stats(&self) -> QueueStats {
        self.stats
    }

    /// Counts what is sent past the queue.
    pub(super) fn count_sent(&mut self) {
        self.stats.sent += 1;
    }

    /// Whether nothing is in flight and nothing waits.
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.is_none() && self.waiting.is_empty()
    }

    /// Whether there is room for another command.
    pub(super) fn has_room(&self) -> bool {
        !self.waiting.is_full()
    }

    /// Whether a manoeuvre is under way on the drone, as far as is known.
    pub(super) fn in_manoeuvre(&self, now: Mono) -> bool {
        self.held_until.is_some_and(|until| now < until)
            || self
                .in_flight
                .as_ref()
                .is_some_and(|flight| flight.entry.command.is_manoeuvre())
    }

    /// How long the drone will refuse manoeuvres, by what it said last.
    pub(super) fn held_for(&self, now: Mono) -> Duration {
        self.held_until
            .map_or(Duration::ZERO, |until| until.since(now))
    }

    /// The commands that are in flight or wait, in order, and whom each is for.
    pub(super) fn entries(&self) -> impl Iterator<Item = (Command, Option<&T>)> {
        let flying = self.in_flight.iter().map(|flight| &flight.entry);
        flying
            .chain(self.waiting.iter())
            .map(|entry| (entry.command, entry.ticket.as_ref()))
    }

    /// The commands that are in flight or wait, in order.
    pub(super) fn commands(&self) -> impl Iterator<Item = Command> {
        self.entries().map(|(command, _)| command)
    }

    /// Whether `command` is in flight or waits.
    pub(super) fn takes_off(&self) -> bool {
        self.commands().any(Command::takes_off)
    }

    /// When [`Queue::tick`] has something to do next.
    pub(super) fn wake_at(&self) -> Option<Mono> {
        let deadline = self.in_flight.as_ref().map(|flight| flight.deadline);
        let next = self.next_turn();
        let stale = self.waiting.iter().map(|entry| entry.meant_until).min();
        [deadline, next, stale].into_iter().flatten().min()
    }

    /// When the first in the line may be sent; none while something else decides.
    fn next_turn(&self) -> Option<Mono> {
        let first = self.waiting.front().filter(|_| self.in_flight.is_none())?;
        let is_held = first.command.is_manoeuvre();
        self.is_allowed(first.command).then(|| {
            self.held_until
                .filter(|_| is_held)
                .map_or(self.not_before, |until| until.max(self.not_before))
        })
    }

    fn is_allowed(&self, command: Command) -> bool {
        match self.gate {
            Gate::Open => true,
            Gate::MovesOnly => command.is_manoeuvre(),
            Gate::Closed => false,
        }
    }

    /// Says what may be sent from now on.
    pub(super) fn set_gate(&mut self, gate: Gate) {
        self.gate = gate;
    }

    /// A reply to something sent outside this queue may still arrive.
    pub(super) fn expect_stray_reply(&mut self) {
        self.stray_expected = true;
    }

    /// Whether something was sent whose reply may still arrive.
    pub(super) fn expects_reply(&self) -> bool {
        self.in_flight.is_some()
            || self.stray_expected
            || self.sdk_reply_expected
            || self.held_until.is_some()
    }

    /// The link sends `command`, whose reply may still arrive.
    pub(super) fn expect_sdk_reply(&mut self) {
        self.sdk_reply_expected = true;
    }

    /// Whom the command in flight is for.
    pub(super) fn in_flight(&mut self) -> Option<&mut T> {
        let flight = self.in_flight.as_mut()?;
        flight.entry.ticket.as_mut()
    }

    /// Takes a command. The caller has asked [`Queue::has_room`].
    pub(super) fn submit(
        &mut self,
        command: Command,
        ticket: Option<T>,
        now: Mono,
        outputs: &mut Outputs<T>,
    ) {
        let entry = QueuedCommand {
            command,
            ticket,
            meant_until: now.plus(WAITS_FOR),
        };
        if let Err(entry) = self.waiting.push_back(entry) {
            finish(entry, Outcome::Dropped, outputs);
        }
        self.pump(now, outputs);
    }

    fn start(&mut self, entry: QueuedCommand<T>, now: Mono, outputs: &mut Outputs<T>) {
        let patience = patience(entry.command);
        self.send(entry.command, outputs);
        // One that is never answered, too: it may still be taken back, see `left`.
        self.in_flight = Some(InFlight {
            entry,
            deadline: now.plus(patience.timeout),
            tries_left: patience.tries.saturating_sub(1),
        });
    }

    /// What was about to be sent has left. For a command that is never answered, that is
    /// its end.
    pub(super) fn left(&mut self, command: Command, now: Mono, outputs: &mut Outputs<T>) {
        let is_it = |flight: &InFlight<T>| flight.entry.command == command;
        if patience(command).tries == 0 && self.in_flight.as_ref().is_some_and(is_it) {
            self.end(Outcome::Sent, now, outputs);
        }
    }

    fn send(&mut self, command: Command, outputs: &mut Outputs<T>) {
        self.stats.sent += 1;
        put(outputs, Output::Send(command));
    }

    /// Sends what may be sent now.
    fn pump(&mut self, now: Mono, outputs: &mut Outputs<T>) {
        self.drop_stale(now, outputs);
        if self.next_turn().is_none_or(|at| now < at) {
            return;
        }
        if (self.stray_expected || self.sdk_reply_expected) && self.gate == Gate::Open {
            (self.stray_expected, self.sdk_reply_expected) = (false, false);
            let fence = QueuedCommand {
                command: FENCE,
                ticket: None,
                meant_until: now,
            };
            self.send(FENCE, outputs);
            self.in_flight = Some(InFlight {
                entry: fence,
                deadline: now.plus(FENCE_WITHIN),
                tries_left: 1,
            });
        } else if let Some(entry) = self.waiting.pop_front() {
            if entry.command.is_manoeuvre() {
                self.held_until = None;
            }
            self.start(entry, now, outputs);
        }
    }

    /// Drops what waited for too long. What waits for a take-off is meant for
    /// after it.
    fn drop_stale(&mut self, now: Mono, outputs: &mut Outputs<T>) {
        let takes_off = self
            .in_flight
            .as_ref()
            .is_some_and(|flight| flight.entry.command.takes_off());
        if takes_off {
            for entry in &mut self.waiting {
                entry.meant_until = now.plus(WAITS_FOR);
            }
            return;
        }
        self.take_out(|entry| now >= entry.meant_until, &Outcome::Stale, outputs);
    }

    /// Takes a reply from the drone.
    pub(super) fn reply(&mut self, reply: &Reply<'_>, now: Mono, outputs: &mut Outputs<T>) {
        let Some(flight) = &mut self.in_flight else {
            if *reply == Reply::Ok && self.held_until.is_none() && self.sdk_reply_expected {
                self.sdk_reply_expected = false;
            } else {
                self.note_late(now);
            }
            return self.pump(now, outputs);
        };
        let Some(outcome) = judge(flight.entry.command, reply) else {
            self.note_late(now);
            return;
        };
        let (command, deadline) = (flight.entry.command, flight.deadline);
        let is_busy = matches!(&outcome, Outcome::Refused(words) if is_busy(words));
        if is_busy && command.is_manoeuvre() {
            // A network that doubles a command makes the drone refuse the copy and
            // answer the first when it is over. The next manoeuvre would take that
            // answer for its own, so it waits; questions do not.
            self.held_until = Some(deadline);
        }
        self.end(outcome, now, outputs);
    }

    fn note_late(&mut self, now: Mono) {
        self.stats.late += 1;
        if self.held_until.take().is_some() {
            // What it was busy with is over.
            self.not_before = self.not_before.max(now.plus(GAP));
        }
    }

    /// Lets time pass until `now`.
    pub(super) fn tick(&mut self, now: Mono, outputs: &mut Outputs<T>) {
        if self.held_until.is_some_and(|until| now >= until) {
            self.held_until = None;
        }
        let allowed = self
            .in_flight
            .as_ref()
            .is_some_and(|flight| self.is_allowed(flight.entry.command));
        if let Some(flight) = self
            .in_flight
            .as_mut()
            .filter(|flight| now >= flight.deadline)
        {
            if flight.tries_left > 0 && allowed {
                flight.tries_left -= 1;
                let command = flight.entry.command;
                flight.deadline = now.plus(patience(command).timeout);
                self.send(command, outputs);
            } else {
                self.stats.timeouts += 1;
                // A fence that falls is given up: nothing more can be learnt.
                let is_fence = flight.entry.ticket.is_none();
                self.end(Outcome::NoReply, now, outputs);
                self.stray_expected = !is_fence;
            }
        }
        self.pump(now, outputs);
    }

    /// What is about to be sent leaves as `command` instead.
    pub(super) fn leaves_as(&mut self, command: Command, now: Mono) {
        if let Some(flight) = &mut self.in_flight {
            flight.entry.command = command;
            flight.deadline = now.plus(patience(command).timeout);
        }
    }

    /// Takes back what was about to be sent, or sent again, and ends it that way; of the
    /// manoeuvres behind it those that `go_along`.
    pub(super) fn take_back(
        &mut self,
        outcome: Outcome,
        go_along: impl Fn(&T) -> bool,
        now: Mono,
        outputs: &mut Outputs<T>,
    ) {
        self.stats.sent = self.stats.sent.saturating_sub(1);
        self.end_with(outcome, go_along, now, outputs);
    }

    /// Puts what was about to be sent back to the head of the line, for another look soon.
    pub(super) fn put_back(&mut self, now: Mono) {
        self.stats.sent = self.stats.sent.saturating_sub(1);
        if let Some(flight) = self.in_flight.take() {
            // There is room: it was just taken out.
            let _ = self.waiting.push_front(flight.entry);
        }
        self.not_before = now.plus(GAP);
    }

    /// When the last command ended.
    pub(super) fn last_end(&self) -> Mono {
        self.last_end
    }

    /// Ends `command`, if it is what is in flight: it never left the gateway.
    pub(super) fn unsent(
        &mut self,
        command: Command,
        outcome: &Outcome,
        now: Mono,
        outputs: &mut Outputs<T>,
    ) -> bool {
        let is_it =
            |flight: &InFlight<T>| flight.entry.command == command && flight.entry.ticket.is_some();
        if !self.in_flight.as_ref().is_some_and(is_it) {
            return false;
        }
        self.stats.sent = self.stats.sent.saturating_sub(1);
        self.end(outcome.clone(), now, outputs);
        true
    }

    /// Ends what is in flight.
    fn end(&mut self, outcome: Outcome, now: Mono, outputs: &mut Outputs<T>) {
        self.end_with(outcome, |_| true, now, outputs);
    }

    fn end_with(
        &mut self,
        outcome: Outcome,
        go_along: impl Fn(&T) -> bool,
        now: Mono,
        outputs: &mut Outputs<T>,
    ) {
        let Some(flight) = self.in_flight.take() else {
            return;
        };
        (self.not_before, self.last_end) = (now.plus(GAP), now);
        let failed = matches!(
            outcome,
            Outcome::Refused(_) | Outcome::NoReply | Outcome::Forbidden(_) | Outcome::Unsent(_)
        );
        if failed && flight.entry.command.is_manoeuvre() {
            // Movements after a failed one would begin somewhere else than was meant.
            let goes = |entry: &QueuedCommand<T>| {
                entry.command.is_manoeuvre() && entry.ticket.as_ref().is_none_or(&go_along)
            };
            self.take_out(goes, &Outcome::Dropped, outputs);
        }
        if flight.entry.command.takes_off() {
            for entry in &mut self.waiting {
                entry.meant_until = now.plus(WAITS_FOR);
            }
        }
        finish(flight.entry, outcome, outputs);
        self.pump(now, outputs);
    }

    /// Takes everything back: a down-command comes, or nobody wants the drone.
    pub(super) fn clear_all(&mut self, outputs: &mut Outputs<T>) {
        if let Some(flight) = self.in_flight.take() {
            self.stray_expected = true;
            finish(flight.entry, Outcome::Superseded, outputs);
        }
        self.held_until = None;
        self.take_out(|_| true, &Outcome::Superseded, outputs);
    }

    fn take_out(
        &mut self,
        which: impl Fn(&QueuedCommand<T>) -> bool,
        outcome: &Outcome,
        outputs: &mut Outputs<T>,
    ) {
        for _ in 0..self.waiting.len() {
            let Some(entry) = self.waiting.pop_front() else {
                return;
            };
            if which(&entry) {
                finish(entry, outcome.clone(), outputs);
            } else {
                // There is room: one was just taken out.
                let _ = self.waiting.push_back(entry);
            }
        }
    }
}

fn finish<T>(entry: QueuedCommand<T>, outcome: Outcome, outputs: &mut Outputs<T>) {
    if let Some(ticket) = entry.ticket {
        put(outputs, Output::Finish(ticket, outcome));
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
