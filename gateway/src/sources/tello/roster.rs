//! The table of drones that tasks write and the API reads.
//!
//! Fixed in size at start. Each drone's record is behind its own lock, held for
//! nanoseconds and never across an await, so reading 64 drones at 100 Hz does
//! not hold up a datagram. No I/O here.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use std::time::Duration;

use readings::SourceId;
use readings::clock::Mono;
use socket2::SockFilter;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};

use super::commander::{FRESH_WITHIN, MAX_REQUESTS, Request};
use super::filter::{Mac, Way};
use super::flood::OneIn;
use super::link::{LinkStats, LinkStatus, Reason};
use super::live::{Live, StateStats};
use super::plan::{DronePlan, FleetPlan};
use super::socket;
use super::stick_slot::StickSlot;
use super::unconfigured::UnconfiguredDrones;
use super::video::Feed;
use super::ways;
use crate::sources::vehicles::{Basis, DroneView, Flight, Identity, Phase};

/// The longest that a full battery lasts: 100 times what a percent pays for at most.
const LONGEST_FLIGHT: Duration = Duration::from_secs(900);

/// Says who holds a UDP port, as `pid 4711 (python3)`; none when it cannot tell.
pub type PortHolder = fn(SocketAddr) -> Option<String>;

/// Statistics of one drone.
#[derive(Clone, Debug)]
pub struct DroneStats {
    /// Its id.
    pub id: Arc<str>,
    /// Its state datagrams.
    pub state: StateStats,
    /// State datagrams in the last second.
    pub state_rate: u32,
    /// Its command port.
    pub commands: LinkStats,
    /// Frames of sticks that were taken, and those that newer ones replaced.
    pub sticks: [u64; 2],
}

/// A state or video socket as statistics show it.
#[derive(Clone, Debug)]
pub struct PortView {
    /// Whether it is bound.
    pub bound: bool,
    /// Datagrams from addresses that are no drone's; dropped.
    pub foreign: u64,
    /// Datagrams from a drone's address by a way that does not lead to it; not read.
    pub elsewhere: u64,
    /// Receives that failed.
    pub errors: u64,
    /// Whether most of what strangers send is kept out now, because it is a flood.
    pub flooded: bool,
}

/// One state or video socket's record.
pub(crate) struct PortRecord {
    pub(crate) interface: Option<Arc<str>>,
    pub(crate) bound: AtomicBool,
    pub(crate) foreign: AtomicU64,
    pub(crate) elsewhere: AtomicU64,
    pub(crate) errors: AtomicU64,
    /// Of strangers' datagrams one in so many comes in; all but in a flood.
    pub(crate) let_in_one_of: AtomicU32,
    /// What the kernel calls the socket; 0 is none.
    pub(crate) inode: AtomicU64,
}

/// One drone's record.
pub(crate) struct DroneRecord {
    pub(crate) plan: DronePlan,
    pub(crate) source: SourceId,
    /// Whether somebody wants it connected.
    pub(crate) wanted: watch::Sender<bool>,
    /// Index of the state socket that hears it.
    pub(crate) state_socket: usize,
    /// Requests to its task.
    requests: Mutex<mpsc::Sender<Request>>,
    /// The other end, until the first task takes it.
    intake: Mutex<Option<mpsc::Receiver<Request>>>,
    /// Whether a simulator stands in for the real drone now.
    stands_in: AtomicBool,
    /// Whether the real drone was heard at some time of this run.
    heard_real: AtomicBool,
    /// Until when a flight of the run before may last.
    recalled_until: OnceLock<Mono>,
    live: Mutex<Live>,
    link: Mutex<LinkStatus>,
    identity: Mutex<Identity>,
    /// The network card that it was seen to have when it said who it is.
    card: Mutex<Option<Mac>>,
    /// Where somebody's thumbs are.
    pub(crate) sticks: StickSlot,
    /// What its camera sends.
    pub(crate) video: Arc<Feed>,
}

