//! The byte ledger: one count of the bytes that are held for clients.
//!
//! The whole is divided into shares, each with a cap of its own, so that what one
//! kind of client makes the gateway hold takes nothing from another. Within a share
//! no client address holds more than half: one that lets its bytes lie is refused
//! before others are. Must never wait.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use readings::measured::{Labels, Measured, Page};
use thiserror::Error;

/// The shares would come to more than the whole.
#[derive(Debug, Error)]
#[error("{share} asks for {asked} bytes of the ledger, which has {left} left")]
pub struct Oversubscribed {
    share: &'static str,
    asked: usize,
    left: usize,
}

/// All bytes that may be held, in shares.
#[derive(Debug)]
pub struct Ledger {
    most: usize,
    shares: Mutex<Vec<Share>>,
}

impl Ledger {
    /// A ledger of so many bytes.
    #[must_use]
    pub fn new(most: usize) -> Arc<Ledger> {
        Arc::new(Ledger {
            most,
            shares: Mutex::default(),
        })
    }

    /// Sets `most` bytes apart under a name.
    ///
    /// # Errors
    /// [`Oversubscribed`].
    pub fn share(&self, name: &'static str, most: usize) -> Result<Share, Oversubscribed> {
        let mut shares = lock(&self.shares);
        let given: usize = shares.iter().map(|share| share.0.most).sum();
        let left = self.most.saturating_sub(given);
        if most > left {
            return Err(Oversubscribed {
                share: name,
                asked: most,
                left,
            });
        }
        let share = Share(Arc::new(Account {
            name,
            most,
            held: Mutex::default(),
            refused: AtomicU64::new(0),
        }));
        shares.push(share.clone());
        Ok(share)
    }
}

/// Bytes that the gateway may hold for clients in all. Beside the program itself,
/// they fit what its service may have (`MemoryMax=128M`).
pub const HELD_BYTES: usize = 64 * 1024 * 1024;
/// Of these for answers that were not taken yet.
const ANSWERS_BYTES: usize = 32 * 1024 * 1024;
/// Of these for bodies of requests.
const BODIES_BYTES: usize = 16 * 1024 * 1024;

/// The shares of the listeners.
#[derive(Clone, Debug)]
pub struct Budgets {
    /// Answers that were not taken yet.
    pub(super) answers: Share,
    /// Bodies of requests that are read whole.
    pub(super) bodies: Share,
}

impl Budgets {
    /// Takes the listeners' shares out of a ledger.
    ///
    /// # Errors
    /// [`Oversubscribed`].
    pub fn of(ledger: &Ledger) -> Result<Budgets, Oversubscribed> {
        Ok(Budgets {
            answers: ledger.share("answers", ANSWERS_BYTES)?,
            bodies: ledger.share("request_bodies", BODIES_BYTES)?,
        })
    }
}

/// A part of the ledger with a cap of its own.
#[derive(Clone, Debug)]
pub struct Share(Arc<Account>);

#[derive(Debug)]
struct Account {
    name: &'static str,
    most: usize,
    held: Mutex<Holdings>,
    refused: AtomicU64,
}

/// Who holds how much; a client that holds nothing is not in it.
#[derive(Debug, Default)]
struct Holdings {
    all: usize,
    by_client: HashMap<IpAddr, usize>,
}

impl Share {
    /// An entry for `client`, which holds nothing yet.
    #[must_use]
    pub fn entry(&self, client: IpAddr) -> Held {
        Held {
            share: self.clone(),
            client,
            bytes: 0,
        }
    }

    /// Bytes held now.
    #[must_use]
    pub fn held(&self) -> usize {
        lock(&self.0.held).all
    }
}

/// Bytes of one holder; dropping it gives them back.
#[derive(Debug)]
pub struct Held {
    share: Share,
    client: IpAddr,
    bytes: usize,
}

impl Held {
    /// Holds `more` bytes, or refuses and holds what it held.
    #[must_use]
    pub fn grow(&mut self, more: usize) -> bool {
        let account = &self.share.0;
        let mut held = lock(&account.held);
        let all = held.all.saturating_add(more);
        let of_client = held.by_client.get(&self.client).copied();
        let of_client = of_client.unwrap_or_default().saturating_add(more);
        if all > account.most || of_client > account.most / 2 {
            account.refused.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        if of_client > 0 {
            held.by_client.insert(self.client, of_client);
        }
        held.all = all;
        self.bytes += more;
        true
    }

    /// Holds `more` bytes whatever the caps say: for what is small, and bounded by
    /// the number of its holders.
    pub(crate) fn grow_anyway(&mut self, more: usize) {
        let mut held = lock(&self.share.0.held);
        if more > 0 {
            *held.by_client.entry(self.client).or_default() += more;
        }
        held.all += more;
        self.bytes += more;
    }

    /// Bytes it holds.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        let mut held = lock(&self.share.0.held);
        held.all -= self.bytes;
        let left = held.by_client.get_mut(&self.client).map(|of_client| {
            *of_client -= self.bytes;
            *of_client
        });
        if left == Some(0) {
            held.by_client.remove(&self.client);
        }
    }
}

impl Measured for Ledger {
    fn measure(&self, page: &mut Page<'_>) -> fmt::Result {
        let shares = lock(&self.shares).clone();
        let labels: Vec<[(&str, &str); 1]> = shares
            .iter()
            .map(|share| [("share", share.0.name)])
            .collect();
        let each = || shares.iter().zip(labels.iter().map(|l| l as Labels<'_>));
        page.gauges(
            "held_bytes",
            "Bytes held for clients",
            each().map(|(share, labels)| (labels, share.held() as f64)),
        )?;
        page.gauges(
            "held_bytes_most",
            "Bytes that may be held for clients",
            each().map(|(share, labels)| (labels, share.0.most as f64)),
        )?;
        page.counters(
            "held_bytes_refused",
            "Times there was no room to hold more",
            each().map(|(share, labels)| (labels, share.0.refused.load(Ordering::Relaxed))),
        )
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Sums under a lock stay sound even if a holder panicked.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    #[test]
    fn shares_come_to_no_more_than_the_whole() {
        let ledger = Ledger::new(100);
        ledger.share("a", 60).expect("room");
        let error = ledger.share("b", 50).expect_err("too much").to_string();
        assert_eq!(
            error,
            "b asks for 50 bytes of the ledger, which has 40 left"
        );
        ledger.share("b", 40).expect("room");
    }

    #[test]
    fn no_client_takes_more_than_half_and_all_comes_back() {
        let share = Ledger::new(100).share("a", 100).expect("room");
        let mut first = share.entry(client(1));
        assert!(first.grow(30) && first.grow(20));
        assert!(!first.grow(1), "more than half");
        let mut same = share.entry(client(1));
        assert!(!same.grow(1), "more than half by another holder");
        let mut second = share.entry(client(2));
        assert!(second.grow(40) && !second.grow(11));
        let mut third = share.entry(client(3));
        assert!(!third.grow(11), "more than all");
        assert!(third.grow(10));
        assert_eq!((first.bytes(), second.bytes(), share.held()), (50, 40, 100));
        third.grow_anyway(1);
        assert_eq!(share.held(), 101);
        drop((first, same, second, third));
        assert_eq!(share.held(), 0);
        assert!(lock(&share.0.held).by_client.is_empty());
    }
}
