//! The command port of one drone, as seen from the gateway: a connected socket
//! that survives changes of network.
//!
//! One socket for as long as the drone is configured: a second client port on
//! the same host makes some firmware stream its state twice. Holds no protocol;
//! what is sent and what a reply means is decided by its owner.

use std::future::pending;
use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::UdpSocket;

use super::filter::{self, Way};
use super::flood::OneIn;
use super::{routes, socket};

/// The way to one drone's command port: a socket, or what stands for it in a simulated
/// world. Waits by itself only where it says so.
pub(super) trait Wire: Send + 'static {
    /// Talks to another drone from now on.
    fn retarget(&mut self, target: SocketAddr);

    /// Replies come by `way` from now on.
    fn follow(&mut self, way: Way);

    /// The address from which packets to the drone would leave. Sends nothing.
    ///
    /// # Errors
    /// There is no way to it.
    fn route(&self) -> io::Result<IpAddr>;

    /// Sends `text`. What fails was not sent.
    ///
    /// # Errors
    /// What the system says.
    fn send(&mut self, text: &str) -> impl Future<Output = io::Result<()>> + Send;

    /// The next datagram from the drone's command port, or what the kernel heard
    /// about the drone's host. Empty: it came by another way than the drone's. Waits for ever while the socket is not open. Safe
    /// to drop half-way.
    ///
    /// # Errors
    /// What the system says.
    fn receive(&self, buffer: &mut [u8]) -> impl Future<Output = io::Result<usize>> + Send;

    /// The hardware address of what answers there, in words, as far as it is known.
    fn neighbour(&self) -> Option<String>;
}

/// A drone's command port.
pub(super) struct CommandPort {
    target: SocketAddr,
    interface: Option<String>,
    /// Where it leaves from: drones send their state to where `command` came from.
    from: IpAddr,
    /// The way its replies come by; what comes by another is no reply.
    way: Way,
    open: Option<Open>,
    /// Kept when the socket has to be made anew, so that the drone sees one client.
    local_port: u16,
}

struct Open {
    socket: UdpSocket,
    local: IpAddr,
}

impl CommandPort {
    /// The command port at `target`, reached by `interface` when given and from
    /// `from` unless that is unspecified. Opens nothing yet.
    pub(super) fn new(target: SocketAddr, interface: Option<&str>, from: IpAddr) -> CommandPort {
        CommandPort {
            target,
            interface: interface.map(str::to_owned),
            from,
            way: Way::Any,
            open: None,
            local_port: 0,
        }
    }

    fn connect(&mut self, local: IpAddr) -> io::Result<Open> {
        let interface = self.interface.as_deref();
        let filter = match self.target.ip() {
            IpAddr::V4(address) => filter::program([(address, self.way)].into_iter(), OneIn::ALL),
            IpAddr::V6(_) => Vec::new(),
        };
        let connect = |port| {
            let local = SocketAddr::new(self.from, port);
            socket::connect(self.target, interface, local, &filter)
        };
        let socket = connect(self.local_port).or_else(|_| connect(0))?;
        self.local_port = socket.local_addr()?.port();
        Ok(Open { socket, local })
    }
}

impl Wire for CommandPort {
    fn retarget(&mut self, target: SocketAddr) {
        if self.target != target {
            self.target = target;
            self.open = None;
        }
    }

    fn follow(&mut self, way: Way) {
        if self.way != way {
            self.way = way;
            // Anew, since a filter stays where the next one is empty.
            self.open = None;
        }
    }

    fn route(&self) -> io::Result<IpAddr> {
        socket::route(self.target, self.interface.as_deref(), self.from)
    }

    // Sends `text`, opening the socket when needed, and anew when the board's
    // address towards the drone has changed or the socket does not send: an
    // adapter that was pulled out comes back as another one of the same name, to
    // which the socket is not bound. What failed was not sent, so that nothing is
    // sent twice.
    async fn send(&mut self, text: &str) -> io::Result<()> {
        let route = self.route()?;
        if self.open.as_ref().is_some_and(|open| open.local != route) {
            self.open = None;
        }
        let open = match self.open.take() {
            Some(open) => open,
            None => self.connect(route)?,
        };
        let sent = match open.socket.send(text.as_bytes()).await {
            Ok(_) => {
                self.open = Some(open);
                return Ok(());
            }
            Err(error) => error,
        };
        drop(open);
        tracing::debug!(drone = %self.target, error = %sent, "command socket opened anew");
        let open = self.connect(route)?;
        open.socket.send(text.as_bytes()).await?;
        self.open = Some(open);
        Ok(())
    }

    async fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.open {
            Some(open) => open.socket.recv(buffer).await,
            None => pending().await,
        }
    }

    fn neighbour(&self) -> Option<String> {
        let IpAddr::V4(address) = self.target.ip() else {
            return None;
        };
        routes::neighbour(address, self.interface.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNBOUND: IpAddr = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);

    #[tokio::test]
    async fn a_host_where_nothing_listens_is_told_apart() {
        let free = UdpSocket::bind("127.0.0.1:0").await.expect("free");
        let target = free.local_addr().expect("bound");
        let mut port = CommandPort::new(target, None, UNBOUND);
        port.send("command").await.expect("sent");
        let mut buffer = [0; 16];
        let (length, from) = free.recv_from(&mut buffer).await.expect("arrives");
        assert_eq!(&buffer[..length], b"command");
        free.send_to(b"ok", from).await.expect("answered");
        assert_eq!(port.receive(&mut buffer).await.expect("a reply"), 2);

        drop(free);
        port.send("command")
            .await
            .expect("the first send cannot know");
        let error = port.receive(&mut buffer).await.expect_err("refused");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[tokio::test]
    async fn the_socket_keeps_its_port() {
        let drone = UdpSocket::bind("127.0.0.1:0").await.expect("free");
        let mut port = CommandPort::new(drone.local_addr().expect("bound"), None, UNBOUND);
        let mut buffer = [0; 16];
        port.send("command").await.expect("sent");
        let (_, first) = drone.recv_from(&mut buffer).await.expect("arrives");
        port.open = None;
        port.send("command").await.expect("sent");
        let (_, second) = drone.recv_from(&mut buffer).await.expect("arrives");
        assert_eq!(first, second);
    }
}
