//! Connection caps: in all, and per client address; and who gives way at the first.
//!
//! A permit is acquired before the TLS hand-shake and given back when the stream
//! is dropped, also by a WebSocket that outlives its HTTP connection. When there is
//! no room, a connection that never showed a key gives way: one that asked for
//! nothing before one that did, of the client that holds most of them, the oldest
//! first. So a flood displaces itself, and some permits are always left to holders
//! of keys and to this host.
//!
//! The table cannot grow beyond the cap in all. Must never wait.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;

/// One in so many permits is kept for connections from this host: what runs beside
/// the gateway must reach it whatever the network does.
const KEPT_FOR_LOOPBACK: usize = 16;
/// One in so many is kept for connections that have shown a key.
const KEPT_FOR_KEYS: usize = 8;

/// Who shares a cap: an IPv4 address; an IPv6 address of a network that this host is
/// attached to; of another, the /64, which one host can have to itself.
type Client = IpAddr;

/// An IPv6 network that this host is attached to: its first address, bits of its prefix.
pub type Attached = (Ipv6Addr, u8);

/// Connections open, and how many there may be.
#[derive(Debug)]
pub struct ConnectionLimiter {
    most: usize,
    most_per_client: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    /// The oldest first.
    connections: Vec<Arc<Connections>>,
    by_client: HashMap<Client, usize>,
    attached: Vec<Attached>,
}

/// What is known of one connection.
#[derive(Debug)]
struct Connections {
    client: Client,
    standing: AtomicU8,
    withdrawn: AtomicBool,
    /// Of the task that reads the connection.
    reader: AtomicWaker,
}

/// What a connection has shown of itself; who has shown least gives way first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
enum Standing {
    /// Nothing at all.
    Silent,
    /// It asked for something.
    Asked,
    /// Its last key was good.
    Known,
}

/// Why a connection gets no permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The cap in all is reached, and none has to give way.
    Total,
    /// The cap of this address is reached.
    Client,
}

/// The permit of an open connection; dropping it gives it back.
#[derive(Debug)]
pub struct Permit {
    limiter: Arc<ConnectionLimiter>,
    connection: Connection,
}

