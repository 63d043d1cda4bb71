//! Pictures of a flight on their way into its recording.
//!
//! A viewer like any other, so a drone's frames are kept once whoever watches. What waits
//! for a slow medium is bounded: then pictures are left out, and told, up to the next whole
//! one.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use readings::clock::Mono;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::config::RecordedVideo;
use crate::sources::tello::{Fleet, Shown, Viewer};

/// Bytes of pictures that wait for the recorder: four seconds at 2 Mbit/s.
const MAX_WAITING_BYTES: usize = 1 << 20;

/// A picture: when it was whole, whether it needs no other, its bytes.
pub(super) type Frame = (Mono, bool, Bytes);

/// Takes the pictures of one drone, until it is dropped.
pub(super) struct VideoCapture {
    waiting: Arc<Mutex<Waiting>>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Waiting {
    frames: VecDeque<Frame>,
    bytes: usize,
    /// Pictures left out since they were taken last.
    lost: u64,
    /// Whether only a whole picture is of use next.
    needs_key: bool,
}

impl VideoCapture {
    /// Takes what `video` says of the drone called `id`; none of a drone without a camera.
    pub(super) fn of(
        fleet: &Fleet,
        id: &str,
        video: RecordedVideo,
        runtime: &Handle,
    ) -> Option<VideoCapture> {
        let wants_all = match video {
            RecordedVideo::Off => return None,
            RecordedVideo::Key => false,
            RecordedVideo::All => true,
        };
        let viewer = fleet.watch(id).ok()?;
        let waiting = Arc::new(Mutex::new(Waiting::default()));
        let task = runtime.spawn(watch(viewer, wants_all, waiting.clone()));
        Some(VideoCapture { waiting, task })
    }

    /// The pictures that wait, and how many were left out.
    pub(super) fn take(&self) -> (VecDeque<Frame>, u64) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.bytes = 0;
        (
            std::mem::take(&mut waiting.frames),
            std::mem::take(&mut waiting.lost),
        )
    }
}

impl Drop for VideoCapture {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn watch(mut viewer: Viewer, wants_all: bool, waiting: Arc<Mutex<Waiting>>) {
    loop {
        let Shown::Frame(bytes) = viewer.next().await else {
            continue;
        };
        let (at, key) = viewer.last();
        if wants_all || key {
            let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.push((at, key, bytes));
        }
    }
}

impl Waiting {
    fn push(&mut self, frame: Frame) {
        let (_, key, bytes) = &frame;
        let is_full = self.bytes + bytes.len() > MAX_WAITING_BYTES;
        if is_full || (self.needs_key && !key) {
            self.lost += 1;
            self.needs_key = true;
            return;
        }
        self.needs_key = false;
        self.bytes += bytes.len();
        self.frames.push_back(frame);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_slow_medium_leaves_out_ends_with_a_whole_picture() {
        let mut waiting = Waiting::default();
        let frame = |key, bytes: usize| (Mono::ZERO, key, Bytes::from(vec![0; bytes]));
        waiting.push(frame(true, MAX_WAITING_BYTES - 10));
        waiting.push(frame(false, 11));
        waiting.push(frame(false, 1));
        assert_eq!((waiting.frames.len(), waiting.lost), (1, 2));
        (waiting.bytes, waiting.lost) = (0, 0);
        waiting.push(frame(false, 1));
        waiting.push(frame(true, 1));
        waiting.push(frame(false, 1));
        assert_eq!((waiting.frames.len(), waiting.lost), (3, 1));
    }
}
