//! `[camera]`: video and photos.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::limits::{GIB, Limit, MIB, limit};

/// The ranges of its numbers.
pub(super) const LIMITS: &[Limit] = &[
    // Each may have a frame and a half of its own on the way to its socket, some
    // 600 KiB at worst.
    limit("camera", "max_viewers", (1.0, 64.0), ""),
    limit("camera", "photos_max_bytes", (MIB, 16.0 * GIB), " bytes").or_zero("no photos"),
    limit("camera", "photo_timeout_s", (0.5, 30.0), " seconds"),
];

/// `[camera]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Camera {
    /// Viewers of video in all; they are WebSocket clients as well.
    pub max_viewers: usize,
    /// Bytes of photos kept; the oldest go for new ones. 0: no photos.
    pub photos_max_bytes: u64,
    /// Seconds a photo waits for a whole picture.
    pub photo_timeout_s: f64,
    /// Program that turns a whole picture into a JPEG: ffmpeg. One that is not
    /// there leaves photos as H.264 stills; an empty path does so on purpose.
    pub decoder: PathBuf,
    /// Where video is given by RTSP as well, in clear, to players' own credentials; absent:
    /// nowhere.
    pub rtsp_listen: Option<SocketAddr>,
}

impl Default for Camera {
    fn default() -> Self {
        Camera {
            max_viewers: 32,
            // Some thousand pictures, and little on the smallest SD card.
            photos_max_bytes: 64 * 1024 * 1024,
            photo_timeout_s: 5.0,
            decoder: PathBuf::from("/usr/bin/ffmpeg"),
            rtsp_listen: None,
        }
    }
}
