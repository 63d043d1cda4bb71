//! The stream of a drone as its command executor keeps it.

use super::*;
use crate::config::OnOperatorLoss;

fn executor() -> CommandExecutor {
    let policy = Policy {
        on_operator_loss: OnOperatorLoss::Land,
        operator_grace: Duration::from_secs(3),
        warn_battery_pct: 15,
        takeoff_battery_pct: 10,
        land_battery_pct: 5,
    };
    CommandExecutor::new(policy, Presences::default())
}

/// A drone that is there, on the ground or in the air.
fn about(now_s: u64, airborne: bool) -> Surroundings {
    Surroundings {
        now: Mono::from_millis(now_s * 1000),
        link: LinkState::Connected,
        reason: None,
        sign: Sign {
            airborne,
            motor_time_advanced: airborne.then(|| Mono::from_millis(now_s * 1000)),
        },
        battery_pct: Some(80),
        height_cm: Some(if airborne { 80 } else { 0 }),
    }
}

/// Gives a command, and the drone's `ok` to it.
fn obeyed(executor: &mut CommandExecutor, command: Command, about: &Surroundings) {
    let (admitted, _) = oneshot::channel();
    let (outcome, _) = oneshot::channel();
    let by = Operator {
        id: "a".into(),
        name: "a".into(),
    };
    let sent = executor.take(
        Request {
            command,
            by,
            admitted,
            outcome,
        },
        about,
    );
    assert_eq!(sent, [command]);
    executor.reply(&Reply::Ok, about.now);
}

#[test]
fn a_drone_that_stopped_streaming_is_asked_again_but_not_in_the_air() {
    let mut executor = executor();
    assert!(
        executor.stream_again(&about(100, false)).is_empty(),
        "never asked"
    );
    obeyed(&mut executor, Command::StreamOn, &about(100, false));
    assert!(executor.streams());
    assert!(
        executor.stream_again(&about(104, false)).is_empty(),
        "too soon"
    );
    assert!(
        executor.stream_again(&about(106, true)).is_empty(),
        "flying"
    );
    assert_eq!(
        executor.stream_again(&about(106, false)),
        [Command::StreamOn]
    );
    assert!(executor.stream_again(&about(107, false)).is_empty());
    executor.reply(&Reply::Ok, Mono::from_millis(107_500));
    obeyed(&mut executor, Command::StreamOff, &about(108, false));
    assert!(!executor.streams());
    assert!(executor.stream_again(&about(120, false)).is_empty());
}

#[test]
fn a_drone_that_nobody_wants_streams_no_more() {
    let mut executor = executor();
    obeyed(&mut executor, Command::StreamOn, &about(100, false));
    assert_eq!(executor.release(&about(101, false)), [Command::StreamOff]);
    assert!(!executor.streams());
    assert!(executor.release(&about(102, false)).is_empty(), "once");
}
