//! Connection caps: in all, and per client address.
//!
//! Taken before the TLS hand-shake, given back when the stream is dropped, also
//! by a WebSocket that outlives its HTTP connection. The table cannot grow
//! beyond the cap in all: it holds addresses of open connections only.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Who shares a cap: an IPv4 address, or an IPv6 /64, which one host can have
/// to itself.
type Client = IpAddr;

/// Connections open, and how many there may be.
#[derive(Debug)]
pub struct ConnectionLimiter {
    most: usize,
    most_per_client: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    by_client: HashMap<Client, usize>,
}

/// Why a connection gets no permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The cap in all is reached.
    Total,
    /// The cap of this address is reached.
    Client,
}

/// The permit of an open connection; dropping it gives it back.
#[derive(Debug)]
pub struct Permit {
    limiter: Arc<ConnectionLimiter>,
    client: Client,
}

impl ConnectionLimiter {
    /// Caps in all and per client address.
    #[must_use]
    pub fn new(most: usize, most_per_client: usize) -> Arc<ConnectionLimiter> {
        Arc::new(ConnectionLimiter {
            most,
            most_per_client,
            open: Mutex::default(),
        })
    }

    /// Acquires a permit for a connection from `address`.
    ///
    /// # Errors
    /// `Refusal` at a cap.
    pub fn acquire(self: &Arc<ConnectionLimiter>, address: IpAddr) -> Result<Permit, Refusal> {
        let client = client(address);
        let mut open = self.lock();
        if open.total >= self.most {
            return Err(Refusal::Total);
        }
        let of_client = open.by_client.entry(client).or_default();
        if *of_client >= self.most_per_client {
            return Err(Refusal::Client);
        }
        *of_client += 1;
        open.total += 1;
        Ok(Permit {
            limiter: self.clone(),
            client,
        })
    }

    /// Connections open now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.lock().total
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // Two counters under a lock stay sound even if a holder panicked.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.limiter.lock();
        open.total -= 1;
        if let Some(count) = open.by_client.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                open.by_client.remove(&self.client);
            }
        }
    }
}

fn client(address: IpAddr) -> Client {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caps_hold_and_permits_come_back() {
        let limiter = ConnectionLimiter::new(3, 2);
        let address = |text: &str| text.parse::<IpAddr>().expect("address");
        let first = limiter.acquire(address("10.0.0.1")).expect("free");
        let second = limiter.acquire(address("::ffff:10.0.0.1")).expect("free");
        assert_eq!(
            limiter.acquire(address("10.0.0.1")).expect_err("full"),
            Refusal::Client
        );
        let _third = limiter.acquire(address("2001:db8::1")).expect("free");
        assert_eq!(
            limiter.acquire(address("10.0.0.2")).expect_err("full"),
            Refusal::Total
        );
        drop(first);
        assert!(limiter.acquire(address("10.0.0.1")).is_ok());
        drop(second);
        assert_eq!(limiter.open(), 1);
        assert_eq!(limiter.lock().by_client.len(), 1);
    }

    #[test]
    fn an_ipv6_network_shares_its_permits() {
        let limiter = ConnectionLimiter::new(10, 1);
        let _one = limiter
            .acquire("2001:db8::1".parse().expect("address"))
            .expect("free");
        assert_eq!(
            limiter
                .acquire("2001:db8::2".parse().expect("address"))
                .expect_err("full"),
            Refusal::Client
        );
        assert!(
            limiter
                .acquire("2001:db8:0:1::1".parse().expect("address"))
                .is_ok()
        );
    }
}
