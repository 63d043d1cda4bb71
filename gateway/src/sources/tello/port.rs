//! The state port and the video port: hear every drone, for as long as the gateway
//! runs.
//!
//! One task per port and socket: usually one for all drones, and one for each
//! interface that names a drone. A port that is taken, or an interface that is not there,
//! degrades the gateway: it is said in an alert, with who holds the port, and
//! tried again with back-off. Per datagram nothing is allocated.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use alerting::{AlertType, Condition, Level};
use https::port_holder::{self, Protocol};
use readings::BOARD;
use readings::clock::{Mono, wall_now};
use tokio::net::UdpSocket;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::filter::Way;
use super::flood::{self, FloodDetector, OneIn};
use super::plan::FleetPlan;
use super::roster::{DroneRecord, PortHolder, PortRecord, Roster};
use super::socket;
use super::state_readings::readings_of;
use super::ways;
use crate::sources::sink::ReadingSink;
use crate::supervision::Service;

/// Longer than anything parsed, so that a cut datagram shows as oversized
/// instead of passing for a whole one.
const BUFFER_BYTES: usize = 2048;

/// First and longest wait before a refused bind is tried again.
const RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));

/// How often it is checked that the interface is still the same one; a plugged
/// and unplugged adapter leaves its old socket deaf without an error.
const INTERFACE_CHECK: Duration = Duration::from_secs(2);

/// Wait after a failed receive, so that a persistent failure cannot spin.
const AFTER_ERROR: Duration = Duration::from_millis(100);

/// What a port is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    State,
    Video,
}

impl Kind {
    /// What the supervisor calls the task of such a port, and what is down without it.
    pub(super) const fn task(self) -> (&'static str, Option<Service>) {
        match self {
            Kind::State => ("state port", Some(Service::Drones)),
            Kind::Video => ("video port", None),
        }
    }

    /// Name of the condition that stands while a socket is not bound.
    const fn condition(self) -> &'static str {
        match self {
            Kind::State => "state_port_unavailable",
            Kind::Video => "video_port_unavailable",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Kind::State => "Drone state port unavailable",
            Kind::Video => "Drone video port unavailable",
        }
    }

    /// The key that sets it.
    const fn key(self) -> &'static str {
        match self {
            Kind::State => "drones.state_port",
            Kind::Video => "drones.video_port",
        }
    }
}

/// The task of one socket.
pub(super) struct Port {
    pub(super) roster: Arc<Roster>,
    pub(super) kind: Kind,
    /// Index among the roster's sockets of that kind.
    pub(super) index: usize,
    pub(super) local: SocketAddr,
    /// Whether sockets for all and for single interfaces hold the port together.
    pub(super) shared: bool,
    pub(super) sink: Arc<dyn ReadingSink>,
    pub(super) holder: PortHolder,
    pub(super) cancel: CancellationToken,
}

/// Why the receive loop ended.
enum Ended {
    Cancelled,
    InterfaceChanged,
}

impl Port {
    /// Serves until cancelled. `first` is what the first bind came to, if that was tried.
    pub(super) async fn run(self: Arc<Self>, first: Option<io::Result<UdpSocket>>) {
        let bind = || {
            let filter = self.roster.filter(&self.record().interface, OneIn::ALL);
            socket::bind(self.local, self.interface(), self.shared, &filter)
        };
        let (mut wait, mut opened) = (RETRY.0, first.unwrap_or_else(bind));
        loop {
            match opened {
                Ok(socket) => {
                    wait = RETRY.0;
                    self.bound(true);
                    self.record().opened(socket::inode(&socket));
                    let ended = self.serve(&socket).await;
                    self.bound(false);
                    if matches!(ended, Ended::Cancelled) {
                        return;
                    }
                }
                Err(error) => {
                    self.degraded(&error);
                    tokio::select! {
                        () = self.cancel.cancelled() => return,
                        () = sleep(wait) => wait = (wait * 2).min(RETRY.1),
                    }
                }
            }
            opened = bind();
        }
    }

