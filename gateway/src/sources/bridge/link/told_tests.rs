//! What is told of a bridge is so, and once.

use alerting::{Alert, Filter};
use firmware_bridge::host::{LinkEvent, LostReason};
use firmware_bridge::sensor::Fault;

use super::tests::{Bench, bench, board};
use crate::config::ButtonAction;

impl Bench {
    async fn acknowledge(&self, alert: &Alert) {
        let seen = self.alerts.acknowledge(&alert.id, "someone").await;
        seen.expect("kept");
    }

    fn count(&self, title: &str) -> usize {
        let all = self.alerts.list(&Filter::default());
        all.iter().filter(|alert| &*alert.title == title).count()
    }
}

/// A contact that never comes to rest is pressed once, not once a second.
#[tokio::test]
async fn a_button_that_bounces_without_end_acknowledges_once() {
    let mut bench = bench();
    bench.link.config.button = ButtonAction::Acknowledge;
    let presses = (0..300_u64).filter(|bounce| {
        bench.link.button(0, true, 10_000 + bounce * 20);
        bench.link.button(0, false, 10_010 + bounce * 20);
        bench.link.wants_acknowledgement().is_some()
    });
    assert_eq!(presses.count(), 1);
    assert_eq!(bench.link.state().held.buttons, 299);
    bench.link.button(0, true, 30_000);
    assert!(
        bench.link.wants_acknowledgement().is_some(),
        "let go, and pressed"
    );
}

/// Plugged in after it was missed, and flashed wrongly: the alert must not ask whether it
/// is plugged in.
#[tokio::test]
async fn a_loss_with_another_reason_is_told_anew_once_it_stands() {
    let bench = bench();
    bench.link.lost(LostReason::NotFound, None, 0);
    bench.link.judge(5_000);
    let first = bench.alert("Bridge Lost", |_| true).await;
    assert!(
        first.message.contains("no such serial port"),
        "{}",
        first.message
    );
    bench.link.lost(LostReason::Unplugged, None, 6_000);
    bench.link.judge(30_000);
    bench.link.lost(LostReason::Unheard, None, 40_000);
    bench.link.judge(49_999);
    bench.link.judge(50_000);
    let second = bench
        .alert("Bridge Lost", |alert| alert.id != first.id)
        .await;
    assert!(
        second.message.contains("answers nothing"),
        "{}",
        second.message
    );
    bench
        .alert("Bridge Lost", |alert| alert.resolved.is_none())
        .await;
    let filter = Filter::default();
    let all = bench.alerts.list(&filter);
    assert_eq!(
        all.iter()
            .filter(|alert| &*alert.title == "Bridge Lost")
            .count(),
        2
    );
}

/// Who has seen that a sensor does not answer has not seen that it answers nonsense.
#[tokio::test]
async fn another_fault_of_a_sensor_is_told_to_who_acknowledged_the_first() {
    let bench = bench();
    bench.link.take(board(&["probe".to_owned()]));
    let mut now_ms = readings::clock::Mono::now().as_millis();
    let mut fails = |fault: Fault, seconds: u64| {
        for _ in 0..seconds {
            let (sensor, host_ms) = (0, now_ms);
            bench.link.take(LinkEvent::Fault {
                sensor,
                fault,
                host_ms,
            });
            bench.link.tick(now_ms);
            now_ms += 1_000;
        }
    };
    let title = "Bridge Sensor Lost";
    fails(Fault::Absent, 15);
    let first = bench.alert(title, |_| true).await;
    bench.acknowledge(&first).await;
    fails(Fault::Corrupt, 2);
    let second = bench.alert(title, |alert| alert.id != first.id).await;
    assert!(second.message.contains("fails its own check"), "{second:?}");
    bench.acknowledge(&second).await;
    // It changes between the two for ever: nobody is told again.
    for _ in 0..20 {
        fails(Fault::Absent, 2);
        fails(Fault::Corrupt, 2);
    }
    fails(Fault::OutOfRange, 2);
    let third = bench
        .alert(title, |alert| ![&first.id, &second.id].contains(&&alert.id))
        .await;
    assert!(third.message.contains("outside"), "{third:?}");
    assert_eq!(bench.count(title), 3);
}

/// However often the link came and went before, a reason that nobody was told is told.
#[tokio::test]
async fn a_third_reason_is_told_to_who_acknowledged_the_second() {
    let bench = bench();
    let mut known: Vec<String> = Vec::new();
    let reasons = [
        LostReason::NotFound,
        LostReason::Unheard,
        LostReason::Busy,
        LostReason::PermissionDenied,
        LostReason::NoGreeting,
    ];
    for (turn, reason) in (0_u64..).zip(reasons) {
        bench.link.lost(reason, None, turn * 20_000);
        bench.link.judge(turn * 20_000 + 10_000);
        let next = bench
            .alert("Bridge Lost", |alert| {
                !known.contains(&alert.id.to_string())
            })
            .await;
        bench.acknowledge(&next).await;
        known.push(next.id.to_string());
    }
    // One of before is no news.
    bench.link.lost(LostReason::Unheard, None, 200_000);
    bench.link.judge(210_000);
    assert_eq!(bench.count("Bridge Lost"), known.len());
}
