//! The camera of a simulated drone: which frame of the clip is due when.
//!
//! Pure: takes `now`.

use super::clip;
use readings::clock::Mono;

/// Frames a second.
const FPS: u64 = 30;

/// Frames a camera may be late before it leaves some out: a machine that slept
/// must not send a burst of all that it missed.
const MAX_LATE_FRAMES: u64 = 3;

/// A stream that has begun.
#[derive(Clone, Debug)]
pub(super) struct Camera {
    begun: Mono,
    /// Frames sent or left out.
    count: u64,
}

impl Camera {
    /// Begins with a whole picture.
    pub(super) fn new(now: Mono) -> Camera {
        Camera {
            begun: now,
            count: 0,
        }
    }

    /// When the next frame is due.
    pub(super) fn next_at(&self) -> Mono {
        Mono::from_millis(self.begun.as_millis() + self.count * 1_000 / FPS)
    }

    /// The next frame, if it is due.
    pub(super) fn film(&mut self, now: Mono) -> Option<&'static [u8]> {
        if now < self.next_at() {
            return None;
        }
        let due = now.since(self.begun).as_millis() as u64 * FPS / 1_000;
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
        let mut camera = Camera::new(Mono::from_millis(500));
        let mut frames = Vec::new();
        for at in 500..2_500 {
            frames.extend(camera.film(Mono::from_millis(at)));
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
        let mut camera = Camera::new(Mono::ZERO);
        assert!(camera.film(Mono::ZERO).is_some());
        let late = Mono::from_millis(60_000);
        assert_eq!(
            std::iter::from_fn(|| camera.film(late)).count() as u64,
            MAX_LATE_FRAMES + 1
        );
        assert!(camera.next_at() > late);
    }
}
