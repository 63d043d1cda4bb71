//! Whether the drone flies, from its own state and from what it confirmed.
//!
//! The state stream alone is late (motor time counts whole seconds) and drifts
//! (a landed drone may report a height); the confirmations alone do not know
//! that a drone landed by itself. Pure.

use std::time::Duration;

use readings::clock::Mono;

/// How long a confirmed take-off counts before the state must show it.
const TAKEOFF_SHOWS_WITHIN: Duration = Duration::from_secs(3);

/// Motor time may step once more after a confirmed landing.
const MOTORS_RUN_OUT: Duration = Duration::from_millis(1_500);

/// What the drone is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// On the ground.
    #[default]
    Landed,
    /// Told to take off, not confirmed yet.
    TakingOff,
    /// In the air.
    Flying,
    /// Told to land, not confirmed yet.
    Landing,
}

/// What the drone's state says.
#[derive(Clone, Copy, Debug, Default)]
pub(in super::super) struct Sign {
    /// Motors run, or the height is over zero.
    pub(in super::super) airborne: bool,
    /// When motor time last advanced.
    pub(in super::super) motor_time_advanced: Option<Mono>,
}

/// The last change that the drone confirmed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Confirmed {
    #[default]
    Nothing,
    Airborne(Mono),
    Landed(Mono),
}

/// The phase at `now`; `told` is the take-off or landing under way.
pub(super) fn phase(confirmed: Confirmed, sign: Sign, told: Option<Phase>, now: Mono) -> Phase {
    if let Some(told) = told {
        return told;
    }
    let flies = match confirmed {
        Confirmed::Nothing => sign.airborne,
        Confirmed::Airborne(at) => sign.airborne || now.since(at) < TAKEOFF_SHOWS_WITHIN,
        // Height drifts, so only motors that run again prove another flight.
        Confirmed::Landed(at) => {
            sign.airborne
                && sign
                    .motor_time_advanced
                    .is_some_and(|advanced| advanced > at.plus(MOTORS_RUN_OUT))
        }
    };
    if flies { Phase::Flying } else { Phase::Landed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confirmations_bridge_what_the_state_shows_late() {
        let at = Mono::from_millis;
        let sign = |airborne, advanced: u64| Sign {
            airborne,
            motor_time_advanced: Some(at(advanced)),
        };
        let judge = |confirmed, sign, now| phase(confirmed, sign, None, at(now));
        assert_eq!(
            judge(Confirmed::Airborne(at(1_000)), sign(false, 0), 2_000),
            Phase::Flying
        );
        assert_eq!(
            judge(Confirmed::Airborne(at(1_000)), sign(false, 0), 4_001),
            Phase::Landed,
            "landed by itself"
        );
        assert_eq!(
            judge(Confirmed::Landed(at(9_000)), sign(true, 9_500), 10_000),
            Phase::Landed,
            "motors run out"
        );
        assert_eq!(
            judge(Confirmed::Landed(at(9_000)), sign(true, 20_000), 20_100),
            Phase::Flying,
            "by another hand"
        );
        assert_eq!(judge(Confirmed::Nothing, sign(true, 1), 2), Phase::Flying);
        let told = phase(
            Confirmed::Nothing,
            Sign::default(),
            Some(Phase::TakingOff),
            at(5),
        );
        assert_eq!(told, Phase::TakingOff);
    }
}