impl DroneRecord {
    pub(crate) fn live(&self) -> MutexGuard<'_, Live> {
        // A panic cannot leave these plain values half-written in a way that
        // matters more than going on.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn link(&self) -> MutexGuard<'_, LinkStatus> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which drone it is, as far as it said.
    pub(crate) fn identity(&self) -> MutexGuard<'_, Identity> {
        // Replaced whole.
        self.identity.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one network card whose states count, while that is known.
    pub(crate) fn card(&self) -> MutexGuard<'_, Option<Mac>> {
        // Replaced whole.
        self.card.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its address now: the real drone's, or its stand-in's.
    pub(crate) fn address(&self) -> IpAddr {
        match self.plan.stand_in {
            Some(address) if self.stands_in.load(Relaxed) => address,
            _ => self.plan.address,
        }
    }

    /// Whether what is behind it now is a simulator.
    pub(crate) fn simulated(&self) -> bool {
        self.plan.simulated || self.stands_in.load(Relaxed)
    }

    /// Whether what is behind it now is a simulator of this process.
    pub(crate) fn is_own_simulator(&self) -> bool {
        self.plan.own_simulator || self.stands_in.load(Relaxed)
    }

    /// Notes that a state came from what is behind it now.
    pub(crate) fn note_heard(&self) {
        if !self.simulated() {
            self.heard_real.store(true, Relaxed);
        }
    }

    /// Whether the real drone was heard: then nothing may stand in for it.
    pub(crate) fn was_real(&self) -> bool {
        self.heard_real.load(Relaxed)
    }

    /// It was in the air when the gateway last ran, and may be until `until`: it is real,
    /// and looked for. Before its task begins.
    pub(crate) fn recall(&self, until: Mono) {
        if self.recalled_until.set(until).is_ok() {
            self.heard_real.store(true, Relaxed);
            self.wanted.send_replace(true);
            self.link().flight = Flight {
                phase: Phase::Flying,
                basis: Basis::LastState,
            };
        }
    }

    /// Until when a flight may last that a task which begins knows nothing of: of the run
    /// before, or of the task before it.
    pub(crate) fn flight_lasts_until(&self, now: Mono) -> Option<Mono> {
        let recalled = self.recalled_until.get().filter(|until| now < **until);
        let until = recalled.copied().unwrap_or(now.plus(LONGEST_FLIGHT));
        self.link().flight.may_fly().then_some(until)
    }

    /// Puts a simulator in the drone's place, or the drone back; what was heard
    /// of the other one is forgotten. Whether a simulator stood in before.
    pub(crate) fn stand_in(&self, stands_in: bool) -> bool {
        let before = self.stands_in.swap(stands_in, Relaxed);
        if before != stands_in {
            *self.live() = Live::default();
        }
        before
    }

    /// The receiving end of its requests, for the task that begins. One that is begun again
    /// gets a new one: what was asked of the task that ended is refused, never done late.
    pub(crate) fn open_intake(&self) -> mpsc::Receiver<Request> {
        let first = self
            .intake
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        first.unwrap_or_else(|| {
            let (requests, intake) = mpsc::channel(MAX_REQUESTS);
            *self.requests() = requests;
            intake
        })
    }

    /// Hands a request to its task; closed while none runs.
    pub(crate) fn request(&self, request: Request) -> Result<(), TrySendError<()>> {
        let sent = self.requests().try_send(request);
        sent.map_err(|error| match error {
            TrySendError::Full(_) => TrySendError::Full(()),
            TrySendError::Closed(_) => TrySendError::Closed(()),
        })
    }

    fn requests(&self) -> MutexGuard<'_, mpsc::Sender<Request>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn target(&self) -> SocketAddr {
        SocketAddr::new(self.address(), self.plan.command_port)
    }
}

/// All drones and state sockets.
pub(crate) struct Roster {
    pub(crate) slots: Box<[DroneRecord]>,
    pub(crate) sockets: Box<[PortRecord]>,
    /// As `sockets`, with the same interfaces.
    pub(crate) video_sockets: Box<[PortRecord]>,
    /// The way to each drone, in the order of `slots`.
    pub(crate) ways: watch::Sender<Box<[Way]>>,
    /// Drones that are heard and not configured.
    unconfigured: Mutex<UnconfiguredDrones>,
    /// As bound: differs from the plan when that says 0.
    pub(crate) state_port: u16,
    /// The same of video.
    pub(crate) video_port: u16,
}

