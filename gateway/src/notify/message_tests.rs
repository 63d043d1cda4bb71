//! Messages word by word, in both languages.

use super::*;
use crate::notify::channel::Reminder;
use crate::notify::tests::battery;

#[test]
fn a_message_says_which_gateway_which_drone_what_since_when_and_what_to_do() {
    let message = Message::of(&battery(OutboxEvent::Raised), Language::En);
    assert_eq!(
        message.title,
        "[roof] Critical: North hall: Battery 9 % (below 10 %)"
    );
    assert_eq!(message.urgency, Urgency::Stands(Level::Critical));
    let since = local_time(1_738_314_902_123_456);
    assert!(
        since.starts_with("2025-01-31") || since.starts_with("2025-02-01"),
        "{since}"
    );
    assert_eq!(
        message.lines(),
        format!(
            "Gateway: roof\nDrone: North hall (drone_001)\nSince: {since}\n\
             What to do: Land it and change the battery."
        )
    );
    let link = message.link.expect("a link");
    assert_eq!(
        link,
        (
            "Open the alerts",
            "https://roof.example:8443/#/alerts".to_owned()
        )
    );

    let message = Message::of(&battery(OutboxEvent::Raised), Language::Ja);
    assert_eq!(
        message.title,
        "[roof] 重大: North hall: バッテリー残量 9 %（10 % 未満）"
    );
    assert!(
        message
            .lines()
            .ends_with("対処: 着陸させて、バッテリーを交換してください。"),
        "{}",
        message.lines()
    );
}

#[test]
fn what_is_over_gives_no_advice_and_says_who_ended_it() {
    let mut over = battery(OutboxEvent::Resolved);
    over.record.alert.resolved = Some((0, "auto".to_owned()));
    let message = Message::of(&over, Language::En);
    assert_eq!(
        message.title,
        "[roof] Resolved: North hall: Battery 9 % (below 10 %)"
    );
    assert_eq!((message.urgency, &message.advice), (Urgency::Over, &None));
    assert!(
        message.lines().ends_with("By: by itself"),
        "{}",
        message.lines()
    );
    over.record.event = OutboxEvent::Acknowledged;
    over.record.alert.acknowledged = Some((0, "Shift lead".to_owned()));
    let message = Message::of(&over, Language::Ja);
    assert!(
        message.title.starts_with("[roof] 確認済み: "),
        "{}",
        message.title
    );
    assert!(
        message.lines().contains("担当: Shift lead"),
        "{}",
        message.lines()
    );
    // No English name of a way in stands in a Japanese sentence.
    over.record.alert.acknowledged = Some((0, "console".to_owned()));
    let message = Message::of(&over, Language::Ja);
    assert!(
        message.lines().contains("担当: 機器のコマンド"),
        "{}",
        message.lines()
    );
}

#[test]
fn a_condition_gives_its_reason_and_a_simulated_drone_is_called_so() {
    let mut lost = battery(OutboxEvent::Raised);
    let alert = &mut lost.record.alert;
    (alert.metric, alert.value, alert.threshold) = (None, None, None);
    alert.rule = "Drone lost".to_owned();
    alert.message = "North hall: no state for 5 s. Its Wi-Fi is gone.".to_owned();
    if let Some(drone) = &mut lost.drone {
        drone.simulated = true;
    }
    let message = Message::of(&lost, Language::En);
    assert_eq!(
        message.title,
        "[roof] Critical: North hall (simulated): connection lost"
    );
    assert!(
        message
            .lines()
            .contains("Details: North hall: no state for 5 s.")
    );
    let japanese = Message::of(&lost, Language::Ja);
    assert!(
        japanese.title.ends_with("接続が切れています"),
        "{}",
        japanese.title
    );
    assert!(
        !japanese.lines().contains("no state"),
        "{}",
        japanese.lines()
    );
    // One that has no words yet is told in the gateway's own.
    lost.record.alert.rule = "Something New".to_owned();
    let message = Message::of(&lost, Language::Ja);
    assert!(
        message.title.ends_with("Its Wi-Fi is gone."),
        "{}",
        message.title
    );
}

#[test]
fn several_are_one_message_and_what_nobody_acknowledged_says_so() {
    let mut several = battery(OutboxEvent::Raised);
    let mut other = battery(OutboxEvent::Raised);
    other.drone = None;
    other.record.alert.subject = "drone_002".to_owned();
    several.also = vec![other];
    let message = Message::of(&several, Language::En);
    assert_eq!(
        message.title,
        "[roof] Critical: North hall: Battery 9 % (below 10 %) (+1)"
    );
    assert!(
        message
            .lines()
            .contains("Also: Critical: drone_002: Battery 9 % (below 10 %)"),
        "{}",
        message.lines()
    );
    several.is_summary = true;
    several.record.event = OutboxEvent::Resolved;
    let message = Message::of(&several, Language::Ja);
    assert_eq!(
        message.title,
        "[roof] 通知できない間に発生し、すでに収まったアラート: 2"
    );
    assert_eq!(message.lines().matches("バッテリー残量").count(), 2);
    let mut again = battery(OutboxEvent::Raised);
    again.again = Some(Reminder {
        times: 2,
        unanswered: std::time::Duration::from_secs(1250),
    });
    let message = Message::of(&again, Language::En);
    assert!(
        message
            .lines()
            .contains("Nobody has acknowledged it for: 20 min"),
        "{}",
        message.lines()
    );
}

#[test]
fn what_a_service_gives_a_meaning_to_is_written_as_itself() {
    assert_eq!(markdown("a*b [c](d) <@e>"), r"a\*b \[c\](d) \<@e\>");
    assert_eq!(cut("ゲートウェイ", 3), "ゲー…");
    assert_eq!(cut("abc", 3), "abc");
}
