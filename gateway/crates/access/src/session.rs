//! A session: somebody who was let in, for as long as their key lasts.
//!
//! Every request, socket, video stream and ticket holds one. A session ends when
//! its key is revoked, expires or is replaced by another of the same hash, and that
//! of a browser when somebody signs out; whoever holds it for longer than a moment waits for [`Session::ended`]
//! beside the work. A session can never be prolonged, nor gain a permission.
//!
//! One watch serves all of them: it is rung at each change of the keys, and a
//! session that hears it looks whether the change was about its own. Changes of
//! keys are rare and sessions bounded, so this costs nothing between them.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use readings::clock::{Mono, term_now};
use tokio::sync::watch;

use super::cookie::Cookie;
use super::decision::SessionEnd;
use super::permission::{Permission, Permissions};
use super::records::KeyId;
use super::table::KeyEntry;

/// Longest time between two looks at the wall clock, of a session whose key
/// expires: the clock may be set at any moment, and a session whose time is
/// over is to end within a second.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Number of a session, unique in this run of the gateway; that of a signed-in
/// browser is its own over restarts as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

impl fmt::Display for SessionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

impl FromStr for SessionId {
    type Err = ParseIntError;

    /// As it is shown.
    fn from_str(text: &str) -> Result<SessionId, ParseIntError> {
        u64::from_str_radix(text, 16).map(SessionId)
    }
}

/// Somebody who was let in by a key.
#[derive(Clone)]
pub struct Session {
    id: SessionId,
    key: Arc<KeyEntry>,
    opened: Mono,
    changes: Arc<watch::Sender<()>>,
    /// Of a browser that signed in.
    cookie: Option<Arc<Cookie>>,
}

impl Session {
    pub(super) fn new(
        id: SessionId,
        key: Arc<KeyEntry>,
        opened: Mono,
        changes: Arc<watch::Sender<()>>,
    ) -> Session {
        Session {
            id,
            key,
            opened,
            changes,
            cookie: None,
        }
    }

    /// The same for a browser that signed in.
    pub(super) fn of_browser(self, cookie: Arc<Cookie>) -> Session {
        Session {
            id: SessionId(cookie.number()),
            cookie: Some(cookie),
            ..self
        }
    }

    /// Whether it is one of a browser that signed in: it is listed, and can be ended.
    #[must_use]
    pub const fn is_of_browser(&self) -> bool {
        self.cookie.is_some()
    }

    /// Its number.
    #[must_use]
    pub const fn id(&self) -> SessionId {
        self.id
    }

    /// The key itself.
    pub(super) const fn entry(&self) -> &Arc<KeyEntry> {
        &self.key
    }

    /// Hash of the key that opened it.
    #[must_use]
    pub fn key(&self) -> &KeyId {
        &self.key.id
    }

