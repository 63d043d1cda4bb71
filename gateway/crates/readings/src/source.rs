//! Where readings come from: the board, each drone, each bridge sensor.

use std::fmt;
use std::sync::{Arc, OnceLock};

use thiserror::Error;

/// Most sources a gateway can have: the board, 64 drones, and bridge sensors.
/// Fixed, because every source owns histories and rule state.
pub const MAX_SOURCES: usize = 128;

/// Index of a source in [`Sources`]; stable while the process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(u16);

impl SourceId {
    /// Position in tables of [`MAX_SOURCES`] places.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What kind of thing a source is; default rules are chosen by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// The board the gateway runs on.
    Board,
    /// A drone, real or simulated.
    Drone,
    /// A sensor behind the serial bridge.
    Bridge,
}

/// A named source.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its index.
    pub id: SourceId,
    /// The name in rules and alerts: `board`, a drone's id,
    /// `bridge/<name>`, `bridge/<name>/<sensor>`.
    pub name: Arc<str>,
    /// Its kind.
    pub kind: SourceKind,
}

/// All sources: append-only and fixed in size, so ids never dangle.
pub struct Sources {
    slots: Box<[OnceLock<Source>]>,
}

/// There is no room for another source.
#[derive(Debug, Error)]
#[error(
    "source {name:?} refused: {MAX_SOURCES} sources are configured already; remove drones or bridge sensors"
)]
pub struct SourcesFull {
    /// The source that was refused.
    pub name: String,
}

impl Default for Sources {
    fn default() -> Self {
        Sources {
            slots: (0..MAX_SOURCES).map(|_| OnceLock::new()).collect(),
        }
    }
}

impl Sources {
    /// The id of the source called `name`, registering it when it is new.
    ///
    /// # Errors
    /// [`SourcesFull`] when [`MAX_SOURCES`] are registered.
    pub fn register(&self, name: &str, kind: SourceKind) -> Result<SourceId, SourcesFull> {
        for (index, slot) in self.slots.iter().enumerate() {
            let candidate = || Source {
                id: SourceId(index as u16),
                name: name.into(),
                kind,
            };
            // Two racing registrations both land here; the loser sees the
            // winner's entry and either shares it or moves on.
            let source = slot.get_or_init(candidate);
            if &*source.name == name {
                return Ok(source.id);
            }
        }
        Err(SourcesFull {
            name: name.to_owned(),
        })
    }

    /// The source with that id.
    #[must_use]
    pub fn source(&self, id: SourceId) -> Option<&Source> {
        self.slots.get(id.index()).and_then(OnceLock::get)
    }

    /// The name of a source, for messages.
    #[must_use]
    pub fn name(&self, id: SourceId) -> &str {
        self.source(id).map_or("unknown", |source| &source.name)
    }

    /// The source of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Source> {
        self.iter().find(|source| &*source.name == name)
    }

    /// Every source, in order of registration.
    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.slots.iter().map_while(OnceLock::get)
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registering_twice_gives_one_source_and_the_table_is_bounded() {
        let sources = Sources::default();
        let board = sources.register("board", SourceKind::Board).expect("room");
        assert_eq!(
            sources.register("board", SourceKind::Board).expect("known"),
            board
        );
        for n in 1..MAX_SOURCES {
            sources
                .register(&format!("d{n}"), SourceKind::Drone)
                .expect("room");
        }
        assert!(sources.register("one-more", SourceKind::Drone).is_err());
        assert_eq!(sources.name(board), "board");
        assert_eq!(sources.iter().count(), MAX_SOURCES);
    }
}
