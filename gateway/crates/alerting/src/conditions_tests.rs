//! Tests of conditions, with the one that other tests raise.

use super::*;
use readings::{AlertType, Level};

pub(crate) fn silent(subject: &str) -> Condition {
    Condition {
        key: "drone_silent",
        subject: subject.into(),
        level: Level::Error,
        alert_type: AlertType::Drone,
        title: "Drone silent",
        message: "no state for 3 s".to_owned(),
        details: None,
    }
}

fn at(seconds: u64) -> Mono {
    Mono::from_millis(seconds * 1000)
}

#[test]
fn repeated_calls_change_nothing() {
    let mut conditions = Conditions::default();
    assert!(!conditions.clear("drone_silent", "d1", at(0)));
    assert!(conditions.raise(silent("d1"), at(0)));
    assert!(!conditions.raise(silent("d1"), at(1)));
    assert!(
        conditions.raise(silent("d2"), at(1)),
        "another subject is another condition"
    );
    assert_eq!(conditions.drain().len(), 2);
    assert!(!conditions.raise(silent("d1"), at(2)));
    assert!(conditions.drain().is_empty());
    assert!(conditions.clear("drone_silent", "d1", at(3)));
    assert!(!conditions.clear("drone_silent", "d1", at(3)));
    let ended = conditions.drain();
    assert!(ended[0].transition.ended_before && ended[0].ended_at == at(3));
    assert_eq!(conditions.standing(), 1);
    conditions.tick(at(3).plus(CALM));
    assert_eq!(conditions.states.len(), 1, "what is calm takes no room");
}

#[test]
fn what_comes_and_goes_is_one_alert_that_ends_when_it_stays_away() {
    let mut conditions = Conditions::default();
    let mut changes = 0;
    // A day: three seconds there, four gone.
    for second in 0..24 * 3600 {
        match second % 7 {
            0 => drop(conditions.raise(silent("d1"), at(second))),
            3 => drop(conditions.clear("drone_silent", "d1", at(second))),
            _ => drop(conditions.tick(at(second))),
        }
        changes += conditions.drain().len();
    }
    // Raised, ended, raised as the second time; that one stands.
    assert_eq!((changes, conditions.standing()), (3, 1));
    let last = 24 * 3600;
    conditions.clear("drone_silent", "d1", at(last));
    assert!(!conditions.tick(at(last + 590)) && conditions.tick(at(last + 600)));
    let ended = conditions.drain().remove(0);
    assert!(ended.transition.ended_before && ended.again > 12_000);
    // Calm for long enough, it is a first time again.
    conditions.tick(at(last + 600).plus(CALM));
    assert!(conditions.raise(silent("d1"), at(last + 9_000)));
    assert!(
        conditions.clear("drone_silent", "d1", at(last + 9_001)),
        "at once"
    );
}

#[test]
fn each_press_of_a_button_is_an_alert_of_its_own() {
    let mut conditions = Conditions::default();
    let pressed = Condition {
        key: BRIDGE_BUTTON,
        ..silent("bridge/mast")
    };
    for press in 0..5 {
        assert!(conditions.raise(pressed.clone(), at(press * 10)));
        assert!(conditions.clear(BRIDGE_BUTTON, "bridge/mast", at(press * 10 + 1)));
        assert_eq!(conditions.drain().len(), 1);
    }
}

#[test]
fn a_slow_flapping_is_told_ever_less_often_and_says_how_often() {
    let mut conditions = Conditions::default();
    let mut told = Vec::new();
    // A day: a minute there, a minute gone.
    for second in 0..24 * 3600 {
        match second % 120 {
            0 => drop(conditions.raise(silent("d1"), at(second))),
            60 => drop(conditions.clear("drone_silent", "d1", at(second))),
            _ => drop(conditions.tick(at(second))),
        }
        told.extend(conditions.drain());
    }
    assert_eq!(
        told.iter()
            .filter(|change| change.transition.raised)
            .count(),
        5
    );
    let last = told.last().and_then(|change| change.what.clone());
    assert!(last.expect("raised").message.contains("come 5 times"));
}

