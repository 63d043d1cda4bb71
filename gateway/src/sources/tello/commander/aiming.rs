//! Which command leads to a target from where the drone is.
//!
//! Worked out twice: when it is asked, to be judged from where the commands before it
//! lead, and when its turn comes, from the state of then. Pure. Must never send a drone
//! by a state that is older than the end of the move before it.

use tello::command::{Command, Direction};

use crate::sources::vehicles::{Aim, MAX_MOVE_CM, MIN_MOVE_CM, Refusal};

/// What leads to `aim` from `height_cm` and `yaw_deg`; none: it is there, as nearly as a
/// move can tell.
pub(super) fn leads_to(
    aim: Aim,
    height_cm: Option<i32>,
    yaw_deg: Option<i32>,
) -> Result<Option<Command>, Refusal> {
    match aim {
        Aim::Altitude(target_cm) => {
            let height_cm = height_cm.ok_or(Refusal::NotSaid("height"))?;
            climb(target_cm - height_cm)
        }
        Aim::Heading(target_deg) => {
            let yaw_deg = yaw_deg.ok_or(Refusal::NotSaid("heading"))?;
            Ok(turn((target_deg - yaw_deg).rem_euclid(360)))
        }
    }
}

fn climb(by_cm: i32) -> Result<Option<Command>, Refusal> {
    let distance_cm = by_cm.abs();
    if distance_cm < MIN_MOVE_CM {
        return Ok(None);
    }
    if distance_cm > MAX_MOVE_CM {
        return Err(Refusal::TooFar { distance_cm });
    }
    Ok(Some(Command::Move {
        direction: if by_cm > 0 {
            Direction::Up
        } else {
            Direction::Down
        },
        distance_cm: distance_cm.unsigned_abs() as u16, // at most MAX_MOVE_CM
    }))
}

/// The shorter way round to `deg` clockwise.
fn turn(deg: i32) -> Option<Command> {
    let clockwise = deg <= 180;
    let angle_deg = if clockwise { deg } else { 360 - deg };
    (angle_deg > 0).then_some(Command::Rotate {
        clockwise,
        angle_deg: angle_deg.unsigned_abs() as u16, // at most 180
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(aim: Aim, height_cm: i32, yaw_deg: i32) -> String {
        match leads_to(aim, Some(height_cm), Some(yaw_deg)) {
            Ok(Some(command)) => command.to_string(),
            Ok(None) => "there".to_owned(),
            Err(why) => why.to_string(),
        }
    }

    #[test]
    fn a_target_is_reached_from_wherever_the_drone_is() {
        for (aim, height_cm, yaw_deg, expected) in [
            (Aim::Altitude(120), 80, 0, "up 40"),
            (Aim::Altitude(120), 101, 0, "there"),
            (Aim::Altitude(120), 139, 0, "there"),
            (Aim::Altitude(120), 140, 0, "down 20"),
            (Aim::Altitude(600), 100, 0, "up 500"),
            (Aim::Heading(180), 0, 0, "cw 180"),
            (Aim::Heading(180), 0, 90, "cw 90"),
            (Aim::Heading(180), 0, -90, "ccw 90"),
            (Aim::Heading(0), 0, 1, "ccw 1"),
            (Aim::Heading(359), 0, -1, "there"),
        ] {
            assert_eq!(sent(aim, height_cm, yaw_deg), expected, "{aim}");
        }
        assert_eq!(
            leads_to(Aim::Altitude(601), Some(100), None),
            Err(Refusal::TooFar { distance_cm: 501 })
        );
        assert_eq!(
            leads_to(Aim::Heading(0), Some(100), None),
            Err(Refusal::NotSaid("heading"))
        );
        assert_eq!(
            leads_to(Aim::Altitude(120), None, Some(0)),
            Err(Refusal::NotSaid("height"))
        );
    }
}
