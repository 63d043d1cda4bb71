//! A bad line: bytes that get lost or broken on the way.
//!
//! Pure and repeatable: the same seed spoils the same bytes, so that what a
//! test saw can be seen again.

use std::vec::Vec;

/// Any will do, as long as it stays the same.
const SEED: u64 = 1;

/// How bad the line is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Noise {
    /// Of a thousand bytes so many are lost.
    pub lost_per_mille: u16,
    /// Of a thousand bytes so many arrive with one bit wrong.
    pub broken_per_mille: u16,
}

/// A line with noise on it.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) noise: Noise,
    random: fastrand::Rng,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            noise: Noise::default(),
            random: fastrand::Rng::with_seed(SEED),
        }
    }
}

impl Line {
    /// What arrives of `bytes`.
    pub(super) fn carry(&mut self, bytes: &mut Vec<u8>) {
        let Noise {
            lost_per_mille,
            broken_per_mille,
        } = self.noise;
        if lost_per_mille == 0 && broken_per_mille == 0 {
            return;
        }
        bytes.retain_mut(|byte| {
            let broken = self.chance(broken_per_mille);
            if broken {
                *byte ^= 1 << self.random.u8(..8);
            }
            !self.chance(lost_per_mille)
        });
    }

    fn chance(&mut self, per_mille: u16) -> bool {
        self.random.u16(..1_000) < per_mille
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    fn carried(lost_per_mille: u16, broken_per_mille: u16) -> Vec<u8> {
        let mut line = Line {
            noise: Noise {
                lost_per_mille,
                broken_per_mille,
            },
            ..Line::default()
        };
        let mut bytes = vec![0; 100_000];
        line.carry(&mut bytes);
        bytes
    }

    #[test]
    fn as_much_is_lost_and_broken_as_was_said() {
        assert_eq!(carried(0, 0), vec![0; 100_000]);
        assert!((98_500..99_500).contains(&carried(10, 0).len()));
        let broken = carried(0, 10).iter().filter(|byte| **byte != 0).count();
        assert!((500..1_500).contains(&broken), "{broken}");
        assert!(carried(1_000, 0).is_empty());
    }
}
