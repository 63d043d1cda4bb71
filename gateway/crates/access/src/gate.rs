//! Who is let in: the decision core around the key table and the limits.
//!
//! Takes both clocks as arguments and does no I/O; what should be told to the
//! security log comes back as an [`Incident`]. A request with a valid key takes
//! no lock here.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::client::{AttachedNetwork, ClientAddress, is_loopback};
use super::config::Config;
use super::decision::{Denial, RateClass, RateVerdict};
use super::limits::Limits;
use super::lockout::{LockedOut, Lockout, Outcome};
use super::permission::Permission;
use super::rate::RateTable;
use super::records::KeyId;
use super::secret::{self, MAX_KEY_BYTES};
use super::session::{Session, SessionId};
use super::stats::AccessStats;
use super::table::{KeyEntry, KeyTable};
use super::withdrawn::Withdrawn;
use readings::clock::Mono;

/// Keys, lock-out and rate limits, without the store.
pub(super) struct Gate {
    keys: ArcSwap<KeyTable>,
    /// Rung when the keys have changed; what every session listens to.
    changes: Arc<watch::Sender<()>>,
    /// Sessions opened so far.
    sessions: AtomicU64,
    attached: ArcSwap<Vec<AttachedNetwork>>,
    lockout: Mutex<Lockout>,
    withdrawn: Mutex<Withdrawn>,
    rates: RateTable,
    limits: ArcSwap<Limits>,
    failed: AtomicU64,
    blocked: AtomicU64,
    rate_limited: AtomicU64,
    refused: AtomicU64,
    asked_from_outside: AtomicBool,
}

/// Something for the security log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Incident {
    /// A wrong key; so many from this address, when they are counted.
    KeyFailed { failures: Option<u32> },
    /// A wrong key too many: the address is locked out.
    LockedOut { failures: u32 },
    /// A valid key, but not for this.
    PermissionRefused { key: Arc<str>, lacks: Permission },
}

/// A wrong key that counts against no address.
const UNCOUNTED: Option<Incident> = Some(Incident::KeyFailed { failures: None });

/// A refusal, with what there is to tell about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) denial: Denial,
    pub(super) incident: Option<Incident>,
}

impl Gate {
    pub(super) fn new(config: &Config, keys: KeyTable) -> Gate {
        Gate {
            keys: ArcSwap::from_pointee(keys),
            changes: Arc::new(watch::Sender::new(())),
            sessions: AtomicU64::new(0),
            attached: ArcSwap::default(),
            lockout: Mutex::new(Lockout::new()),
            withdrawn: Mutex::default(),
            rates: RateTable::new(),
            limits: ArcSwap::from_pointee(Limits::new(config)),
            failed: AtomicU64::new(0),
            blocked: AtomicU64::new(0),
            rate_limited: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            asked_from_outside: AtomicBool::new(false),
        }
    }

    pub(super) fn reload(&self, config: &Config) {
        self.limits.store(Arc::new(Limits::new(config)));
    }

    pub(super) fn attach(&self, networks: Vec<AttachedNetwork>) {
        self.attached.store(Arc::new(networks));
    }

    /// What limits count `address` as.
    pub(super) fn client(&self, address: IpAddr) -> ClientAddress {
        ClientAddress::of(address, &self.attached.load())
    }

    pub(super) fn keys(&self) -> Arc<KeyTable> {
        self.keys.load_full()
    }

    /// Puts a new table in place, and ends the sessions of every key that is not
    /// in it as it was. One install at a time: the caller sees to that.
    pub(super) fn install(&self, keys: KeyTable) {
        let keys = Arc::new(keys);
        let former = self.keys.swap(Arc::clone(&keys));
        // Only now: a session opened from the former table meanwhile ends as well.
        for entry in former.iter().filter(|entry| !keys.holds(entry)) {
            let is_revoked = keys.find(&entry.id).is_none();
            entry.withdraw(is_revoked);
            if is_revoked {
                self.withdrawn().add(entry.id);
            }
        }
        self.ring();
    }

    pub(super) fn rate_check(&self, class: RateClass, client: IpAddr, now: Mono) -> RateVerdict {
        self.take(class, (class, self.client(client)), now)
    }

    pub(super) fn rate_check_key(&self, key: &KeyId, now: Mono) -> RateVerdict {
        self.take(RateClass::Other, key, now)
    }

    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Has every session look whether it has ended.
    pub(super) fn ring(&self) {
        self.changes.send_replace(());
    }

    pub(super) fn take(
        &self,
        class: RateClass,
        owner: impl std::hash::Hash,
        now: Mono,
    ) -> RateVerdict {
        let limit = self.limits.load().per_minute[class as usize];
        let verdict = self.rates.take(owner, limit, now);
        if !verdict.allowed {
            self.rate_limited.fetch_add(1, Ordering::Relaxed);
        }
        verdict
    }

