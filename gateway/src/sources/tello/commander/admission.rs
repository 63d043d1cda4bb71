//! What may be asked of a drone now. Pure: the firmware would refuse much of
//! this too, but late, and in fewer words.

use tello::catalog::Effect;
use tello::command::Command;

use crate::sources::vehicles::{CEILING_CM, Flight, LinkState, Phase, Refusal};

use super::down::Down;
use super::snapshot::Snapshot;

/// What the decision is made from, besides the drone as it is seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grounds {
    pub(super) flight: Flight,
    /// Fresh states prove the ground.
    pub(super) grounded: bool,
    pub(super) takeoff_battery_pct: u8,
    /// Where the commands before it will have taken the drone, in cm.
    pub(super) height_cm: i32,
}

/// Whether `command` may be sent. Judged when it is asked, and again when its
/// turn comes.
pub(super) fn admit(command: Command, about: &Snapshot, grounds: Grounds) -> Result<(), Refusal> {
    if let Some(down) = Down::of(command) {
        return admit_down(down, about, grounds);
    }
    match about.link {
        LinkState::Disconnected | LinkState::Connecting => return Err(Refusal::NotConnected),
        LinkState::Lost => return Err(Refusal::Lost(about.reason.clone().unwrap_or_default())),
        LinkState::Connected => {}
    }
    let phase = grounds.flight.phase;
    let flies = matches!(phase, Phase::TakingOff | Phase::Flying);
    match command {
        _ if command.takes_off() => take_off(about, grounds),
        _ if command.is_manoeuvre() && !flies => Err(Refusal::NotAirborne),
        _ if phase == Phase::Flying && !about.is_fresh() => Err(Refusal::NotSeen),
        Command::Listed(listed) if listed.entry().effect == Effect::Restarts => {
            if grounds.grounded {
                Ok(())
            } else {
                Err(Refusal::NotOnGround)
            }
        }
        _ => command
            .way()
            .map_or(Ok(()), |way| within(way.highest_from(grounds.height_cm))),
    }
}

/// Down is always possible: what is believed of the drone keeps nobody from it,
/// only a fresh state that proves the ground does, and that there is no link.
fn admit_down(down: Down, about: &Snapshot, grounds: Grounds) -> Result<(), Refusal> {
    let has_link = match about.link {
        LinkState::Connected | LinkState::Lost => true,
        // Nobody wants it, or it was never heard since; one in the air still counts.
        LinkState::Disconnected | LinkState::Connecting => grounds.flight.may_fly(),
    };
    match down {
        _ if !has_link => Err(Refusal::NotConnected),
        // The contract has it accepted in any flight state.
        Down::Emergency => Ok(()),
        Down::Land | Down::Stop if grounds.grounded => Err(Refusal::NotAirborne),
        Down::Land | Down::Stop => Ok(()),
    }
}

