//! What happens at a gateway, as one versioned record; and the newest of them.
//!
//! `docs/event.schema.json` is the published form: a test holds the type to it. What
//! is released never changes its meaning; a further member is optional, and anything
//! else raises `EVENT_VERSION`. Takes the time as an argument, does no I/O.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use tokio::sync::broadcast;

use super::command::{BootId, CommandId, CommandIds, CommandState};
use super::measured::{Measured, Page};

/// Version of the record.
const EVENT_VERSION: u8 = 1;

/// Events of commands that are kept. A command makes three or four, so these are the last
/// hundred commands and more, in under 200 kB. The oldest goes first, and is counted. Other
/// events are told and not kept: alerts and the audit trail have places of their own, and
/// a burst of them must not push out what came of a command.
const MAX_EVENTS: usize = 512;

/// Events that may wait for a slow receiver, which then misses the oldest and is told: as
/// many as there are alerts when every default rule fires for twenty drones.
const MAX_WAITING: usize = 256;

/// Bytes kept of the words of an event, longer ones are cut: a drone may say what it
/// likes, and each event is held in memory and sent to everybody who listens.
const MAX_WORDS_BYTES: usize = 200;

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// An alert was raised, acknowledged, cleared, or resolved.
    Alert,
    /// A command that somebody gave went a step further.
    Command,
    /// A command that the gateway gave by itself went a step further.
    Guard,
    /// The link to a drone or to a board on a serial line came or went.
    Link,
    /// What the audit trail holds of keys, sessions and lock-outs.
    Access,
    /// The configuration was read again.
    Configuration,
    /// A flight plan went a step further.
    Plan,
}

impl EventKind {
    /// Every one.
    pub const ALL: [EventKind; 7] = [
        EventKind::Alert,
        EventKind::Command,
        EventKind::Guard,
        EventKind::Link,
        EventKind::Access,
        EventKind::Configuration,
        EventKind::Plan,
    ];
}

/// What an event says beyond who and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Values {
    /// Of the kinds `command` and `guard`.
    Command {
        /// Which command.
        command_id: CommandId,
        /// Its words.
        command: Arc<str>,
        /// How far it has come.
        state: CommandState,
    },
    /// Of the kind `alert`.
    Alert {
        /// Which alert.
        alert_id: Arc<str>,
        /// What happened to it.
        change: AlertChange,
        /// Its level by name.
        level: &'static str,
        /// The name of its rule or condition.
        title: Arc<str>,
        /// The source that it is about.
        subject: Arc<str>,
    },
    /// Of the kind `link`.
    Link {
        /// The source at its end.
        source: Arc<str>,
        /// How it is now: `connected`, `connecting`, `lost` or `disconnected`.
        state: LinkChange,
    },
    /// Of the kind `access`.
    Access {
        /// What happened, by its name in the audit trail.
        action: Arc<str>,
        /// Address that it came from; none where it came from no client.
        client: Option<Arc<str>>,
        /// What it was about, without secrets.
        subject: Arc<str>,
    },
    /// Of the kind `configuration`.
    Configuration {
        /// Keys whose change is in force.
        applied: Vec<String>,
        /// Keys whose change waits for a restart.
        needs_restart: Vec<String>,
    },
    /// Of the kind `plan`.
    Plan {
        /// Which plan.
        plan_id: Arc<str>,
        /// Its name.
        name: Arc<str>,
        /// How it is now.
        state: &'static str,
        /// The step that it is at, from one.
        step: usize,
        /// How many it has.
        steps: usize,
    },
}

/// What happened to an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertChange {
    /// It was raised.
    Raised,
    /// Somebody has seen it.
    Acknowledged,
    /// Its value came back, and nobody has resolved it yet.
    Cleared,
    /// It is over.
    Resolved,
}

/// What became of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkChange {
    /// It is there.
    Connected,
    /// It is looked for.
    Connecting,
    /// It should be there and is not.
    Lost,
    /// Nothing is expected of it.
    Disconnected,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// Version of this record: 1.
    pub version: u8,
    /// The run of the gateway that the sequence counts in.
    pub boot: BootId,
    /// Counts up by one from one.
    pub sequence: u64,
    /// When, by the wall clock.
    #[serde(serialize_with = "as_text")]
    pub time: Timestamp,
    /// Whether that clock was synchronised; none where that is not known.
    pub clock_synchronised: Option<bool>,
    /// Name of the gateway.
    pub gateway: Arc<str>,
    /// Id of the drone that it is about, if it is about one.
    pub drone: Option<Arc<str>>,
    /// What it is about.
    pub kind: EventKind,
    /// Who did it, by the name of a key; none where nobody did.
    pub who: Option<Arc<str>>,
    /// Why, in words; none where there is nothing to explain.
    pub why: Option<Arc<str>>,
    /// What else there is to say.
    pub values: Values,
}

fn as_text<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{time:.6}"))
}

/// `words`, cut to [`MAX_WORDS_BYTES`] at a whole character.
fn cut(words: Arc<str>) -> Arc<str> {
    match words.len() {
        0..=MAX_WORDS_BYTES => words,
        _ => words[..words.floor_char_boundary(MAX_WORDS_BYTES)].into(),
    }
}

/// What a room says of an event; the log adds the rest.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// Id of the drone that it is about, if it is about one.
    pub drone: Option<Arc<str>>,
    /// What it is about.
    pub kind: EventKind,
    /// Who did it.
    pub who: Option<Arc<str>>,
    /// Why, in words.
    pub why: Option<Arc<str>>,
    /// What else there is to say.
    pub values: Values,
}