#[test]
fn what_has_become_worse_is_told_anew() {
    let mut conditions = Conditions::default();
    conditions.raise(silent("d1"), at(0));
    conditions.drain();
    let worse = Condition {
        level: Level::Critical,
        ..silent("d1")
    };
    assert!(conditions.raise(worse.clone(), at(1)));
    let change = conditions.drain().remove(0);
    let transition = change.transition;
    assert!(transition.ended_before && transition.raised && transition.stands);
    assert_eq!(change.what.map(|what| what.level), Some(Level::Critical));
    assert!(!conditions.raise(worse, at(2)) && !conditions.raise(silent("d1"), at(3)));
}

#[test]
fn what_nobody_looks_at_any_more_keeps_its_alert_until_it_is_resolved() {
    let mut conditions = Conditions::default();
    conditions.raise(silent("d1"), at(0));
    conditions.drain();
    conditions.leave("drone_silent", "d1");
    assert!(!conditions.tick(at(9_999)));
    assert_eq!(conditions.standing(), 1);
    conditions.release("drone_silent", "d1", at(10_000));
    assert!(!conditions.tick(at(20_000)), "not raised anew");
    assert_eq!(conditions.standing(), 0);
}

#[test]
fn an_inherited_condition_continues_or_ends() {
    let mut conditions = Conditions::default();
    let taken = |subject| Condition {
        key: "state_port_unavailable",
        ..silent(subject)
    };
    conditions.inherit(&"state_port_unavailable".into(), &"d1".into(), at(0));
    conditions.inherit(&"state_port_unavailable".into(), &"d2".into(), at(0));
    assert!(conditions.raise(taken("d1"), at(10)));
    // (It has its alert, which takes the words of this run.)
    let taken = told(&mut conditions);
    assert!(matches!(&taken[..], [(false, true, _)]), "{taken:?}");
    assert!(!conditions.tick(at(299)));
    assert!(conditions.tick(at(300)));
    let ended = conditions.drain();
    assert_eq!(ended.len(), 1);
    assert_eq!(&*ended[0].subject, "d2");
    assert!(!conditions.tick(at(9999)));
}

#[test]
fn a_sensor_lost_before_a_restart_is_lost_until_it_is_heard() {
    for (key, subject) in [
        (BRIDGE_SENSOR_LOST, "bridge/mast/v"),
        (
            BOARD_FURTHER_ALARM,
            "board/hwmon:lm75@1-0048:temp1_max_alarm",
        ),
    ] {
        let mut conditions = Conditions::default();
        conditions.inherit(&key.into(), &subject.into(), at(0));
        assert!(!conditions.tick(at(9_999)), "silence ends nothing: {key}");
        assert!(conditions.clear(key, subject, at(10_000)));
        assert!(conditions.drain()[0].transition.ended_before);
    }
}

#[test]
fn a_resolved_condition_that_stands_is_renewed() {
    let mut conditions = Conditions::default();
    conditions.raise(silent("d1"), at(0));
    conditions.drain();
    conditions.release("drone_silent", "d1", at(10));
    assert!(!conditions.tick(at(309)));
    assert!(conditions.tick(at(310)));
    assert!(conditions.drain()[0].transition.raised);
    assert!(!conditions.tick(at(9999)), "once");
    conditions.release("drone_silent", "d1", at(10_000));
    conditions.clear("drone_silent", "d1", at(10_001));
    conditions.drain();
    assert!(!conditions.tick(at(99_999)), "over is over");
}

#[test]
fn an_event_is_handed_over_once_and_neither_ends_nor_comes_back() {
    let mut conditions = Conditions::default();
    let lost = Condition {
        key: STORE_LOSS,
        ..silent("board")
    };
    assert!(conditions.raise(lost.clone(), Mono::ZERO));
    assert_eq!((conditions.drain().len(), conditions.standing()), (1, 0));
    // Of the last run: nothing that could be over five minutes later.
    conditions.inherit(&STORE_LOSS.into(), &"board".into(), Mono::ZERO);
    conditions.release(STORE_LOSS, "board", Mono::ZERO);
    assert!(!conditions.tick(Mono::ZERO.plus(INHERITED_FOR + RENEWED_AFTER)));
    assert!(conditions.raise(lost, Mono::ZERO), "the next loss is told");
}