fn take_off(about: &Snapshot, grounds: Grounds) -> Result<(), Refusal> {
    if grounds.flight.may_fly() {
        return Err(Refusal::NotOnGround);
    }
    let least_pct = grounds.takeoff_battery_pct;
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

/// The limit holds for the whole way, not for its end.
fn within(height_cm: i32) -> Result<(), Refusal> {
    (height_cm <= CEILING_CM)
        .then_some(())
        .ok_or(Refusal::OutOfBounds { height_cm })
}

#[cfg(test)]
mod tests {
    use tello::command::Direction;

    use super::super::super::motion::Motion;
    use super::*;
    use crate::sources::vehicles::Basis;
    use readings::clock::Mono;

    /// A drone at 120 cm that was just heard.
    fn about() -> Snapshot {
        let now = Mono::from_millis(5_000);
        let mut motion = Motion::default();
        motion.take(&tello::state::parse(b"time:9;h:120;").state, now);
        Snapshot {
            now,
            link: LinkState::Connected,
            reason: None,
            motion,
            battery_pct: Some(50),
            height_cm: Some(120),
        }
    }

    fn in_phase(phase: Phase) -> Grounds {
        Grounds {
            flight: Flight {
                phase,
                basis: Basis::State,
            },
            grounded: phase == Phase::Landed,
            takeoff_battery_pct: 10,
            height_cm: 120,
        }
    }

    const UP: Command = Command::Move {
        direction: Direction::Up,
        distance_cm: 500,
    };

    #[test]
    fn a_take_off_needs_the_ground_and_a_charge() {
        let landed = in_phase(Phase::Landed);
        assert_eq!(admit(Command::Takeoff, &about(), landed), Ok(()));
        let flying = in_phase(Phase::Flying);
        assert_eq!(
            admit(Command::Takeoff, &about(), flying),
            Err(Refusal::NotOnGround)
        );
        let charged = |battery_pct| Snapshot {
            battery_pct: Some(battery_pct),
            ..about()
        };
        assert_eq!(
            admit(Command::Takeoff, &charged(9), landed),
            Err(Refusal::BatteryLow {
                battery_pct: 9,
                least_pct: 10
            })
        );
        assert_eq!(admit(Command::Takeoff, &charged(10), landed), Ok(()));
    }

    #[test]
    fn movements_need_the_air_and_stay_under_the_ceiling() {
        for phase in [Phase::Flying, Phase::TakingOff] {
            assert_eq!(admit(UP, &about(), in_phase(phase)), Ok(()));
        }
        for phase in [Phase::Landed, Phase::Landing] {
            assert_eq!(
                admit(UP, &about(), in_phase(phase)),
                Err(Refusal::NotAirborne)
            );
        }
        let high = Grounds {
            height_cm: 501,
            ..in_phase(Phase::Flying)
        };
        assert_eq!(
            admit(UP, &about(), high),
            Err(Refusal::OutOfBounds { height_cm: 1_001 })
        );
    }

    #[test]
    fn a_way_is_judged_by_its_highest_point_and_a_restart_needs_the_ground() {
        let judged = |text: &str, grounds: Grounds| {
            admit(Command::parse(text).expect(text), &about(), grounds)
        };
        let high = Grounds {
            height_cm: 950,
            ..in_phase(Phase::Flying)
        };
        // Begins and ends below the ceiling, and leaves it between.
        assert_eq!(
            judged("curve 100 0 100 200 0 0 30", high),
            Err(Refusal::OutOfBounds { height_cm: 1_050 })
        );
        assert_eq!(judged("curve 100 0 -100 200 0 0 30", high), Ok(()));
        assert_eq!(judged("go 100 0 50 30", high), Ok(()));
        assert!(judged("go 100 0 51 30", high).is_err());
        assert_eq!(
            judged("throwfly", in_phase(Phase::Flying)),
            Err(Refusal::NotOnGround)
        );
        assert_eq!(
            judged("reboot", in_phase(Phase::Flying)),
            Err(Refusal::NotOnGround)
        );
        assert_eq!(judged("reboot", in_phase(Phase::Landed)), Ok(()));
        let unproven = Grounds {
            grounded: false,
            ..in_phase(Phase::Landed)
        };
        assert_eq!(judged("reboot", unproven), Err(Refusal::NotOnGround));
    }

    #[test]
    fn nothing_but_down_commands_goes_to_a_flying_drone_that_is_not_seen() {
        let unseen = Snapshot {
            now: Mono::from_millis(7_000),
            ..about()
        };
        let flying = in_phase(Phase::Flying);
        let speed = Command::parse("speed 50").expect("a command");
        for command in [UP, Command::StreamOn, speed] {
            assert_eq!(
                admit(command, &unseen, flying),
                Err(Refusal::NotSeen),
                "{command}"
            );
        }
        assert_eq!(admit(Command::Land, &unseen, flying), Ok(()));
    }

    #[test]
    fn down_is_possible_unless_the_ground_is_proven_or_there_is_no_link() {
        let down = [Command::Land, Command::Stop, Command::Emergency];
        let lost = Snapshot {
            link: LinkState::Lost,
            ..about()
        };
        // Believed to be landed, and not proven: it is sent.
        let believed = Grounds {
            grounded: false,
            ..in_phase(Phase::Landed)
        };
        for command in down {
            for phase in [Phase::TakingOff, Phase::Flying, Phase::Landing] {
                assert_eq!(admit(command, &about(), in_phase(phase)), Ok(()));
                assert_eq!(admit(command, &lost, in_phase(phase)), Ok(()));
            }
            assert_eq!(admit(command, &lost, believed), Ok(()), "{command}");
        }
        let grounded = in_phase(Phase::Landed);
        assert_eq!(
            admit(Command::Land, &about(), grounded),
            Err(Refusal::NotAirborne)
        );
        assert_eq!(admit(Command::Emergency, &about(), grounded), Ok(()));
        let nobody = Snapshot {
            link: LinkState::Disconnected,
            ..about()
        };
        for command in down {
            assert_eq!(
                admit(command, &nobody, believed),
                Err(Refusal::NotConnected)
            );
            assert_eq!(admit(command, &nobody, in_phase(Phase::Flying)), Ok(()));
        }
        assert!(matches!(
            admit(UP, &lost, in_phase(Phase::Flying)),
            Err(Refusal::Lost(_))
        ));
    }
}
