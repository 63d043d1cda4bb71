//! One command in flight, the others in a bounded line. Pure: takes `now` and
//! replies, says what to send and what came of each command.
//!
//! A drone answers after the manoeuvre, queues nothing, and its answers carry
//! no number. So a reply belongs to the one command in flight if it can be its
//! reply at all; what comes at another time is late and dropped. After a
//! time-out or an interruption a reply may still be on its way: then a question
//! goes first whose answer cannot be mistaken, and all that arrives before that
//! answer is late (the fence). A movement is never sent twice.

use std::time::Duration;

use heapless::{Deque, Vec};
use tello::command::{Command, Query};
use tello::reply::Reply;

use readings::clock::Mono;

/// Most commands that wait: more than a person queues, few enough that the last
/// one is still meant when its turn comes. At capacity new ones are refused.
pub(super) const MAX_WAITING: usize = 16;

/// Between a reply and the next command. Firmware loses commands that follow
/// too closely, and a reply doubled by the network arrives within this.
const GAP: Duration = Duration::from_millis(100);

/// How long a manoeuvre that was interrupted may take to say so.
const INTERRUPTED_WITHIN: Duration = Duration::from_secs(2);

/// Between attempts of a landing that was refused because the drone is busy.
const LAND_AGAIN: Duration = Duration::from_secs(1);

/// `emergency` is never answered, so it is sent this often, this far apart.
const EMERGENCY_SENDS: u8 = 3;
const EMERGENCY_APART: Duration = Duration::from_millis(100);

/// The question that tells late replies apart, and how long it may take.
const FENCE: Command = Command::Read(Query::Battery);
const FENCE_WITHIN: Duration = Duration::from_millis(500);

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The drone said `ok`; a manoeuvre is over.
    Done,
    /// It answered the question.
    Answer(String),
    /// Sent; this command is never answered.
    Sent,
    /// It refused, in its words.
    Refused(String),
    /// No reply in time. A movement may have been carried out all the same.
    NoReply,
    /// Stop, land or emergency came in between.
    Superseded,
    /// A command before it failed, so that this one would start elsewhere.
    Dropped,
}

/// What to do next.
#[derive(Debug, PartialEq)]
pub(super) enum Do<T> {
    Send(Command),
    Finish(T, Outcome),
}

/// What one event can cause: the end of every command there is, and two sends.
pub(super) type Todo<T> = Vec<Do<T>, { MAX_WAITING + 4 }>;

/// Counts since start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct QueueStats {
    pub(in super::super) sent: u64,
    pub(in super::super) late: u64,
    pub(in super::super) timeouts: u64,
}

#[derive(Debug)]
struct Entry<T> {
    command: Command,
    /// Whom to tell; nobody for what the gateway asks for itself.
    ticket: Option<T>,
}

#[derive(Debug)]
struct Flight<T> {
    entry: Entry<T>,
    deadline: Mono,
    tries_left: u8,
    /// Whether a `stop` was sent to end it.
    interrupted: bool,
}

/// The commands of one drone.
#[derive(Debug)]
pub(super) struct Queue<T> {
    flight: Option<Flight<T>>,
    waiting: Deque<Entry<T>, MAX_WAITING>,
    not_before: Mono,
    /// Whether a reply to something sent earlier may still arrive.
    stray_expected: bool,
    /// Whether `not_before` waits for the reply of a manoeuvre that was refused
    /// because the drone is busy: perhaps with that very manoeuvre.
    held: bool,
    emergencies: Option<(u8, Mono)>,
    stats: QueueStats,
}

impl<T> Queue<T> {
    pub(super) fn new() -> Queue<T> {
        Queue {
            flight: None,
            waiting: Deque::new(),
            not_before: Mono::ZERO,
            stray_expected: false,
            held: false,
            emergencies: None,
            stats: QueueStats::default(),
        }
    }

    pub(super) fn stats(&self) -> QueueStats {
        self.stats
    }

    /// Whether nothing is in flight and nothing waits.
    pub(super) fn is_idle(&self) -> bool {
        self.flight.is_none() && self.waiting.is_empty() && self.emergencies.is_none()
    }

    /// Whether there is room for another command.
    pub(super) fn has_room(&self) -> bool {
        !self.waiting.is_full()
    }