    /// Authenticates, counts the use, and checks the permission.
    ///
    /// A valid key is looked for first: an address that is locked out is no
    /// obstacle to it. A missing key is no attempt and never counts.
    pub(super) fn authorise(
        &self,
        presented: Option<&[u8]>,
        client: IpAddr,
        needs: Option<Permission>,
        now: Mono,
        wall_us: i64,
    ) -> Result<Session, Refusal> {
        let Some(presented) = presented.filter(|key| !key.is_empty()) else {
            return Err(Refusal {
                denial: Denial::Missing,
                incident: None,
            });
        };
        if presented.len() > MAX_KEY_BYTES {
            return Err(self.wrong_key(client, now));
        }
        let id = secret::hash(presented);
        let found = self.keys.load().find(&id).cloned();
        match found {
            Some(entry) if !entry.is_expired(wall_us) => {
                self.let_in(entry, client, needs, now, wall_us)
            }
            // Not a guess, but the key of a client that missed its renewal or its
            // revocation: refused, told, and not counted against its address.
            Some(_) => Err(self.fail(UNCOUNTED, Denial::Expired)),
            None if self.withdrawn().contains(&id) => Err(self.fail(UNCOUNTED, Denial::Revoked)),
            None => Err(self.wrong_key(client, now)),
        }
    }

    /// Counts the use of a key that is good, and checks the permission.
    pub(super) fn let_in(
        &self,
        entry: Arc<KeyEntry>,
        client: IpAddr,
        needs: Option<Permission>,
        now: Mono,
        wall_us: i64,
    ) -> Result<Session, Refusal> {
        entry.count_use(wall_us);
        if let Some(lacks) = needs.filter(|needed| !entry.permissions.contains(*needed)) {
            self.refused.fetch_add(1, Ordering::Relaxed);
            let incident = Incident::PermissionRefused {
                key: entry.name.clone(),
                lacks,
            };
            return Err(Refusal {
                denial: Denial::Lacks(lacks),
                incident: Some(incident),
            });
        }
        // (Looked at first: every request comes here, and it is set once.)
        if !is_loopback(client) && !self.asked_from_outside.load(Ordering::Relaxed) {
            self.asked_from_outside.store(true, Ordering::Relaxed);
        }
        let id = SessionId(self.sessions.fetch_add(1, Ordering::Relaxed));
        Ok(Session::new(id, entry, now, Arc::clone(&self.changes)))
    }

    pub(super) fn wrong_key(&self, client: IpAddr, now: Mono) -> Refusal {
        let limits = self.limits.load();
        let policy = limits
            .lockout
            .filter(|_| !(limits.exempt_loopback && is_loopback(client)));
        let Some(policy) = policy else {
            return self.fail(UNCOUNTED, Denial::Invalid);
        };
        match self
            .lockout()
            .record_failure(self.client(client), policy, now)
        {
            Outcome::Counted(failures) => self.fail(
                Some(Incident::KeyFailed {
                    failures: Some(failures),
                }),
                Denial::Invalid,
            ),
            Outcome::LockedOut(failures) => {
                self.fail(Some(Incident::LockedOut { failures }), Denial::Invalid)
            }
            Outcome::Blocked(until) => {
                self.blocked.fetch_add(1, Ordering::Relaxed);
                // Rounded up, and never 0: who waits this long is not blocked.
                let retry_after_s = until.since(now).as_millis().div_ceil(1000).max(1) as u64;
                self.fail(None, Denial::Blocked { retry_after_s })
            }
        }
    }

    fn fail(&self, incident: Option<Incident>, denial: Denial) -> Refusal {
        self.failed.fetch_add(1, Ordering::Relaxed);
        Refusal { denial, incident }
    }

    pub(super) fn stats(&self, now: Mono) -> AccessStats {
        let lockout = self.lockout();
        AccessStats {
            keys: self.keys.load().len() as u64,
            failed: self.failed.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            locked_out: lockout.locked_out(now) as u64,
            blocked: self.blocked.load(Ordering::Relaxed),
            rate_limited: self.rate_limited.load(Ordering::Relaxed),
            lockout_evictions: lockout.evictions(),
            lockout_uncounted: lockout.uncounted(),
            rate_evictions: self.rates.evictions(),
            asked_from_outside: self.asked_from_outside.load(Ordering::Relaxed),
            ..AccessStats::default()
        }
    }

    pub(super) fn locked_out(&self, now: Mono) -> Vec<LockedOut> {
        self.lockout().locked(now).collect()
    }

    pub(super) fn lift_lockout(&self, client: ClientAddress, now: Mono) -> bool {
        self.lockout().lift(client, now)
    }

    /// Only wrong keys and revocations come here; poison means nothing, as below.
    fn withdrawn(&self) -> MutexGuard<'_, Withdrawn> {
        self.withdrawn
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Only wrong keys and `/metrics` come here. A panic cannot leave an entry
    /// half changed, so poison means nothing.
    fn lockout(&self) -> MutexGuard<'_, Lockout> {
        self.lockout.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;
