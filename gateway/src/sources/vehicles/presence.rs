//! Which flyers are there: a bounded table of the sessions on live sockets, and when each
//! last said that somebody looks at it.
//!
//! A session is one socket, not a key: a wall display, a second window and a phone in a
//! pocket have the key of who flies, and none of them looks at the drone. So a session is
//! there while its client says so each second, which a page does only while it is seen.
//! What belongs to no session commands drones too, but nobody can say when its sender is
//! gone. Takes `now`; no clock, no socket.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use access::SessionId;
use readings::clock::Mono;

use super::Operator;

/// Silence after which a flyer is gone: three of the seconds in which a client speaks.
pub(super) const GONE_AFTER: Duration = Duration::from_secs(3);

/// Most sessions at once: as many as there can be WebSocket clients by default. Beyond
/// it a connection is served, and counts as nobody: drones then land by themselves,
/// which is the safe side. Counted.
const MAX_SESSIONS: usize = 128;

/// A session on a socket.
#[derive(Debug)]
struct Flyer {
    id: SessionId,
    /// Whose key opened the socket.
    key: Arc<str>,
    /// Which socket speaks for it: a client that lost one takes its session up again.
    socket: u64,
    is_open: bool,
    said: Option<Mono>,
}

impl Flyer {
    fn is_there(&self, now: Mono) -> bool {
        self.said.is_some_and(|at| now.since(at) < GONE_AFTER)
    }
}

#[derive(Debug, Default)]
struct Table {
    flyers: Vec<Flyer>,
    sockets: u64,
    refused: u64,
}

/// The sessions on live sockets; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Presences(Arc<Mutex<Table>>);

/// The session of one socket. Dropped, it can be taken up again for as long as it counts
/// as there.
#[derive(Debug)]
pub struct Presence {
    all: Presences,
    id: SessionId,
    socket: u64,
}

impl Presences {
    /// A socket of `key` has opened: a new session, or `again` the one of that key that
    /// lost its socket a moment ago.
    #[must_use]
    pub fn open(&self, key: &Arc<str>, again: Option<SessionId>, now: Mono) -> Presence {
        let mut table = self.table();
        table
            .flyers
            .retain(|flyer| flyer.is_open || flyer.is_there(now));
        table.sockets += 1;
        let socket = table.sockets;
        let known = |flyer: &&mut Flyer| Some(flyer.id) == again && flyer.key == *key;
        let id = if let Some(flyer) = table.flyers.iter_mut().find(known) {
            (flyer.socket, flyer.is_open) = (socket, true);
            flyer.id
        } else {
            // Not to be guessed: `RandomState` has keys of its own each time.
            let id = SessionId(RandomState::new().hash_one(socket));
            if table.flyers.len() < MAX_SESSIONS {
                table.flyers.push(Flyer {
                    id,
                    key: key.clone(),
                    socket,
                    is_open: true,
                    said: None,
                });
            } else {
                table.refused += 1;
            }
            id
        };
        drop(table);
        Presence {
            all: self.clone(),
            id,
            socket,
        }
    }

    /// The session that a request of `key` says it belongs to, if there is one.
    #[must_use]
    pub fn of_request(&self, id: SessionId, key: &str) -> Option<SessionId> {
        let table = self.table();
        let mut flyers = table.flyers.iter();
        flyers.find(|flyer| flyer.id == id && *flyer.key == *key)?;
        Some(id)
    }

    /// Whether somebody is at the session of `operator`.
    #[must_use]
    pub fn is_there(&self, operator: &Operator, now: Mono) -> bool {
        self.with(operator.session, |flyer| flyer.is_there(now)) == Some(true)
    }

    /// When that session last said that somebody is there; none of one that has ended.
    #[must_use]
    pub fn said(&self, operator: &Operator) -> Option<Mono> {
        self.with(operator.session, |flyer| flyer.said).flatten()
    }

    /// Whether that session is over: its socket is closed or its key is good no more, and
    /// nobody is there. Of what belongs to no session nobody can say.
    #[must_use]
    pub fn has_ended(&self, operator: &Operator, now: Mono) -> bool {
        let goes_on = |flyer: &Flyer| flyer.is_open || flyer.is_there(now);
        operator.session.is_some() && self.with(operator.session, goes_on) != Some(true)
    }

    /// Whether there is such a session still.
    pub(super) fn knows(&self, id: Option<SessionId>) -> bool {
        self.with(id, |_| ()).is_some()
    }

    /// Sessions of which somebody is there now, and sockets that got none for want of room.
    pub(super) fn counts(&self, now: Mono) -> (usize, u64) {
        let table = self.table();
        let there = table.flyers.iter().filter(|flyer| flyer.is_there(now));
        (there.count(), table.refused)
    }

