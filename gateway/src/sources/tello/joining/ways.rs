//! Interfaces that are left alone: the way to the rest of the world, and the way by which
//! whoever asks came. A drone is behind neither, and a word to the wrong host would be the
//! site's password in strange hands.
//!
//! Reads files of the kernel; sends nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::routes::{self, Route};

/// What a login by SSH leaves in the environment: `client port server port`.
const ASKER: &str = "SSH_CONNECTION";

/// Most processes above this one that are looked at; `sudo` takes the variable away.
const MAX_ANCESTORS: usize = 32;

/// Flag of a route to nowhere.
const RTF_REJECT: u32 = 0x200;

/// Why nothing may be joined over `interface`, in words; none: it may.
pub(crate) fn refusal(interface: &str) -> Option<String> {
    refusal_of(interface, asker().as_deref())
}

/// The same for a client of the gateway, by its address; whoever stands at the board has none.
pub(crate) fn refusal_to(interface: &str, client: Option<IpAddr>) -> Option<String> {
    let asker = client.map(|client| client.to_canonical().to_string());
    refusal_of(interface, asker.as_deref())
}

fn refusal_of(interface: &str, asker: Option<&str>) -> Option<String> {
    let routes = routes::now();
    let ipv6 = std::fs::read_to_string("/proc/net/ipv6_route").unwrap_or_default();
    let addresses = std::fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
    why_not(interface, &routes, (&ipv6, &addresses), asker)
}

/// The interface that leads to `address`; none if nothing says so.
pub(crate) fn leading_to(address: Ipv4Addr) -> Option<String> {
    // The kernel keeps loopback in another table than the one it shows.
    if address.is_loopback() {
        return Some("lo".to_owned());
    }
    let routes = routes::now();
    let route = routes::leading_to(&routes, address);
    route.map(|route| route.interface.to_string())
}

fn why_not(
    interface: &str,
    routes: &[Route],
    (ipv6_routes, ipv6_addresses): (&str, &str),
    asker: Option<&str>,
) -> Option<String> {
    let is_default =
        |route: &Route| route.network.prefix_len() == 0 && *route.interface == *interface;
    if routes.iter().any(is_default) || has_ipv6_default(ipv6_routes, interface) {
        return Some(format!(
            "{interface} has the default route: it is the way to the site, and no drone's adapter"
        ));
    }
    match by_which(asker?, routes, ipv6_addresses) {
        By::Interface(by) if by != interface => None,
        By::Loopback => None,
        By::Interface(_) => Some(format!(
            "{interface} is the way by which you came (logged in by SSH, or at the page); use the drone's own \
             adapter"
        )),
        By::Unknown => Some(
            "it cannot be told by which interface you came; do this at the board's own screen, or from a \
             host of its network, by its IPv4 address"
                .to_owned(),
        ),
    }
}

/// By which interface somebody is logged in.
#[derive(Debug, PartialEq, Eq)]
enum By {
    Interface(String),
    Loopback,
    Unknown,
}

fn by_which(asker: &str, routes: &[Route], ipv6_addresses: &str) -> By {
    let mut words = asker.split_ascii_whitespace();
    let (client, server) = (words.next(), words.nth(1));
    let Some(client) = client else {
        return By::Unknown;
    };
    // A link-local one names it itself.
    let (client, scope) = client
        .split_once('%')
        .map_or((client, None), |(ip, scope)| (ip, Some(scope)));
    if let Some(scope) = scope {
        return By::Interface(scope.to_owned());
    }
    let found = match client.parse::<IpAddr>().map(|ip| ip.to_canonical()) {
        Ok(ip) if ip.is_loopback() => return By::Loopback,
        Ok(IpAddr::V4(ip)) => {
            routes::leading_to(routes, ip).map(|route| route.interface.to_string())
        }
        Ok(IpAddr::V6(_)) => {
            let server = server.and_then(|server| server.parse::<Ipv6Addr>().ok());
            server.and_then(|server| holder(server, ipv6_addresses))
        }
        Err(_) => None,
    };
    found.map_or(By::Unknown, By::Interface)
}

