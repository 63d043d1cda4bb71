//! One drone at one moment, as every part of the commander sees it.
//!
//! Taken once a call, so that admission, guard and down-commands cannot judge
//! from different states. Says which of its values are fresh; decides nothing.

use readings::clock::Mono;

use super::super::motion::Motion;
use super::belief::FRESH_WITHIN;
use crate::sources::vehicles::{LinkState, PadPlace};

/// A drone at one moment.
#[derive(Clone, Debug)]
pub(in super::super) struct Snapshot {
    pub(in super::super) now: Mono,
    pub(in super::super) link: LinkState,
    /// Why it is lost, in words.
    pub(in super::super) reason: Option<String>,
    /// What its states show of motors and motion.
    pub(in super::super) motion: Motion,
    /// The newest values, however old: see [`Snapshot::is_fresh`].
    pub(in super::super) battery_pct: Option<u8>,
    pub(in super::super) height_cm: Option<i32>,
    /// The mission pad that it sees, and where it is over it, in cm: forward, left, up.
    pub(in super::super) pad: Option<(u8, [i16; 3])>,
    /// Degrees clockwise.
    pub(in super::super) yaw_deg: Option<i32>,
}

impl Snapshot {
    /// Whether its values say what is, and not what was.
    pub(super) fn is_fresh(&self) -> bool {
        self.motion.is_fresh(self.now, FRESH_WITHIN)
    }

    /// The height that a ceiling is judged by; none: the drone does not say.
    pub(super) fn height_under_ceiling_cm(&self) -> Option<i32> {
        self.motion.height_under_ceiling_cm()
    }

    /// How far it is from the pad that it sees now, over ground, in cm.
    pub(super) fn pad_cm(&self) -> Option<u32> {
        let (_, [x, y, _]) = self.pad.filter(|_| self.is_fresh())?;
        Some(f64::from(x).hypot(f64::from(y)).ceil() as u32)
    }

    /// Where it is over the pad that it sees now.
    pub(super) fn pad_place(&self) -> PadPlace {
        let seen = self.pad.filter(|_| self.is_fresh());
        seen.map_or(PadPlace::Unseen, |(pad, at_cm)| {
            PadPlace::Over(pad.into(), at_cm.map(i32::from))
        })
    }

    /// The charge, unless that is an old one.
    pub(super) fn battery_now_pct(&self) -> Option<u8> {
        self.battery_pct.filter(|_| self.is_fresh())
    }
}
