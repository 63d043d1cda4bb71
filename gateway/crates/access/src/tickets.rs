//! One-time tickets for WebSocket hand-shakes.
//!
//! A browser cannot send a header with a hand-shake, and a key must not stand
//! in a URL. So a page trades its key for a ticket that works once, within
//! half a minute. Only hashes are kept; the table has a fixed size.

use std::sync::Mutex;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

use super::error::KeyError;
use super::session::Session;
use readings::clock::Mono;

/// How long a ticket may be used.
pub const TICKET_TTL: Duration = Duration::from_secs(30);

/// Most tickets outstanding. Twice the default cap of WebSocket clients; at
/// capacity the oldest goes, and its holder asks for another.
const MAX_TICKETS: usize = 256;

/// Random bytes in a ticket.
const TICKET_BYTES: usize = 32;

/// Outstanding tickets, oldest first.
#[derive(Default)]
pub struct Tickets {
    outstanding: Mutex<Vec<Ticket>>,
}

struct Ticket {
    hash: [u8; 32],
    expires: Mono,
    holder: Session,
}

impl Tickets {
    /// Keeps a ticket for `holder`; returns it in clear, and whether another
    /// had to go for it.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn issue(&self, holder: Session, now: Mono) -> Result<(String, bool), KeyError> {
        Ok(self.keep(&random()?, holder, now))
    }

    fn keep(&self, random: &[u8; TICKET_BYTES], holder: Session, now: Mono) -> (String, bool) {
        let text = URL_SAFE_NO_PAD.encode(random);
        let ticket = Ticket {
            hash: hash(&text),
            expires: now.plus(TICKET_TTL),
            holder,
        };
        let mut outstanding = self.lock();
        outstanding.retain(|ticket| ticket.expires > now);
        let full = outstanding.len() >= MAX_TICKETS;
        if full {
            outstanding.remove(0);
        }
        outstanding.push(ticket);
        (text, full)
    }

    /// Takes the ticket: whoever holds it may come in, once, as long as the key
    /// that it was given for opens the gateway.
    #[must_use]
    pub fn redeem(&self, text: &str, now: Mono) -> Option<Session> {
        let presented = hash(text);
        let mut outstanding = self.lock();
        outstanding.retain(|ticket| ticket.expires > now);
        let position = outstanding
            .iter()
            .position(|ticket| ticket.hash.ct_eq(&presented).into())?;
        let holder = outstanding.remove(position).holder;
        holder.is_live().then_some(holder)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Ticket>> {
        // The table is whole between any two statements: a poisoned lock is as good.
        self.outstanding
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn random() -> Result<[u8; TICKET_BYTES], KeyError> {
    let mut bytes = [0; TICKET_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| KeyError::Entropy(error.to_string()))?;
    Ok(bytes)
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::super::config::Config;
    use super::super::gate::Gate;
    use super::super::secret;
    use super::super::table::tests::record;
    use super::*;

    fn gate() -> Gate {
        let keys = [record("phone", &["read"], None)];
        Gate::new(&Config::default(), keys.into_iter().collect())
    }

    fn holder_of(gate: &Gate) -> Session {
        let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
        gate.authorise(Some(b"phone"), client, None, Mono::ZERO, 0)
            .expect("a valid key")
    }

    fn holder() -> Session {
        holder_of(&gate())
    }

    fn bytes(n: usize) -> [u8; TICKET_BYTES] {
        let mut bytes = [0; TICKET_BYTES];
        bytes[..8].copy_from_slice(&n.to_le_bytes());
        bytes
    }

    #[test]
    fn a_ticket_works_once_and_not_after_half_a_minute() {
        let tickets = Tickets::default();
        let (first, _) = tickets.keep(&bytes(1), holder(), Mono::ZERO);
        assert!(tickets.redeem("wrong", Mono::ZERO).is_none());
        assert!(tickets.redeem(&first, Mono::from_millis(29_999)).is_some());
        assert!(tickets.redeem(&first, Mono::from_millis(29_999)).is_none());
        let (late, _) = tickets.keep(&bytes(2), holder(), Mono::ZERO);
        assert!(tickets.redeem(&late, Mono::from_millis(30_000)).is_none());
    }

    #[test]
    fn every_ticket_is_another_and_each_lets_in_once() {
        let tickets = Tickets::default();
        let issue = || tickets.issue(holder(), Mono::ZERO).expect("random bytes");
        let (first, second) = (issue(), issue());
        assert_ne!(first.0, second.0);
        for (ticket, has_pushed_out) in [first, second] {
            assert!(!has_pushed_out);
            assert!(tickets.redeem(&ticket, Mono::ZERO).is_some());
            assert!(tickets.redeem(&ticket, Mono::ZERO).is_none());
        }
    }

    #[test]
    fn a_ticket_of_a_revoked_key_opens_nothing() {
        let (gate, tickets) = (gate(), Tickets::default());
        let (ticket, _) = tickets.keep(&bytes(1), holder_of(&gate), Mono::ZERO);
        gate.install(gate.keys().without(&secret::hash(b"phone")));
        assert!(tickets.redeem(&ticket, Mono::ZERO).is_none());
    }

    #[test]
    fn the_oldest_goes_at_capacity() {
        let tickets = Tickets::default();
        let issued: Vec<(String, bool)> = (0..=MAX_TICKETS)
            .map(|n| tickets.keep(&bytes(n), holder(), Mono::ZERO))
            .collect();
        assert_eq!(issued.iter().filter(|(_, evicted)| *evicted).count(), 1);
        assert!(tickets.redeem(&issued[0].0, Mono::ZERO).is_none());
        assert!(tickets.redeem(&issued[1].0, Mono::ZERO).is_some());
        assert!(tickets.lock().len() < MAX_TICKETS);
    }
}
