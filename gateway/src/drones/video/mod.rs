//! Video of drones: raw H.264 in UDP datagrams in, whole frames out.
//!
//! ```text
//! video socket ─► feed: units (gather by start codes) ─► picture (parameters) ─► ring ─► viewers
//!                    └────────────────────────────────────────────► newest whole picture ─► photo
//! ```
//!
//! Nothing is decoded on the way: browsers do that. Pure: `nal`, `sps`, `units`,
//! `picture`, `ring`. `feed` joins them behind a lock; the socket's task is the
//! state port's, see `port`. Whatever a drone sends, a feed holds no
//! more than [`MAX_FEED_BYTES`].

#[cfg(test)]
mod clip;
mod feed;
mod nal;
mod picture;
mod ring;
mod sps;
pub(super) mod units;

pub(crate) use feed::Feed;
pub use feed::{Shown, Still, VideoCounts, VideoView, Viewer};
pub use sps::Sps;

/// Most bytes of video kept for one drone: the unit being gathered, the frames for
/// viewers, the newest whole picture.
pub const MAX_FEED_BYTES: usize = 2 * units::MAX_UNIT_BYTES + ring::MAX_RING_BYTES;