/// The connection that a request came by; a request extension.
#[derive(Clone, Debug)]
pub struct Connection(Arc<Connections>);

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

    /// Acquires a permit for a connection from `address`; `true` if another
    /// connection gives way to it.
    ///
    /// # Errors
    /// `Refusal` at a cap.
    pub fn acquire(
        self: &Arc<ConnectionLimiter>,
        address: IpAddr,
    ) -> Result<(Permit, bool), Refusal> {
        let mut open = self.lock();
        let client = client(address, &open.attached);
        // The cap in all first: it is what an operator has to hear of.
        let displaced = match self.has_room(&open, client) {
            true => None,
            false => Some(victim(&open, client).ok_or(Refusal::Total)?),
        };
        if open.of(client) >= self.most_per_client {
            return Err(Refusal::Client);
        }
        if let Some(displaced) = &displaced {
            open.remove(displaced);
            displaced.withdraw();
        }
        let entry = Arc::new(Connections {
            client,
            standing: AtomicU8::new(Standing::Silent as u8),
            withdrawn: AtomicBool::new(false),
            reader: AtomicWaker::new(),
        });
        open.connections.push(entry.clone());
        *open.by_client.entry(client).or_default() += 1;
        let permit = Permit {
            limiter: self.clone(),
            connection: Connection(entry),
        };
        Ok((permit, displaced.is_some()))
    }

    /// Takes the IPv6 networks that this host is attached to now: their addresses count
    /// one by one, from the next connection on.
    pub fn attach(&self, networks: Vec<Attached>) {
        self.lock().attached = networks;
    }

    /// Connections open now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.lock().connections.len()
    }

    /// Whether one more from `client` leaves what is kept for others.
    fn has_room(&self, open: &Open, client: Client) -> bool {
        let connections = &open.connections;
        if connections.len() >= self.most {
            return false;
        }
        let others = self.most - self.most / KEPT_FOR_LOOPBACK;
        let unidentified = others - self.most / KEPT_FOR_KEYS;
        if client.is_loopback() || connections.len() < unidentified {
            return true;
        }
        let count = |counts: &dyn Fn(&Connections) -> bool| {
            let counted = connections.iter().filter(|entry| counts(entry));
            counted.count()
        };
        count(&|entry| !entry.client.is_loopback()) < others
            && count(&Connections::is_unidentified) < unidentified
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // A table under a lock stays sound even if a holder panicked.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connection that gives way to one more from `client`.
fn victim(open: &Open, client: Client) -> Option<Arc<Connections>> {
    // Only this host displaces what comes from this host, unidentified clients first.
    let unidentified = |entry: &&Arc<Connections>| entry.is_unidentified();
    let any =
        |entry: &&Arc<Connections>| client.is_loopback() && entry.standing() < Standing::Known;
    let among = |eligible: &dyn Fn(&&Arc<Connections>) -> bool| {
        let eligible = || open.connections.iter().filter(eligible);
        let least = eligible().map(|entry| entry.standing()).min()?;
        let candidates = || eligible().filter(move |entry| entry.standing() == least);
        let mut held: HashMap<Client, usize> = HashMap::new();
        for entry in candidates() {
            *held.entry(entry.client).or_default() += 1;
        }
        let most = held.values().max().copied()?;
        // The table is in the order of age.
        candidates()
            .find(|entry| held.get(&entry.client) == Some(&most))
            .cloned()
    };
    among(&unidentified).or_else(|| among(&any))
}

impl Open {
    fn of(&self, client: Client) -> usize {
        self.by_client.get(&client).copied().unwrap_or_default()
    }

    /// Takes an entry out, once.
    fn remove(&mut self, entry: &Arc<Connections>) {
        let at = self
            .connections
            .iter()
            .position(|open| Arc::ptr_eq(open, entry));
        let Some(at) = at else { return };
        self.connections.remove(at);
        if let Some(count) = self.by_client.get_mut(&entry.client) {
            *count -= 1;
            if *count == 0 {
                self.by_client.remove(&entry.client);
            }
        }
    }
}

impl Connections {
    fn standing(&self) -> Standing {
        match self.standing.load(Ordering::Relaxed) {
            0 => Standing::Silent,
            1 => Standing::Asked,
            _ => Standing::Known,
        }
    }

    fn is_unidentified(&self) -> bool {
        !self.client.is_loopback() && self.standing() < Standing::Known
    }

    fn withdraw(&self) {
        self.withdrawn.store(true, Ordering::Release);
        self.reader.wake();
    }
}

impl Connection {
    /// Who shares its caps: its address, or its IPv6 network.
    pub(super) fn client(&self) -> IpAddr {
        self.0.client
    }

    /// Notes that a request came.
    pub(super) fn asked(&self) {
        let asked = Standing::Asked as u8;
        self.0.standing.fetch_max(asked, Ordering::Relaxed);
    }

    /// Notes whether the key of a request was good. A connection whose last one was
    /// gives way to none.
    pub fn authenticated(&self, good: bool) {
        let standing = if good {
            Standing::Known
        } else {
            Standing::Asked
        };
        self.0.standing.store(standing as u8, Ordering::Relaxed);
    }

    /// Whether it gave way to another.
    pub(super) fn is_withdrawn(&self) -> bool {
        self.0.withdrawn.load(Ordering::Acquire)
    }

    /// Ready once it has given way to another.
    pub(super) fn poll_withdrawn(&self, cx: &Context<'_>) -> Poll<()> {
        if !self.is_withdrawn() {
            self.0.reader.register(cx.waker());
        }
        // Again: it may have been withdrawn before the waker was there.
        if self.is_withdrawn() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl Permit {
    /// The connection that it is for.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.limiter.lock().remove(&self.connection.0);
    }
}

fn client(address: IpAddr, attached: &[Attached]) -> Client {
    let network = |v6: Ipv6Addr, bits: u8| {
        // (None is a prefix of no bits: everybody's.)
        let beyond = u128::MAX.checked_shr(bits.into()).unwrap_or(0);
        Ipv6Addr::from_bits(v6.to_bits() & !beyond)
    };
    let is_attached = |v6| {
        attached
            .iter()
            .any(|(first, bits)| network(v6, *bits) == *first)
    };
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) if v6.is_loopback() || is_attached(v6) => IpAddr::V6(v6),
        IpAddr::V6(v6) => IpAddr::V6(network(v6, 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("address")
    }

    /// Acquires `count` permits from one address.
    fn hold(limiter: &Arc<ConnectionLimiter>, from: &str, count: usize) -> Vec<Permit> {
        let acquire = |_| limiter.acquire(address(from)).expect("free").0;
        (0..count).map(acquire).collect()
    }

    fn withdrawn(permits: &[Permit]) -> usize {
        let withdrawn = permits
            .iter()
            .filter(|permit| permit.connection().is_withdrawn());
        withdrawn.count()
    }

    #[test]
    fn caps_hold_and_permits_come_back() {
        let limiter = ConnectionLimiter::new(3, 2);
        let known = |from: &str| {
            let (permit, _) = limiter.acquire(address(from))?;
            permit.connection().authenticated(true);
            Ok::<_, Refusal>(permit)
        };
        let first = known("10.0.0.1").expect("free");
        let second = known("::ffff:10.0.0.1").expect("free");
        assert_eq!(known("10.0.0.1").expect_err("full"), Refusal::Client);
        let _third = known("2001:db8::1").expect("free");
        assert_eq!(known("10.0.0.2").expect_err("full"), Refusal::Total);
        drop(first);
        assert!(known("10.0.0.1").is_ok());
        drop(second);
        assert_eq!(limiter.open(), 1);
        assert_eq!(limiter.lock().by_client.len(), 1);
    }

    #[test]
    fn an_ipv6_network_shares_its_permits() {
        let limiter = ConnectionLimiter::new(10, 1);
        let _one = hold(&limiter, "2001:db8::1", 1);
        assert_eq!(
            limiter.acquire(address("2001:db8::2")).expect_err("full"),
            Refusal::Client
        );
        assert!(limiter.acquire(address("2001:db8:0:1::1")).is_ok());
    }

    #[test]
    fn neighbours_on_an_attached_network_have_permits_of_their_own() {
        let limiter = ConnectionLimiter::new(10, 1);
        limiter.attach(vec![("fe80::".parse().expect("address"), 64)]);
        let _one = hold(&limiter, "fe80::1", 1);
        assert!(limiter.acquire(address("fe80::2")).is_ok());
        assert!(limiter.acquire(address("fe80::1")).is_err());
        let _far = hold(&limiter, "2001:db8::1", 1);
        assert!(limiter.acquire(address("2001:db8::2")).is_err());
    }

    #[test]
    fn silent_connections_give_way_of_whoever_holds_most_the_oldest_first() {
        let limiter = ConnectionLimiter::new(32, 32);
        // 32 less 2 for this host and 4 for holders of keys.
        let (small, large) = (
            hold(&limiter, "10.0.0.1", 10),
            hold(&limiter, "10.0.0.2", 16),
        );
        large[0].connection().asked();
        let newcomers = hold(&limiter, "10.0.0.3", 5);
        assert_eq!((withdrawn(&small), withdrawn(&newcomers)), (0, 0));
        let gone: Vec<usize> = (0..16)
            .filter(|n| large[*n].connection().is_withdrawn())
            .collect();
        assert_eq!(gone, [1, 2, 3, 4, 5]);
        assert_eq!(limiter.open(), 26);
        drop((small, large, newcomers));
        assert_eq!(limiter.open(), 0);
    }

    #[test]
    fn holders_of_keys_and_this_host_find_room_and_keep_it() {
        let limiter = ConnectionLimiter::new(32, 32);
        let crowd = hold(&limiter, "10.0.0.1", 26);
        let known = hold(&limiter, "10.0.0.2", 4);
        for permit in &known {
            permit.connection().authenticated(true);
        }
        // The four that gave way to them are free again, for unidentified clients as well.
        let more = hold(&limiter, "10.0.0.3", 12);
        assert_eq!((withdrawn(&known), withdrawn(&crowd)), (0, 12));
        let local = hold(&limiter, "127.0.0.1", 2);
        assert_eq!((limiter.open(), withdrawn(&crowd)), (32, 12));
        // From here on this host displaces unidentified clients, and never the other way round.
        let local_too = hold(&limiter, "::1", 2);
        assert_eq!(withdrawn(&crowd) + withdrawn(&more), 14);
        let _strangers = hold(&limiter, "10.0.0.4", 2);
        assert_eq!(withdrawn(&local) + withdrawn(&local_too), 0);
        assert_eq!(withdrawn(&known), 0);
    }

    #[test]
    fn a_key_that_is_no_longer_good_protects_no_more() {
        let limiter = ConnectionLimiter::new(1, 1);
        let (permit, _) = limiter.acquire(address("10.0.0.1")).expect("free");
        permit.connection().authenticated(true);
        let other = || limiter.acquire(address("10.0.0.2"));
        assert_eq!(other().expect_err("full"), Refusal::Total);
        permit.connection().authenticated(false);
        let (_taken, displaced) = other().expect("gives way");
        assert!(displaced && permit.connection().is_withdrawn());
    }
}