#[test]
fn the_table_is_bounded() {
    let mut conditions = Conditions::default();
    for n in 0..MAX_CONDITIONS {
        assert!(conditions.raise(silent(&format!("d{n}")), at(0)));
    }
    assert!(!conditions.raise(silent("one more"), at(0)));
    assert_eq!(conditions.refused(), 1);
    conditions.clear("drone_silent", "d0", at(1));
    conditions.drain();
    assert!(conditions.raise(silent("one more"), at(2)));
}

#[test]
fn what_is_inherited_is_one_and_makes_room_when_it_is_released() {
    let mut conditions = Conditions::default();
    for _ in 0..2 {
        conditions.inherit(&"drone_silent".into(), &"d1".into(), at(0));
    }
    assert_eq!(conditions.standing(), 1);
    conditions.release("drone_silent", "d2", at(1));
    conditions.release("drone_silent", "d1", at(1));
    assert_eq!(conditions.standing(), 0, "its alert is gone with it");
    assert!(conditions.raise(silent("d1"), at(2)), "a new alert");
    for n in 0..MAX_CONDITIONS {
        conditions.inherit(&"drone_silent".into(), &format!("n{n}").into(), at(0));
    }
    assert_eq!(conditions.standing(), MAX_CONDITIONS);
}

#[test]
fn an_inherited_condition_that_is_raised_can_be_renewed() {
    let mut conditions = Conditions::default();
    conditions.inherit(&"drone_silent".into(), &"d1".into(), at(0));
    assert!(conditions.raise(silent("d1"), at(1)), "its words");
    conditions.drain();
    assert!(!conditions.tick(at(9_999)), "raised, so no more inherited");
    conditions.release("drone_silent", "d1", at(10_000));
    assert!(conditions.tick(at(10_300)));
    let renewed = conditions.drain().remove(0);
    assert!(renewed.transition.raised && renewed.transition.stands);
    assert_eq!(
        renewed.what.map(|condition| condition.message),
        Some(silent("d1").message)
    );
    assert_eq!(renewed.raised_at, at(10_300));
}

#[test]
fn an_alert_that_the_committer_has_not_seen_is_not_released() {
    let mut conditions = Conditions::default();
    conditions.raise(silent("d1"), at(0));
    conditions.release("drone_silent", "d1", at(1));
    assert_eq!(conditions.drain().len(), 1);
    assert!(!conditions.tick(at(9_999)), "nothing is to be renewed");
}

#[test]
fn sensors_of_the_board_are_lost_until_they_are_heard_as_well() {
    let mut conditions = Conditions::default();
    conditions.inherit(&BOARD_SENSOR_LOST.into(), &"board".into(), at(0));
    assert!(!conditions.tick(at(9_999)));
    assert!(is_event(STORE_LOSS) && is_event(UPDATE_ENDED));
    assert!(!is_event(BOARD_SENSOR_LOST) && !is_event(BRIDGE_SENSOR_LOST));
}

#[test]
fn what_is_heard_no_more_stands_until_an_operator_resolves_it() {
    let mut conditions = Conditions::default();
    let lost = Condition {
        key: BRIDGE_SENSOR_LOST,
        ..silent("bridge/mast/v")
    };
    conditions.raise(lost.clone(), at(0));
    conditions.drain();
    conditions.leave(BRIDGE_SENSOR_LOST, "bridge/mast/v");
    assert!(!conditions.tick(at(9_999)), "silence ends nothing");
    assert_eq!(conditions.standing(), 1);
    conditions.release(BRIDGE_SENSOR_LOST, "bridge/mast/v", at(10_000));
    assert!(
        !conditions.tick(at(99_999)),
        "nobody has to resolve it twice"
    );
    assert!(conditions.raise(lost, at(100_000)), "it may come back");
}

#[test]
fn what_was_resolved_before_it_was_left_does_not_come_back() {
    let mut conditions = Conditions::default();
    conditions.raise(silent("d1"), at(0));
    conditions.drain();
    conditions.release("drone_silent", "d1", at(1));
    conditions.leave("drone_silent", "d1");
    assert!(!conditions.tick(at(9_999)));
    assert_eq!(conditions.standing(), 0);
}