    /// Whether `command` is in flight or waits.
    pub(super) fn holds(&self, command: Command) -> bool {
        let flying = self.flight.iter().map(|flight| flight.entry.command);
        flying
            .chain(self.waiting.iter().map(|entry| entry.command))
            .any(|held| held == command)
    }

    /// When [`Queue::tick`] has something to do next.
    pub(super) fn wake_at(&self) -> Option<Mono> {
        let deadline = self.flight.as_ref().map(|flight| flight.deadline);
        let next = (self.flight.is_none() && !self.waiting.is_empty()).then_some(self.not_before);
        [deadline, next, self.emergencies.map(|(_, at)| at)]
            .into_iter()
            .flatten()
            .min()
    }

    /// A reply to something sent outside this queue may still arrive.
    pub(super) fn expect_stray_reply(&mut self) {
        self.stray_expected = true;
    }

    /// Everything sent outside this queue was answered.
    pub(super) fn clear_stray_reply(&mut self) {
        self.stray_expected = false;
    }

    /// Takes a command. The caller has asked [`Queue::has_room`]; the three that
    /// overtake always find room, since they empty the line.
    pub(super) fn submit(
        &mut self,
        command: Command,
        ticket: Option<T>,
        now: Mono,
        todo: &mut Todo<T>,
    ) {
        let entry = Entry { command, ticket };
        match command {
            Command::Emergency => self.cut_motors(entry, now, todo),
            Command::Stop => {
                self.clear_all(todo);
                self.start(entry, now, todo);
            }
            Command::Land => self.land(entry, now, todo),
            _ => {
                if let Err(entry) = self.waiting.push_back(entry) {
                    finish(entry, Outcome::Dropped, todo);
                }
                self.pump(now, todo);
            }
        }
    }

    fn cut_motors(&mut self, entry: Entry<T>, now: Mono, todo: &mut Todo<T>) {
        self.clear_all(todo);
        self.send(Command::Emergency, todo);
        self.emergencies = Some((EMERGENCY_SENDS - 1, now.plus(EMERGENCY_APART)));
        self.not_before = now.plus(EMERGENCY_APART * u32::from(EMERGENCY_SENDS));
        finish(entry, Outcome::Sent, todo);
    }

    /// A landing goes next. A manoeuvre under way is asked to end: a busy drone
    /// refuses to land, and one too old for `stop` ends its manoeuvre anyway.
    fn land(&mut self, entry: Entry<T>, now: Mono, todo: &mut Todo<T>) {
        self.clear_waiting(Outcome::Superseded, todo);
        match &mut self.flight {
            Some(flight)
                if is_manoeuvre(flight.entry.command) && flight.entry.command != Command::Land =>
            {
                if !std::mem::replace(&mut flight.interrupted, true) {
                    flight.deadline = now.plus(INTERRUPTED_WITHIN);
                    flight.tries_left = 0;
                    self.send(Command::Stop, todo);
                }
                if let Err(entry) = self.waiting.push_back(entry) {
                    finish(entry, Outcome::Dropped, todo);
                }
            }
            _ => {
                self.clear_all(todo);
                self.start(entry, now, todo);
            }
        }
    }

    fn start(&mut self, entry: Entry<T>, now: Mono, todo: &mut Todo<T>) {
        self.held = false;
        let patience = patience(entry.command);
        self.send(entry.command, todo);
        if patience.tries == 0 {
            self.not_before = now.plus(GAP);
            return finish(entry, Outcome::Sent, todo);
        }
        let deadline = now.plus(patience.timeout);
        self.flight = Some(Flight {
            entry,
            deadline,
            tries_left: patience.tries - 1,
            interrupted: false,
        });
    }

    fn send(&mut self, command: Command, todo: &mut Todo<T>) {
        self.stats.sent += 1;
        // Todo holds the end of every command and two sends, see its type.
        let _ = todo.push(Do::Send(command));
    }

    /// Sends what may be sent now.
    fn pump(&mut self, now: Mono, todo: &mut Todo<T>) {
        if self.flight.is_some() || now < self.not_before || self.waiting.is_empty() {
            return;
        }
        if self.stray_expected {
            self.stray_expected = false;
            let entry = Entry {
                command: FENCE,
                ticket: None,
            };
            self.send(FENCE, todo);
            let deadline = now.plus(FENCE_WITHIN);
            self.flight = Some(Flight {
                entry,
                deadline,
                tries_left: 1,
                interrupted: false,
            });
        } else if let Some(entry) = self.waiting.pop_front() {
            self.start(entry, now, todo);
        }
    }

