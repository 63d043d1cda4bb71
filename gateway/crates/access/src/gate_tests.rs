//! Who is let in, and who is not.

use std::net::Ipv4Addr;

use super::super::table::tests::record;
use super::*;

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const NOW: Mono = Mono::from_millis(1000);

fn gate(config: &Config) -> Gate {
    let keys = [
        record("admin", &["admin", "read", "write", "dashboard"], None),
        record("reader", &["read", "dashboard"], None),
        record("old", &["read"], Some(50)),
    ];
    Gate::new(config, keys.into_iter().collect())
}

fn ask(gate: &Gate, key: &[u8], needs: Permission) -> Result<Session, Refusal> {
    gate.authorise(Some(key), CLIENT, Some(needs), NOW, 60)
}

fn denial(gate: &Gate, key: &[u8], client: IpAddr) -> Denial {
    gate.authorise(Some(key), client, None, NOW, 60)
        .expect_err("refused")
        .denial
}

#[test]
fn a_valid_key_says_who_and_what_and_is_counted_once() {
    let gate = gate(&Config::default());
    let session = ask(&gate, b"reader", Permission::Dashboard).expect("allowed");
    assert_eq!(
        (&**session.name(), *session.key()),
        ("name of reader", secret::hash(b"reader"))
    );
    assert!(!session.may(Permission::Write));
    let used = gate
        .keys()
        .find(session.key())
        .map(|entry| entry.record())
        .expect("present");
    assert_eq!((used.usage_count, used.last_used_us), (1, Some(60)));
}

#[test]
fn only_an_answered_request_of_another_machine_was_asked_from_outside() {
    let gate = gate(&Config::default());
    let asked = |gate: &Gate| gate.stats(NOW).asked_from_outside;
    gate.authorise(Some(b"reader"), LOOPBACK, None, NOW, 60)
        .expect("allowed");
    denial(&gate, b"wrong", CLIENT);
    denial(&gate, b"old", CLIENT);
    ask(&gate, b"reader", Permission::Admin).expect_err("lacks it");
    assert!(!asked(&gate));
    ask(&gate, b"reader", Permission::Read).expect("allowed");
    assert!(asked(&gate));
}

#[test]
fn each_refusal_has_its_reason() {
    let gate = gate(&Config::default());
    for missing in [None, Some(&b""[..])] {
        let refusal = gate
            .authorise(missing, CLIENT, None, NOW, 60)
            .expect_err("refused");
        assert_eq!(
            refusal,
            Refusal {
                denial: Denial::Missing,
                incident: None
            }
        );
    }
    let refusal = ask(&gate, b"reader", Permission::Admin).expect_err("refused");
    assert_eq!(refusal.denial, Denial::Lacks(Permission::Admin));
    let told = Incident::PermissionRefused {
        key: "name of reader".into(),
        lacks: Permission::Admin,
    };
    assert_eq!(refusal.incident, Some(told));
    for wrong in [
        &b"Admin"[..],
        b" admin",
        b"admin ",
        b"\xff\xfe",
        &[b'a'; MAX_KEY_BYTES + 1],
    ] {
        assert_eq!(denial(&gate, wrong, LOOPBACK), Denial::Invalid, "{wrong:?}");
    }
    assert_eq!(gate.stats(NOW).failed, 5);
    assert_eq!(gate.stats(NOW).refused, 1);
}

#[test]
fn an_expired_key_is_refused_but_no_guess() {
    let gate = gate(&Config::default());
    let before = gate.authorise(Some(b"old"), CLIENT, None, NOW, 49);
    assert!(before.is_ok());
    for _ in 0..20 {
        assert_eq!(denial(&gate, b"old", CLIENT), Denial::Expired);
    }
    assert_eq!(gate.stats(NOW).locked_out, 0);
}

#[test]
fn a_revoked_key_is_refused_but_no_guess() {
    let gate = gate(&Config::default());
    gate.install(gate.keys().without(&secret::hash(b"reader")));
    for _ in 0..20 {
        assert_eq!(denial(&gate, b"reader", CLIENT), Denial::Revoked);
    }
    assert_eq!(gate.stats(NOW).locked_out, 0);
    gate.install(gate.keys().with(record("reader", &["read"], None)));
    assert!(ask(&gate, b"reader", Permission::Read).is_ok(), "made anew");
}

#[test]
fn a_locked_out_address_is_no_obstacle_to_a_valid_key() {
    let gate = gate(&Config::default());
    for attempt in 1..=5 {
        let refusal = gate
            .authorise(Some(b"guess"), CLIENT, None, NOW, 60)
            .expect_err("refused");
        assert_eq!(refusal.denial, Denial::Invalid, "attempt {attempt}");
        let locked = matches!(refusal.incident, Some(Incident::LockedOut { failures: 5 }));
        assert_eq!(locked, attempt == 5);
    }
    assert_eq!(
        denial(&gate, b"guess", CLIENT),
        Denial::Blocked {
            retry_after_s: 3600
        }
    );
    assert!(ask(&gate, b"reader", Permission::Read).is_ok());
    // And the success of a neighbour does not help the guesser.
    assert_eq!(
        denial(&gate, b"guess", CLIENT),
        Denial::Blocked {
            retry_after_s: 3600
        }
    );
    let missing = gate
        .authorise(None, CLIENT, None, NOW, 60)
        .expect_err("refused");
    assert_eq!(missing.denial, Denial::Missing);
    assert_eq!(
        (gate.stats(NOW).locked_out, gate.stats(NOW).blocked),
        (1, 2)
    );
}

#[test]
fn loopback_is_exempt_only_when_asked_for() {
    for exempt in [false, true] {
        let gate = gate(&Config {
            lockout_exempts_loopback: exempt,
            ..Config::default()
        });
        let blocked =
            (0..6).any(|_| matches!(denial(&gate, b"guess", LOOPBACK), Denial::Blocked { .. }));
        assert_eq!(blocked, !exempt);
    }
}

#[test]
fn classes_are_limited_apart_and_a_reload_is_felt() {
    let gate = gate(&Config::default());
    for _ in 0..50 {
        assert!(gate.rate_check(RateClass::Dashboard, CLIENT, NOW).allowed);
    }
    assert!(!gate.rate_check(RateClass::Dashboard, CLIENT, NOW).allowed);
    assert!(gate.rate_check(RateClass::Ui, CLIENT, NOW).allowed);
    assert_eq!(gate.rate_check(RateClass::Other, CLIENT, NOW).limit, 0);
    gate.reload(&Config {
        other_per_minute: 120,
        ..Config::default()
    });
    let id = secret::hash(b"reader");
    for _ in 0..120 {
        assert!(gate.rate_check_key(&id, NOW).allowed);
    }
    assert!(!gate.rate_check_key(&id, NOW).allowed);
    assert!(
        gate.rate_check(RateClass::Other, CLIENT, NOW).allowed,
        "a key is not an address"
    );
    gate.reload(&Config {
        rate_limit_enabled: false,
        ..Config::default()
    });
    assert!(gate.rate_check(RateClass::Dashboard, CLIENT, NOW).allowed);
    assert_eq!(gate.stats(NOW).rate_limited, 2);
}
