//! The fleet: starts what each configured drone needs and answers what is known.
//!
//! The one door to this room for the API, `/metrics` and `demo`. Reading never
//! waits for a task: it copies from the roster.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tello::command::Command;
use tello_simulator::SimulatedDrone;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::commander::{Request, publish_refusal};
use super::discovery::Discovery;
use super::link::LinkTask;
use super::plan::{DronePlan, FleetError, FleetPlan};
use super::port::{Kind, Port, Sockets};
use super::roster::{DroneStats, PortHolder, PortRecord, PortView, Roster, Slot};
use super::video::{Still, VideoView, Viewer};
use crate::config::Drones;
use crate::sources::sink::ReadingSink;
use crate::sources::vehicles::{
    CommandError, ConnectError, DroneView, LinkState, Operator, Pending, Presences, Refusal,
    UnknownDrone, VehicleKind,
};
use crate::supervision::{Service, Supervisor};
use readings::SourceKind;
use readings::clock::Mono;
use readings::event::EventLog;

/// How often a `connect` looks whether the state arrives; it comes at 10 Hz.
const LOOK_FOR_STATE: Duration = Duration::from_millis(20);

/// What the fleet needs from elsewhere.
#[derive(Clone)]
pub struct FleetOptions {
    /// Finds who holds a UDP port of an address, for the alert about a port that is taken.
    pub port_holder: PortHolder,
    /// Watches the fleet's tasks; without one nobody hears when a task ends.
    pub supervisor: Option<Supervisor>,
    /// Operators with a live connection, shared with every kind of vehicle.
    pub presences: Presences,
    /// Where it is told what comes of commands.
    pub events: EventLog,
}

impl Default for FleetOptions {
    fn default() -> Self {
        FleetOptions {
            port_holder: |_| None,
            supervisor: None,
            presences: Presences::default(),
            events: EventLog::default(),
        }
    }
}

impl FleetOptions {
    fn spawn(
        &self,
        tasks: &TaskTracker,
        (name, service): (&'static str, Option<Service>),
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        match &self.supervisor {
            Some(supervisor) => tasks.spawn(supervisor.watched(name, service, task)),
            None => tasks.spawn(task),
        };
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
}

/// The fleet; clones share it.
#[derive(Clone)]
pub struct Fleet {
    inner: Arc<Inner>,
}

struct Inner {
    roster: Arc<Roster>,
    cancel: CancellationToken,
    tasks: TaskTracker,
    /// Operators with a live connection.
    presences: Presences,
    events: EventLog,
    /// Our own simulators with the index of their drone: of drones in simulation
    /// mode without an address, and stand-ins. At most one a drone.
    simulators: Mutex<Vec<(usize, SimulatedDrone)>>,
    connect_timeout: Duration,
    discovery: Arc<Discovery>,
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
        let sockets = Sockets::open(&plan, plan.state_port);
        // Without drones nobody sends video: the port is left to others.
        let video = (!plan.drones.is_empty()).then(|| Sockets::open(&plan, plan.video_port));
        let ports = (
            sockets.local.port(),
            video
                .as_ref()
                .map_or(plan.video_port, |video| video.local.port()),
        );
        let roster = Arc::new(Roster::new(&plan, &ids, ports.0, ports.1));
        let discovery = Arc::new(Discovery::new(&plan, roster.clone()));
        let mut inner = Inner {
            discovery,
            roster,
            cancel: CancellationToken::new(),
            tasks: TaskTracker::new(),
            presences: options.presences.clone(),
            events: options.events.clone(),
            simulators: Mutex::new(own_simulators(&plan.drones, ports)),
            connect_timeout: plan.connect_timeout,
        };
        inner.spawn(&plan, sockets, video, Arc::new(sink), &options);
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

    /// How many drones are connected.
    #[must_use]
    pub fn connected(&self) -> usize {
        self.inner
            .roster
            .slots
            .iter()
            .filter(|slot| slot.link().state == LinkState::Connected)
            .count()
    }

    /// How many drones there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.roster.slots.len()
    }

    /// Whether there are no drones.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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
        let slot = self.slot(id).ok_or_else(|| UnknownDrone(id.to_owned()))?;
        let (admitted, verdict) = oneshot::channel();
        let (outcome, pending) = oneshot::channel();
        let refused = |why: Refusal| {
            publish_refusal(&self.inner.events, &slot.plan.id, (command, by), &why);
            why
        };
        let request = Request {
            command,
            by: by.clone(),
            admitted,
            outcome,
        };
        slot.requests
            .try_send(request)
            .map_err(|error| match error {
                TrySendError::Full(_) => refused(Refusal::Full),
                TrySendError::Closed(_) => refused(Refusal::Stopping),
            })?;
        let verdict = verdict.await.map_err(|_| refused(Refusal::Stopping))?;
        Ok(Pending::new(verdict?, pending))
    }

