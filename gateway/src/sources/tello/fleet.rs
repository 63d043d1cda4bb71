//! The fleet: starts what each configured drone needs and answers what is known.
//!
//! The one door to this room for the API, `/metrics` and `demo`. Reading never
//! waits for a task: it copies from the roster.

mod simulators;
mod tasks;
mod vehicles;
mod video;
#[cfg(test)]
pub(crate) mod world;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use readings::SourceKind;
use readings::clock::Mono;
use readings::event::EventLog;
use tello::command::Command;
use tello_simulator::SimulatedDrone;
use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::commander::{Request, Wished, publish_refusal};
use super::discovery::Discovery;
use super::filter::Way;
use super::flights::FlightRecord;
use super::plan::{FleetError, FleetPlan};
use super::port::{Kind, Sockets};
use super::roster::{DroneRecord, DroneStats, PortHolder, PortRecord, PortView, Roster};
use super::serials::{AcceptError, Serials};
use super::video::VideoView;
use super::ways;
use crate::config::Drones;
use crate::sources::sink::ReadingSink;
use crate::sources::vehicles::{
    CommandError, ConnectError, Controls, DroneView, LinkState, NoHold, Operator, OwnWish, Pending,
    Refusal, TakeoffHold, UnknownDrone,
};
use crate::supervision::{Service, Supervisor};

/// How often a `connect` looks whether the state arrives; it comes at 10 Hz.
const LOOK_FOR_STATE: Duration = Duration::from_millis(20);

/// What the fleet needs from elsewhere.
#[derive(Clone)]
pub struct FleetOptions {
    /// Finds who holds a UDP port of an address, for the alert about a port that is taken.
    pub port_holder: PortHolder,
    /// Watches the fleet's tasks; without one nobody hears when a task ends.
    pub supervisor: Option<Supervisor>,
    /// Who is there and who flies what, shared with every kind of vehicle.
    pub controls: Controls,
    /// Where it is told what comes of commands.
    pub events: EventLog,
    /// The runtime that hears drones' states; without one the current one does.
    pub path: Option<Handle>,
    /// Where it is kept which drones are in the air; without one a restart forgets it.
    pub state_dir: Option<PathBuf>,
    /// Which serial number is which drone's.
    pub serials: Serials,
    /// What keeps drones from taking off that is not theirs.
    pub takeoff_hold: Arc<dyn TakeoffHold>,
}

impl Default for FleetOptions {
    fn default() -> Self {
        FleetOptions {
            port_holder: |_| None,
            supervisor: None,
            controls: Controls::default(),
            events: EventLog::default(),
            path: None,
            state_dir: None,
            serials: Serials::default(),
            takeoff_hold: Arc::new(NoHold),
        }
    }
}

impl FleetOptions {
    /// Spawns what `make` makes; with a supervisor it is begun again when it ends.
    fn spawn<F: Future<Output = ()> + Send + 'static>(
        &self,
        tasks: &TaskTracker,
        (name, service): (&'static str, Option<Service>),
        make: impl Fn() -> F + Send + Sync + 'static,
    ) {
        self.spawn_on(&Handle::current(), tasks, (name, service), make);
    }

    fn spawn_on<F: Future<Output = ()> + Send + 'static>(
        &self,
        runtime: &Handle,
        tasks: &TaskTracker,
        (name, service): (&'static str, Option<Service>),
        make: impl Fn() -> F + Send + Sync + 'static,
    ) {
        match &self.supervisor {
            Some(supervisor) => {
                tasks.spawn_on(supervisor.kept(name.into(), service, make), runtime)
            }
            None => tasks.spawn_on(make(), runtime),
        };
    }

    /// The runtime that sockets of that kind belong to.
    fn runtime_of(&self, kind: Kind) -> Handle {
        let path = self.path.as_ref().filter(|_| kind == Kind::State);
        path.cloned().unwrap_or_else(Handle::current)
    }

