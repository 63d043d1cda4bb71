//! The task of a simulated drone: a socket, a clock, and the firmware between.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tello::BINARY_MARK;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::firmware::{Firmware, Outbox};
use super::impairment::{
    FRAMES_ON_THE_WAY, Impairment, Line, MAX_DATAGRAM_BYTES, ON_THE_WAY, Outgoing,
};
use super::{Options, rng::Rng};

/// Longest datagram taken; commands are far shorter.
const BUFFER_BYTES: usize = 2048;

/// Orders that may wait; they are taken at once, so more is a runaway caller.
const MAX_ORDERS: usize = 8;

/// Shortest pause between two looks, whatever the clocks say: never a busy loop.
/// The next thing due is rarely closer; frames are 33 ms apart.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);

/// What can be done to a simulated drone from outside.
enum Order {
    Impairment(Impairment),
    Reboot,
    Reset,
    Renew,
    Refuse,
    Charge,
    Drain(f64),
}

/// A running simulated drone; it ends when this is dropped.
#[derive(Debug)]
pub struct SimulatedDrone {
    address: SocketAddr,
    orders: mpsc::Sender<Order>,
    cancel: CancellationToken,
    task: TaskTracker,
}

impl SimulatedDrone {
    /// Starts one that takes commands at `address`, on the current runtime.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub fn start(address: SocketAddr, options: Options) -> io::Result<SimulatedDrone> {
        let socket = bind(address)?;
        let address = socket.local_addr()?;
        let (orders, taken) = mpsc::channel(MAX_ORDERS);
        let (cancel, task) = (CancellationToken::new(), TaskTracker::new());
        task.spawn(Task::new(address, socket, options, taken, cancel.clone()).run());
        task.close();
        Ok(SimulatedDrone {
            address,
            orders,
            cancel,
            task,
        })
    }

    /// Where it takes commands while its network is its own, with the port as bound.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what its network does.
    pub fn impair(&self, impairment: Impairment) {
        self.order(Order::Impairment(impairment));
    }

    /// Restarts it: silent for some seconds, then out of SDK mode.
    pub fn reboot(&self) {
        self.order(Order::Reboot);
    }

    /// Restarts it with a network of its own: it is where it was started again.
    pub fn reset(&self) {
        self.order(Order::Reset);
    }

    /// Puts it back on the ground, charged and cool; its client stays.
    pub fn renew(&self) {
        self.order(Order::Renew);
    }

    /// Has it refuse the next manoeuvre that it is told.
    pub fn refuse(&self) {
        self.order(Order::Refuse);
    }

    /// Gives it a full battery.
    pub fn charge(&self) {
        self.order(Order::Charge);
    }

    /// Leaves so much in its battery, in percent, if there was more.
    pub fn drain(&self, battery_pct: f64) {
        self.order(Order::Drain(battery_pct));
    }

    fn order(&self, order: Order) {
        if self.orders.try_send(order).is_err() {
            tracing::warn!(drone = %self.address, "simulated drone has stopped or is given too many orders");
        }
    }

    /// Ends it; its address is free when this returns.
    pub async fn stop(&self) {
        self.cancel.cancel();
        self.task.wait().await;
    }
}

impl Drop for SimulatedDrone {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

/// A socket for one drone alone. The standard library sets no `SO_REUSEADDR` on
/// UDP, so a second program at the address is refused instead of sharing it.
fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = std::net::UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

struct Task {
    /// Where it takes commands, for the log.
    address: SocketAddr,
    /// Where it does so in its own network.
    home: SocketAddr,
    /// Its address in a network that it joins.
    station: Option<IpAddr>,
    /// Whether it has left its own network.
    is_away: bool,
    /// Its socket; none: it is in no network in which anybody could hear it.
    socket: Option<UdpSocket>,
    firmware: Firmware,
    line: Line,
    /// The way of the camera's frames, which does not hold up replies.
    frames: Line,
    orders: mpsc::Receiver<Order>,
    cancel: CancellationToken,
}

impl Task {
    fn new(
        address: SocketAddr,
        socket: UdpSocket,
        options: Options,
        orders: mpsc::Receiver<Order>,
        cancel: CancellationToken,
    ) -> Task {
        // Seeds of their own for the lines: impairment must not change the noise.
        let mut seeds = Rng::new(options.seed);
        let line = Line::new(options.impairment.clone(), seeds.draw(), ON_THE_WAY);
        let frames = Line::new(options.impairment.clone(), seeds.draw(), FRAMES_ON_THE_WAY);
        Task {
            address,
            home: address,
            station: options.station,
            is_away: false,
            socket: Some(socket),
            firmware: Firmware::new(options, Instant::now()),
            line,
            frames,
            orders,
            cancel,
        }
    }

