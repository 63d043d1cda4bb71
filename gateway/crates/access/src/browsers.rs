//! What is kept of browsers: the table of those that signed in, and of the links by
//! which they may, behind a lock each.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::browser::Browser;
use super::cookie_sessions::{CookieSessions, Row};
use super::links::Links;
use super::permission::Permissions;
use super::records::{KeyId, SessionRecord};
use super::session::SessionId;
use super::stats::AccessStats;
use super::table::KeyTable;
use readings::clock::{Mono, term_now};

/// The browsers that signed in, and the links by which they may.
pub(super) struct Browsers {
    sessions: Mutex<CookieSessions>,
    links: Mutex<Links>,
    /// When sessions were last written; held while they are, so that an older list
    /// never overwrites a newer.
    pub(super) keeping: tokio::sync::Mutex<Option<Mono>>,
}

/// A browser that signed in, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrowserSession {
    /// Its number; opens nothing.
    pub id: SessionId,
    /// The key it signed in with.
    pub key: KeyId,
    /// Name of that key.
    pub name: Arc<str>,
    /// What it may do.
    pub permissions: Permissions,
    /// Where it signed in from.
    pub browser: Browser,
    /// Signed in, microseconds since 1970.
    pub opened_us: i64,
    /// Last request, microseconds since 1970.
    pub seen_us: i64,
    /// Over, microseconds since 1970: its own end, or that of its key.
    pub expires_us: i64,
}

impl Browsers {
    /// Those of the last run.
    pub(super) fn restore(records: Vec<SessionRecord>, keys: &KeyTable) -> Browsers {
        let (now, wall_us) = (Mono::now(), term_now().as_microsecond());
        let sessions = CookieSessions::restore(records, keys, now, wall_us);
        for row in sessions.live(now, wall_us) {
            row.cookie.mark_kept();
        }
        Browsers {
            sessions: Mutex::new(sessions),
            links: Mutex::default(),
            keeping: tokio::sync::Mutex::default(),
        }
    }

    /// The counters, with those of this room.
    pub(super) fn counted(&self, stats: AccessStats) -> AccessStats {
        let sessions = self.sessions();
        let wall_us = term_now().as_microsecond();
        AccessStats {
            browsers: sessions.live(Mono::now(), wall_us).count() as u64,
            browser_evictions: sessions.evicted(),
            link_evictions: self.links().evicted(),
            ..stats
        }
    }

    /// Both tables are whole between any two statements: poison means nothing.
    pub(super) fn sessions(&self) -> MutexGuard<'_, CookieSessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn links(&self) -> MutexGuard<'_, Links> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Row {
    pub(super) fn listed(&self, now: Mono, wall_us: i64) -> BrowserSession {
        let us = |span: Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        let own_end_us = wall_us.saturating_add(us(self.cookie.left(now)));
        BrowserSession {
            id: SessionId(self.cookie.number()),
            key: self.key.id,
            name: Arc::clone(&self.key.name),
            permissions: self.key.permissions,
            browser: self.browser.clone(),
            opened_us: self.opened_us,
            seen_us: wall_us.saturating_sub(us(now.since(self.cookie.seen()))),
            expires_us: own_end_us.min(self.key.expires_us().unwrap_or(i64::MAX)),
        }
    }
}