/// A command as the newest events show it.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandRecord {
    /// Its id.
    pub id: CommandId,
    /// Its words.
    pub command: Arc<str>,
    /// The drone it is for.
    pub drone: Option<Arc<str>>,
    /// Whether somebody gave it, or the gateway by itself.
    pub kind: EventKind,
    /// Who gave it.
    pub who: Option<Arc<str>>,
    /// How far it has come.
    pub state: CommandState,
    /// Why it ended like that.
    pub why: Option<Arc<str>>,
    /// When it was given, as far back as the events reach.
    pub given: Timestamp,
    /// When it came that far.
    pub changed: Timestamp,
}

/// Says whether the wall clock is synchronised, as far as is known.
pub type ClockState = Box<dyn Fn() -> Option<bool> + Send + Sync>;

/// The newest events of commands, and who hears of further ones; clones share it.
#[derive(Clone)]
pub struct EventLog(Arc<Ring>);

struct Ring {
    boot: BootId,
    ids: CommandIds,
    gateway: Arc<str>,
    clock: ClockState,
    newest: Mutex<Newest>,
    heard_by: broadcast::Sender<Arc<Event>>,
}

#[derive(Default)]
struct Newest {
    /// Those of commands.
    events: VecDeque<Arc<Event>>,
    /// How many there ever were of any kind: the sequence of the last one.
    count: u64,
    /// How many of commands gave way to newer ones.
    forgotten: u64,
}

impl EventLog {
    /// An empty log of the gateway called `gateway`, in the run `boot`.
    #[must_use]
    pub fn new(boot: BootId, gateway: Arc<str>, clock: ClockState) -> EventLog {
        EventLog(Arc::new(Ring {
            boot,
            ids: CommandIds::new(boot),
            gateway,
            clock,
            newest: Mutex::default(),
            heard_by: broadcast::Sender::new(MAX_WAITING),
        }))
    }

    /// Ids for the commands of this run.
    #[must_use]
    pub fn command_ids(&self) -> CommandIds {
        self.0.ids.clone()
    }

    /// The run that its sequences count in.
    #[must_use]
    pub fn boot(&self) -> BootId {
        self.0.boot
    }

    /// Name of the gateway.
    #[must_use]
    pub fn gateway(&self) -> &Arc<str> {
        &self.0.gateway
    }

    /// Whether the wall clock is synchronised, as far as is known.
    #[must_use]
    pub fn is_clock_synchronised(&self) -> Option<bool> {
        (self.0.clock)()
    }

    /// Adds an event that happens at `time`. Never waits.
    pub fn publish(&self, event: NewEvent, time: Timestamp) {
        let clock_synchronised = (self.0.clock)();
        let NewEvent {
            drone,
            kind,
            who,
            why,
            values,
        } = event;
        let mut newest = self.newest();
        newest.count += 1;
        let event = Arc::new(Event {
            version: EVENT_VERSION,
            boot: self.0.boot,
            sequence: newest.count,
            time,
            clock_synchronised,
            gateway: self.0.gateway.clone(),
            drone,
            kind,
            who,
            why: why.map(cut),
            values,
        });
        if matches!(event.values, Values::Command { .. }) {
            if newest.events.len() == MAX_EVENTS {
                newest.events.pop_front();
                newest.forgotten += 1;
            }
            newest.events.push_back(event.clone());
        }
        // While the ring is held, so that receivers hear them in order. An error means
        // that nobody listens.
        let _heard_by = self.0.heard_by.send(event);
    }

    /// Events from now on. A slow receiver loses the oldest and is told so.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.0.heard_by.subscribe()
    }

    /// The commands that the newest events speak of, the newest first.
    #[must_use]
    pub fn commands(&self) -> Vec<CommandRecord> {
        // Links publish through this lock: it is held for a copy of pointers, no longer.
        let events: Vec<Arc<Event>> = self.newest().events.iter().cloned().collect();
        let mut records: Vec<CommandRecord> = Vec::new();
        let mut places: HashMap<CommandId, usize> = HashMap::new();
        for event in &events {
            let Values::Command {
                command_id,
                command,
                state,
            } = &event.values
            else {
                continue;
            };
            match places.get(command_id).map(|place| &mut records[*place]) {
                Some(record) => {
                    (record.state, record.changed) = (*state, event.time);
                    // Why it was given still holds where a step has nothing to add.
                    if event.why.is_some() {
                        record.why.clone_from(&event.why);
                    }
                }
                None => {
                    places.insert(*command_id, records.len());
                    records.push(CommandRecord {
                        id: *command_id,
                        command: command.clone(),
                        drone: event.drone.clone(),
                        kind: event.kind,
                        who: event.who.clone(),
                        state: *state,
                        why: event.why.clone(),
                        given: event.time,
                        changed: event.time,
                    });
                }
            }
        }
        records.reverse();
        records
    }

    fn newest(&self) -> MutexGuard<'_, Newest> {
        // Valid after every statement above.
        self.0.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for EventLog {
    /// The log of a gateway without a name, for what runs without one.
    fn default() -> EventLog {
        EventLog::new(BootId(0), "".into(), Box::new(|| None))
    }
}

impl fmt::Debug for EventLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EventLog").field(&self.0.boot).finish()
    }
}

impl Measured for EventLog {
    fn measure(&self, page: &mut Page<'_>) -> fmt::Result {
        let (count, forgotten) = {
            let newest = self.newest();
            (newest.count, newest.forgotten)
        };
        page.counter("events", "Events since the start", count)?;
        page.counter(
            "events_forgotten",
            "Events of commands that gave way to newer ones",
            forgotten,
        )
    }
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
