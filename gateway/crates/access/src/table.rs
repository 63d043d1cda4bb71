//! The key table: immutable, replaced as a whole, counted by atomics.
//!
//! Readers take no lock: a table is shared through an `ArcSwap`, and entries
//! are shared between the old and the new table, so that no count is lost when
//! a key is added or revoked.
//!
//! ## What the look-up may leak
//! A key is hashed, and the table is indexed by the first 32 bits of the hash.
//! How long that search takes depends on those bits alone, and they are public:
//! the API shows them as the key's preview. The other 224 bits are compared in
//! constant time. Learning bits of the hash would not help anyway: a key cannot
//! be computed from its hash.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering};

use subtle::ConstantTimeEq as _;

use super::decision::SessionEnd;
use super::permission::{Permission, Permissions};
use super::records::{KeyId, KeyRecord};
use super::secret::public_part;

/// `last_used_us` of a key never used; no clock shows it.
const NEVER: i64 = i64::MIN;
/// `expires_us` of a key that does not expire.
const ENDLESS: i64 = i64::MAX;
/// A key that was made before 2024 was made by a clock that did not know the time.
const PLAUSIBLE_US: i64 = 1_704_067_200_000_000;

/// States of a key, as its sessions see it: in the table, in it otherwise, gone.
const GOOD: u8 = 0;
const REPLACED: u8 = 1;
const REVOKED: u8 = 2;

/// One key and its counts.
#[derive(Debug)]
pub(super) struct KeyEntry {
    pub(super) id: KeyId,
    pub(super) name: Arc<str>,
    pub(super) permissions: Permissions,
    /// As stored, in the order of the request.
    permission_names: Vec<String>,
    created_us: AtomicI64,
    expires_us: AtomicI64,
    /// Whether its term began by a clock that nobody had set yet.
    provisional: AtomicBool,
    usage_count: AtomicU64,
    last_used_us: AtomicI64,
    /// The count last handed to the store.
    flushed_count: AtomicU64,
    /// Whether the key was replaced or revoked since.
    withdrawn: AtomicU8,
}

impl From<KeyRecord> for KeyEntry {
    fn from(record: KeyRecord) -> KeyEntry {
        KeyEntry {
            id: record.id,
            name: record.name.into(),
            permissions: Permissions::from_names(&record.permissions),
            permission_names: record.permissions,
            created_us: AtomicI64::new(record.created_us),
            expires_us: AtomicI64::new(record.expires_us.unwrap_or(ENDLESS)),
            provisional: AtomicBool::new(record.created_us < PLAUSIBLE_US),
            usage_count: AtomicU64::new(record.usage_count),
            last_used_us: AtomicI64::new(record.last_used_us.unwrap_or(NEVER)),
            flushed_count: AtomicU64::new(record.usage_count),
            withdrawn: AtomicU8::new(GOOD),
        }
    }
}

impl KeyEntry {
    /// Whether the key is past its time. Expiry is a date, so it is judged by the wall
    /// clock, or by what is on record where that is later (`clock::term_now`).
    pub(super) fn is_expired(&self, wall_us: i64) -> bool {
        self.expires_us()
            .is_some_and(|expires_us| wall_us >= expires_us)
    }

    /// When the key expires, if it does.
    pub(super) fn expires_us(&self) -> Option<i64> {
        let expires_us = self.expires_us.load(Ordering::Relaxed);
        (expires_us != ENDLESS).then_some(expires_us)
    }

    /// Notes that its term began by a clock that nobody had set.
    pub(super) fn begin_provisionally(&self) {
        self.provisional.store(true, Ordering::Relaxed);
    }

    /// The clock is known now, `by_us` later than was thought: a term that began before
    /// begins then. The record, if it changed.
    pub(super) fn anchor(&self, by_us: i64) -> Option<KeyRecord> {
        if !self.provisional.swap(false, Ordering::Relaxed) || by_us == 0 {
            return None;
        }
        self.created_us.fetch_add(by_us, Ordering::Relaxed);
        if let Some(expires_us) = self.expires_us() {
            let later = expires_us.saturating_add(by_us);
            self.expires_us.store(later, Ordering::Relaxed);
        }
        Some(self.record())
    }

    /// Ends the sessions of this key, which was revoked, or else replaced by one of the
    /// same hash. There is no way back.
    pub(super) fn withdraw(&self, is_revoked: bool) {
        let state = if is_revoked { REVOKED } else { REPLACED };
        self.withdrawn.store(state, Ordering::Release);
    }