    fn open(&self, kind: Kind, plan: &FleetPlan, ways: &[Way], port: u16) -> Sockets {
        let runtime = self.runtime_of(kind);
        let _sockets_belong_to_it = runtime.enter();
        Sockets::open(plan, ways, port)
    }
}

/// Statistics of the room.
#[derive(Clone, Debug)]
pub struct FleetStats {
    /// Each drone, in order of configuration.
    pub drones: Vec<DroneStats>,
    /// Each drone's video, in the same order.
    pub video: Vec<VideoView>,
    /// Each state socket.
    pub state_ports: Vec<PortView>,
    /// Each video socket.
    pub video_ports: Vec<PortView>,
    /// Datagrams that the kernel kept, of state sockets and of video sockets.
    pub dropped: [u64; 2],
}

/// The fleet; clones share it.
#[derive(Clone)]
pub struct Fleet {
    inner: Arc<FleetParts>,
}

struct FleetParts {
    roster: Arc<Roster>,
    cancel: CancellationToken,
    tasks: TaskTracker,
    /// Who is there, and who flies what.
    controls: Controls,
    events: EventLog,
    serials: Serials,
    takeoff_hold: Arc<dyn TakeoffHold>,
    /// Our own simulators with the index of their drone: of drones in simulation
    /// mode without an address, and stand-ins. At most one a drone.
    simulators: Mutex<Vec<(usize, SimulatedDrone)>>,
    connect_timeout: Duration,
    discovery: Arc<Discovery>,
}

impl FleetParts {
    /// What a fleet consists of; no task of it runs yet.
    fn new(
        plan: &FleetPlan,
        roster: Arc<Roster>,
        simulators: Vec<(usize, SimulatedDrone)>,
        options: &FleetOptions,
    ) -> FleetParts {
        FleetParts {
            discovery: Arc::new(Discovery::new(
                plan,
                roster.clone(),
                options.serials.clone(),
            )),
            roster,
            cancel: CancellationToken::new(),
            tasks: TaskTracker::new(),
            controls: options.controls.clone(),
            events: options.events.clone(),
            serials: options.serials.clone(),
            takeoff_hold: options.takeoff_hold.clone(),
            simulators: Mutex::new(simulators),
            connect_timeout: plan.connect_timeout,
        }
    }
}

impl Fleet {
    /// Checks the configuration, binds the state port and starts the tasks on
    /// the current runtime. Without configured drones nothing is opened.
    ///
    /// # Errors
    /// [`FleetError`] for a configuration that cannot work. A port in use is no
    /// error: it is an alert, and tried again.
    pub fn start(
        config: &Drones,
        sink: impl ReadingSink,
        options: FleetOptions,
    ) -> Result<Fleet, FleetError> {
        let plan = FleetPlan::new(config)?;
        let mut ids = Vec::with_capacity(plan.drones.len());
        for drone in &plan.drones {
            ids.push(sink.register(&drone.id, SourceKind::Drone)?);
        }
        options.serials.adopt(&plan.drones);
        let ways = ways::to(plan.drones.iter().map(|drone| (drone, None)));
        let sockets = options.open(Kind::State, &plan, &ways, plan.state_port);
        // Without drones nobody sends video: the port is left to others.
        let video = (!plan.drones.is_empty())
            .then(|| options.open(Kind::Video, &plan, &ways, plan.video_port));
        let ports = (
            sockets.local.port(),
            video
                .as_ref()
                .map_or(plan.video_port, |video| video.local.port()),
        );
        let roster = Arc::new(Roster::new(&plan, &ids, ways, ports));
        let flights = options.state_dir.as_deref().map(FlightRecord::open);
        if let Some(flights) = &flights {
            flights.recall(&roster);
        }
        let simulators = simulators::own_simulators(&plan.drones, ports);
        let mut inner = FleetParts::new(&plan, roster, simulators, &options);
        inner.spawn(&plan, sockets, video, Arc::new(sink), &options);
        if let Some(flights) = flights {
            let (roster, cancel) = (inner.roster.clone(), inner.cancel.clone());
            let kept = move || flights.clone().keep(roster.clone(), cancel.clone());
            options.spawn(&inner.tasks, ("flight record", None), kept);
        }
        Ok(Fleet {
            inner: Arc::new(inner),
        })
    }

