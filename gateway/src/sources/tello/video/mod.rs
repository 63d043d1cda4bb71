//! Video of drones: raw H.264 in UDP datagrams in, whole frames out.
//!
//! ```text
//! video socket ─► feed: tello::h264 (access units, parameter sets) ─► ring ─► viewers
//!                    └──────────────────────────► newest whole picture ─► photo
//! ```
//!
//! Nothing is decoded on the way: browsers do that. Pure: `ring` and the
//! crate's `h264`. `feed` joins them behind a lock; the socket's task is the
//! state port's, see `port`. Whatever a drone sends, a feed holds no
//! more than [`MAX_FEED_BYTES`].

mod feed;
mod ring;

pub(crate) use feed::Feed;
pub use feed::{Shown, Still, VideoCounts, VideoView, Viewer};
pub use tello::h264::Sps;

/// Most bytes of video kept for one drone: the unit being gathered, the frames for
/// viewers, the newest whole picture.
pub const MAX_FEED_BYTES: usize = 2 * tello::h264::MAX_UNIT_BYTES + ring::MAX_RING_BYTES;
