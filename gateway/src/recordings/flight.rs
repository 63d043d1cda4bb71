//! A drone, the recording of its flight, and what is waiting to go into one.

use std::sync::Arc;

use readings::clock::Mono;
use recording::{Kind, RecordingError};

use super::track::Track;
use super::video::VideoCapture;
use crate::sources::vehicles::LinkState;

/// An event or an alert.
#[derive(Clone)]
pub(super) struct Note {
    pub(super) at: Mono,
    /// The drone it is about; none when it concerns all.
    pub(super) drone: Option<Arc<str>>,
    pub(super) kind: Kind,
    pub(super) payload: Vec<u8>,
}

/// A drone, and the recording of its flight if it flies.
pub(super) struct Flight {
    pub(super) track: Track,
    pub(super) link: Option<(LinkState, Option<String>)>,
    pub(super) recording: Option<Running>,
}

/// A recording that is being written.
pub(super) struct Running {
    pub(super) writer: recording::Recording,
    /// When its time is 0.
    pub(super) zero: Mono,
    pub(super) sync_at: Mono,
    /// Its pictures, where they are recorded.
    pub(super) video: Option<VideoCapture>,
    /// The rules that were written last.
    pub(super) judged_by: serde_json::Value,
}

impl Running {
    pub(super) fn append(
        &mut self,
        at: Mono,
        kind: Kind,
        payload: &[u8],
    ) -> Result<(), RecordingError> {
        let at_us = at.since(self.zero).as_micros() as u64;
        self.writer.append(kind, at_us, payload)
    }

    /// Writes the pictures that wait; how many there were too many.
    pub(super) fn take_pictures(&mut self) -> Result<u64, RecordingError> {
        let Some((frames, lost)) = self.video.as_ref().map(VideoCapture::take) else {
            return Ok(0);
        };
        for (at, key, bytes) in frames {
            let kind = if key { Kind::Picture } else { Kind::Frame };
            self.append(at, kind, &bytes)?;
        }
        Ok(lost)
    }
}
