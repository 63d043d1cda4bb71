//! The search for drones: on request, or by itself at an interval.
//!
//! One search at a time; who asks meanwhile shares its result, and one that
//! ended a moment ago answers for the next. It asks nobody outside the
//! configured ranges and configured drones, nobody behind a router, and nobody
//! who is heard anyway; and nobody at all while a drone may be in the air, for `command`
//! to somebody else's takes its states away, and ends a landing that it began by itself.
//! What it finds is shown, never configured: which drones
//! belong to a gateway is its owner's to say.
//!
//! [`targets`] chooses whom to ask, [`sweep`] when and what it means, [`search`]
//! moves the bytes, [`book`] remembers. Who streams unasked is heard beside it, in `unconfigured`; [`strangers`] asks who
//! of them is a configured drone that is missed.

mod ask;
mod book;
mod by_serial;
mod detection;
mod networks;
mod search;
mod strangers;
mod sweep;
mod targets;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use readings::clock::{Mono, wall_now};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

pub(crate) use ask::{Answer, ask_configured};
pub use book::DiscoveryStats;
pub(crate) use by_serial::{Found, find_by_serial};
pub use detection::{Detection, Method, NotAllowed, Searched, Verification};
pub(crate) use networks::networks_beside;

use self::book::Book;
use self::sweep::{Hit, Target};
use self::targets::{Endpoint, Wanted};
use super::plan::FleetPlan;
use super::roster::{DroneRecord, Roster};
use super::serials::Serials;
use crate::config::{MAX_DRONES, Range};
use crate::sources::vehicles::LinkState;

/// A drone whose state came within this is there; it comes ten times a second.
const HEARD_WITHIN: Duration = Duration::from_secs(5);

/// How long a search that the gateway makes by itself may take.
const OWN_PATIENCE: Duration = Duration::from_secs(5);

/// How long a verification may take, all told.
const VERIFY_WITHIN: Duration = Duration::from_millis(1500);

/// Verifications at the same time; more wait their turn within their time.
const VERIFICATIONS: usize = 4;

/// The search for drones; shared by the API and its own task.
pub struct Discovery {
    roster: Arc<Roster>,
    serials: Serials,
    ranges: Vec<Range>,
    from: IpAddr,
    command_port: u16,
    /// Held while a search runs.
    turn: tokio::sync::Mutex<()>,
    is_scanning: AtomicBool,
    verifications: Semaphore,
    /// Interval of its own searches, while it makes any.
    auto: watch::Sender<Option<Duration>>,
    book: Mutex<Book>,
}

impl Discovery {
    pub(super) fn new(plan: &FleetPlan, roster: Arc<Roster>, serials: Serials) -> Discovery {
        Discovery {
            roster,
            serials,
            ranges: plan.ranges.clone(),
            from: plan.bind,
            command_port: plan.command_port,
            turn: tokio::sync::Mutex::default(),
            is_scanning: AtomicBool::new(false),
            verifications: Semaphore::new(VERIFICATIONS),
            auto: watch::Sender::new(plan.auto_scan),
            book: Mutex::default(),
        }
    }

    /// Who is there without asking anybody; `why` nobody is asked, in words.
    #[must_use]
    pub fn heard(&self, why: String) -> Searched {
        Searched {
            withheld: Some(why),
            found: self.known(),
            took: Duration::ZERO,
        }
    }

    /// Why nobody may be asked now: a drone may be in the air.
    fn withheld(&self) -> Option<String> {
        let mut slots = self.roster.slots.iter();
        let flying = slots.find(|slot| slot.link().flight.may_fly())?;
        Some(format!(
            "nobody was asked, because {} may be in the air: only drones that stream are found",
            flying.plan.id
        ))
    }

    /// Who is there: searches, or shares the search that runs. Never takes
    /// longer than `patience`; out of time it says what is known.
    pub async fn detect(&self, patience: Duration) -> Searched {
        if let Some(why) = self.withheld() {
            return self.heard(why);
        }
        let begun = Instant::now();
        let found = match timeout_at(begun + patience, self.turn.lock()).await {
            Err(_) => self.known(),
            Ok(_turn) => {
                let fresh = self.book().still_good(patience, Mono::now());
                match fresh {
                    Some(found) => found,
                    None => self.search(patience.saturating_sub(begun.elapsed())).await,
                }
            }
        };
        Searched {
            withheld: None,
            found,
            took: begun.elapsed(),
        }
    }

