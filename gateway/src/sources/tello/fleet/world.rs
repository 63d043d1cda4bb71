//! The fleet of a simulated world: the roster, the links and their tasks as ever, with
//! wires of the world in place of sockets. Only for tests.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use futures_util::future::BoxFuture;
use readings::SourceKind;

use super::super::command_port::Wire;
use super::super::filter::Way;
use super::super::flights::FlightRecord;
use super::super::link::LinkTask;
use super::super::plan::FleetPlan;
use super::super::port::{Kind, Port};
use super::super::roster::Roster;
use super::{Fleet, FleetError, FleetOptions, FleetParts};
use crate::config::Drones;
use crate::sources::sink::ReadingSink;
use crate::sources::vehicles::Flight;
use crate::state_file::StateFile;

/// A fleet whose sockets are the world's.
pub(crate) struct WorldFleet {
    pub(crate) fleet: Fleet,
    /// The end of each drone's wire that the world holds, in order of configuration.
    pub(crate) wires: Vec<WireEnd>,
    states: Port,
}

/// The tasks of a fleet, by their names.
pub(crate) type Tasks = Vec<(&'static str, BoxFuture<'static, ()>)>;

impl WorldFleet {
    /// Starts it as [`Fleet::start`] does; its tasks are the world's to run.
    pub(crate) fn start(
        config: &Drones,
        sink: Arc<dyn ReadingSink>,
        options: FleetOptions,
        flights: StateFile,
    ) -> Result<(WorldFleet, Tasks), FleetError> {
        let plan = FleetPlan::new(config)?;
        let mut ids = Vec::with_capacity(plan.drones.len());
        for drone in &plan.drones {
            ids.push(sink.register(&drone.id, SourceKind::Drone)?);
        }
        options.serials.adopt(&plan.drones);
        let ways = vec![Way::Any; plan.drones.len()].into();
        let ports = (plan.state_port, plan.video_port);
        let roster = Arc::new(Roster::new(&plan, &ids, ways, ports));
        let flights = FlightRecord::of(flights);
        flights.recall(&roster);
        let inner = FleetParts::new(&plan, roster.clone(), Vec::new(), &options);
        let mut tasks: Tasks = Vec::new();
        let mut wires = Vec::new();
        for (index, slot) in roster.slots.iter().enumerate() {
            let wire = WireEnd::to(slot.target());
            let flying = (
                options.controls.clone(),
                options.events.clone(),
                options.serials.clone(),
                options.takeoff_hold.clone(),
            );
            let (of, cancel) = ((roster.clone(), index), inner.cancel.clone());
            let port = WorldPort(wire.clone());
            let link = LinkTask::over(port, of, plan.lost_after, flying, sink.clone(), cancel);
            tasks.push(("drone link", Box::pin(link.run())));
            wires.push(wire);
        }
        let kept = flights.keep(roster.clone(), inner.cancel.clone());
        tasks.push(("flight record", Box::pin(kept)));
        let states = Port {
            roster: roster.clone(),
            kind: Kind::State,
            index: 0,
            local: SocketAddr::new(plan.bind, plan.state_port),
            shared: false,
            sink,
            holder: |_| None,
            cancel: inner.cancel.clone(),
        };
        for socket in &roster.sockets {
            socket.bound.store(true, Relaxed);
        }
        let fleet = Fleet {
            inner: Arc::new(inner),
        };
        let world = WorldFleet {
            fleet,
            wires,
            states,
        };
        Ok((world, tasks))
    }

    /// What drone `index` is doing, as it is shown.
    pub(crate) fn flight(&self, index: usize) -> Flight {
        self.fleet.inner.roster.slots[index].link().flight
    }

    /// Whether it is taken for another drone.
    pub(crate) fn is_mistaken(&self, index: usize) -> bool {
        let slot = &self.fleet.inner.roster.slots[index];
        slot.identity().mistaken.is_some()
    }

    /// A datagram came to the state port.
    pub(crate) fn hear(&self, datagram: &[u8], from: SocketAddr) {
        self.states.take(datagram, from);
    }
}

/// The world's end of one drone's wire; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct WireEnd(Arc<Mutex<Ends>>);

#[derive(Debug)]
struct Ends {
    target: SocketAddr,
    sent: VecDeque<(SocketAddr, String)>,
    arrived: VecDeque<Vec<u8>>,
    waits: Option<Waker>,
    is_cut: bool,
}

impl WireEnd {
    fn to(target: SocketAddr) -> WireEnd {
        WireEnd(Arc::new(Mutex::new(Ends {
            target,
            sent: VecDeque::new(),
            arrived: VecDeque::new(),
            waits: None,
            is_cut: false,
        })))
    }

    /// What was sent since the last call, and where to.
    pub(crate) fn take_sent(&self) -> Option<(SocketAddr, String)> {
        self.ends().sent.pop_front()
    }

    /// A datagram has come to the command port.
    pub(crate) fn put(&self, datagram: Vec<u8>) {
        let mut ends = self.ends();
        ends.arrived.push_back(datagram);
        if let Some(waker) = ends.waits.take() {
            waker.wake();
        }
    }

    /// The adapter is pulled out, or back: nothing leaves meanwhile, and the sender hears so.
    pub(crate) fn cut(&self, is_cut: bool) {
        self.ends().is_cut = is_cut;
    }

    fn ends(&self) -> MutexGuard<'_, Ends> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The gateway's end of it.
struct WorldPort(WireEnd);

impl Wire for WorldPort {
    fn retarget(&mut self, target: SocketAddr) {
        self.0.ends().target = target;
    }

    fn follow(&mut self, _way: Way) {}

    fn route(&self) -> io::Result<IpAddr> {
        match self.0.ends().is_cut {
            true => Err(io::ErrorKind::NetworkUnreachable.into()),
            // As the board's own address in the network of the drones.
            false => Ok(Ipv4Addr::new(192, 168, 10, 2).into()),
        }
    }

    async fn send(&mut self, text: &str) -> io::Result<()> {
        self.route()?;
        let mut ends = self.0.ends();
        let target = ends.target;
        ends.sent.push_back((target, text.to_owned()));
        Ok(())
    }

    async fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        poll_fn(|context| {
            let mut ends = self.0.ends();
            let Some(datagram) = ends.arrived.pop_front() else {
                ends.waits = Some(context.waker().clone());
                return Poll::Pending;
            };
            let length = datagram.len().min(buffer.len());
            buffer[..length].copy_from_slice(&datagram[..length]);
            Poll::Ready(Ok(length))
        })
        .await
    }

    fn neighbour(&self) -> Option<String> {
        None
    }
}