impl PortRecord {
    fn of(interface: &Option<Arc<str>>) -> PortRecord {
        PortRecord {
            interface: interface.clone(),
            bound: AtomicBool::new(false),
            foreign: AtomicU64::new(0),
            elsewhere: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            let_in_one_of: AtomicU32::new(OneIn::ALL.get()),
            inode: AtomicU64::new(0),
        }
    }

    /// The socket is open, for the first time or anew: without a filter.
    pub(crate) fn opened(&self, inode: Option<u64>) {
        self.inode.store(inode.unwrap_or(0), Relaxed);
        self.let_in_one_of.store(OneIn::ALL.get(), Relaxed);
    }

    /// As statistics show it.
    pub(crate) fn view(&self) -> PortView {
        PortView {
            bound: self.bound.load(Relaxed),
            foreign: self.foreign.load(Relaxed),
            elsewhere: self.elsewhere.load(Relaxed),
            errors: self.errors.load(Relaxed),
            flooded: self.let_in_one_of.load(Relaxed) != OneIn::ALL.get(),
        }
    }
}

impl Roster {
    /// Records for `plan`, whose drones have the given sources.
    pub(crate) fn new(
        plan: &FleetPlan,
        sources: &[SourceId],
        ways: Box<[Way]>,
        (state_port, video_port): (u16, u16),
    ) -> Roster {
        let interfaces = plan.state_sockets();
        let wanted = plan.connect_at_start;
        let slot = |(plan, source): (&DronePlan, &SourceId)| {
            let (requests, intake) = mpsc::channel(MAX_REQUESTS);
            DroneRecord {
                plan: plan.clone(),
                source: *source,
                wanted: watch::Sender::new(wanted),
                state_socket: interfaces
                    .iter()
                    .position(|interface| *interface == plan.interface)
                    .unwrap_or(0),
                requests: Mutex::new(requests),
                intake: Mutex::new(Some(intake)),
                stands_in: AtomicBool::new(false),
                heard_real: AtomicBool::new(false),
                recalled_until: OnceLock::new(),
                live: Mutex::default(),
                link: Mutex::default(),
                identity: Mutex::default(),
                card: Mutex::default(),
                sticks: StickSlot::default(),
                video: Arc::default(),
            }
        };
        Roster {
            slots: plan.drones.iter().zip(sources).map(slot).collect(),
            sockets: interfaces.iter().map(PortRecord::of).collect(),
            video_sockets: interfaces.iter().map(PortRecord::of).collect(),
            ways: watch::Sender::new(ways),
            unconfigured: Mutex::default(),
            state_port,
            video_port,
        }
    }

    pub(crate) fn unconfigured(&self) -> MutexGuard<'_, UnconfiguredDrones> {
        // Plain values, as with `DroneRecord::live`.
        self.unconfigured
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks which interface leads to each drone now.
    pub(crate) fn look_for_ways(&self) {
        let now = ways::to(self.slots.iter().map(|slot| (&slot.plan, *slot.card())));
        let cards = now
            .iter()
            .filter(|way| matches!(way, Way::Card(..)))
            .count();
        let has_changed = self.ways.send_if_modified(|before| {
            let has_changed = *before != now;
            *before = now;
            has_changed
        });
        if has_changed {
            tracing::info!(
                cards,
                "ways to drones changed; network cards known to be a drone's"
            );
        }
    }

    /// The way to what is behind the drone `index` now, for its replies. Not told apart by
    /// its network card: its socket is not made anew in the middle of a talk, and a reply
    /// alone moves nothing.
    pub(crate) fn way(&self, index: usize) -> Way {
        if self.slots[index].address().is_loopback() {
            return Way::Any; // a stand-in
        }
        match self.ways.borrow()[index] {
            Way::Card(interface, _) => Way::Interface(interface),
            way => way,
        }
    }

    /// The filter of a state or video socket on `interface`.
    pub(crate) fn filter(&self, interface: &Option<Arc<str>>, others: OneIn) -> Vec<SockFilter> {
        let ways = self.ways.borrow();
        let drones = self.slots.iter().map(|slot| &slot.plan);
        ways::filter_of(drones.zip(ways.iter().copied()), interface, others)
    }

