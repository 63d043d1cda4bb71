//! The table of signed-in browsers. Pure; bounded.
//!
//! A session of it ends when somebody signs out, when its key is gone, after
//! [`SESSION_TTL`], or when it has to make room: at capacity those that are over go
//! first, then the one that was not seen for longest, of the same key where that key
//! holds its share already. So one key cannot push out the sessions of others.

use std::sync::Arc;
use std::time::Duration;

use subtle::ConstantTimeEq as _;

use super::browser::Browser;
use super::cookie::{self, Cookie, Hash};
use super::decision::SessionEnd;
use super::records::SessionRecord;
use super::table::{KeyEntry, KeyTable};
use readings::clock::Mono;

/// How long a browser stays signed in: a month, so that a phone that is used on
/// site asks for no key each morning; it can be ended at any moment.
pub const SESSION_TTL: Duration = Duration::from_secs(30 * 24 * 3600);
/// Most browsers signed in: each costs some 300 bytes, and a line of one file.
const MAX_SESSIONS: usize = 128;
/// Most of one key: a quarter, so that no key takes the places of all others.
const MAX_OF_KEY: usize = MAX_SESSIONS / 4;
/// One row.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) cookie: Arc<Cookie>,
    pub(super) key: Arc<KeyEntry>,
    pub(super) browser: Browser,
    /// Microseconds since 1970, by the clock of that moment.
    pub(super) opened_us: i64,
}

impl Row {
    fn is_live(&self, now: Mono, wall_us: i64) -> bool {
        self.end(now, wall_us).is_none()
    }

    /// Why it is over, if it is.
    fn end(&self, now: Mono, wall_us: i64) -> Option<SessionEnd> {
        let own = || (!self.cookie.is_live(now)).then_some(SessionEnd::Ended);
        self.key.session_end(wall_us).or_else(own)
    }
}

/// The rows, oldest first.
#[derive(Debug, Default)]
pub(super) struct CookieSessions {
    rows: Vec<Row>,
    evicted: u64,
}

impl CookieSessions {
    /// Those of the last run whose key is there, unchanged in what it may do.
    pub(super) fn restore(
        records: Vec<SessionRecord>,
        keys: &KeyTable,
        now: Mono,
        wall_us: i64,
    ) -> CookieSessions {
        let mut sessions = CookieSessions::default();
        for record in records {
            let left_us = record.expires_us.saturating_sub(wall_us);
            // A clock that is behind must not prolong it beyond its length.
            let left = u64::try_from(left_us).map_or(Duration::ZERO, Duration::from_micros);
            let key = keys.find(&record.key);
            let same = key.filter(|key| key.permissions.bits() == record.permissions);
            if let Some(key) = same.filter(|_| !left.is_zero()) {
                let expires = now.plus(left.min(SESSION_TTL));
                let row = Row {
                    cookie: Arc::new(Cookie::new(record.hash, now, expires)),
                    key: Arc::clone(key),
                    browser: record.browser,
                    opened_us: record.opened_us,
                };
                sessions.add(row, now, wall_us);
            }
        }
        sessions
    }

    /// What there is to keep: no cookie, only its hash.
    pub(super) fn records(&self, now: Mono, wall_us: i64) -> Vec<SessionRecord> {
        let live = self.rows.iter().filter(|row| row.is_live(now, wall_us));
        let kept = live.map(|row| {
            let left_us = i64::try_from(row.cookie.left(now).as_micros()).unwrap_or(i64::MAX);
            SessionRecord {
                hash: row.cookie.hash,
                key: row.key.id,
                permissions: row.key.permissions.bits(),
                browser: row.browser.clone(),
                opened_us: row.opened_us,
                expires_us: wall_us.saturating_add(left_us),
            }
        });
        kept.collect()
    }