    /// Why this key keeps no session open, if it does not.
    pub(super) fn session_end(&self, wall_us: i64) -> Option<SessionEnd> {
        match self.withdrawn.load(Ordering::Acquire) {
            REVOKED => Some(SessionEnd::KeyRevoked),
            REPLACED => Some(SessionEnd::Ended),
            _ => self.is_expired(wall_us).then_some(SessionEnd::KeyExpired),
        }
    }

    /// Counts one authenticated request.
    pub(super) fn count_use(&self, wall_us: i64) {
        self.usage_count.fetch_add(1, Ordering::Relaxed);
        self.last_used_us.store(wall_us, Ordering::Relaxed);
    }

    /// The key as it is stored and listed.
    pub(super) fn record(&self) -> KeyRecord {
        let last_used_us = self.last_used_us.load(Ordering::Relaxed);
        KeyRecord {
            id: self.id,
            name: self.name.as_ref().to_owned(),
            permissions: self.permission_names.clone(),
            created_us: self.created_us.load(Ordering::Relaxed),
            expires_us: self.expires_us(),
            last_used_us: (last_used_us != NEVER).then_some(last_used_us),
            usage_count: self.usage_count.load(Ordering::Relaxed),
        }
    }

    /// The record, when its count has changed since this was last asked.
    pub(super) fn take_unflushed(&self) -> Option<KeyRecord> {
        let record = self.record();
        let flushed = self
            .flushed_count
            .swap(record.usage_count, Ordering::Relaxed);
        (flushed != record.usage_count).then_some(record)
    }
}

/// All keys, ordered by the public part of their hash.
#[derive(Debug, Default)]
pub(super) struct KeyTable {
    entries: Vec<Arc<KeyEntry>>,
}

impl FromIterator<KeyRecord> for KeyTable {
    fn from_iter<I: IntoIterator<Item = KeyRecord>>(records: I) -> KeyTable {
        records
            .into_iter()
            .map(|record| Arc::new(KeyEntry::from(record)))
            .collect()
    }
}

impl FromIterator<Arc<KeyEntry>> for KeyTable {
    fn from_iter<I: IntoIterator<Item = Arc<KeyEntry>>>(entries: I) -> KeyTable {
        let mut entries: Vec<Arc<KeyEntry>> = entries.into_iter().collect();
        entries.sort_by_key(|entry| public_part(&entry.id));
        KeyTable { entries }
    }
}

