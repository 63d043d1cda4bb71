//! The networks that may be searched: parsed from the configuration, and
//! nothing else is ever touched.
//!
//! Pure. Small and private on purpose: a gateway in the field must not probe
//! other people's networks because of a slip in a file.

use std::fmt;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use thiserror::Error;

/// Most ranges: with /24 each some four thousand addresses, which a scan of a
/// minute can just cover.
pub const MAX_RANGES: usize = 16;

/// Widest network: what one access point has.
const LEAST_PREFIX: u8 = 24;

/// Why text is not a range that may be searched.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RangeError {
    /// Not `a.b.c.d/n`.
    #[error("{0:?} is not a network; write address and prefix, e.g. \"192.168.10.0/24\"")]
    NotANetwork(String),
    /// Wider than /24.
    #[error("{0} is too wide: at most 256 addresses, /{LEAST_PREFIX} or narrower")]
    TooWide(String),
    /// Bits behind the prefix.
    #[error("{given} has address bits behind its prefix; write {meant}")]
    HostBits {
        /// As written.
        given: String,
        /// The network it lies in.
        meant: String,
    },
    /// Not a network of one's own.
    #[error(
        "{0} is not private; only 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 169.254.0.0/16 and loopback are searched"
    )]
    Public(String),
}

/// A network of at most 256 addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range(Ipv4Net);

impl Range {
    /// Reads `a.b.c.d/n`.
    ///
    /// # Errors
    /// [`RangeError`].
    pub fn parse(text: &str) -> Result<Range, RangeError> {
        let wrong = |_| RangeError::NotANetwork(text.to_owned());
        let network: Ipv4Net = text.trim().parse().map_err(wrong)?;
        if network.prefix_len() < LEAST_PREFIX {
            return Err(RangeError::TooWide(text.to_owned()));
        }
        if network.trunc() != network {
            return Err(RangeError::HostBits {
                given: text.to_owned(),
                meant: network.trunc().to_string(),
            });
        }
        let address = network.addr();
        if !(address.is_private() || address.is_link_local() || address.is_loopback()) {
            return Err(RangeError::Public(text.to_owned()));
        }
        Ok(Range(network))
    }

    /// Whether `address` lies in it.
    #[must_use]
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        self.0.contains(&address)
    }

    /// Every address a host can have: not the network's own, not broadcast.
    /// Networks of two and one have neither (RFC 3021).
    pub fn hosts(&self) -> impl Iterator<Item = Ipv4Addr> + use<> {
        self.0.hosts()
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_and_their_hosts_counted() {
        for (text, hosts) in [
            ("192.168.10.0/24", 254),
            ("10.0.0.4/30", 2),
            ("10.0.0.4/31", 2),
            ("10.0.0.5/32", 1),
        ] {
            let range = Range::parse(text).expect(text);
            assert_eq!(
                (range.hosts().count(), range.to_string().as_str()),
                (hosts, text)
            );
            assert!(range.hosts().all(|host| range.contains(host)));
        }
        let range = Range::parse("192.168.10.0/24").expect("good");
        assert!(
            range.contains(Ipv4Addr::new(192, 168, 10, 1))
                && !range.contains(Ipv4Addr::new(192, 168, 11, 1))
        );
    }

    #[test]
    fn what_may_not_be_searched_is_refused_with_the_way_out() {
        for (text, words) in [
            ("192.168.10.1", "prefix"),
            ("192.168.10.0/x", "prefix"),
            ("192.168.10.0/33", "prefix"),
            ("fe80::/64", "prefix"),
            ("10.0.0.0/8", "too wide"),
            ("192.168.10.1/24", "write 192.168.10.0/24"),
            ("8.8.8.0/24", "not private"),
        ] {
            let error = Range::parse(text).expect_err(text).to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