    async fn serve(&self, socket: &UdpSocket) -> Ended {
        let interface = self
            .interface()
            .map(|name| (name, socket::interface_index(name)));
        let mut check = tokio::time::interval(INTERFACE_CHECK);
        let mut ways = self.roster.ways.subscribe();
        // What was learnt between the bind and now counts as a change.
        ways.mark_changed();
        let mut windows = tokio::time::interval(flood::WINDOW);
        let mut detector = FloodDetector::default();
        let mut buffer = [0; BUFFER_BYTES];
        loop {
            // What is rare stands first: in a flood there is always something to receive.
            let let_in = tokio::select! {
                biased;
                () = self.cancel.cancelled() => return Ended::Cancelled,
                Ok(()) = ways.changed() => {
                    self.filter(socket);
                    None
                }
                _ = check.tick(), if interface.is_some() => {
                    if interface.is_some_and(|(name, index)| socket::interface_index(name) != index) {
                        return Ended::InterfaceChanged;
                    }
                    None
                }
                _ = windows.tick() => detector.look(Mono::now()),
                received = socket.recv_from(&mut buffer) => match received {
                    Ok((length, from)) => match self.take(&buffer[..length], from) {
                        true => None,
                        false => detector.count(Mono::now()),
                    },
                    Err(_) => {
                        self.record().errors.fetch_add(1, Relaxed);
                        sleep(AFTER_ERROR).await;
                        None
                    }
                },
            };
            if let Some(one_in) = let_in {
                self.let_in(socket, one_in);
            }
        }
    }

    /// Has the kernel let in so many of what strangers send.
    fn let_in(&self, socket: &UdpSocket, one_in: OneIn) {
        let before = self.record().let_in_one_of.swap(one_in.get(), Relaxed);
        self.filter(socket);
        let (is, was) = (one_in != OneIn::ALL, before != OneIn::ALL.get());
        // A flood that swells is the same flood.
        if is != was {
            tracing::warn!(kind = ?self.kind, interface = self.interface(), flooded = is, "datagrams of strangers");
        }
    }

    /// Sets the filter anew, by what is known of ways and of a flood.
    fn filter(&self, socket: &UdpSocket) {
        let others = OneIn::new(self.record().let_in_one_of.load(Relaxed)).unwrap_or(OneIn::ALL);
        let filter = self.roster.filter(&self.record().interface, others);
        socket::limit(socket, &filter);
    }

    /// Takes a datagram; whether it was a drone's.
    pub(super) fn take(&self, datagram: &[u8], from: SocketAddr) -> bool {
        let slot = self.roster.identify(self.index, from);
        if slot.is_none() {
            self.record().foreign.fetch_add(1, Relaxed);
        }
        if let Some(slot) = slot.filter(|_| datagram.is_empty()) {
            self.take_elsewhere(slot);
            return false;
        }
        let known = slot.is_some();
        match self.kind {
            Kind::State => self.take_state(slot, datagram, from),
            Kind::Video => {
                if let Some(slot) = slot {
                    slot.video.take(datagram, Mono::now());
                }
            }
        }
        known
    }

    /// A datagram that the filter emptied: it came by a way that does not lead to the drone.
    fn take_elsewhere(&self, slot: &DroneRecord) {
        let before = self.record().elsewhere.fetch_add(1, Relaxed);
        if (before + 1).is_power_of_two() {
            // Seldom enough that a flood fills no log.
            tracing::warn!(target: "security", event = "drone_impersonated", drone = %slot.plan.id,
                datagrams = before + 1, "datagrams in a drone's name from another network; not read");
        }
    }

