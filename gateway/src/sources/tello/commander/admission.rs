//! What may be asked of a drone now. Pure: the firmware would refuse much of
//! this too, but late, and in fewer words.

use std::sync::Arc;

use tello::catalog::Effect;
use tello::command::Command;

use crate::sources::vehicles::{
    Bounds, Flight, LinkState, Phase, Refusal, TakeoffFacts, linked, takeoff_checks, within,
};

use super::down::Down;
use super::snapshot::Snapshot;

/// What the decision is made from, besides the drone as it is seen.
#[derive(Clone, Debug)]
pub(super) struct Grounds {
    pub(super) flight: Flight,
    /// Fresh states prove the ground.
    pub(super) grounded: bool,
    /// Fresh states show it on the floor, at rest or with idling motors.
    pub(super) on_floor: bool,
    /// Major version of its SDK, once it said so.
    pub(super) sdk: Option<u8>,
    /// Whether it did not say that it knows no such command.
    pub(super) is_known: bool,
    pub(super) takeoff_battery_pct: u8,
    /// Where the commands before it will have taken the drone, and what it must stay within.
    pub(super) bounds: Bounds,
    /// What keeps it on the ground that is not its own.
    pub(super) held: Option<Arc<str>>,
    /// Why nobody flies it on, in words.
    pub(super) stopped: Option<Arc<str>>,
    /// Why it is taken for another drone, in words.
    pub(super) mistaken: Option<Arc<str>>,
}

/// Whether `command` may be sent. Judged when it is asked, and again when its
/// turn comes.
pub(super) fn admit(command: Command, about: &Snapshot, grounds: &Grounds) -> Result<(), Refusal> {
    if let Some(down) = Down::of(command) {
        return admit_down(down, about, grounds);
    }
    known_to_sdk(command, grounds)?;
    if command.takes_off() {
        return take_off(about, grounds);
    }
    if command.idles() == Some(true) {
        // Propellers turn by it as by a take-off: the same list holds, and proof of the
        // ground with it.
        take_off(about, grounds)?;
        return on_ground(grounds.grounded);
    }
    linked(about.link, about.reason.as_deref())?;
    if let Some(why) = &grounds.mistaken {
        return Err(Refusal::Mistaken(why.clone()));
    }
    let phase = grounds.flight.phase;
    let flies = matches!(phase, Phase::TakingOff | Phase::Flying);
    if let Some(why) = grounds.stopped.as_ref().filter(|_| flies) {
        return Err(Refusal::Stopped(why.clone()));
    }
    match command {
        _ if command.is_manoeuvre() && !flies => Err(Refusal::NotAirborne),
        _ if phase == Phase::Flying && !about.is_fresh() => Err(Refusal::NotSeen),
        Command::Listed(listed) if listed.entry().effect == Effect::Restarts => {
            on_ground(grounds.grounded)
        }
        _ if command.idles().is_some() => on_ground(grounds.on_floor),
        _ => within(command, &grounds.bounds),
    }
}

/// What the drone said it is too old for is not sent. One that said nothing yet answers
/// for itself.
fn known_to_sdk(command: Command, grounds: &Grounds) -> Result<(), Refusal> {
    let needs = command.since_sdk();
    match grounds.sdk {
        Some(found) if found < needs => Err(Refusal::NotInSdk { needs, found }),
        _ if !grounds.is_known => Err(Refusal::NotInFirmware),
        _ => Ok(()),
    }
}

fn on_ground(is_proven: bool) -> Result<(), Refusal> {
    is_proven.then_some(()).ok_or(Refusal::NotOnGround)
}