    fn with<T>(&self, id: Option<SessionId>, ask: impl FnOnce(&Flyer) -> T) -> Option<T> {
        let id = id?;
        let table = self.table();
        table.flyers.iter().find(|flyer| flyer.id == id).map(ask)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // The table is whole between any two statements.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Presence {
    /// Its session.
    #[must_use]
    pub const fn id(&self) -> SessionId {
        self.id
    }

    /// Somebody is there.
    pub fn say(&self, now: Mono) {
        let mut table = self.all.table();
        if let Some(flyer) = table.flyers.iter_mut().find(|flyer| self.speaks_for(flyer)) {
            flyer.said = Some(now);
        }
    }

    /// The key of the socket is good no more: the session ends here and now.
    pub fn revoke(&self) {
        let mut table = self.all.table();
        table.flyers.retain(|flyer| !self.speaks_for(flyer));
    }

    fn speaks_for(&self, flyer: &Flyer) -> bool {
        flyer.id == self.id && flyer.socket == self.socket
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut table = self.all.table();
        if let Some(flyer) = table.flyers.iter_mut().find(|flyer| self.speaks_for(flyer)) {
            flyer.is_open = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGAN: Mono = Mono::from_millis(10_000);

    fn after(ms: u64) -> Mono {
        BEGAN.plus(Duration::from_millis(ms))
    }

    fn by(presence: &Presence) -> Operator {
        Operator {
            id: "k".into(),
            name: "k".into(),
            session: Some(presence.id()),
        }
    }

    #[test]
    fn a_session_is_there_while_it_says_so_and_no_other_of_its_key() {
        let (all, key) = (Presences::default(), "k".into());
        let (flies, looks) = (all.open(&key, None, BEGAN), all.open(&key, None, BEGAN));
        assert_ne!(flies.id(), looks.id());
        assert!(
            !all.is_there(&by(&flies), BEGAN),
            "an open socket is nobody"
        );
        flies.say(BEGAN);
        assert!(all.is_there(&by(&flies), after(2_999)));
        assert!(!all.is_there(&by(&looks), after(1)));
        assert!(!all.is_there(&by(&flies), after(3_000)));
        let nobody = Operator {
            session: None,
            ..by(&flies)
        };
        assert!(!all.is_there(&nobody, BEGAN));
        assert_eq!(all.of_request(flies.id(), "k"), Some(flies.id()));
        assert_eq!(all.of_request(flies.id(), "another"), None);
        assert_eq!(all.of_request(SessionId(7), "k"), None);
    }

    #[test]
    fn a_lost_socket_s_session_is_taken_up_again_by_its_key_in_time() {
        let (all, key) = (Presences::default(), "k".into());
        let first = all.open(&key, None, BEGAN);
        first.say(BEGAN);
        let (id, operator) = (first.id(), by(&first));
        drop(first);
        assert_ne!(all.open(&"x".into(), Some(id), after(900)).id(), id);
        let second = all.open(&key, Some(id), after(1_000));
        assert_eq!(second.id(), id);
        second.say(after(1_000));
        assert!(all.is_there(&operator, after(3_500)));
        // Two windows that were one: the later one speaks.
        let third = all.open(&key, Some(id), after(1_100));
        second.say(after(3_900));
        drop(second);
        assert!(!all.is_there(&operator, after(4_000)));
        drop(third);
        let late = all.open(&key, Some(id), after(9_000));
        assert_ne!(late.id(), id, "it was gone");
    }

    #[test]
    fn a_revoked_session_ends_at_once_and_the_table_is_bounded() {
        let (all, key) = (Presences::default(), "k".into());
        let flies = all.open(&key, None, BEGAN);
        let operator = by(&flies);
        assert!(!all.has_ended(&operator, BEGAN), "its socket is open");
        flies.say(BEGAN);
        flies.revoke();
        assert!(!all.is_there(&operator, BEGAN) && all.has_ended(&operator, BEGAN));
        assert_eq!(
            (all.said(&operator), all.knows(operator.session)),
            (None, false)
        );
        let many: Vec<Presence> = (0..MAX_SESSIONS)
            .map(|_| all.open(&key, None, BEGAN))
            .collect();
        let beyond = all.open(&key, None, BEGAN);
        beyond.say(BEGAN);
        assert!(!all.is_there(&by(&beyond), BEGAN));
        assert_eq!(all.counts(BEGAN), (0, 1));
        drop((beyond, many));
        let _next = all.open(&key, None, BEGAN);
        assert_eq!(all.table().flyers.len(), 1, "what is closed makes room");
    }
}