    /// Asks one address whether a drone is there.
    ///
    /// # Errors
    /// [`NotAllowed`]; nothing was sent.
    pub async fn verify(&self, address: Ipv4Addr) -> Result<Verification, NotAllowed> {
        let slot = self
            .roster
            .slots
            .iter()
            .find(|slot| slot.plan.address == address && !slot.simulated());
        let [first, second, ..] = address.octets();
        let is_documented = first == 10 || (first, second) == (192, 168);
        if !is_documented && slot.is_none() && !self.in_ranges(address) {
            return Err(NotAllowed(address));
        }
        let deadline = Instant::now() + VERIFY_WITHIN;
        let known = self
            .present()
            .into_iter()
            .find(|detection| detection.address == address);
        if let Some(known) = known {
            return Ok(Verification::Found(known));
        }
        if let Some(slot) = slot.filter(|slot| is_left_alone(slot)) {
            let reason = self.roster.view(slot).reason;
            return Ok(Verification::NotFound(
                reason.unwrap_or_else(|| "It is not heard".to_owned()),
            ));
        }
        if let Some(why) = self.withheld().filter(|_| slot.is_none()) {
            return Ok(Verification::NotFound(why));
        }
        let Ok(_place) = timeout_at(deadline, self.verifications.acquire()).await else {
            return Ok(Verification::NotFound(
                "Too many verifications at once; try again".to_owned(),
            ));
        };
        let interface = slot.and_then(|slot| slot.plan.interface.clone());
        let patience = deadline.saturating_duration_since(Instant::now());
        Ok(self.ask_one(address, interface, patience).await)
    }

    async fn ask_one(
        &self,
        address: Ipv4Addr,
        interface: Option<Arc<str>>,
        patience: Duration,
    ) -> Verification {
        let opened = super::socket::bind((self.from, 0).into(), interface.as_deref(), false, &[]);
        let socket = match opened {
            Ok(socket) => socket,
            Err(error) => return Verification::NotFound(format!("No way to it: {error}")),
        };
        let targets = vec![Target { socket: 0, address }];
        let outcome = search::run(
            &[socket],
            targets,
            |target| self.port_of(target.address),
            patience,
            1,
        )
        .await;
        self.book().count_sent(outcome.sent);
        match outcome.hits.first() {
            Some(hit) => Verification::Found(self.detection(hit, interface)),
            None => Verification::NotFound(format!("No drone answers at {address}")),
        }
    }

    /// Searches every `interval` from now on; a change counts at once.
    pub fn start_auto(&self, interval: Duration) {
        self.auto.send_replace(Some(interval));
    }

    /// Searches no more by itself.
    pub fn stop_auto(&self) {
        self.auto.send_replace(None);
    }

    /// The interval of its own searches, while it makes any.
    #[must_use]
    pub fn auto_interval(&self) -> Option<Duration> {
        *self.auto.borrow()
    }

    /// Whether a search runs now.
    #[must_use]
    pub fn is_scanning(&self) -> bool {
        self.is_scanning.load(Relaxed)
    }

    /// The configured ranges.
    #[must_use]
    pub fn ranges(&self) -> &[Range] {
        &self.ranges
    }

    /// Figures of searches.
    #[must_use]
    pub fn stats(&self) -> DiscoveryStats {
        self.book().stats().clone()
    }

    /// The newest detections, newest first; ten at most.
    #[must_use]
    pub fn newest(&self) -> Vec<Detection> {
        self.book().newest()
    }

    /// Who is there as far as is known without asking anybody: who is heard, and
    /// who answered the last search.
    #[must_use]
    pub fn known(&self) -> Vec<Detection> {
        let mut known = self.present();
        for detection in self.book().found() {
            let is_same = |other: &Detection| {
                (other.address, &other.interface) == (detection.address, &detection.interface)
                    || (other.drone.is_some() && other.drone == detection.drone)
            };
            // One that was heard and is no more is gone; its own entry says so.
            if detection.method == Method::Asked && !known.iter().any(is_same) {
                known.push(detection.clone());
            }
        }
        known
    }

    /// Searches at the interval asked for, until cancelled.
    pub(super) async fn search_by_itself(self: Arc<Self>, cancel: CancellationToken) {
        let mut wish = self.auto.subscribe();
        let serve = async {
            loop {
                let interval = *wish.borrow_and_update();
                match interval {
                    None => {
                        if wish.changed().await.is_err() {
                            return;
                        }
                    }
                    Some(interval) => {
                        self.detect(OWN_PATIENCE).await;
                        tokio::select! {
                            _ = wish.changed() => {}
                            () = sleep(interval) => {}
                        }
                    }
                }
            }
        };
        tokio::select! {
            () = cancel.cancelled() => {}
            () = serve => {}
        }
    }

    /// One search; the caller has the turn.
    async fn search(&self, patience: Duration) -> Vec<Detection> {
        let _scanning = Scanning::begin(&self.is_scanning);
        let begun = Instant::now();
        let (mut interfaces, mut targets) = targets::choose(&self.wanted(), &networks::here());
        let (mut hits, mut complete) = (Vec::new(), true);
        match search::open(self.from, &mut interfaces, &mut targets) {
            Ok(sockets) => {
                let port = |target: Target| self.port_of(target.address);
                let outcome = search::run(&sockets, targets, port, patience, MAX_DRONES).await;
                self.book().count_sent(outcome.sent);
                (hits, complete) = (outcome.hits, outcome.complete);
            }
            Err(error) => {
                tracing::warn!(%error, "no search for drones: no socket can be opened");
                self.book().note_failure();
            }
        }
        let mut found = self.present();
        for hit in &hits {
            let interface = interfaces
                .get(hit.target.socket)
                .filter(|name| &***name != "lo")
                .cloned();
            let detection = self.detection(hit, interface);
            // It may have begun to stream because it was asked.
            let is_same = |other: &Detection| {
                other.address == detection.address && other.method != Method::Asked
            };
            match found.iter_mut().find(|other| is_same(other)) {
                Some(known) if known.method == Method::Heard => *known = detection,
                Some(_) => {}
                None => found.push(detection),
            }
        }
        let took = begun.elapsed();
        self.book()
            .note(&found, took, patience, complete, (Mono::now(), wall_now()));
        tracing::debug!(found = found.len(), ?took, complete, "searched for drones");
        found
    }