/// The interface that has that address. Columns: address, index, prefix, scope, flags, name.
fn holder(address: Ipv6Addr, table: &str) -> Option<String> {
    table.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let bits = u128::from_str_radix(fields.first()?, 16).ok()?;
        let name = fields.get(5)?;
        (Ipv6Addr::from_bits(bits) == address).then(|| (*name).to_owned())
    })
}

/// Columns as in `networks.rs`: destination, prefix, …, flags, device.
fn has_ipv6_default(table: &str, interface: &str) -> bool {
    table.lines().any(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [to, prefix, .., flags, device] = fields[..] else {
            return false;
        };
        let leads = u32::from_str_radix(flags, 16).is_ok_and(|flags| flags & RTF_REJECT == 0);
        let is_all = prefix == "00" && to.bytes().all(|byte| byte == b'0');
        is_all && leads && device == interface
    })
}

/// Who asks, by the environment of this process or of one above it.
fn asker() -> Option<String> {
    if let Ok(asker) = std::env::var(ASKER) {
        return Some(asker);
    }
    let mut process = std::process::id();
    for _ in 0..MAX_ANCESTORS {
        process = parent(process)?;
        let environment = std::fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
        if let Some(asker) = variable(&environment, ASKER) {
            return Some(asker);
        }
    }
    None
}

fn variable(environment: &[u8], name: &str) -> Option<String> {
    let mut all = environment.split(|byte| *byte == 0);
    all.find_map(|one| {
        let value = one.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
        Some(String::from_utf8_lossy(value).into_owned())
    })
}

/// The process above that one; none above the first.
fn parent(process: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // Its name may hold anything, and ends with the last bracket.
    let (_, rest) = stat.rsplit_once(')')?;
    let parent = rest.split_ascii_whitespace().nth(1)?.parse().ok()?;
    (parent != 0).then_some(parent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::tello::routes::tests::TABLE;

    const IPV6_ROUTES: &str = "\
20010db8000100020000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth1
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth1
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo
";
    const IPV6_ADDRESSES: &str = "\
20010db8000100020000000000000007 03 40 00 80   wlan1
00000000000000000000000000000001 01 80 10 80       lo
";

    fn refused(interface: &str, asker: Option<&str>) -> Option<String> {
        let ipv6 = (IPV6_ROUTES, IPV6_ADDRESSES);
        why_not(interface, &routes::parse(TABLE), ipv6, asker)
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn the_default_route_and_the_askers_way_are_left_alone() {
        for way in ["eth0", "wwan0", "eth1"] {
            let told = refused(way, None).expect(way);
            assert!(told.contains("default route"), "{told}");
        }
        assert_eq!(refused("wlan1", None), None);
        // By the drone's own network, by a router, by IPv6, by a link.
        for (asker, by) in [
            ("192.168.10.9 50000 192.168.10.2 22", "wlan1"),
            ("2001:db8:1:2::9 50000 2001:db8:1:2::7 22", "wlan1"),
            ("fe80::9%wlan1 50000 fe80::1%wlan1 22", "wlan1"),
        ] {
            let told = refused(by, Some(asker)).expect(asker);
            assert!(told.contains("you came"), "{told}");
        }
        for asker in [
            "198.51.100.7 50000 192.0.2.9 22",
            "127.0.0.1 50000 127.0.0.1 22",
            "::ffff:192.0.2.8 50000 ::ffff:192.0.2.9 22",
        ] {
            assert_eq!(refused("wlan1", Some(asker)), None, "{asker}");
        }
        for asker in ["", "2001:db8:9::9 1 2001:db8:9::1 22", "nobody 1 x 22"] {
            let told = refused("wlan1", Some(asker)).expect(asker);
            assert!(told.contains("cannot be told"), "{told}");
        }
    }

    #[test]
    fn the_asker_is_found_in_the_environment_of_a_process_above() {
        let environment = b"HOME=/root\0SSH_CONNECTION=192.0.2.8 1 192.0.2.9 22\0X=\0";
        let found = variable(environment, ASKER);
        assert_eq!(found.as_deref(), Some("192.0.2.8 1 192.0.2.9 22"));
        assert_eq!(variable(b"SSH_CONNECTIONS=x\0", ASKER), None);
        assert!(parent(std::process::id()).is_some_and(|above| above != 0));
        assert_eq!(parent(1), None);
    }
}