    /// Every drone, in order of configuration.
    #[must_use]
    pub fn drones(&self) -> Vec<DroneView> {
        let roster = &self.inner.roster;
        roster.slots.iter().map(|slot| roster.view(slot)).collect()
    }

    /// The drone of that id.
    #[must_use]
    pub fn drone(&self, id: &str) -> Option<DroneView> {
        self.slot(id).map(|slot| self.inner.roster.view(slot))
    }

    /// The source of a configured drone.
    #[cfg(test)]
    fn source(&self, id: &str) -> readings::SourceId {
        self.slot(id).expect("configured").source
    }

    /// How many drones are connected.
    #[cfg(test)]
    fn connected(&self) -> usize {
        self.inner
            .roster
            .slots
            .iter()
            .filter(|slot| slot.link().state == LinkState::Connected)
            .count()
    }

    /// Wants the drone connected and waits until its state arrives. For a drone
    /// in mode `auto` that is not there, a simulator stands in, marked as such.
    ///
    /// # Errors
    /// [`ConnectError`]; a drone that was not wanted before is not afterwards.
    pub async fn connect(&self, id: &str) -> Result<(), ConnectError> {
        let (index, slot) = self.numbered(id)?;
        let was_wanted = *slot.wanted.borrow();
        if was_wanted && slot.link().state == LinkState::Connected {
            return Err(ConnectError::Already(id.to_owned()));
        }
        if !was_wanted {
            self.renew_simulator(index);
        }
        self.want(id, true)?;
        if self.heard_within(slot).await {
            return Ok(());
        }
        if self.stand_in(index, slot) && self.heard_within(slot).await {
            return Ok(());
        }
        let reason = self
            .inner
            .roster
            .view(slot)
            .reason
            .unwrap_or_else(|| "no state arrives".to_owned());
        if !was_wanted {
            self.disconnect(id)?;
        }
        Err(ConnectError::Unreachable {
            id: id.to_owned(),
            reason,
        })
    }

    /// Expects nothing of the drone any more: one in the air is landed by the
    /// policy for lost operators, a stand-in ends. Its state is still published
    /// when it streams.
    ///
    /// # Errors
    /// [`UnknownDrone`].
    pub fn disconnect(&self, id: &str) -> Result<(), UnknownDrone> {
        let (index, slot) = self.numbered(id)?;
        self.want(id, false)?;
        if slot.stand_in(false) {
            self.simulators().retain(|(of, _)| *of != index);
        }
        Ok(())
    }

    /// Gives a drone a command, in the name of `by`. Returns once it is taken;
    /// what comes of it is told by what is returned.
    ///
    /// # Errors
    /// [`CommandError`], before anything was sent.
    pub async fn command(
        &self,
        id: &str,
        command: Command,
        by: &Operator,
    ) -> Result<Pending, CommandError> {
        self.give(id, Wished::Command(command), by, None).await
    }

    /// As [`Fleet::command`]; when nobody waits any more for what comes of it, it is not
    /// sent, or taken back.
    ///
    /// # Errors
    /// [`CommandError`], before anything was sent.
    pub async fn command_awaited(
        &self,
        id: &str,
        command: Command,
        by: &Operator,
    ) -> Result<Pending, CommandError> {
        self.give(id, Wished::Awaited(command), by, None).await
    }

