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
//! more than the access unit being gathered, the newest whole picture, and a ring of
//! frames for its viewers: twice the longest unit, and the longest ring.

mod feed;
mod ring;

pub(crate) use feed::Feed;
pub use feed::{Shown, Still, VideoCounts, VideoView, Viewer};
pub use tello::h264::Sps;
