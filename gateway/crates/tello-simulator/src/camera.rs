//! The camera of a simulated drone: which frame of the clip is due when.
//!
//! Pure: takes `now`.

use std::time::Duration;

use tokio::time::Instant;

use super::clip;

/// Frames a second.
const FPS: u64 = 30;

/// Frames a camera may be late before it leaves some out: a machine that slept
/// must not send a burst of all that it missed.
const MAX_LATE_FRAMES: u64 = 3;

/// A stream that has begun.
#[derive(Clone, Debug)]
pub(super) struct Camera {
    begun: Instant,
    /// Frames sent or left out.
    count: u64,
}

impl Camera {
    /// Begins with a whole picture.
    pub(super) fn new(now: Instant) -> Camera {
        Camera {
            begun: now,
            count: 0,
        }
    }

    /// When the next frame is due.
    pub(super) fn next_at(&self) -> Instant {
        self.begun + Duration::from_millis(self.count * 1_000 / FPS)
    }

    /// The next frame, if it is due.
    pub(super) fn film(&mut self, now: Instant) -> Option<&'static [u8]> {
        if now < self.next_at() {
            return None;
        }
        let due = now.saturating_duration_since(self.begun).as_millis() as u64 * FPS / 1_000;
        self.count = self.count.max(due.saturating_sub(MAX_LATE_FRAMES));
        let frame = clip::frame(self.count as usize);
        self.count += 1;
        Some(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_frames_a_second_in_order() {
        let begun = Instant::now();
        let mut camera = Camera::new(begun);
        let mut frames = Vec::new();
        for ms in 0..2_000 {
            frames.extend(camera.film(begun + Duration::from_millis(ms)));
        }
        assert_eq!(frames.len(), 60);
        assert!(
            frames
                .iter()
                .enumerate()
                .all(|(number, frame)| *frame == clip::frame(number))
        );
    }

    #[test]
    fn a_pause_is_not_made_up_for() {
        let begun = Instant::now();
        let mut camera = Camera::new(begun);
        assert!(camera.film(begun).is_some());
        let late = begun + Duration::from_secs(60);
        assert_eq!(
            std::iter::from_fn(|| camera.film(late)).count() as u64,
            MAX_LATE_FRAMES + 1
        );
        assert!(camera.next_at() > late);
    }
}