    async fn run(mut self) {
        let mut buffer = [0; BUFFER_BYTES];
        loop {
            let now = Instant::now();
            let mut out = Outbox::new();
            self.firmware.advance(now, &mut out);
            self.deliver(out, now).await;
            self.film(now).await;
            self.change_network(now);
            let arrivals = [self.line.next_arrival(), self.frames.next_arrival()];
            let wake = arrivals
                .into_iter()
                .flatten()
                .fold(self.firmware.wake_at(), Instant::min);
            let wake = wake.max(now + SHORTEST_PAUSE);
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => return,
                Some(order) = self.orders.recv() => self.obey(order),
                received = receive(self.socket.as_ref(), &mut buffer) => {
                    if let Ok((length, from)) = received {
                        self.take(from, &buffer[..length]).await;
                    }
                }
                () = sleep_until(wake) => {}
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Impairment(impairment) => {
                self.frames.change(impairment.clone());
                self.line.change(impairment);
            }
            Order::Renew => self.firmware.renew(Instant::now()),
            Order::Refuse => {
                tracing::info!(drone = %self.address, "simulated drone refuses its next manoeuvre");
                self.firmware.refuse_next();
            }
            Order::Charge => self.firmware.charge(),
            Order::Drain(battery_pct) => self.firmware.drain(battery_pct),
            Order::Reboot => self.firmware.reboot(Instant::now()),
            Order::Reset => self.firmware.reset(Instant::now()),
        }
    }

    /// Has another address once it has restarted in another network.
    fn change_network(&mut self, now: Instant) {
        let joined = self.firmware.has_joined(now);
        if joined == self.is_away {
            return;
        }
        self.is_away = joined;
        self.socket = None;
        let to = match joined {
            true => self.station.map(|ip| SocketAddr::new(ip, self.home.port())),
            false => Some(self.home),
        };
        let Some(to) = to else {
            tracing::info!(drone = %self.home, "simulated drone is in no network any more");
            return;
        };
        match bind(to) {
            Ok(socket) => {
                tracing::info!(drone = %self.home, at = %to, "simulated drone is in another network");
                (self.socket, self.address) = (Some(socket), to);
            }
            Err(error) => tracing::warn!(drone = %self.home, at = %to, %error, "no such network"),
        }
    }

    async fn take(&mut self, from: SocketAddr, datagram: &[u8]) {
        if self.line.impairment().frozen {
            return;
        }
        let now = Instant::now();
        if self.line.impairment().binary_before_reply {
            self.line.put(
                Outgoing::new(from, &[BINARY_MARK, 0x18, 0x01, 0xB9, 0x88]),
                now,
            );
        }
        let mut out = Outbox::new();
        self.firmware.receive(from, datagram, now, &mut out);
        if self.firmware.moved() {
            let (drone, command) = (self.address, String::from_utf8_lossy(datagram));
            tracing::debug!(%drone, client = %from, %command, "simulated drone obeys");
        }
        self.deliver(out, now).await;
    }

    /// Sends what has arrived at the end of the line. What the kernel refuses is
    /// lost, as on any network.
    async fn deliver(&mut self, out: Outbox, now: Instant) {
        let frozen = self.line.impairment().frozen;
        for outgoing in out.into_iter().filter(|_| !frozen) {
            self.line.put(outgoing, now);
        }
        while let Some(outgoing) = self.line.arrived(now) {
            self.send(&outgoing).await;
        }
    }

    /// Sends what the camera saw, cut as firmware cuts it.
    async fn film(&mut self, now: Instant) {
        let frozen = self.frames.impairment().frozen;
        while let Some((to, frame)) = self.firmware.film(now) {
            for piece in frame.chunks(MAX_DATAGRAM_BYTES).filter(|_| !frozen) {
                self.frames.put(Outgoing::new(to, piece), now);
            }
        }
        while let Some(outgoing) = self.frames.arrived(now) {
            self.send(&outgoing).await;
        }
    }

    async fn send(&self, outgoing: &Outgoing) {
        if let Some(socket) = &self.socket {
            let _ = socket.send_to(&outgoing.bytes, outgoing.to).await;
        }
    }
}

/// The next datagram; waits for ever while there is no socket.
async fn receive(socket: Option<&UdpSocket>, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
    match socket {
        Some(socket) => socket.recv_from(buffer).await,
        None => std::future::pending().await,
    }
}
