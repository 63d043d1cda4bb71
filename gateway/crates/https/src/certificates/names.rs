//! The names and addresses by which clients may reach this host.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Most names in a certificate: a host with many containers has many addresses.
const MAX_NAMES: usize = 48;

/// What the device's certificate should name.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    /// This host by name and by mDNS name, and what the configuration adds: what
    /// a new authority may vouch for beside the networks of any site.
    pub(super) own: BTreeSet<String>,
    /// These, localhost and the host's addresses.
    pub(super) all: BTreeSet<String>,
}

impl Names {
    /// The names of this host.
    pub(super) fn wanted(configured: &[String]) -> Names {
        let host = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .to_lowercase();
        let mut own: BTreeSet<String> = configured.iter().map(|name| name.to_lowercase()).collect();
        let label = host.split('.').next().unwrap_or_default();
        if is_host_name(&host) && is_host_name(label) {
            own.insert(format!("{label}.local"));
            own.insert(host);
        }
        let mut all = own.clone();
        all.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
        let room = MAX_NAMES.saturating_sub(all.len());
        let addresses = addresses().into_iter().take(room);
        all.extend(addresses.map(|address| address.to_string()));
        Names { own, all }
    }
}

fn is_host_name(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

/// This host's addresses that others could use.
fn addresses() -> BTreeSet<IpAddr> {
    let v4 = std::fs::read_to_string("/proc/net/fib_trie").unwrap_or_default();
    let v6 = std::fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
    ipv4_of(&v4)
        .chain(ipv6_of(&v6))
        .filter(|address| !address.is_loopback())
        .collect()
}

/// Local addresses of the routing table: an address line is followed by the
/// line that says what kind it is.
fn ipv4_of(fib_trie: &str) -> impl Iterator<Item = IpAddr> + '_ {
    let lines = fib_trie.lines().zip(fib_trie.lines().skip(1));
    lines
        .filter(|(_, kind)| kind.contains("/32 host LOCAL"))
        .filter_map(|(line, _)| {
            let address: Ipv4Addr = line.trim().trim_start_matches("|-- ").parse().ok()?;
            Some(IpAddr::V4(address))
        })
}

/// Interface addresses; link-local ones need a zone and are of no use in a name.
fn ipv6_of(if_inet6: &str) -> impl Iterator<Item = IpAddr> + '_ {
    if_inet6.lines().filter_map(|line| {
        let bits = u128::from_str_radix(line.split_whitespace().next()?, 16).ok()?;
        let address = Ipv6Addr::from_bits(bits);
        (!address.is_unicast_link_local()).then_some(IpAddr::V6(address))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_s_tables_are_read() {
        let trie = "  +-- 192.168.10.0/24 2 0 1\n     |-- 192.168.10.2\n        /32 host LOCAL\n     |-- 192.168.10.255\n        /32 link BROADCAST\n";
        assert_eq!(
            ipv4_of(trie).collect::<Vec<_>>(),
            ["192.168.10.2".parse::<IpAddr>().expect("address")]
        );
        let table = "fe80000000000000000000000000abcd 02 40 20 80 eth0\n20010db8000000000000000000000001 02 40 00 80 eth0\n";
        assert_eq!(
            ipv6_of(table).collect::<Vec<_>>(),
            ["2001:db8::1".parse::<IpAddr>().expect("address")]
        );
    }

    #[test]
    fn the_configuration_adds_names() {
        let names = Names::wanted(&["Gateway.Site.Example".to_owned()]);
        assert!(names.own.contains("gateway.site.example"));
        assert!(names.all.contains("localhost") && names.own.is_subset(&names.all));
        assert!(names.all.len() <= MAX_NAMES);
    }
}
