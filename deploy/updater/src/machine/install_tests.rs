//! Installing, action by action.

use super::*;
use crate::slot::{BootState, Slot};

fn seen() -> Observed {
    Observed {
        slot: Slot::A,
        version: "0.2.0".to_owned(),
        compatible: "board".to_owned(),
        status: Status::default(),
        trial: None,
        failure: None,
        other_version: None,
        boot: BootState::new(Some(Slot::A), FULL_TRIES, 0),
        remembers: true,
    }
}

fn offer(version: &str, newer: Ordering) -> Offer {
    Offer {
        version: version.to_owned(),
        compatible: "board".to_owned(),
        newer: Some(newer),
        floor: None,
    }
}

/// All that follows an answer when everything goes well.
fn follow(machine: &mut Install, answer: Answer) -> Vec<Action> {
    let mut actions = vec![machine.next(answer)];
    while !matches!(
        actions.last(),
        Some(Action::End(_) | Action::Inspect | Action::AskAir)
    ) {
        actions.push(machine.next(Answer::Done));
    }
    actions
}

fn refusal(seen: Observed, allow_downgrade: bool, offer: Offer) -> Option<String> {
    let mut machine = Install::from_spool(seen);
    let format = REQUEST_FORMAT.to_owned();
    let request = Request {
        format,
        allow_downgrade,
        ..Request::default()
    };
    follow(&mut machine, Answer::Done);
    follow(&mut machine, Answer::Request(request));
    let actions = follow(&mut machine, Answer::Offer(offer));
    match &actions[..] {
        [
            Action::Tell(told),
            Action::ClearWork,
            Action::End(Ended::Failed),
        ] => {
            assert_eq!(told.state, State::Failed);
            Some(told.reason.clone())
        }
        _ => {
            assert!(actions.contains(&Action::LookAround));
            None
        }
    }
}

#[test]
fn a_working_place_that_cannot_be_cleared_ends_it_and_is_not_tried_for_ever() {
    let mut machine = Install::from_spool(seen());
    let mut action = machine.next(Answer::Done);
    let mut told = 0;
    // Whatever clears is refused, from the first time on.
    for _ in 0..20 {
        told += usize::from(matches!(action, Action::Tell(_)));
        let answer = match &action {
            Action::End(ended) => {
                assert_eq!(*ended, Ended::Failed);
                assert_eq!(told, 2, "verifying, and failed");
                return;
            }
            Action::ClearWork => Answer::Failed("input/output error".to_owned()),
            _ => Answer::Done,
        };
        action = machine.next(answer);
    }
    panic!("it goes round: {action:?}");
}

#[test]
fn what_is_not_newer_has_to_be_asked_for() {
    use Ordering::{Equal, Greater, Less};
    for (version, newer, allowed, refused) in [
        ("0.3.0", Greater, false, None),
        ("0.2.0", Equal, false, Some("runs already")),
        (
            "0.1.0",
            Less,
            false,
            Some("is older than the running 0.2.0"),
        ),
        ("0.2.0", Equal, true, None),
        ("0.1.0", Less, true, None),
    ] {
        let why = refusal(seen(), allowed, offer(version, newer));
        assert_eq!(why.is_some(), refused.is_some(), "{version} {allowed}");
        assert!(
            why.unwrap_or_default()
                .contains(refused.unwrap_or_default())
        );
    }
}

#[test]
fn only_an_admin_goes_back_behind_what_was_kept() {
    let old = || Offer {
        floor: Some("0.4.0".to_owned()),
        ..offer("0.3.0", Ordering::Greater)
    };
    let why = refusal(seen(), false, old()).expect("refused");
    assert!(
        why.starts_with("version 0.3.0 is older than 0.4.0"),
        "{why}"
    );
    assert_eq!(refusal(seen(), true, old()), None);

    let mut machine = Install::from_stick(seen());
    follow(&mut machine, Answer::Done);
    let stick = Stick {
        bundles: 1,
        allow_downgrade: true,
        try_again: false,
    };
    assert_eq!(machine.next(Answer::Stick(stick)), Action::Inspect);
    let verifying = machine.next(Answer::Offer(old()));
    assert!(matches!(verifying, Action::Tell(told) if told.state == State::Verifying));
    let refused = machine.next(Answer::Done);
    assert!(matches!(refused, Action::Tell(told) if told.reason == why));
}

#[test]
fn a_damaged_bundle_is_told_from_a_card_before_anything_is_touched() {
    let mut machine = Install::from_spool(seen());
    follow(&mut machine, Answer::Done);
    let request = Request {
        format: REQUEST_FORMAT.to_owned(),
        ..Request::default()
    };
    follow(&mut machine, Answer::Request(request));
    let verify = machine.next(Answer::Offer(offer("0.3.0", Ordering::Greater)));
    assert_eq!(verify, Action::Verify);
    let damaged = Answer::Failed("its content is not what was signed".to_owned());
    let Action::Tell(told) = machine.next(damaged) else {
        panic!("not told");
    };
    assert_eq!(told.state, State::Failed);
    assert!(
        told.reason
            .starts_with("the bundle is damaged, the card is not")
    );
    assert_eq!(machine.next(Answer::Done), Action::ClearWork);
    assert_eq!(machine.next(Answer::Done), Action::End(Ended::Failed));
}

#[test]
fn another_board_no_version_and_a_trial_are_refused() {
    let mut other = offer("0.3.0", Ordering::Greater);
    other.compatible = "kite".to_owned();
    assert_eq!(
        refusal(seen(), true, other).as_deref(),
        Some("the bundle is for kite, this board is board")
    );
    let none = Offer {
        newer: None,
        ..offer("", Ordering::Less)
    };
    assert_eq!(
        refusal(seen(), true, none).as_deref(),
        Some("the bundle's version '' is no version")
    );
    let trial = |slot| {
        Some(Trial {
            slot,
            version: "0.2.0".to_owned(),
            before: None,
            lowers_floor: false,
        })
    };
    let on_trial = Observed {
        trial: trial(Slot::A),
        ..seen()
    };
    let why = refusal(on_trial, true, offer("0.3.0", Ordering::Greater));
    assert!(why.is_some_and(|why| why.contains("on trial itself")));
    let rolled_back = Observed {
        trial: trial(Slot::B),
        ..seen()
    };
    assert_eq!(
        refusal(rolled_back, false, offer("0.3.0", Ordering::Greater)),
        None
    );
}

#[test]
fn a_stick_left_in_is_not_installed_over_and_over() {
    let tried = Status {
        state: State::RolledBack,
        version: "0.3.0".to_owned(),
        ..Status::default()
    };
    for (version, try_again, installs) in [
        ("0.2.0", true, false),
        ("0.3.0", false, false),
        ("0.3.0", true, true),
        ("0.4.0", false, true),
    ] {
        let mut machine = Install::from_stick(Observed {
            status: tried.clone(),
            ..seen()
        });
        assert_eq!(machine.next(Answer::Done), Action::OpenStick);
        let stick = Stick {
            bundles: 1,
            allow_downgrade: true,
            try_again,
        };
        assert_eq!(machine.next(Answer::Stick(stick)), Action::Inspect);
        let actions = follow(
            &mut machine,
            Answer::Offer(offer(version, Ordering::Greater)),
        );
        assert_eq!(
            actions.contains(&Action::LookAround),
            installs,
            "{version} {try_again}"
        );
        let silent = !actions
            .iter()
            .any(|action| matches!(action, Action::Tell(_)));
        assert_eq!(silent, !installs, "{version} {try_again}");
    }
}
