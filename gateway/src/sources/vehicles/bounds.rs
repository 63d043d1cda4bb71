//! Whether a way stays within what was set: one judgement, for a command that leaves now
//! and for a plan that is looked at before anything leaves. Pure.

use tello::catalog::Listed;
use tello::command::Command;
use tello::path;

use super::{CEILING_CM, Refusal};

/// Height of a take-off, in cm: 0.8 to 1.2 m were captured.
pub(crate) const TAKEOFF_HEIGHT_CM: i32 = 120;
/// Seconds that one percent of the battery lasts in the air, on the safe side: a Tello flies
/// thirteen minutes when it is new, which would be eight.
pub(crate) const SECONDS_PER_PERCENT: f64 = 6.0;
/// Seconds of a take-off and of a landing, as the slowest that were captured.
const TAKEOFF_S: f64 = 8.7;
const LANDING_S: f64 = 5.0;
/// Seconds that any manoeuvre takes beside its way.
const SETTLES_S: f64 = 2.0;
/// Slowest a drone was seen to move where no speed was set, in cm/s; and to turn, in
/// degrees a second.
const SLOWEST_CM_S: f64 = 20.0;
const TURNS_DEG_S: f64 = 60.0;

/// Where a drone is, and what it must stay within.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bounds {
    /// Over the take-off point, in cm; none: not known.
    pub(crate) height_cm: Option<i32>,
    /// Where the site or the drone sets a limit below the ceiling.
    pub(crate) height_limit_cm: Option<u16>,
    /// Its charge, as far as that is known, and at which it is landed.
    pub(crate) battery_pct: Option<u8>,
    pub(crate) land_battery_pct: u8,
    /// How far it is from the mission pad that it sees, over ground, in cm; none: it sees none.
    pub(crate) pad_cm: Option<u32>,
    /// How far it may be.
    pub(crate) pad_limit_cm: Option<u16>,
    /// Where it is over a pad.
    pub(crate) pad_place: PadPlace,
}

/// Where a drone is over a mission pad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum PadPlace {
    /// Not looked at: the command is not about to leave.
    #[default]
    Later,
    /// It sees none, or does not say it now.
    Unseen,
    /// Over the pad of that number: forward, left and up of it, in cm.
    Over(i32, [i32; 3]),
}

impl PadPlace {
    /// `listed` as it is judged: of a curve over a pad, that from where the drone is.
    fn of(self, listed: Listed) -> Result<Listed, Refusal> {
        match (self, listed.pad()) {
            _ if !listed.curves_over_pad() => Ok(listed),
            (PadPlace::Later, _) => Ok(listed),
            (PadPlace::Over(seen, at_cm), Some(pad)) if pad < 0 || pad == seen => {
                Ok(listed.from_here(at_cm))
            }
            (_, pad) => Err(Refusal::PadUnseen(pad.unwrap_or_default())),
        }
    }
}

/// Seconds that a command takes, on the safe side.
pub(crate) fn takes_s(command: Command) -> f64 {
    let speed = |listed: Listed| listed.value("speed").map_or(SLOWEST_CM_S, f64::from);
    match (command, command.way()) {
        (Command::Land, _) => LANDING_S,
        _ if command.takes_off() => TAKEOFF_S,
        (Command::Rotate { angle_deg, .. }, _) => SETTLES_S + f64::from(angle_deg) / TURNS_DEG_S,
        (Command::Listed(listed), Some(way)) => {
            SETTLES_S + f64::from(way.length_cm) / speed(listed).max(1.0)
        }
        (_, Some(way)) => SETTLES_S + f64::from(way.length_cm) / SLOWEST_CM_S,
        _ if command.is_manoeuvre() => SETTLES_S,
        _ => 0.5,
    }
}