    /// The search for drones.
    #[must_use]
    pub fn discovery(&self) -> &Arc<Discovery> {
        &self.inner.discovery
    }

    /// Whether the state of the drone arrives in time.
    async fn heard_within(&self, slot: &Slot) -> bool {
        let heard = async {
            while slot.link().state != LinkState::Connected {
                tokio::time::sleep(LOOK_FOR_STATE).await;
            }
        };
        tokio::time::timeout(self.inner.connect_timeout, heard)
            .await
            .is_ok()
    }

    /// Puts a simulator in the place of a drone in mode `auto`; whether one is there.
    fn stand_in(&self, index: usize, slot: &Slot) -> bool {
        let Some(address) = slot.plan.stand_in.filter(|_| !slot.was_real()) else {
            return false;
        };
        let address = SocketAddr::new(address, slot.plan.command_port);
        let mut simulators = self.simulators();
        if simulators.iter().all(|(of, _)| *of != index) {
            let options = tello_simulator::Options {
                state_port: self.state_port(),
                video_port: self.video_port(),
                ..tello_simulator::Options::default()
            };
            match SimulatedDrone::start(address, options) {
                Ok(simulator) => simulators.push((index, simulator)),
                Err(error) => {
                    tracing::warn!(drone = %slot.plan.id, %address, %error, "no stand-in");
                    return false;
                }
            }
        }
        tracing::info!(drone = %slot.plan.id, %address, "not found: a simulator stands in");
        slot.stand_in(true);
        true
    }

    /// A connect begins with a fresh simulator: charged, on the ground.
    fn renew_simulator(&self, index: usize) {
        if let Some((_, simulator)) = self.simulators().iter().find(|(of, _)| *of == index) {
            simulator.renew();
        }
    }

