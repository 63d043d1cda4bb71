//! A random sequence by a seed, so that a fault seen once can be seen again. Not for secrets.

/// The sequence.
#[derive(Clone, Debug)]
pub struct Rng(fastrand::Rng);

impl Rng {
    /// The one of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Rng {
        Rng(fastrand::Rng::with_seed(seed))
    }

    /// Any number.
    pub fn draw(&mut self) -> u64 {
        self.0.u64(..)
    }

    /// Under `bound`; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0.u64(..bound.max(1))
    }

    /// From −1 to 1.
    pub fn noise(&mut self) -> f64 {
        self.0.f64() * 2.0 - 1.0
    }

    /// True in `percent` of the cases.
    pub fn chance(&mut self, percent: u8) -> bool {
        self.0.u8(..100) < percent
    }
}