    /// The drone a datagram on state or video socket `socket` comes from. By address,
    /// since relays and simulators send from other ports than 8889; by port too
    /// only where addresses are shared.
    ///
    /// A drone named by its interface is heard on that interface only. One that
    /// is not may be heard on any, also where an interface's socket takes the
    /// datagram before the general one.
    pub(crate) fn identify(&self, socket: usize, from: SocketAddr) -> Option<&DroneRecord> {
        let address = from.ip().to_canonical();
        let sent = |slot: &&DroneRecord| {
            let plan = &slot.plan;
            slot.address() == address
                && (!plan.told_apart_by_port || plan.command_port == from.port())
        };
        let named = self
            .slots
            .iter()
            .filter(|slot| slot.state_socket == socket)
            .find(sent);
        named.or_else(|| {
            self.slots
                .iter()
                .filter(|slot| slot.plan.interface.is_none())
                .find(sent)
        })
    }

    /// Datagrams that the kernel kept, of state sockets and of video sockets. Reads /proc.
    pub(crate) fn dropped(&self) -> [u64; 2] {
        let dropped = socket::dropped();
        let of = |records: &[PortRecord]| {
            let counts = records
                .iter()
                .filter_map(|record| dropped.get(&record.inode.load(Relaxed)));
            counts.sum()
        };
        [of(&self.sockets), of(&self.video_sockets)]
    }

    pub(crate) fn is_bound(&self, socket: usize) -> bool {
        self.sockets[socket].bound.load(Relaxed)
    }

    /// A drone as the API shows it.
    pub(crate) fn view(&self, slot: &DroneRecord) -> DroneView {
        let (link, reason, flight) = {
            let link = slot.link();
            (link.state, link.reason, link.flight)
        };
        let live = slot.live();
        let (state, heard) = (live.state(), live.heard());
        DroneView {
            id: slot.plan.id.clone(),
            name: slot.plan.name.clone(),
            mode: slot.plan.mode,
            simulated: slot.simulated(),
            address: Some(slot.address()),
            interface: slot.plan.interface.clone(),
            source: slot.source,
            link,
            reason: reason.map(|reason| self.explain(slot, reason, state.temperature_high_c)),
            last_seen: heard.map(|heard| heard.wall),
            last_seen_mono: heard.map(|heard| heard.at),
            battery_pct: state.battery_pct,
            temperature_c: state.temperature_high_c,
            height_cm: state.height_cm,
            height_under_ceiling_cm: live.motion().height_under_ceiling_cm(),
            flight_time_s: state.motor_time_s,
            speed_cm_s: state.speed_cm_s(),
            attitude_deg: state.attitude_deg(),
            pad: state.seen_pad(),
            flight,
            airborne: flight.may_fly(),
            identity: slot.identity().clone(),
            // Known to the table that all kinds share.
            control: None,
            fresh: live.motion().is_fresh(Mono::now(), FRESH_WITHIN),
        }
    }

    /// A reason in words. One that does not answer may stream from another address, or have
    /// switched itself off at `last_c`. Is called with the drone's newest state locked.
    pub(crate) fn explain(
        &self,
        slot: &DroneRecord,
        reason: Reason,
        last_c: Option<f64>,
    ) -> String {
        let mut words = reason.explain(
            slot.target(),
            slot.plan.interface.as_deref(),
            self.state_port,
        );
        words.extend(reason.heat(last_c));
        let is_silent = matches!(reason, Reason::NoAnswer | Reason::NothingListens);
        let strangers = self.unconfigured();
        words.extend(strangers.tell_of(&slot.plan.id, is_silent, Mono::now()));
        words
    }

    pub(crate) fn drone_stats(&self, slot: &DroneRecord, now: Mono) -> DroneStats {
        let commands = slot.link().stats;
        let live = slot.live();
        DroneStats {
            id: slot.plan.id.clone(),
            state: live.stats(),
            state_rate: live.rate(now),
            commands,
            sticks: slot.sticks.counts(),
        }
    }
}

#[cfg(test)]
#[path = "roster_tests.rs"]
mod tests;
