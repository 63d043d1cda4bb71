//! Where readings come from: the board, each drone, each bridge sensor.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use thiserror::Error;

/// Drones that have a place of their own: as many as can be configured.
const MAX_DRONE_SOURCES: usize = 64;
/// Sources of bridges that have a place of their own: eight bridges, each with
/// sixteen sensors and one source for the board itself, its emergency stop.
const MAX_BRIDGE_SOURCES: usize = 8 * (16 + 1);
/// Sensors of the board that have a place of their own beside the board: those that
/// rules name.
const MAX_BOARD_SENSOR_SOURCES: usize = 32;
/// Name of the source that the board's own readings and conditions come from. No drone may
/// have it as its id.
pub const BOARD: &str = "board";
/// What the names of such sources begin with. They are judged with the board already, so
/// only rules that name one look at it.
pub const BOARD_SENSOR_PREFIX: &str = "board/";
/// Most sources a gateway can have: the board and the places of the others.
/// Fixed, because every source owns histories and rule state.
pub const MAX_SOURCES: usize =
    1 + MAX_BOARD_SENSOR_SOURCES + MAX_DRONE_SOURCES + MAX_BRIDGE_SOURCES;

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
    /// The board the gateway runs on, or one of its sensors.
    Board,
    /// A drone, real or simulated.
    Drone,
    /// A sensor behind the serial bridge.
    Bridge,
}

impl SourceKind {
    /// How many sources of this kind have a place: none takes another kind's.
    #[must_use]
    pub const fn places(self) -> usize {
        match self {
            SourceKind::Board => 1 + MAX_BOARD_SENSOR_SOURCES,
            SourceKind::Drone => MAX_DRONE_SOURCES,
            SourceKind::Bridge => MAX_BRIDGE_SOURCES,
        }
    }
}

/// A named source.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its index.
    pub id: SourceId,
    /// The name in rules and alerts: `board`, `board/<sensor>`, a drone's id,
    /// `bridge/<name>`, `bridge/<name>/<sensor>`.
    pub name: Arc<str>,
    /// Its kind.
    pub kind: SourceKind,
}

/// All sources, fixed in number. A source keeps its id until its place is given to
/// another by [`Sources::reuse`].
pub struct Sources {
    slots: Box<[RwLock<Option<Source>>]>,
}

/// There is no room for another source.
#[derive(Debug, Error)]
#[error(
    "source {name:?} refused: {} sources of its kind are registered already; remove some from the configuration", .kind.places()
)]
pub struct SourcesFull {
    /// The source that was refused.
    pub name: String,
    /// What it is.
    pub kind: SourceKind,
}

impl Default for Sources {
    fn default() -> Self {
        Sources {
            slots: (0..MAX_SOURCES).map(|_| RwLock::new(None)).collect(),
        }
    }
}

impl Sources {
    /// The id of the source called `name`, registering it when it is new.
    ///
    /// # Errors
    /// [`SourcesFull`] when as many of its kind are registered as have places.
    pub fn register(&self, name: &str, kind: SourceKind) -> Result<SourceId, SourcesFull> {
        let mut of_kind = 0;
        for (index, slot) in self.slots.iter().enumerate() {
            let mut slot = slot.write().unwrap_or_else(PoisonError::into_inner);
            match &*slot {
                Some(source) if &*source.name == name => return Ok(source.id),
                Some(source) => of_kind += usize::from(source.kind == kind),
                None if of_kind >= kind.places() => break,
                // Places are taken in order, so that two racing registrations of
                // one name meet at the same slot.
                None => {
                    let id = SourceId(index as u16);
                    let name = name.into();
                    *slot = Some(Source { id, name, kind });
                    return Ok(id);
                }
            }
        }
        Err(SourcesFull {
            name: name.to_owned(),
            kind,
        })
    }

    /// Gives the place of `id` to a source called `name`, of the same kind. The
    /// caller first makes sure that nothing of the old one is kept under the id.
    pub fn reuse(&self, id: SourceId, name: &str) {
        if let Some(slot) = self.slots.get(id.index()) {
            let mut slot = slot.write().unwrap_or_else(PoisonError::into_inner);
            if let Some(source) = &mut *slot {
                source.name = name.into();
            }
        }
    }

    /// The source with that id.
    #[must_use]
    pub fn source(&self, id: SourceId) -> Option<Source> {
        let slot = self.slots.get(id.index())?;
        let slot = slot.read().unwrap_or_else(PoisonError::into_inner);
        slot.clone()
    }

    /// The name of a source. Allocates nothing for one that is known.
    #[must_use]
    pub fn name(&self, id: SourceId) -> Arc<str> {
        self.source(id)
            .map_or_else(|| "unknown".into(), |source| source.name)
    }

    /// The source of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Source> {
        self.iter().find(|source| &*source.name == name)
    }

    /// Every source, in order of registration.
    pub fn iter(&self) -> impl Iterator<Item = Source> {
        self.slots
            .iter()
            .map_while(|slot| slot.read().unwrap_or_else(PoisonError::into_inner).clone())
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
    fn registering_twice_gives_one_source_and_each_kind_has_its_places() {
        let sources = Sources::default();
        let board = sources.register(BOARD, SourceKind::Board).expect("room");
        assert_eq!(
            sources.register(BOARD, SourceKind::Board).expect("known"),
            board
        );
        for n in 0..MAX_BOARD_SENSOR_SOURCES {
            let sensor = sources.register(&format!("board/{n}"), SourceKind::Board);
            sensor.expect("room");
        }
        assert!(sources.register("board/x", SourceKind::Board).is_err());
        for n in 0..MAX_DRONE_SOURCES {
            let drone = sources.register(&format!("d{n}"), SourceKind::Drone);
            drone.expect("room");
        }
        assert!(sources.register("one-more", SourceKind::Drone).is_err());
        for n in 0..MAX_BRIDGE_SOURCES {
            let sensor = sources.register(&format!("bridge/{n}"), SourceKind::Bridge);
            sensor.expect("drones do not take its place");
        }
        assert!(sources.register("one-more", SourceKind::Bridge).is_err());
        assert_eq!(&*sources.name(board), "board");
        assert_eq!(sources.iter().count(), MAX_SOURCES);
        // Each has histories and rule state: more of them is a matter of memory.
        let places = (
            MAX_BOARD_SENSOR_SOURCES,
            MAX_DRONE_SOURCES,
            MAX_BRIDGE_SOURCES,
        );
        assert_eq!((places, MAX_SOURCES), ((32, 64, 136), 233));
    }

    #[test]
    fn a_reused_place_has_the_new_name_only() {
        let sources = Sources::default();
        let old = sources
            .register("bridge/a/x", SourceKind::Bridge)
            .expect("room");
        sources.reuse(old, "bridge/a/y");
        assert!(sources.find("bridge/a/x").is_none());
        assert_eq!(sources.find("bridge/a/y").map(|s| s.id), Some(old));
    }
}
