//! Who holds a port: from /proc, for error messages.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// Which kind of port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protocol::Tcp => "TCP",
            Protocol::Udp => "UDP",
        })
    }
}

/// A process that holds a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// Its name.
    pub name: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pid {} ({})", self.pid, self.name)
    }
}

/// The process holding `address` (or the same port on every address). Others'
/// processes can only be named by root.
#[must_use]
pub fn port_holder(protocol: Protocol, address: SocketAddr) -> Option<Holder> {
    let files = match protocol {
        Protocol::Tcp => ["/proc/net/tcp", "/proc/net/tcp6"],
        Protocol::Udp => ["/proc/net/udp", "/proc/net/udp6"],
    };
    let inodes: Vec<u64> = files
        .iter()
        .filter_map(|file| std::fs::read_to_string(file).ok())
        .flat_map(|text| {
            text.lines()
                .skip(1)
                .filter_map(|line| entry(line, protocol, address))
                .collect::<Vec<_>>()
        })
        .collect();
    owner_of(&inodes)
}

/// Explains a failed bind: what is taken, by whom, and which key or flag to set.
#[must_use]
pub fn explain(protocol: Protocol, address: SocketAddr, error: &io::Error, key: &str) -> String {
    let holder = || port_holder(protocol, address).map(|holder| holder.to_string());
    advice(protocol, address, error, [key, key], holder)
}

/// The same for a port whose address has a key of its own: `keys` are those of the port
/// and of the address. The one wording of this advice; `holder` is asked when the port
/// is taken.
#[must_use]
pub fn advice(
    protocol: Protocol,
    address: SocketAddr,
    error: &io::Error,
    [port_key, address_key]: [&str; 2],
    holder: impl FnOnce() -> Option<String>,
) -> String {
    let (ip, port) = (address.ip(), address.port());
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            let holder =
                holder().unwrap_or_else(|| "another process; find it with `ss -lnp`".to_owned());
            format!("{protocol} {port} is taken by {holder}; stop it or set {port_key}")
        }
        io::ErrorKind::PermissionDenied => format!(
            "{protocol} {port} may not be opened by this user; use a port over 1023 or set {port_key}"
        ),
        io::ErrorKind::AddrNotAvailable => {
            format!("{ip} is no address of this host; set {address_key} (`ip address` lists them)")
        }
        _ => format!("{protocol} {address} cannot be opened: {error}; set {port_key}"),
    }
}

/// The inode of a line of /proc/net, if it is a socket bound to the address.
fn entry(line: &str, protocol: Protocol, wanted: SocketAddr) -> Option<u64> {
    /// State of a listening TCP socket.
    const LISTEN: &str = "0A";
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (host, port) = fields.get(1)?.split_once(':')?;
    if u16::from_str_radix(port, 16).ok()? != wanted.port() {
        return None;
    }
    if protocol == Protocol::Tcp && *fields.get(3)? != LISTEN {
        return None;
    }
    let host = address(host)?.to_canonical();
    let same =
        host == wanted.ip().to_canonical() || host.is_unspecified() || wanted.ip().is_unspecified();
    same.then(|| fields.get(9)?.parse().ok()).flatten()
}

/// An address as /proc/net writes it: words in host order, in hexadecimal.
fn address(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        Some(
            u32::from_str_radix(hex.get(at..at + 8)?, 16)
                .ok()?
                .to_le_bytes(),
        )
    };
    if hex.len() == 8 {
        return Some(IpAddr::V4(Ipv4Addr::from(word(0)?)));
    }
    let mut bytes = [0; 16];
    for (index, chunk) in bytes.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        *chunk = word(index * 8)?;
    }
    Some(IpAddr::V6(Ipv6Addr::from(bytes)))
}

fn owner_of(inodes: &[u64]) -> Option<Holder> {
    let wanted: Vec<String> = inodes
        .iter()
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    if wanted.is_empty() {
        return None;
    }
    std::fs::read_dir("/proc")
        .ok()?
        .flatten()
        .find_map(|process| {
            let pid: u32 = process.file_name().to_str()?.parse().ok()?;
            let mut files = std::fs::read_dir(process.path().join("fd")).ok()?.flatten();
            let holds = files.any(|file| {
                std::fs::read_link(file.path())
                    .is_ok_and(|target| wanted.iter().any(|name| Path::new(name) == target))
            });
            holds.then(|| Holder {
                pid,
                name: std::fs::read_to_string(process.path().join("comm"))
                    .unwrap_or_default()
                    .trim()
                    .to_owned(),
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_of_a_port_is_this_process() {
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
        let udp = std::net::UdpSocket::bind("[::]:0").expect("bound");
        for (protocol, address) in [
            (Protocol::Tcp, tcp.local_addr()),
            (Protocol::Udp, udp.local_addr()),
        ] {
            let address = address.expect("address");
            assert_eq!(
                port_holder(protocol, address).expect("found").pid,
                std::process::id()
            );
        }
        // Who holds the same port of another address has nothing to do with it.
        let local = tcp.local_addr().expect("address");
        assert_eq!(
            port_holder(
                Protocol::Tcp,
                SocketAddr::new([127, 0, 0, 2].into(), local.port())
            ),
            None
        );
        let taken =
            std::net::TcpListener::bind(tcp.local_addr().expect("address")).expect_err("taken");
        let text = explain(
            Protocol::Tcp,
            tcp.local_addr().expect("address"),
            &taken,
            "server.listen",
        );
        assert!(
            text.contains(&format!("pid {}", std::process::id()))
                && text.ends_with("set server.listen"),
            "{text}"
        );
    }

    #[test]
    fn advice_names_the_key_of_what_is_wrong() {
        let address = SocketAddr::from(([192, 0, 2, 1], 8890));
        let told = |kind: io::ErrorKind, holder: Option<&str>| {
            let keys = ["drones.state_port", "drones.bind"];
            let holder = holder.map(str::to_owned);
            advice(Protocol::Udp, address, &kind.into(), keys, || holder)
        };
        for (kind, wanted) in [
            (io::ErrorKind::AddrInUse, "stop it or set drones.state_port"),
            (io::ErrorKind::PermissionDenied, "set drones.state_port"),
            (
                io::ErrorKind::AddrNotAvailable,
                "192.0.2.1 is no address of this host; set drones.bind",
            ),
            (
                io::ErrorKind::OutOfMemory,
                "UDP 192.0.2.1:8890 cannot be opened",
            ),
        ] {
            let text = told(kind, None);
            assert!(text.contains(wanted), "{kind:?}: {text}");
        }
        let text = told(io::ErrorKind::AddrInUse, Some("pid 7 (other)"));
        assert!(
            text.starts_with("UDP 8890 is taken by pid 7 (other); stop it"),
            "{text}"
        );
        assert!(told(io::ErrorKind::AddrInUse, None).contains("`ss -lnp`"));
    }

    #[test]
    fn addresses_are_read_as_the_kernel_writes_them() {
        assert_eq!(
            address("0100007F"),
            Some("127.0.0.1".parse().expect("address"))
        );
        assert_eq!(
            address("00000000000000000000000001000000"),
            Some("::1".parse().expect("address"))
        );
        assert_eq!(address("xyz"), None);
    }
}
