//! Flight plans: a short list of steps for one drone or many, judged before it starts,
//! flown step by step, kept for those who look.
//!
//! [`document`] reads a plan, [`forecast`](mod@forecast) judges it, [`run`] flies it; all three are pure.
//! [`task`] gives what they decide to the drones, in the name of the flyer who started it. A
//! plan belongs to a session with control: when its flyer is gone, something holds its
//! drones on the ground, or this part of the gateway begins again, its drones land and it is
//! over. It is kept in memory alone: nothing resumes after a restart. Must never command a
//! drone otherwise than a request of its flyer would, but to bring it down.

mod document;
mod forecast;
mod run;
mod task;
mod view;

#[cfg(test)]
mod schema_tests;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use access::{Access, SessionId};
use readings::clock::{Mono, Timestamp, wall_now};
use readings::event::EventLog;
use serde_json::{Map, Value};
use tokio::sync::Notify;

pub(crate) use document::{Fault, Plan};
pub(crate) use view::PlanView;

use crate::config::{Drones, MAX_DRONES};
use crate::sources::vehicles::{LinkState, Operator, TakeoffHold, Vehicles};
use forecast::{Start, forecast};
use run::Run;

/// Plans that are over and still shown; the oldest goes first.
const MAX_OVER: usize = 8;

/// Id and name of whoever stands at the board.
pub(crate) const CONSOLE: &str = "console";

/// Who started a plan, for the audit trail.
#[derive(Clone, Debug)]
pub(crate) struct Starter {
    /// By whose name.
    pub(crate) actor: String,
    /// Of which session of a key.
    pub(crate) session: Option<SessionId>,
    /// From where.
    pub(crate) client: IpAddr,
}

/// The plans; clones share them.
#[derive(Clone)]
pub(crate) struct Plans(Arc<PlansState>);

struct PlansState {
    vehicles: Vehicles,
    hold: Arc<dyn TakeoffHold>,
    events: EventLog,
    access: Arc<Access>,
    book: Mutex<Book>,
    wake: Notify,
}

#[derive(Default)]
struct Book {
    /// Under way, and the newest that are over; in the order of their starts.
    entries: VecDeque<Entry>,
    /// How many there ever were in this run of the gateway.
    count: u64,
}

struct Entry {
    id: Arc<str>,
    /// The flyer, by a name that says which plan: so commands, events and records do.
    by: Operator,
    /// The flyer's own name.
    name: Arc<str>,
    starter: Starter,
    started: Timestamp,
    ended: Option<Timestamp>,
    run: Run,
}

/// Why a plan is not started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotStarted {
    /// Nobody is there to fly it.
    #[error(
        "a plan belongs to the session of a live socket at which somebody is: open /ws, send {{\"type\":\"presence\"}} each second, and name its session in X-Session"
    )]
    NoSession,
    /// Its flyer does not have control.
    #[error(
        "a plan needs control of each of its drones, and this session does not have it of {0}: take control first"
    )]
    NoControl(String),
    /// One of its drones flies another.
    #[error("{drone} flies plan {plan}: end that first")]
    Busy {
        /// The drone.
        drone: String,
        /// Its plan.
        plan: String,
    },
    /// A step would be refused.
    #[error("the plan was not started: {0}")]
    Refused(String),
}

/// Why nothing was done to a plan.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotDone {
    /// There is none of that id.
    #[error("there is no plan {0:?}, or it was long ago")]
    Unknown(String),
    /// It is not in a state for that.
    #[error("{0}")]
    Not(&'static str),
    /// It is another session's.
    #[error("{0} flies this plan, and no other session lets it go on; anybody may pause or end it")]
    NotYours(Arc<str>),
}

/// What a person wants of a plan that was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The next step waits.
    Pause,
    /// It goes on.
    Resume,
    /// It is over, and its drones land.
    End,
    /// It is over, and its drones stay in the air with their flyer.
    Leave,
}

/// Judges a plan for drones that nobody asked: on the ground, and full.
pub(crate) fn judge_unasked(plan: &Plan, config: &Drones) -> PlanView {
    let starts = vec![Start::ASSUMED; plan.drones.len()];
    PlanView::judged(plan, &forecast(plan, config, &starts))
}

/// Reads a plan for the drones of `config`.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn read(plan: &Map<String, Value>, config: &Drones) -> Result<Plan, Vec<Fault>> {
    Plan::read(plan, config)
}

impl Plans {
    /// No plan yet, for these drones.
    #[must_use]
    pub(crate) fn new(
        vehicles: Vehicles,
        hold: Arc<dyn TakeoffHold>,
        events: EventLog,
        access: Arc<Access>,
    ) -> Plans {
        let (book, wake) = (Mutex::default(), Notify::new());
        Plans(Arc::new(PlansState {
            vehicles,
            hold,
            events,
            access,
            book,
            wake,
        }))
    }

    /// Judges a plan from how its drones are now. Nothing is sent.
    #[must_use]
    pub(crate) fn judge(&self, plan: &Plan, config: &Drones) -> PlanView {
        let starts: Vec<Start> = plan.drones.iter().map(|id| self.start_of(id)).collect();
        PlanView::judged(plan, &forecast(plan, config, &starts))
    }