    /// Takes a row, and makes room for it. Those that are over stay while there is
    /// room: their browsers may ask yet, and are told why.
    pub(super) fn add(&mut self, row: Row, now: Mono, wall_us: i64) {
        let of_key = |other: &&Row| other.key.id == row.key.id;
        let is_of_key_full = |rows: &[Row]| rows.iter().filter(of_key).count() >= MAX_OF_KEY;
        if self.rows.len() >= MAX_SESSIONS || is_of_key_full(&self.rows) {
            self.rows.retain(|row| row.is_live(now, wall_us));
        }
        let is_key_full = is_of_key_full(&self.rows);
        if is_key_full || self.rows.len() >= MAX_SESSIONS {
            let candidates = self.rows.iter().filter(|one| !is_key_full || of_key(one));
            let oldest = candidates.min_by_key(|one| one.cookie.seen());
            if let Some(hash) = oldest.map(|one| one.cookie.hash) {
                self.evicted += 1;
                self.remove(|one| one.cookie.hash == hash);
            }
        }
        self.rows.push(row);
    }

    /// The session of this cookie, or why it is over. Looks at all of them, whichever
    /// it is.
    ///
    /// # Errors
    /// It is over; [`SessionEnd::Ended`] for one that is not known, too.
    pub(super) fn find(&self, cookie: &[u8], now: Mono, wall_us: i64) -> Result<&Row, SessionEnd> {
        let presented: Hash = cookie::hash(cookie);
        let mut rows = self.rows.iter();
        let found = rows.rfind(|row| row.cookie.hash.ct_eq(&presented).into());
        let row = found.ok_or(SessionEnd::Ended)?;
        row.end(now, wall_us).map_or(Ok(row), Err)
    }

    /// Every session that is not over, oldest first.
    pub(super) fn live(&self, now: Mono, wall_us: i64) -> impl Iterator<Item = &Row> {
        self.rows
            .iter()
            .filter(move |row| row.is_live(now, wall_us))
    }

    /// Ends those that `which` names; says what they were.
    pub(super) fn remove(&mut self, which: impl Fn(&Row) -> bool) -> Vec<Row> {
        let (gone, stay) = std::mem::take(&mut self.rows).into_iter().partition(which);
        self.rows = stay;
        for row in &gone as &Vec<Row> {
            row.cookie.end();
        }
        gone
    }