/// Whether a command stays within bounds. They hold for the whole way, not for its end. A
/// way that does not rise is never against a height: a drone above one comes back under it.
///
/// # Errors
/// [`Refusal`], with where it would lead.
pub(crate) fn within(command: Command, bounds: &Bounds) -> Result<(), Refusal> {
    let command = match command {
        Command::Listed(listed) => Command::Listed(bounds.pad_place.of(listed)?),
        command => command,
    };
    if let Command::Listed(listed) = command {
        path::way(&listed).map_err(Refusal::NoPath)?;
    }
    let Some(way) = command.way() else {
        return Ok(());
    };
    let reach_cm = match bounds.pad_cm {
        // Coordinates over a pad say themselves how far from it they lead.
        _ if way.over_pad => Some(way.reach_cm),
        from_cm => from_cm.map(|from_cm| from_cm + way.reach_cm),
    };
    if let (Some(reach_cm), Some(limit_cm)) = (reach_cm, bounds.pad_limit_cm)
        && reach_cm > limit_cm.into()
        && way.reach_cm > 0
    {
        return Err(Refusal::FarFromPad { reach_cm, limit_cm });
    }
    let least_pct = bounds.land_battery_pct;
    if let Some(battery_pct) = bounds.battery_pct.filter(|_| least_pct > 0) {
        let left = f64::from(battery_pct) - takes_s(command) / SECONDS_PER_PERCENT;
        if left <= f64::from(least_pct) {
            return Err(Refusal::BatteryShort {
                battery_pct,
                least_pct,
            });
        }
    }
    if !way.over_pad && way.highest_cm <= 0 {
        return Ok(());
    }
    let from_cm = bounds.height_cm.ok_or(Refusal::NotSaid("height"))?;
    let height_cm = way.highest_from(from_cm);
    if height_cm <= from_cm {
        return Ok(());
    }
    if let Some(limit_cm) = bounds.height_limit_cm
        && height_cm > limit_cm.into()
    {
        return Err(Refusal::OverHeight {
            asked_cm: height_cm - from_cm,
            height_cm,
            limit_cm,
        });
    }
    (height_cm <= CEILING_CM)
        .then_some(())
        .ok_or(Refusal::OutOfBounds { height_cm })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(text: &str, bounds: Bounds) -> Result<(), Refusal> {
        within(Command::parse(text).expect(text), &bounds)
    }

    #[test]
    fn a_way_that_the_battery_does_not_last_for_is_refused_by_its_length() {
        let at = |battery_pct| Bounds {
            height_cm: Some(100),
            battery_pct: Some(battery_pct),
            land_battery_pct: 5,
            ..Bounds::default()
        };
        // Five metres at 10 cm/s are 52 s, 8.7 % of a battery; the same way flown quicker is not.
        let slow = judged("go 500 0 0 10", at(13));
        assert_eq!(
            slow,
            Err(Refusal::BatteryShort {
                battery_pct: 13,
                least_pct: 5
            })
        );
        assert_eq!(judged("go 500 0 0 10", at(14)), Ok(()));
        assert_eq!(judged("go 500 0 0 100", at(13)), Ok(()));
        // An arc is as long as it is, not as far as it leads: half a circle around 1 m.
        assert!(judged("curve 100 100 0 200 0 0 10", at(10)).is_err());
        assert_eq!(judged("go 200 0 0 10", at(10)), Ok(()));
        let off = Bounds {
            land_battery_pct: 0,
            ..at(1)
        };
        assert_eq!(judged("go 500 0 0 10", off), Ok(()));
    }

    #[test]
    fn a_way_may_lead_so_far_from_the_pad_that_is_seen_and_no_farther() {
        let at = |pad_cm| Bounds {
            height_cm: Some(100),
            pad_cm,
            pad_limit_cm: Some(300),
            ..Bounds::default()
        };
        assert_eq!(judged("forward 200", at(Some(100))), Ok(()));
        let far = judged("forward 201", at(Some(100)));
        assert_eq!(
            far,
            Err(Refusal::FarFromPad {
                reach_cm: 301,
                limit_cm: 300
            })
        );
        assert_eq!(
            judged("up 100", at(Some(400))),
            Ok(()),
            "it goes no farther"
        );
        assert_eq!(judged("forward 500", at(None)), Ok(()), "it sees no pad");
        // Over a pad coordinates are distances from it, and lead back from anywhere.
        assert_eq!(judged("go 300 0 100 50 m1", at(Some(400))), Ok(()));
        assert!(judged("go 300 10 100 50 m1", at(Some(0))).is_err());
        // A curve over one is judged from where the drone is over it, when it leaves.
        let curve = "curve 100 0 200 200 0 100 30 m1";
        let leaves = |pad_place, height_limit_cm| {
            let height_limit_cm = Some(height_limit_cm);
            let here = at(Some(0));
            judged(
                curve,
                Bounds {
                    pad_place,
                    height_limit_cm,
                    ..here
                },
            )
        };
        let over = PadPlace::Over(1, [0, 0, 100]);
        assert_eq!(leaves(over, 200), Ok(()));
        assert!(leaves(over, 199).is_err(), "its top is 2 m over the pad");
        let unseen = Err(Refusal::PadUnseen(1));
        assert_eq!(leaves(PadPlace::Unseen, 500), unseen);
        assert_eq!(leaves(PadPlace::Over(2, [0, 0, 100]), 500), unseen);
        assert_eq!(leaves(PadPlace::Later, 500), Ok(()));
        // In one line with where it is.
        assert!(matches!(
            leaves(PadPlace::Over(1, [0, 0, 300]), 500),
            Err(Refusal::NoPath(_))
        ));
        // An arc that ends near leads farther between.
        assert!(judged("curve 200 200 0 0 400 0 60", at(Some(0))).is_err());
    }
}