/// Down is always possible: what is believed of the drone keeps nobody from it,
/// only a fresh state that proves the ground does, and that there is no link.
fn admit_down(down: Down, about: &Snapshot, grounds: &Grounds) -> Result<(), Refusal> {
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

fn take_off(about: &Snapshot, grounds: &Grounds) -> Result<(), Refusal> {
    let checks = takeoff_checks(&TakeoffFacts {
        link: about.link,
        reason: about.reason.as_deref(),
        mistaken: grounds.mistaken.clone(),
        may_fly: grounds.flight.may_fly(),
        upside_down: about.motion.is_upside_down(),
        battery_pct: about.battery_pct,
        least_pct: grounds.takeoff_battery_pct,
        held: grounds.held.clone(),
    });
    let mut refusals = checks.into_iter().filter_map(|check| check.refusal);
    refusals.next().map_or(Ok(()), Err)
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
            yaw_deg: Some(0),
            pad: None,
        }
    }

    fn in_phase(phase: Phase) -> Grounds {
        Grounds {
            flight: Flight {
                phase,
                basis: Basis::State,
            },
            grounded: phase == Phase::Landed,
            on_floor: phase == Phase::Landed,
            sdk: None,
            is_known: true,
            takeoff_battery_pct: 10,
            bounds: Bounds {
                height_cm: Some(120),
                ..Bounds::default()
            },
            held: None,
            stopped: None,
            mistaken: None,
        }
    }

    const UP: Command = Command::Move {
        direction: Direction::Up,
        distance_cm: 500,
    };

    #[test]
    fn a_take_off_needs_the_ground_and_a_charge() {
        let landed = in_phase(Phase::Landed);
        assert_eq!(admit(Command::Takeoff, &about(), &landed), Ok(()));
        let flying = in_phase(Phase::Flying);
        assert_eq!(
            admit(Command::Takeoff, &about(), &flying),
            Err(Refusal::NotOnGround)
        );
        let charged = |battery_pct| Snapshot {
            battery_pct: Some(battery_pct),
            ..about()
        };
        assert_eq!(
            admit(Command::Takeoff, &charged(9), &landed),
            Err(Refusal::BatteryLow {
                battery_pct: 9,
                least_pct: 10
            })
        );
        assert_eq!(admit(Command::Takeoff, &charged(10), &landed), Ok(()));
        let held = Grounds {
            held: Some("the emergency stop is engaged".into()),
            ..landed
        };
        let why = Refusal::Held("the emergency stop is engaged".into());
        assert_eq!(admit(Command::Takeoff, &about(), &held), Err(why));
    }

    #[test]
    fn movements_need_the_air_and_stay_under_the_ceiling() {
        for phase in [Phase::Flying, Phase::TakingOff] {
            assert_eq!(admit(UP, &about(), &in_phase(phase)), Ok(()));
        }
        for phase in [Phase::Landed, Phase::Landing] {
            assert_eq!(
                admit(UP, &about(), &in_phase(phase)),
                Err(Refusal::NotAirborne)
            );
        }
        let high = Grounds {
            bounds: Bounds {
                height_cm: Some(501),
                ..Bounds::default()
            },
            ..in_phase(Phase::Flying)
        };
        assert_eq!(
            admit(UP, &about(), &high),
            Err(Refusal::OutOfBounds { height_cm: 1_001 })
        );
        let unknown = Grounds {
            bounds: Bounds {
                height_cm: None,
                ..Bounds::default()
            },
            ..in_phase(Phase::Flying)
        };
        assert_eq!(
            admit(UP, &about(), &unknown),
            Err(Refusal::NotSaid("height"))
        );
        let limited = Grounds {
            bounds: Bounds {
                height_cm: Some(120),
                height_limit_cm: Some(300),
                ..Bounds::default()
            },
            ..in_phase(Phase::Flying)
        };
        let refused = admit(UP, &about(), &limited).expect_err("over the limit");
        let words = refused.to_string();
        for part in ["300 cm", "drones.limits.land_height_cm", "up 500", "620 cm"] {
            assert!(words.contains(part), "{words}");
        }
    }

    #[test]
    fn a_drone_on_its_back_takes_off_only_when_it_is_upright() {
        let mut over = about();
        let lie = |over: &mut Snapshot, text: &str| {
            for _ in 0..40 {
                over.now = over.now.plus(std::time::Duration::from_millis(100));
                over.motion
                    .take(&tello::state::parse(text.as_bytes()).state, over.now);
            }
        };
        lie(&mut over, "time:9;pitch:0;roll:180;");
        let landed = in_phase(Phase::Landed);
        assert_eq!(
            admit(Command::Takeoff, &over, &landed),
            Err(Refusal::UpsideDown)
        );
        assert_eq!(
            admit(Command::Land, &over, &in_phase(Phase::Flying)),
            Ok(())
        );
        lie(&mut over, "time:9;pitch:0;roll:0;");
        assert_eq!(admit(Command::Takeoff, &over, &landed), Ok(()));
    }

    #[test]
    fn a_way_is_judged_by_its_highest_point_and_a_restart_needs_the_ground() {
        let judged = |text: &str, grounds: &Grounds| {
            admit(Command::parse(text).expect(text), &about(), grounds)
        };
        let high = Grounds {
            bounds: Bounds {
                height_cm: Some(950),
                ..Bounds::default()
            },
            ..in_phase(Phase::Flying)
        };
        // Begins and ends below the ceiling, and leaves it between.
        assert_eq!(
            judged("curve 100 0 100 200 0 0 30", &high),
            Err(Refusal::OutOfBounds { height_cm: 1_050 })
        );
        assert_eq!(judged("curve 100 0 -100 200 0 0 30", &high), Ok(()));
        assert_eq!(judged("go 100 0 50 30", &high), Ok(()));
        assert!(judged("go 100 0 51 30", &high).is_err());
        assert_eq!(
            judged("throwfly", &in_phase(Phase::Flying)),
            Err(Refusal::NotOnGround)
        );
        assert_eq!(
            judged("reboot", &in_phase(Phase::Flying)),
            Err(Refusal::NotOnGround)
        );
        assert_eq!(judged("reboot", &in_phase(Phase::Landed)), Ok(()));
        let unproven = Grounds {
            grounded: false,
            ..in_phase(Phase::Landed)
        };
        assert_eq!(judged("reboot", &unproven), Err(Refusal::NotOnGround));
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
                admit(command, &unseen, &flying),
                Err(Refusal::NotSeen),
                "{command}"
            );
        }
        assert_eq!(admit(Command::Land, &unseen, &flying), Ok(()));
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
                assert_eq!(admit(command, &about(), &in_phase(phase)), Ok(()));
                assert_eq!(admit(command, &lost, &in_phase(phase)), Ok(()));
            }
            assert_eq!(admit(command, &lost, &believed), Ok(()), "{command}");
        }
        let grounded = in_phase(Phase::Landed);
        assert_eq!(
            admit(Command::Land, &about(), &grounded),
            Err(Refusal::NotAirborne)
        );
        assert_eq!(admit(Command::Emergency, &about(), &grounded), Ok(()));
        let nobody = Snapshot {
            link: LinkState::Disconnected,
            ..about()
        };
        for command in down {
            assert_eq!(
                admit(command, &nobody, &believed),
                Err(Refusal::NotConnected)
            );
            assert_eq!(admit(command, &nobody, &in_phase(Phase::Flying)), Ok(()));
        }
        assert!(matches!(
            admit(UP, &lost, &in_phase(Phase::Flying)),
            Err(Refusal::Lost(_))
        ));
    }
}