    /// Sessions that had to make room, since the start.
    pub(super) fn evicted(&self) -> u64 {
        self.evicted
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::super::secret;
    use super::super::table::tests::record;
    use super::*;

    const NOW: Mono = Mono::from_millis(1000);

    fn keys() -> KeyTable {
        let names = ["a", "b", "c", "d", "e"];
        let records = names.map(|name| record(name, &["read"], None));
        records.into_iter().collect()
    }

    fn row(keys: &KeyTable, key: &str, cookie: &str, seen: u64) -> Row {
        let key = keys.find(&secret::hash(key.as_bytes())).expect("known");
        let at = Mono::from_millis(seen);
        let hash = cookie::hash(cookie.as_bytes());
        Row {
            cookie: Arc::new(Cookie::new(hash, at, at.plus(SESSION_TTL))),
            key: Arc::clone(key),
            browser: Browser::new(IpAddr::V4(Ipv4Addr::LOCALHOST), "a\nphone"),
            opened_us: 5,
        }
    }

    #[test]
    fn a_cookie_is_good_until_it_is_over_or_ended() {
        let (keys, mut table) = (keys(), CookieSessions::default());
        table.add(row(&keys, "a", "one", 0), NOW, 0);
        assert!(table.find(b"one", NOW, 0).is_ok());
        assert!(table.find(b"other", NOW, 0).is_err());
        let over = Mono::ZERO.plus(SESSION_TTL);
        assert!(table.find(b"one", over, 0).is_err());
        let held = table.find(b"one", NOW, 0).expect("live").cookie.clone();
        assert_eq!(table.remove(|_| true).len(), 1);
        assert!(!held.is_live(NOW), "whoever holds it hears of it");
        assert!(table.find(b"one", NOW, 0).is_err());
    }

    #[test]
    fn a_browser_is_told_why_its_session_is_over_while_there_is_room() {
        let records = [("a", None), ("b", Some(9)), ("c", None), ("d", None)];
        let records = records.map(|(name, expires_us)| record(name, &["read"], expires_us));
        let keys: KeyTable = records.into_iter().collect();
        let mut table = CookieSessions::default();
        for (key, cookie) in [("a", "revoked"), ("b", "expired"), ("c", "replaced")] {
            table.add(row(&keys, key, cookie, 0), NOW, 0);
        }
        let entry = |key: &str| keys.find(&secret::hash(key.as_bytes())).expect("known");
        entry("a").withdraw(true);
        entry("c").withdraw(false);
        // (Others come and go meanwhile.)
        table.add(row(&keys, "d", "other", 0), NOW, 9);
        let told = |table: &CookieSessions, cookie: &[u8]| table.find(cookie, NOW, 9).err();
        assert_eq!(told(&table, b"revoked"), Some(SessionEnd::KeyRevoked));
        assert_eq!(told(&table, b"expired"), Some(SessionEnd::KeyExpired));
        assert_eq!(told(&table, b"replaced"), Some(SessionEnd::Ended));
        assert_eq!(told(&table, b"never was"), Some(SessionEnd::Ended));
        assert_eq!(table.live(NOW, 9).count(), 1);
        assert_eq!(table.records(NOW, 9).len(), 1, "no other is kept");
        for n in 0..MAX_OF_KEY as u64 {
            table.add(row(&keys, "d", &n.to_string(), n), NOW, 9);
        }
        assert_eq!(told(&table, b"revoked"), Some(SessionEnd::Ended), "no room");
        assert_eq!(table.evicted(), 1, "of those that were not over");
    }

    #[test]
    fn one_key_cannot_push_out_the_sessions_of_others() {
        let (keys, mut table) = (keys(), CookieSessions::default());
        table.add(row(&keys, "b", "other", 0), NOW, 0);
        for n in 0..MAX_SESSIONS as u64 * 2 {
            table.add(row(&keys, "a", &n.to_string(), n), NOW, 0);
        }
        assert!(table.find(b"other", NOW, 0).is_ok());
        assert_eq!(table.rows.len(), 1 + MAX_OF_KEY);
        assert_eq!(table.evicted(), (MAX_SESSIONS * 2 - MAX_OF_KEY) as u64);
        assert!(table.find(b"0", NOW, 0).is_err(), "the one unseen longest");
        for (key, n) in ["c", "d", "e"].iter().zip(0_u64..) {
            for m in 0..MAX_OF_KEY as u64 {
                table.add(row(&keys, key, &format!("{n} {m}"), 900), NOW, 0);
            }
        }
        assert_eq!(table.rows.len(), MAX_SESSIONS);
    }

    #[test]
    fn a_restart_keeps_them_without_prolonging_them() {
        let (keys, mut table) = (keys(), CookieSessions::default());
        table.add(row(&keys, "a", "secret", 1000), NOW, 0);
        let records = table.records(NOW, 50);
        assert!(!format!("{records:?}").contains("secret"), "{records:?}");
        let day_us = 24 * 3600 * 1_000_000;
        let again = |wall_us| CookieSessions::restore(records.clone(), &keys, NOW, wall_us);
        let later = again(50 + day_us);
        let row = later.find(b"secret", NOW, 0).expect("still good");
        assert_eq!(
            row.cookie.left(NOW),
            SESSION_TTL - Duration::from_secs(24 * 3600)
        );
        assert_eq!(row.browser.agent, "aphone");
        let behind = again(-day_us);
        let row = behind.find(b"secret", NOW, 0).expect("good");
        assert_eq!(row.cookie.left(NOW), SESSION_TTL, "not longer");
        assert!(again(50 + 31 * day_us).rows.is_empty(), "over");
        let mut other = records.clone();
        other[0].permissions = 0;
        let changed = CookieSessions::restore(other, &keys, NOW, 50);
        assert!(changed.rows.is_empty(), "the key may do something else now");
    }
}