    /// Takes a reply from the drone.
    pub(super) fn reply(&mut self, reply: &Reply<'_>, now: Mono, todo: &mut Todo<T>) {
        let Some(flight) = &mut self.flight else {
            self.stats.late += 1;
            if std::mem::take(&mut self.held) {
                // What it was busy with is over.
                self.not_before = now.plus(GAP);
            }
            return;
        };
        let Some(outcome) = judge(flight.entry.command, flight.interrupted, reply) else {
            self.stats.late += 1;
            return;
        };
        match (flight.entry.command, &outcome) {
            (Command::Land, Outcome::Refused(words)) if is_busy(words) && flight.tries_left > 0 => {
                // Asked again for as long as it says so: its manoeuvre ends.
                flight.tries_left = flight.tries_left.saturating_add(1);
                flight.deadline = now.plus(LAND_AGAIN);
            }
            // Firmware before SDK 2.0: letting go of the sticks also hovers.
            (Command::Stop, Outcome::Refused(words)) if words.starts_with("unknown command") => {
                self.send(Command::Rc([0; 4]), todo);
                self.end(Outcome::Sent, now, todo);
            }
            // A network that doubles a command makes the drone refuse the copy and
            // answer the first when it is over. The next one would take that answer
            // for its own, so it waits; what overtakes does not.
            (command, Outcome::Refused(words)) if is_manoeuvre(command) && is_busy(words) => {
                let until = flight.deadline;
                self.end(outcome, now, todo);
                self.held = true;
                self.not_before = self.not_before.max(until);
            }
            _ => self.end(outcome, now, todo),
        }
    }

    /// Lets time pass until `now`.
    pub(super) fn tick(&mut self, now: Mono, todo: &mut Todo<T>) {
        if let Some((left, at)) = self.emergencies.filter(|(_, at)| now >= *at) {
            self.send(Command::Emergency, todo);
            self.emergencies = (left > 1).then(|| (left - 1, at.plus(EMERGENCY_APART)));
        }
        if let Some(flight) = self.flight.as_mut().filter(|flight| now >= flight.deadline) {
            if flight.tries_left > 0 {
                flight.tries_left -= 1;
                let command = flight.entry.command;
                flight.deadline = now.plus(patience(command).timeout);
                self.send(command, todo);
            } else {
                self.stats.timeouts += 1;
                // A fence that falls is given up: nothing more can be learnt.
                let is_fence = flight.entry.ticket.is_none();
                self.end(Outcome::NoReply, now, todo);
                self.stray_expected = !is_fence;
            }
        }
        self.pump(now, todo);
    }

    /// Ends what is in flight.
    fn end(&mut self, outcome: Outcome, now: Mono, todo: &mut Todo<T>) {
        let Some(flight) = self.flight.take() else {
            return;
        };
        self.not_before = now.plus(GAP);
        self.stray_expected |= flight.interrupted;
        let failed = matches!(outcome, Outcome::Refused(_) | Outcome::NoReply);
        if failed && is_manoeuvre(flight.entry.command) && !flight.interrupted {
            self.drop_manoeuvres(todo);
        }
        let outcome = if flight.interrupted {
            Outcome::Superseded
        } else {
            outcome
        };
        finish(flight.entry, outcome, todo);
        self.pump(now, todo);
    }

    /// Takes everything back, e.g. because nobody wants the drone any more.
    pub(super) fn clear_all(&mut self, todo: &mut Todo<T>) {
        if let Some(flight) = self.flight.take() {
            self.stray_expected = true;
            finish(flight.entry, Outcome::Superseded, todo);
        }
        self.clear_waiting(Outcome::Superseded, todo);
    }

    fn clear_waiting(&mut self, outcome: Outcome, todo: &mut Todo<T>) {
        while let Some(entry) = self.waiting.pop_front() {
            finish(entry, outcome.clone(), todo);
        }
    }

