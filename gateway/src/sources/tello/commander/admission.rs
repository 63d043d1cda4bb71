//! What may be asked of a drone now. Pure: the firmware would refuse much of
//! this too, but late, and in fewer words.

use tello::command::{Command, Direction};
use thiserror::Error;

use super::super::LinkState;
use super::phase::Phase;

/// Highest point a drone is sent to, in cm over its take-off point.
pub(super) const CEILING_CM: i32 = 1_000;

/// Why a command is not taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Nobody connected it, or it was never heard.
    #[error("the drone is not connected")]
    NotConnected,
    /// It should be heard and is not.
    #[error("the drone is lost: {0}")]
    Lost(String),
    /// It is not on the ground.
    #[error("the drone is not on the ground")]
    NotOnGround,
    /// It is not in the air.
    #[error("the drone is not airborne")]
    NotAirborne,
    /// Its battery is under the limit for a take-off.
    #[error("battery too low for a take-off: {battery_pct} %, at least {least_pct} % is required")]
    BatteryLow {
        /// Its charge.
        battery_pct: u8,
        /// The configured limit.
        least_pct: u8,
    },
    /// The move would leave the space drones may fly in.
    #[error("target out of bounds: {height_cm} cm is outside 0 to {CEILING_CM} cm")]
    OutOfBounds {
        /// Where it would end.
        height_cm: i32,
    },
    /// Too many commands wait already.
    #[error("too many commands wait for this drone; try again when some are done")]
    Full,
    /// The drone's task has ended.
    #[error("the gateway is stopping")]
    Stopping,
}

/// What the decision is made from.
#[derive(Clone, Debug)]
pub(super) struct Circumstances {
    pub(super) link: LinkState,
    /// Why it is lost, in words.
    pub(super) reason: Option<String>,
    pub(super) phase: Phase,
    pub(super) battery_pct: Option<u8>,
    pub(super) takeoff_battery_pct: u8,
    pub(super) height_cm: Option<i32>,
}

/// Whether `command` may be sent.
pub(super) fn admit(command: Command, about: &Circumstances) -> Result<(), Refusal> {
    let saves = matches!(command, Command::Land | Command::Stop | Command::Emergency);
    match about.link {
        LinkState::Disconnected | LinkState::Connecting => return Err(Refusal::NotConnected),
        // It may hear us though we do not hear it; then these must get through.
        LinkState::Lost if saves => {}
        LinkState::Lost => return Err(Refusal::Lost(about.reason.clone().unwrap_or_default())),
        LinkState::Connected => {}
    }
    let flies = matches!(about.phase, Phase::TakingOff | Phase::Flying);
    match command {
        Command::Takeoff => take_off(about),
        Command::Land => flies.then_some(()).ok_or(Refusal::NotAirborne),
        Command::Move { .. } | Command::Rotate { .. } | Command::Flip(_) | Command::Go { .. }
            if !flies =>
        {
            Err(Refusal::NotAirborne)
        }
        Command::Move {
            direction: Direction::Up,
            distance_cm,
        } => within(about, i32::from(distance_cm)),
        Command::Go {
            to_cm: [_, _, up], ..
        } if up > 0 => within(about, i32::from(up)),
        _ => Ok(()),
    }
}

fn take_off(about: &Circumstances) -> Result<(), Refusal> {
    if about.phase != Phase::Landed {
        return Err(Refusal::NotOnGround);
    }
    let least_pct = about.takeoff_battery_pct;
    match about
        .battery_pct
        .filter(|battery_pct| *battery_pct < least_pct)
    {
        Some(battery_pct) => Err(Refusal::BatteryLow {
            battery_pct,
            least_pct,
        }),
        None => Ok(()),
    }
}

fn within(about: &Circumstances, up_cm: i32) -> Result<(), Refusal> {
    let height_cm = about.height_cm.unwrap_or(0) + up_cm;
    (height_cm <= CEILING_CM)
        .then_some(())
        .ok_or(Refusal::OutOfBounds { height_cm })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about() -> Circumstances {
        Circumstances {
            link: LinkState::Connected,
            reason: None,
            phase: Phase::Flying,
            battery_pct: Some(50),
            takeoff_battery_pct: 10,
            height_cm: Some(120),
        }
    }

    const UP: Command = Command::Move {
        direction: Direction::Up,
        distance_cm: 500,
    };

    #[test]
    fn a_take_off_needs_the_ground_and_a_charge() {
        let landed = Circumstances {
            phase: Phase::Landed,
            ..about()
        };
        assert_eq!(admit(Command::Takeoff, &landed), Ok(()));
        assert_eq!(admit(Command::Takeoff, &about()), Err(Refusal::NotOnGround));
        let low = |battery_pct| Circumstances {
            battery_pct: Some(battery_pct),
            ..landed.clone()
        };
        assert_eq!(
            admit(Command::Takeoff, &low(9)),
            Err(Refusal::BatteryLow {
                battery_pct: 9,
                least_pct: 10
            })
        );
        assert_eq!(admit(Command::Takeoff, &low(10)), Ok(()));
    }

    #[test]
    fn movements_need_the_air_and_stay_under_the_ceiling() {
        assert_eq!(admit(UP, &about()), Ok(()));
        assert_eq!(
            admit(
                UP,
                &Circumstances {
                    phase: Phase::TakingOff,
                    ..about()
                }
            ),
            Ok(())
        );
        for phase in [Phase::Landed, Phase::Landing] {
            assert_eq!(
                admit(UP, &Circumstances { phase, ..about() }),
                Err(Refusal::NotAirborne)
            );
        }
        let high = Circumstances {
            height_cm: Some(501),
            ..about()
        };
        assert_eq!(
            admit(UP, &high),
            Err(Refusal::OutOfBounds { height_cm: 1_001 })
        );
    }

    #[test]
    fn what_saves_the_drone_is_sent_into_the_dark() {
        let lost = Circumstances {
            link: LinkState::Lost,
            ..about()
        };
        for command in [Command::Land, Command::Stop, Command::Emergency] {
            assert_eq!(admit(command, &lost), Ok(()), "{command}");
        }
        assert!(matches!(admit(UP, &lost), Err(Refusal::Lost(_))));
        let nobody = Circumstances {
            link: LinkState::Disconnected,
            ..about()
        };
        assert_eq!(
            admit(Command::Emergency, &nobody),
            Err(Refusal::NotConnected)
        );
    }
}
