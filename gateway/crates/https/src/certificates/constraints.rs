//! What the device's authority may vouch for.
//!
//! Its key lies on a board that anybody can carry away. Whoever has it must not be
//! able to speak for the rest of the internet to those who trust the board: so its
//! certificate is limited to names of networks like the board's own.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rcgen::{CidrSubnet, GeneralSubtree, NameConstraints};
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

/// Domains of hosts on the same link, and this host.
const DOMAINS: [&str; 2] = ["local", "localhost"];
/// Addresses that no two networks share by name: private, link-local, loopback.
const NETWORKS: [(IpAddr, u8); 8] = [
    (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), 8),
    (IpAddr::V4(Ipv4Addr::new(172, 16, 0, 0)), 12),
    (IpAddr::V4(Ipv4Addr::new(192, 168, 0, 0)), 16),
    (IpAddr::V4(Ipv4Addr::new(169, 254, 0, 0)), 16),
    (IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8),
    (IpAddr::V6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0)), 7),
    (IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0)), 10),
    (IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
];

/// The limits of a new authority: the networks above, and `own`, which the
/// configuration and the host name.
pub(super) fn of_new(own: &BTreeSet<String>) -> NameConstraints {
    let networks = NETWORKS.map(|(network, prefix)| subnet(network, prefix));
    let domains = DOMAINS.map(|domain| GeneralSubtree::DnsName(domain.to_owned()));
    let own = own.iter().map(|name| match name.parse::<IpAddr>() {
        Ok(address) => subnet(address, if address.is_ipv4() { 32 } else { 128 }),
        Err(_) => GeneralSubtree::DnsName(name.clone()),
    });
    NameConstraints {
        permitted_subtrees: networks.into_iter().chain(domains).chain(own).collect(),
        excluded_subtrees: Vec::new(),
    }
}

fn subnet(network: IpAddr, prefix: u8) -> GeneralSubtree {
    GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(network, prefix))
}

/// Limits of an authority as its certificate has them.
pub(super) struct Limits {
    domains: Vec<String>,
    /// Network and mask, as they are written.
    networks: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Limits {
    /// None of an authority that may vouch for any name.
    pub(super) fn of(authority: &CertificateDer<'_>) -> Option<Limits> {
        let (_, parsed) = X509Certificate::from_der(authority).ok()?;
        let constraints = parsed.name_constraints().ok()??.value;
        let mut limits = Limits {
            domains: Vec::new(),
            networks: Vec::new(),
        };
        for subtree in constraints.permitted_subtrees.as_ref()? {
            match &subtree.base {
                GeneralName::DNSName(domain) => limits.domains.push((*domain).to_owned()),
                GeneralName::IPAddress(bytes) => {
                    let (network, mask) = bytes.split_at(bytes.len() / 2);
                    limits.networks.push((network.to_vec(), mask.to_vec()));
                }
                _ => {}
            }
        }
        Some(limits)
    }

    /// Whether the authority may vouch for `name`, a host name or an address.
    pub(super) fn permit(&self, name: &str) -> bool {
        match name.parse::<IpAddr>() {
            Ok(IpAddr::V4(address)) => self.covers(&address.octets()),
            Ok(IpAddr::V6(address)) => self.covers(&address.octets()),
            Err(_) => self.domains.iter().any(|domain| {
                let rest = name.strip_suffix(domain.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }),
        }
    }

    fn covers(&self, address: &[u8]) -> bool {
        self.networks.iter().any(|(network, mask)| {
            let masked = address.iter().zip(mask).map(|(byte, mask)| byte & mask);
            network.len() == address.len() && masked.eq(network.iter().copied())
        })
    }
}