    /// Movements after a failed one would begin somewhere else than was meant.
    /// A landing is meant wherever the drone is.
    fn drop_manoeuvres(&mut self, todo: &mut Todo<T>) {
        for _ in 0..self.waiting.len() {
            let Some(entry) = self.waiting.pop_front() else {
                return;
            };
            if is_manoeuvre(entry.command) && entry.command != Command::Land {
                finish(entry, Outcome::Dropped, todo);
            } else {
                // There is room: one was just taken out.
                let _ = self.waiting.push_back(entry);
            }
        }
    }
}

fn finish<T>(entry: Entry<T>, outcome: Outcome, todo: &mut Todo<T>) {
    if let Some(ticket) = entry.ticket {
        let _ = todo.push(Do::Finish(ticket, outcome));
    }
}

fn is_busy(words: &str) -> bool {
    words.eq_ignore_ascii_case("not joystick")
}

/// Whether the drone moves by it: sent once, and replied to when it is over.
pub(super) fn is_manoeuvre(command: Command) -> bool {
    matches!(
        command,
        Command::Takeoff
            | Command::Land
            | Command::Move { .. }
            | Command::Rotate { .. }
            | Command::Flip(_)
            | Command::Go { .. }
    )
}

/// What `reply` means for `command`; `None` when it cannot be its reply.
fn judge(command: Command, interrupted: bool, reply: &Reply<'_>) -> Option<Outcome> {
    let is_read = matches!(command, Command::Read(_));
    match *reply {
        Reply::Binary | Reply::Noise => None,
        Reply::Ok | Reply::Unactive if is_read => None,
        Reply::Ok => Some(Outcome::Done),
        Reply::Unactive => Some(Outcome::Refused("unactive".to_owned())),
        Reply::Error(_) if command == FENCE => None,
        Reply::Error(words) => Some(Outcome::Refused(
            if words.is_empty() { "error" } else { words }.to_owned(),
        )),
        // The answer to the `stop` that was to interrupt it: it goes on.
        Reply::Text(text) if interrupted && text.starts_with("unknown command") => None,
        Reply::Text("forced stop") if command == Command::Stop => Some(Outcome::Done),
        Reply::Text(text) if is_refusal(text) => {
            (command != FENCE).then(|| Outcome::Refused(text.to_owned()))
        }
        Reply::Text(text) if command == FENCE && text.parse::<u8>().is_err() => None,
        Reply::Text(text) => is_read.then(|| Outcome::Answer(text.to_owned())),
    }
}

fn is_refusal(text: &str) -> bool {
    text == "out of range" || text == "forced stop" || text.starts_with("unknown command")
}

/// How long a reply may take, and how often the command may be sent; 0: it is
/// never answered.
struct Patience {
    timeout: Duration,
    tries: u8,
}

/// From captured flights, with room to spare: a time-out must not come before
/// the reply does (`command` 29 ms, take-off 3.9–8.7 s, landing 1.7–4.2 s,
/// 50 cm 1.9–2.3 s, a failed `go` to a pad 15.2 s).
fn patience(command: Command) -> Patience {
    let once = |seconds| Patience {
        timeout: Duration::from_secs(seconds),
        tries: 1,
    };
    match command {
        Command::Takeoff => once(15),
        Command::Land => Patience {
            timeout: Duration::from_secs(7),
            tries: 4,
        },
        // 20 cm/s is the slowest seen when no speed was set.
        Command::Move { distance_cm, .. } => once(6 + u64::from(distance_cm) / 20),
        Command::Rotate { angle_deg, .. } => once(6 + u64::from(angle_deg) / 30),
        Command::Flip(_) => once(8),
        Command::Go { to_cm, speed_cm_s } => {
            let longest = to_cm
                .iter()
                .map(|cm| u64::from(cm.unsigned_abs()))
                .sum::<u64>();
            once(18 + longest / u64::from(speed_cm_s.max(1)))
        }
        Command::Rc(_) | Command::Emergency | Command::Reboot => Patience {
            timeout: Duration::ZERO,
            tries: 0,
        },
        Command::Stop | Command::Read(_) => Patience {
            timeout: Duration::from_secs(1),
            tries: 3,
        },
        // Setting the same thing twice changes nothing.
        _ => Patience {
            timeout: Duration::from_secs(2),
            tries: 2,
        },
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
