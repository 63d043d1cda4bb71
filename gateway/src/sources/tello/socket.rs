//! UDP sockets with the options the standard library lacks: binding to one interface,
//! sharing a port among our own sockets, room for what waits, and a filter on what arrives.
//!
//! A port is taken for ourselves alone wherever possible. `SO_REUSEADDR` lets any
//! other program with that option bind the same UDP port and silently take the
//! drone's datagrams, where a refused bind would have told somebody. It is set
//! only when a socket for all interfaces and sockets for single ones must hold
//! one port; `SO_REUSEPORT` will not do there, since the kernel then stops at
//! the first socket it finds instead of preferring the interface's own.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, SockFilter, SockRef, Socket, Type};
use tokio::net::UdpSocket;

/// Room for datagrams that wait, asked of the kernel: some 700 states, 70 ms of what one
/// core reads at full speed. A kernel's own limit is a fifth of it and cuts it silently.
const RECEIVE_BUFFER_BYTES: usize = 1024 * 1024;

/// Errno of a name that is no interface (`ENODEV`).
const NO_SUCH_DEVICE: i32 = 19;

/// Whether the error says that the interface is not there.
pub(super) fn is_missing_interface(error: &io::Error) -> bool {
    error.raw_os_error() == Some(NO_SUCH_DEVICE)
}

/// Has the kernel look at what comes to `socket` by `filter`, in place of an earlier one.
/// A kernel without filters leaves everything as it is, which is said.
pub(super) fn limit(socket: &UdpSocket, filter: &[SockFilter]) {
    limit_any(&SockRef::from(socket), filter);
}

fn limit_any(socket: &Socket, filter: &[SockFilter]) {
    if filter.is_empty() {
        return;
    }
    if let Err(error) = socket.attach_filter(filter) {
        tracing::error!(target: "security", event = "no_socket_filter", %error,
            "datagrams in a drone's name count from whichever network they come");
    }
}

/// A socket bound to `local`, hearing only `interface` when there is one, through `filter`
/// from its first datagram on.
///
/// `shared` lets further sockets of ours hold the same port; see the module's header.
pub(super) fn bind(
    local: SocketAddr,
    interface: Option<&str>,
    shared: bool,
    filter: &[SockFilter],
) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(local), Type::DGRAM, Some(Protocol::UDP))?;
    if let Some(interface) = interface {
        socket.bind_device(Some(interface.as_bytes()))?;
    }
    if shared {
        socket.set_reuse_address(true)?;
    }
    socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
    socket.set_nonblocking(true)?;
    limit_any(&socket, filter);
    socket.bind(&local.into())?;
    UdpSocket::from_std(socket.into())
}

/// What the kernel calls the socket.
pub(super) fn inode(socket: &UdpSocket) -> Option<u64> {
    rustix::fs::fstat(socket).ok().map(|stat| stat.st_ino)
}

/// Datagrams that the kernel did not hand over, of every UDP socket by its inode: there
/// was no room, or a filter kept them out. The same count as `SO_RXQ_OVFL`, which comes
/// with a datagram; here it can be had in a flood of which nothing arrives.
pub(super) fn dropped() -> HashMap<u64, u64> {
    let files = ["/proc/net/udp", "/proc/net/udp6"];
    let texts = files
        .iter()
        .filter_map(|file| std::fs::read_to_string(file).ok());
    let socket = |line: &str| -> Option<(u64, u64)> {
        let mut fields = line.split_whitespace();
        let inode = fields.nth(9)?.parse().ok()?;
        Some((inode, fields.last()?.parse().ok()?))
    };
    let mut dropped = HashMap::new();
    for text in texts {
        dropped.extend(text.lines().skip(1).filter_map(socket));
    }
    dropped
}

/// A socket that talks to `target` alone, from `local` (unspecified, 0: any). The
/// kernel drops what others send to it and reports what the target's host refuses.
pub(super) fn connect(
    target: SocketAddr,
    interface: Option<&str>,
    local: SocketAddr,
    filter: &[SockFilter],
) -> io::Result<UdpSocket> {
    let socket = connected(target, interface, local, filter)?;
    UdpSocket::from_std(socket.into())
}

/// The local address from which packets to `target` would leave, when they may
/// leave from `from` (unspecified: any). Sends nothing.
pub(super) fn route(
    target: SocketAddr,
    interface: Option<&str>,
    from: IpAddr,
) -> io::Result<IpAddr> {
    let socket = connected(target, interface, SocketAddr::new(from, 0), &[])?;
    let local = socket
        .local_addr()?
        .as_socket()
        .ok_or(io::ErrorKind::AddrNotAvailable)?;
    Ok(local.ip())
}

fn connected(
    target: SocketAddr,
    interface: Option<&str>,
    local: SocketAddr,
    filter: &[SockFilter],
) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(target),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    if let Some(interface) = interface {
        socket.bind_device(Some(interface.as_bytes()))?;
    }
    socket.set_nonblocking(true)?;
    limit_any(&socket, filter);
    // An address of the other family says nothing about this drone.
    let local = match (target, local.is_ipv4()) {
        (SocketAddr::V4(_), false) => SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), local.port()),
        (SocketAddr::V6(_), true) => SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), local.port()),
        _ => local,
    };
    if local.port() != 0 || !local.ip().is_unspecified() {
        socket.bind(&local.into())?;
    }
    socket.connect(&target.into())?;
    Ok(socket)
}

/// Index of an interface, which changes when it is unplugged and comes back;
/// `None` when it is not there.
pub(super) fn interface_index(name: &str) -> Option<u32> {
    std::fs::read_to_string(format!("/sys/class/net/{name}/ifindex"))
        .ok()?
        .trim()
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any_loopback() -> SocketAddr {
        SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0)
    }

    #[tokio::test]
    async fn a_taken_port_is_refused() {
        let first = bind(any_loopback(), None, false, &[]).expect("free");
        let taken = first.local_addr().expect("bound");
        let error = bind(taken, None, false, &[]).expect_err("taken");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }

    #[tokio::test]
    async fn what_had_no_room_is_counted() {
        let receiver = bind(any_loopback(), None, false, &[]).expect("free");
        let inode = inode(&receiver).expect("open");
        let count = || dropped().get(&inode).copied();
        assert_eq!(count(), Some(0));
        let room = SockRef::from(&receiver).recv_buffer_size().expect("known");
        let limit = std::fs::read_to_string("/proc/sys/net/core/rmem_max").expect("readable");
        let limit: usize = limit.trim().parse().expect("a number");
        assert!(room >= RECEIVE_BUFFER_BYTES.min(limit), "{room}");
        let sender = std::net::UdpSocket::bind(any_loopback()).expect("free");
        let to = receiver.local_addr().expect("bound");
        while count() == Some(0) {
            for _ in 0..1_000 {
                sender.send_to(&[0; 1_000], to).expect("sent");
            }
        }
    }

    #[tokio::test]
    async fn an_absent_interface_is_told_apart() {
        let error = bind(any_loopback(), Some("nowhere0"), false, &[]).expect_err("absent");
        assert!(is_missing_interface(&error), "{error}");
        assert_eq!(interface_index("nowhere0"), None);
        assert!(interface_index("lo").is_some());
    }

    #[test]
    fn the_route_to_loopback_is_loopback() {
        let target = SocketAddr::new(Ipv4Addr::new(127, 0, 0, 9).into(), 8889);
        assert_eq!(
            route(target, None, Ipv4Addr::UNSPECIFIED.into()).expect("a route"),
            IpAddr::V4(Ipv4Addr::LOCALHOST)
        );
    }
}
