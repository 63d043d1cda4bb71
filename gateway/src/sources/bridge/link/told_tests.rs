//! What is told of a bridge is so, and once.

use alerting::Filter;
use firmware_bridge::host::LostReason;

use super::tests::bench;
use crate::config::ButtonAction;

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
