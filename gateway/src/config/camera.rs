//! `[camera]`: video and photos, and what is wrong with them.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Most viewers whatever the configuration says. Each may have a frame and a
/// half of its own on the way to its socket, some 600 KiB at worst.
const MAX_VIEWERS: usize = 64;

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
}

impl Default for Camera {
    fn default() -> Self {
        Camera {
            max_viewers: 32,
            // Some thousand pictures, and little on the smallest SD card.
            photos_max_bytes: 64 * 1024 * 1024,
            photo_timeout_s: 5.0,
            decoder: PathBuf::from("/usr/bin/ffmpeg"),
        }
    }
}

impl Camera {
    /// What is wrong with it, by key.
    pub(super) fn problems(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        if !(1..=MAX_VIEWERS).contains(&self.max_viewers) {
            problems.push(("max_viewers", format!("must be 1 to {MAX_VIEWERS}")));
        }
        if self.photos_max_bytes != 0
            && !(1024 * 1024..=16 * 1024 * 1024 * 1024).contains(&self.photos_max_bytes)
        {
            problems.push((
                "photos_max_bytes",
                "must be 0 (no photos) or 1048576 to 17179869184 bytes".to_owned(),
            ));
        }
        if !(0.5..=30.0).contains(&self.photo_timeout_s) {
            problems.push(("photo_timeout_s", "must be 0.5 to 30 seconds".to_owned()));
        }
        if !self.decoder.as_os_str().is_empty() && !self.decoder.is_absolute() {
            problems.push((
                "decoder",
                "must be a whole path such as /usr/bin/ffmpeg, or empty".to_owned(),
            ));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_by_key() {
        assert!(Camera::default().problems().is_empty());
        let wrong = Camera {
            max_viewers: 0,
            photos_max_bytes: 5,
            photo_timeout_s: f64::NAN,
            decoder: "ffmpeg".into(),
        };
        let keys: Vec<_> = wrong.problems().into_iter().map(|(key, _)| key).collect();
        assert_eq!(
            keys,
            [
                "max_viewers",
                "photos_max_bytes",
                "photo_timeout_s",
                "decoder"
            ]
        );
        let off = Camera {
            photos_max_bytes: 0,
            decoder: PathBuf::new(),
            ..Camera::default()
        };
        assert!(off.problems().is_empty());
    }
}