fn silent_because(why: &str) -> Condition {
    Condition {
        message: why.to_owned(),
        ..silent("d1")
    }
}

/// What is told in a change: whether it begins, and in which words.
fn told(conditions: &mut Conditions) -> Vec<(bool, bool, String)> {
    let words = |change: ConditionChange| {
        let message = change.what.expect("words").message;
        (change.transition.raised, change.reworded, message)
    };
    conditions.drain().into_iter().map(words).collect()
}

#[test]
fn the_words_follow_the_newest_reason_without_a_storm() {
    let mut conditions = Conditions::default();
    conditions.raise(silent_because("a"), at(0));
    assert!(!conditions.raise(silent_because("b"), at(0)));
    assert_eq!(told(&mut conditions), [(true, false, "b".to_owned())]);
    assert!(conditions.raise(silent_because("c"), at(1)), "at once");
    assert_eq!(told(&mut conditions), [(false, true, "c".to_owned())]);
    assert!(!conditions.raise(silent_because("d"), at(2)));
    assert!(!conditions.tick(at(10)) && conditions.tick(at(11)));
    assert_eq!(told(&mut conditions), [(false, true, "d".to_owned())]);
    // A day of another reason each second.
    let day = (12..24 * 3600).filter(|second| {
        let waits = conditions.raise(silent_because(&second.to_string()), at(*second));
        waits | conditions.tick(at(*second))
    });
    let day = day.count();
    assert!((100..160).contains(&day), "{day}");
}

#[test]
fn what_comes_again_while_its_alert_stands_is_told_as_it_is_now() {
    let mut conditions = Conditions::default();
    for second in [0, 2] {
        conditions.raise(silent_because("a"), at(second));
        conditions.clear("drone_silent", "d1", at(second + 1));
    }
    conditions.drain();
    assert!(conditions.raise(silent_because("b"), at(4)));
    let told = told(&mut conditions);
    assert!(
        matches!(&told[..], [(false, true, words)] if words.starts_with("b (It has come 3 times")),
        "{told:?}"
    );
}

/// Its words are of the last run, whose reason may be another.
#[test]
fn an_inherited_alert_says_what_is_so_in_this_run() {
    let mut conditions = Conditions::default();
    conditions.inherit(&"drone_silent".into(), &"d1".into(), at(0));
    assert!(conditions.raise(silent("d1"), at(1)));
    assert_eq!(
        told(&mut conditions),
        [(false, true, "no state for 3 s".to_owned())]
    );
}

/// Of many sensors the words name a few.
#[test]
fn other_sensors_in_the_same_words_are_kept() {
    let mut conditions = Conditions::default();
    let of = |name: &str| vec![Arc::from(name)];
    assert!(conditions.raise_naming(silent("d1"), of("a"), at(0)));
    assert_eq!(conditions.drain()[0].sensors, of("a"));
    assert!(!conditions.raise_naming(silent("d1"), of("a"), at(1)));
    assert!(conditions.raise_naming(silent("d1"), of("b"), at(2)));
    let change = conditions.drain().pop().expect("told");
    assert!(change.reworded && change.sensors == of("b"), "{change:?}");
}

/// Two causes of one condition, and a person who has seen the first.
#[test]
fn another_cause_is_another_alert_however_often_it_came() {
    let mut conditions = Conditions::default();
    let words = |text: &str| Condition {
        message: text.to_owned(),
        ..silent("d1")
    };
    let of = |name: &str| vec![Arc::from(name)];
    assert!(conditions.raise_anew(words("a"), of("a"), at(0)));
    assert!(conditions.drain()[0].transition.raised);
    for second in 1..10 {
        let text = format!("cause {second}");
        assert!(conditions.raise_anew(words(&text), of(&text), at(second)));
        let told = conditions.drain().remove(0);
        assert!(told.transition.ended_before && told.transition.stands);
        let what = told.what.expect("words");
        assert_eq!((what.message, told.sensors), (text.clone(), of(&text)));
    }
    assert_eq!(conditions.standing(), 1);
    assert!(!conditions.raise_naming(words("cause 9"), of("cause 9"), at(11)));
}