impl KeyTable {
    /// Number of keys.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Every key, in no meaningful order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<KeyEntry>> {
        self.entries.iter()
    }

    /// The key with this hash. The module's header says what may be learnt
    /// from how long this takes.
    pub(super) fn find(&self, id: &KeyId) -> Option<&Arc<KeyEntry>> {
        self.same_public_part(public_part(id))
            .find(|entry| entry.id.0.ct_eq(&id.0).into())
    }

    /// Whether this very entry is in the table: the same key, unchanged.
    pub(super) fn holds(&self, entry: &Arc<KeyEntry>) -> bool {
        self.find(&entry.id)
            .is_some_and(|found| Arc::ptr_eq(found, entry))
    }

    /// The key shown by this preview. Creation refuses a second key with the
    /// same one; should the store hold two all the same, none is meant.
    pub(super) fn find_previewed(&self, part: u32) -> Option<&Arc<KeyEntry>> {
        let mut found = self.same_public_part(part);
        let first = found.next();
        first.filter(|_| found.next().is_none())
    }

    /// Whether a key is shown by this preview already.
    pub(super) fn is_preview_taken(&self, id: &KeyId) -> bool {
        self.same_public_part(public_part(id)).next().is_some()
    }

    /// The table with one key more.
    pub(super) fn with(&self, record: KeyRecord) -> KeyTable {
        let added = Arc::new(KeyEntry::from(record));
        self.entries.iter().cloned().chain([added]).collect()
    }

    /// The table with one key less.
    pub(super) fn without(&self, id: &KeyId) -> KeyTable {
        self.entries
            .iter()
            .filter(|entry| entry.id != *id)
            .cloned()
            .collect()
    }

    /// Whether nobody could administer the gateway without this key, now or one
    /// day: it is the last with `admin` that does not expire. Where every one
    /// expires, it is the last that has not yet: expired keys open nothing, so they
    /// neither count nor are protected.
    pub(super) fn is_last_admin(&self, id: &KeyId, wall_us: i64) -> bool {
        let admins = || {
            self.entries.iter().filter(|entry| {
                entry.permissions.contains(Permission::Admin) && !entry.is_expired(wall_us)
            })
        };
        let lasting = || admins().filter(|entry| entry.expires_us().is_none());
        let is_only = |entry: Option<&Arc<KeyEntry>>| entry.is_some_and(|entry| entry.id == *id);
        match lasting().count() {
            0 => admins().count() == 1 && is_only(admins().next()),
            1 => is_only(lasting().next()),
            _ => false,
        }
    }

    fn same_public_part(&self, part: u32) -> impl Iterator<Item = &Arc<KeyEntry>> {
        let first = self
            .entries
            .partition_point(|entry| public_part(&entry.id) < part);
        self.entries[first..]
            .iter()
            .take_while(move |entry| public_part(&entry.id) == part)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::secret;
    use super::*;

    pub(crate) fn record(key: &str, permissions: &[&str], expires_us: Option<i64>) -> KeyRecord {
        KeyRecord {
            id: secret::hash(key.as_bytes()),
            name: format!("name of {key}"),
            permissions: permissions.iter().map(|name| (*name).to_owned()).collect(),
            created_us: 0,
            expires_us,
            last_used_us: None,
            usage_count: 0,
        }
    }

    #[test]
    fn every_key_is_found_and_no_other() {
        let table: KeyTable = (0..300)
            .map(|n| record(&format!("key {n}"), &["read"], None))
            .collect();
        for n in 0..300 {
            let entry = table
                .find(&secret::hash(format!("key {n}").as_bytes()))
                .expect("present");
            assert_eq!(&*entry.name, format!("name of key {n}"));
        }
        assert!(table.find(&secret::hash(b"key 300")).is_none());
        assert!(KeyTable::default().find(&secret::hash(b"key 0")).is_none());
    }

    #[test]
    fn an_equal_preview_is_not_an_equal_key() {
        let mut twin = record("a", &["admin"], None);
        twin.id.0[31] ^= 1;
        let table: KeyTable = [record("a", &["read"], None)].into_iter().collect();
        assert!(table.find(&twin.id).is_none());
        assert!(table.is_preview_taken(&twin.id));
        let part = public_part(&twin.id);
        assert!(table.find_previewed(part).is_some());
        let both = table.with(twin.clone());
        assert!(both.find_previewed(part).is_none(), "ambiguous: neither");
        assert!(
            both.find(&twin.id)
                .is_some_and(|entry| entry.permissions.contains(Permission::Admin))
        );
    }

    #[test]
    fn counts_survive_a_new_table_and_are_flushed_once() {
        let table: KeyTable = [record("a", &["read"], None)].into_iter().collect();
        let entry = table.find(&secret::hash(b"a")).expect("present");
        assert_eq!(entry.take_unflushed(), None);
        let grown = table.with(record("b", &["read"], None));
        entry.count_use(7);
        entry.count_use(9);
        let flushed = grown
            .iter()
            .find_map(|entry| entry.take_unflushed())
            .expect("changed");
        assert_eq!((flushed.usage_count, flushed.last_used_us), (2, Some(9)));
        assert!(grown.iter().all(|entry| entry.take_unflushed().is_none()));
        let shrunk = grown.without(&secret::hash(b"b"));
        assert_eq!(shrunk.len(), 1);
        assert_eq!(
            shrunk.iter().next().map(|entry| entry.record().usage_count),
            Some(2)
        );
    }

    #[test]
    fn the_last_usable_admin_is_known() {
        let id = |key: &str| secret::hash(key.as_bytes());
        let one: KeyTable = [
            record("a", &["admin"], None),
            record("r", &["read", "write", "dashboard"], None),
        ]
        .into_iter()
        .collect();
        assert!(one.is_last_admin(&id("a"), 0));
        assert!(!one.is_last_admin(&id("r"), 0));
        let guest = one.with(record("b", &["admin"], Some(100)));
        assert!(
            guest.is_last_admin(&id("a"), 99),
            "the other one will expire"
        );
        assert!(!guest.is_last_admin(&id("b"), 99), "a guest may go");
        let two = guest.with(record("c", &["admin"], None));
        assert!(!two.is_last_admin(&id("a"), 99) && !two.is_last_admin(&id("c"), 99));
        let guests: KeyTable = [
            record("b", &["admin"], Some(100)),
            record("d", &["admin"], Some(200)),
        ]
        .into_iter()
        .collect();
        assert!(!guests.is_last_admin(&id("d"), 99));
        assert!(guests.is_last_admin(&id("d"), 100), "the other has expired");
        assert!(!guests.is_last_admin(&id("b"), 100), "and protects nothing");
    }
}