    /// Starts a plan in the name of `by`.
    ///
    /// # Errors
    /// [`NotStarted`]; then nothing was sent.
    pub(crate) fn start(
        &self,
        plan: Plan,
        config: &Drones,
        by: &Operator,
        starter: Starter,
    ) -> Result<PlanView, NotStarted> {
        let now = Mono::now();
        let controls = self.0.vehicles.controls();
        if !controls.presences().is_there(by, now) {
            return Err(NotStarted::NoSession);
        }
        let is_ours = |id: &&Arc<str>| {
            let control = controls.of(id, now);
            control.is_some_and(|control| control.by.session == by.session)
        };
        if let Some(other) = plan.drones.iter().find(|id| !is_ours(id)) {
            return Err(NotStarted::NoControl(other.to_string()));
        }
        let judged = self.judge(&plan, config);
        let mut book = self.book();
        for id in &plan.drones {
            if let Some(other) = book.entries.iter().find(|entry| entry.run.has(id)) {
                let (drone, plan) = (id.to_string(), other.id.to_string());
                return Err(NotStarted::Busy { drone, plan });
            }
        }
        if let Some(why) = judged.refusal() {
            return Err(NotStarted::Refused(why.to_owned()));
        }
        book.count += 1;
        let id: Arc<str> = format!("{:04x}-{}", self.0.events.boot().0 & 0xffff, book.count).into();
        let entry = Entry {
            by: Operator {
                name: format!("{} (plan {id})", by.name).into(),
                ..by.clone()
            },
            name: by.name.clone(),
            id,
            starter,
            started: wall_now(),
            ended: None,
            run: Run::new(Arc::new(plan), now),
        };
        let view = entry.view();
        book.entries.push_back(entry);
        book.forget();
        drop(book);
        self.0.wake.notify_one();
        Ok(view)
    }

    /// The plans under way and the newest that are over, the newest first, without steps.
    #[must_use]
    pub(crate) fn views(&self) -> Vec<PlanView> {
        let book = self.book();
        let views = book
            .entries
            .iter()
            .rev()
            .map(|entry| entry.view().in_short());
        views.collect()
    }

    /// The plan of that id.
    #[must_use]
    pub(crate) fn view(&self, id: &str) -> Option<PlanView> {
        let book = self.book();
        let found = book.entries.iter().find(|entry| *entry.id == *id);
        found.map(Entry::view)
    }

    /// Does what a person wants of a plan. Holding it up is anybody's; what keeps it going is
    /// its flyer's, and whoever's who stands at the board.
    ///
    /// # Errors
    /// [`NotDone`].
    pub(crate) fn turn(&self, id: &str, turn: Turn, by: &Operator) -> Result<PlanView, NotDone> {
        let mut book = self.book();
        let mut entries = book.entries.iter_mut();
        let Some(entry) = entries.find(|entry| *entry.id == *id) else {
            return Err(NotDone::Unknown(id.to_owned()));
        };
        let is_flyer = entry.by.session == by.session || *by.id == *CONSOLE;
        if matches!(turn, Turn::Resume | Turn::Leave) && !is_flyer {
            return Err(NotDone::NotYours(entry.name.clone()));
        }
        if entry.run.state.is_over() {
            return Err(NotDone::Not("the plan is over"));
        }
        match turn {
            Turn::Pause => entry.run.pause(),
            Turn::Resume => entry.run.resume(Mono::now()),
            Turn::End | Turn::Leave => {
                let why = format!("{} ended it", by.name);
                entry.run.end(&why, turn == Turn::End);
                Ok(())
            }
        }
        .map_err(NotDone::Not)?;
        let view = entry.view();
        drop(book);
        self.0.wake.notify_one();
        Ok(view)
    }

    fn start_of(&self, id: &str) -> Start {
        let Some(view) = self.0.vehicles.view(id) else {
            let kept = Some("the drone was removed from the configuration".to_owned());
            return Start {
                kept,
                ..Start::ASSUMED
            };
        };
        let kept = match view.link {
            LinkState::Connected => view
                .identity
                .mistaken
                .clone()
                .or_else(|| self.0.hold.why_not(id)),
            LinkState::Lost => {
                Some(format!("the drone is lost: {}", view.reason.unwrap_or_default()).into())
            }
            _ => Some("the drone is not connected".into()),
        };
        let sdk = view
            .identity
            .sdk
            .as_deref()
            .and_then(|sdk| sdk.get(..1)?.parse().ok());
        Start {
            kept: kept.as_deref().map(str::to_owned),
            flies: view.airborne,
            height_cm: if view.airborne {
                view.height_cm
            } else {
                Some(0)
            },
            battery_pct: view.battery_pct,
            sdk: sdk.filter(|major| *major > 0),
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // Valid after every statement; a panic elsewhere must not keep a plan going.
        self.0.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    /// Makes room: of those that are over, the oldest goes. Those under way are bounded by
    /// the drones, each of which is in one at most.
    fn forget(&mut self) {
        let is_over = |entry: &Entry| entry.run.state.is_over();
        while self.entries.iter().filter(|entry| is_over(entry)).count() > MAX_OVER
            || self.entries.len() > MAX_OVER + MAX_DRONES
        {
            match self.entries.iter().position(is_over) {
                Some(oldest) => drop(self.entries.remove(oldest)),
                None => return,
            }
        }
    }
}

impl Entry {
    fn view(&self) -> PlanView {
        let text = |time: Timestamp| format!("{time:.6}");
        let times = [Some(text(self.started)), self.ended.map(text)];
        PlanView::started(&self.run, &self.id, &self.name, times)
    }
}