    fn simulators(&self) -> MutexGuard<'_, Vec<(usize, SimulatedDrone)>> {
        // The list is whole between any two statements.
        self.inner
            .simulators
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn numbered(&self, id: &str) -> Result<(usize, &Slot), UnknownDrone> {
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
        }
    }

    /// The video of a drone as it is now.
    ///
    /// # Errors
    /// [`UnknownDrone`].
    pub fn video(&self, id: &str) -> Result<VideoView, UnknownDrone> {
        self.numbered(id)
            .map(|(_, slot)| slot.video.view(Mono::now()))
    }

    /// Notes that an operator wishes for the stream of a drone, or no longer; what
    /// was begun for a photo is ended unless one does.
    pub fn keep_stream(&self, id: &str, keep: bool) {
        if let Some(slot) = self.slot(id) {
            slot.video.keep(keep);
        }
    }

    /// Whether an operator wishes for the stream of a drone.
    #[must_use]
    pub fn keeps_stream(&self, id: &str) -> bool {
        self.slot(id).is_some_and(|slot| slot.video.is_kept())
    }

    /// A viewer of a drone's video, whether or not it streams.
    ///
    /// # Errors
    /// [`UnknownDrone`].
    pub fn watch(&self, id: &str) -> Result<Viewer, UnknownDrone> {
        self.numbered(id).map(|(_, slot)| slot.video.watch())
    }

    /// The first whole picture of a drone that arrived at `since` or later; waits
    /// for it as long as it takes.
    ///
    /// # Errors
    /// [`UnknownDrone`].
    pub async fn still(&self, id: &str, since: Mono) -> Result<Still, UnknownDrone> {
        let (_, slot) = self.numbered(id)?;
        Ok(slot.video.still_since(since).await)
    }

    /// The newest whole picture of a drone with a number above `number`; waits for
    /// as long as there is none.
    ///
    /// # Errors
    /// [`UnknownDrone`].
    pub async fn still_after(&self, id: &str, number: u64) -> Result<Still, UnknownDrone> {
        let (_, slot) = self.numbered(id)?;
        Ok(slot.video.still_after(number).await)
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

    fn slot(&self, id: &str) -> Option<&Slot> {
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

impl VehicleKind for Fleet {
    fn views(&self) -> Vec<DroneView> {
        self.drones()
    }

    fn view(&self, id: &str) -> Option<DroneView> {
        self.drone(id)
    }

    fn connect<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), ConnectError>> {
        Box::pin(Fleet::connect(self, id))
    }

    fn disconnect(&self, id: &str) -> Result<(), UnknownDrone> {
        Fleet::disconnect(self, id)
    }

    fn command<'a>(
        &'a self,
        id: &'a str,
        command: Command,
        by: &'a Operator,
    ) -> BoxFuture<'a, Result<Pending, CommandError>> {
        Box::pin(Fleet::command(self, id, command, by))
    }
}

impl Inner {
    fn spawn(
        &mut self,
        plan: &FleetPlan,
        sockets: Sockets,
        video: Option<Sockets>,
        sink: Arc<dyn ReadingSink>,
        options: &FleetOptions,
    ) {
        self.listen(Kind::State, sockets, &sink, options);
        if let Some(video) = video {
            self.listen(Kind::Video, video, &sink, options);
        }
        for index in 0..self.roster.slots.len() {
            let link = LinkTask::new(
                self.roster.clone(),
                index,
                plan.lost_after,
                (plan.policy, self.presences.clone(), self.events.clone()),
                sink.clone(),
                self.cancel.clone(),
            );
            options.spawn(
                &self.tasks,
                ("drone link", Some(Service::Drones)),
                link.run(),
            );
        }
        let search = self.discovery.clone().search_by_itself(self.cancel.clone());
        // (Flying does without it.)
        options.spawn(&self.tasks, ("drone search", None), search);
        self.tasks.close();
    }

    fn listen(
        &self,
        kind: Kind,
        sockets: Sockets,
        sink: &Arc<dyn ReadingSink>,
        options: &FleetOptions,
    ) {
        let (local, shared) = (sockets.local, sockets.shared);
        for (index, opened) in sockets.opened.into_iter().enumerate() {
            let port = Port {
                roster: self.roster.clone(),
                kind,
                index,
                local,
                shared,
                sink: sink.clone(),
                holder: options.port_holder,
                cancel: self.cancel.clone(),
            };
            options.spawn(&self.tasks, kind.task(), port.run(opened));
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

/// Starts the simulators that are ours to start. One that cannot bind is a
/// drone that does not answer, and reported as such.
fn own_simulators(
    drones: &[DronePlan],
    (state_port, video_port): (u16, u16),
) -> Vec<(usize, SimulatedDrone)> {
    let ours = drones
        .iter()
        .enumerate()
        .filter(|(_, drone)| drone.own_simulator);
    ours.filter_map(|(index, drone)| {
        let address = SocketAddr::new(drone.address, drone.command_port);
        let options = tello_simulator::Options { state_port, video_port, ..tello_simulator::Options::default() };
        SimulatedDrone::start(address, options)
            .inspect_err(|error| tracing::warn!(drone = %drone.id, %address, %error, "simulator not started"))
            .ok()
            .map(|simulator| (index, simulator))
    })
    .collect()
}

#[cfg(test)]
#[path = "fleet_tests.rs"]
mod tests;