    fn take_state(&self, slot: Option<&DroneRecord>, datagram: &[u8], from: SocketAddr) {
        let Some(slot) = slot else {
            self.roster.unconfigured().take(
                self.index,
                from.ip(),
                datagram,
                Mono::now(),
                wall_now(),
            );
            return;
        };
        slot.note_heard();
        self.sink.heard(slot.source, datagram);
        let news = slot.live().take(datagram, Mono::now(), wall_now());
        // Published outside the lock: rules may take their time, readers may not.
        if let Some(state) = news {
            self.sink.publish(slot.source, &readings_of(&state));
        }
    }

    fn record(&self) -> &PortRecord {
        match self.kind {
            Kind::State => &self.roster.sockets[self.index],
            Kind::Video => &self.roster.video_sockets[self.index],
        }
    }

    fn interface(&self) -> Option<&str> {
        self.record().interface.as_deref()
    }

    fn subject(&self) -> String {
        self.interface().map_or_else(
            || BOARD.to_owned(),
            |interface| format!("{BOARD}/{interface}"),
        )
    }

    fn bound(&self, bound: bool) {
        self.record().bound.store(bound, Relaxed);
        if bound {
            tracing::info!(local = %self.local, interface = self.interface(), kind = ?self.kind, "port bound");
            self.sink.clear(self.kind.condition(), &self.subject());
        }
    }

    fn degraded(&self, error: &io::Error) {
        let message = self.advice(error);
        tracing::debug!(local = %self.local, interface = self.interface(), kind = ?self.kind, %error, "port refused");
        self.sink.raise(Condition {
            key: self.kind.condition(),
            subject: self.subject().into(),
            level: Level::Error,
            alert_type: AlertType::Network,
            title: self.kind.title(),
            message,
            details: Some(format!(
                "binding UDP {} failed: {error}; it is tried again by itself",
                self.local
            )),
        });
    }

    /// What happened and what to do about it.
    fn advice(&self, error: &io::Error) -> String {
        if socket::is_missing_interface(error) {
            let interface = self.interface().unwrap_or_default();
            return format!(
                "Interface {interface} is not there; plug the Wi-Fi adapter in, or correct the drone's `interface`"
            );
        }
        if let Some(interface) = self.interface()
            && error.kind() == io::ErrorKind::PermissionDenied
        {
            return format!(
                "UDP {} on {interface} needs a permission that the gateway lacks; allow it CAP_NET_RAW",
                self.local.port()
            );
        }
        let keys = [self.kind.key(), "drones.bind"];
        let holder = || (self.holder)(self.local);
        port_holder::advice(Protocol::Udp, self.local, error, keys, holder)
    }
}

/// The sockets of one port as opened at start.
pub(super) struct Sockets {
    /// With the port as bound.
    pub(super) local: SocketAddr,
    pub(super) shared: bool,
    pub(super) opened: Vec<io::Result<UdpSocket>>,
}

impl Sockets {
    /// Opens `port` on every interface that needs a socket of its own.
    pub(super) fn open(plan: &FleetPlan, ways: &[Way], port: u16) -> Sockets {
        let interfaces = plan.state_sockets();
        let shared = interfaces.len() > 1 && interfaces.contains(&None);
        let mut local = SocketAddr::new(plan.bind, port);
        // Sharing would also let another gateway in, so it is first made sure
        // that nobody else holds the port; refused, it is tried again later.
        let probe = if shared {
            socket::bind(local, None, false, &[]).map(drop)
        } else {
            Ok(())
        };
        let mut opened = Vec::with_capacity(interfaces.len());
        for interface in &interfaces {
            let socket = match &probe {
                Ok(()) => {
                    let drones = plan.drones.iter().zip(ways.iter().copied());
                    let filter = ways::filter_of(drones, interface, OneIn::ALL);
                    socket::bind(local, interface.as_deref(), shared, &filter)
                }
                Err(error) => Err(io::Error::from(error.kind())),
            };
            if let Ok(socket) = &socket {
                local.set_port(
                    socket
                        .local_addr()
                        .map_or(local.port(), |bound| bound.port()),
                );
            }
            opened.push(socket);
        }
        Sockets {
            local,
            shared,
            opened,
        }
    }
}