    /// Who is heard.
    fn present(&self) -> Vec<Detection> {
        let now = Mono::now();
        let real = self.roster.slots.iter().filter(|slot| !slot.simulated());
        let mut present: Vec<Detection> = real.filter_map(|slot| heard(slot, now)).collect();
        present.extend(self.roster.unconfigured().present(now).filter_map(|drone| {
            let IpAddr::V4(address) = drone.address else {
                return None;
            };
            self.in_ranges(address).then(|| Detection {
                address: drone.address,
                interface: self
                    .roster
                    .sockets
                    .get(drone.socket)
                    .and_then(|socket| socket.interface.clone()),
                battery_pct: drone.battery_pct,
                response: now.since(drone.heard),
                at: drone.wall,
                method: Method::Heard,
                hindrance: None,
                drone: None,
            })
        }));
        present
    }

    fn wanted(&self) -> Wanted<'_> {
        let endpoint = |interface: Option<Arc<str>>, address: IpAddr| match address {
            IpAddr::V4(address) => Some(Endpoint { interface, address }),
            IpAddr::V6(_) => None,
        };
        let (mut configured, mut left_alone) = (Vec::new(), Vec::new());
        for slot in &self.roster.slots {
            let place = endpoint(slot.plan.interface.clone(), slot.plan.address);
            // While a simulator stands in, nobody but a search asks after the real one.
            if slot.plan.simulated || (!slot.simulated() && is_left_alone(slot)) {
                left_alone.extend(place);
            } else {
                configured.extend(place);
            }
        }
        left_alone.extend(
            self.present()
                .into_iter()
                .filter_map(|known| endpoint(known.interface, known.address)),
        );
        let lately = self
            .book()
            .found()
            .iter()
            .filter_map(|known| match known.address {
                IpAddr::V4(address) => Some(address),
                IpAddr::V6(_) => None,
            })
            .collect();
        Wanted {
            ranges: &self.ranges,
            configured,
            left_alone,
            lately,
        }
    }

    fn detection(&self, hit: &Hit, interface: Option<Arc<str>>) -> Detection {
        let address = IpAddr::V4(hit.target.address);
        let is_it = |slot: &&DroneRecord| {
            slot.plan.address == address
                && slot
                    .plan
                    .interface
                    .as_ref()
                    .is_none_or(|own| Some(own) == interface.as_ref())
        };
        Detection {
            drone: self
                .roster
                .slots
                .iter()
                .find(is_it)
                .map(|slot| slot.plan.id.clone()),
            address,
            interface,
            battery_pct: hit.battery_pct,
            response: hit.response,
            at: wall_now(),
            method: Method::Asked,
            hindrance: hit.hindrance.map(|hindrance| hindrance.words().to_owned()),
        }
    }

    /// The command port of whoever is configured at `address`, else the usual one.
    fn port_of(&self, address: Ipv4Addr) -> u16 {
        let slot = self
            .roster
            .slots
            .iter()
            .find(|slot| slot.plan.address == address);
        slot.map_or(self.command_port, |slot| slot.plan.command_port)
    }

    fn in_ranges(&self, address: Ipv4Addr) -> bool {
        self.ranges.iter().any(|range| range.contains(address))
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // The record is whole between any two statements.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A configured drone as found when its state arrives.
fn heard(slot: &DroneRecord, now: Mono) -> Option<Detection> {
    let live = slot.live();
    let heard = live
        .heard()
        .filter(|heard| now.since(heard.at) <= HEARD_WITHIN)?;
    Some(Detection {
        address: slot.address(),
        interface: slot.plan.interface.clone(),
        battery_pct: live.state().battery_pct,
        response: now.since(heard.at),
        at: heard.wall,
        method: Method::Configured,
        hindrance: None,
        drone: Some(slot.plan.id.clone()),
    })
}

/// Whether a configured drone must not be asked by a search: its own link asks
/// it, or it was last seen in the air, where a command puts off its landing.
fn is_left_alone(slot: &DroneRecord) -> bool {
    let is_connected = slot.link().state == LinkState::Connected;
    *slot.wanted.borrow() || is_connected || slot.link().flight.may_fly()
}

/// Says that a search runs, for as long as it lives: a client that hangs up
/// ends its search with it.
struct Scanning<'a>(&'a AtomicBool);

impl<'a> Scanning<'a> {
    fn begin(flag: &'a AtomicBool) -> Scanning<'a> {
        flag.store(true, Relaxed);
        Scanning(flag)
    }
}

impl Drop for Scanning<'_> {
    fn drop(&mut self) {
        self.0.store(false, Relaxed);
    }
}