    /// Name of that key.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.key.name
    }

    /// What it may do.
    #[must_use]
    pub fn permissions(&self) -> Permissions {
        self.key.permissions
    }

    /// Whether it may do what needs `permission`.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.key.permissions.contains(permission)
    }

    /// When it was opened.
    #[must_use]
    pub const fn opened(&self) -> Mono {
        self.opened
    }

    /// When its key expires, if it does: microseconds since 1970.
    #[must_use]
    pub fn key_expires_us(&self) -> Option<i64> {
        self.key.expires_us()
    }

    /// Whether its key still opens the gateway, and nobody signed out.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.is_live_at(term_now().as_microsecond())
    }

    fn is_live_at(&self, wall_us: i64) -> bool {
        self.end_at(wall_us).is_none()
    }

    /// Why it is over, if it is.
    #[must_use]
    pub fn end(&self) -> Option<SessionEnd> {
        self.end_at(term_now().as_microsecond())
    }

    fn end_at(&self, wall_us: i64) -> Option<SessionEnd> {
        let signed_out = |cookie: &&Arc<Cookie>| !cookie.is_live(Mono::now());
        let own = || self.cookie.as_ref().filter(signed_out);
        let of_key = self.key.session_end(wall_us);
        of_key.or_else(|| own().map(|_| SessionEnd::Ended))
    }

    /// Waits until its key no longer opens the gateway, or somebody signed out: at
    /// most half a second longer than that takes.
    pub async fn ended(&self) {
        // Heard from before the first look, so that no change falls in between.
        let mut changes = self.changes.subscribe();
        loop {
            let wall_us = term_now().as_microsecond();
            if !self.is_live_at(wall_us) {
                return;
            }
            let heard = async {
                if changes.changed().await.is_err() {
                    // Cannot be: `self` holds the sender.
                    std::future::pending::<()>().await;
                }
            };
            match self.next_look(wall_us) {
                None => heard.await,
                // Whichever comes first: the loop looks again.
                Some(look) => drop(tokio::time::timeout(look, heard).await),
            }
        }
    }

    /// How long it may be left alone; for ever when only a change can end it.
    fn next_look(&self, wall_us: i64) -> Option<Duration> {
        let of_key = self.key.expires_us().map(|expires_us| {
            let left = u64::try_from(expires_us.saturating_sub(wall_us)).unwrap_or(0);
            LOOK_EVERY.min(Duration::from_micros(left))
        });
        let of_cookie = self.cookie.as_ref().map(|cookie| cookie.left(Mono::now()));
        of_key.into_iter().chain(of_cookie).min()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Session")
            .field("id", &self.id.0)
            .field("name", &self.key.name)
            .field("opened", &self.opened)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use tokio::time::timeout;

    use super::super::config::Config;
    use super::super::gate::Gate;
    use super::super::secret;
    use super::super::table::tests::record;
    use super::*;

    const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
    /// What the gateway promises, with room for a busy machine's scheduler.
    const SOON: Duration = Duration::from_secs(1);
    /// Long enough to see that a session goes on.
    const A_WHILE: Duration = Duration::from_millis(50);

    fn gate(expires_us: Option<i64>) -> Gate {
        let keys = [
            record("reader", &["read"], expires_us),
            record("other", &["read"], None),
        ];
        Gate::new(&Config::default(), keys.into_iter().collect())
    }

    fn session(gate: &Gate) -> Session {
        let now_us = term_now().as_microsecond();
        gate.authorise(Some(b"reader"), CLIENT, None, Mono::ZERO, now_us)
            .expect("a valid key")
    }

    #[tokio::test]
    async fn a_revoked_key_ends_its_sessions_and_no_others() {
        let gate = gate(None);
        let (first, second) = (session(&gate), session(&gate));
        assert_ne!(first.id(), second.id());
        let (woken, id) = (first.clone(), secret::hash(b"reader"));
        let waiting = tokio::spawn(async move { woken.ended().await });
        gate.install(gate.keys().without(&secret::hash(b"other")));
        assert!(first.is_live(), "another key was revoked");
        assert!(timeout(A_WHILE, first.ended()).await.is_err());
        gate.install(gate.keys().without(&id));
        assert!(!first.is_live() && !second.is_live());
        timeout(SOON, waiting).await.expect("soon").expect("joined");
        timeout(SOON, second.ended()).await.expect("at once");
    }

    #[tokio::test]
    async fn a_changed_key_ends_its_sessions() {
        let gate = gate(None);
        let before = session(&gate);
        let id = secret::hash(b"reader");
        let changed = record("reader", &["dashboard"], None);
        gate.install(gate.keys().without(&id).with(changed));
        timeout(SOON, before.ended()).await.expect("at once");
        let after = session(&gate);
        assert!(after.is_live() && after.may(Permission::Dashboard));
        assert!(!after.may(Permission::Read), "what the key says now");
    }

    #[tokio::test]
    async fn an_expired_key_ends_its_sessions() {
        let soon_us = term_now().as_microsecond() + 200_000;
        let gate = gate(Some(soon_us));
        let session = session(&gate);
        assert!(session.is_live());
        timeout(SOON, session.ended()).await.expect("in its time");
        assert!(term_now().as_microsecond() >= soon_us, "and not before");
        assert!(!session.is_live());
    }

    #[test]
    fn a_session_shows_no_hash() {
        let shown = format!("{:?}", session(&gate(None)));
        assert!(shown.contains("name of reader"), "{shown}");
        assert!(!shown.contains("KeyId"), "{shown}");
    }
}