    /// Gives a drone what is wished of it; `own` of what the gateway does by itself.
    async fn give(
        &self,
        id: &str,
        wish: Wished,
        by: &Operator,
        own: Option<OwnWish>,
    ) -> Result<Pending, CommandError> {
        let slot = self.slot(id).ok_or_else(|| UnknownDrone(id.to_owned()))?;
        let (admitted, verdict) = oneshot::channel();
        let (outcome, pending) = oneshot::channel();
        let refused = |why: Refusal| {
            let id = publish_refusal(&self.inner.events, &slot.plan.id, (wish, by), &why);
            CommandError::Refused { id, why }
        };
        let request = Request {
            wish,
            by: by.clone(),
            own,
            admitted,
            outcome,
        };
        slot.request(request).map_err(|error| match error {
            TrySendError::Full(_) => refused(Refusal::Full),
            TrySendError::Closed(_) => refused(Refusal::Stopping),
        })?;
        let verdict = verdict.await.map_err(|_| refused(Refusal::Stopping))?;
        Ok(Pending::new(verdict?, pending))
    }

    /// Takes the serial number that a drone says as its own from now on, after a repair or
    /// an exchange; which one. Durable when this returns.
    ///
    /// # Errors
    /// [`AcceptError`].
    pub async fn accept_serial(&self, id: &str) -> Result<String, AcceptError> {
        let accepted = self.inner.serials.accept(id).await?;
        Ok(accepted.as_str().to_owned())
    }

    /// The search for drones.
    #[must_use]
    pub fn discovery(&self) -> &Arc<Discovery> {
        &self.inner.discovery
    }

    /// Whether the state of the drone arrives in time.
    async fn heard_within(&self, slot: &DroneRecord) -> bool {
        let heard = async {
            while slot.link().state != LinkState::Connected {
                tokio::time::sleep(LOOK_FOR_STATE).await;
            }
        };
        tokio::time::timeout(self.inner.connect_timeout, heard)
            .await
            .is_ok()
    }

    fn numbered(&self, id: &str) -> Result<(usize, &DroneRecord), UnknownDrone> {
        let mut slots = self.inner.roster.slots.iter().enumerate();
        slots
            .find(|(_, slot)| &*slot.plan.id == id)
            .ok_or_else(|| UnknownDrone(id.to_owned()))
    }

    /// The port on which states are heard, as bound.
    #[must_use]
    pub fn state_port(&self) -> u16 {
        self.inner.roster.state_port
    }

    /// Statistics for `/metrics`.
    #[must_use]
    pub fn stats(&self) -> FleetStats {
        let (roster, now) = (&self.inner.roster, Mono::now());
        FleetStats {
            drones: roster
                .slots
                .iter()
                .map(|slot| roster.drone_stats(slot, now))
                .collect(),
            video: roster
                .slots
                .iter()
                .map(|slot| slot.video.view(now))
                .collect(),
            state_ports: roster.sockets.iter().map(PortRecord::view).collect(),
            video_ports: roster.video_sockets.iter().map(PortRecord::view).collect(),
            dropped: roster.dropped(),
        }
    }

    /// Ends every task; the ports are free when it returns.
    pub async fn stop(&self) {
        self.inner.cancel.cancel();
        let simulators = std::mem::take(&mut *self.simulators());
        for (_, simulator) in &simulators {
            simulator.stop().await;
        }
        self.inner.tasks.wait().await;
    }

    /// The port on which video is heard, as bound.
    #[must_use]
    pub fn video_port(&self) -> u16 {
        self.inner.roster.video_port
    }

    fn slot(&self, id: &str) -> Option<&DroneRecord> {
        self.inner
            .roster
            .slots
            .iter()
            .find(|slot| &*slot.plan.id == id)
    }

    fn want(&self, id: &str, wanted: bool) -> Result<(), UnknownDrone> {
        let slot = self.slot(id).ok_or_else(|| UnknownDrone(id.to_owned()))?;
        slot.wanted
            .send_if_modified(|before| std::mem::replace(before, wanted) != wanted);
        Ok(())
    }
}

impl Drop for FleetParts {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

#[cfg(test)]
#[path = "fleet_tests.rs"]
mod tests;
