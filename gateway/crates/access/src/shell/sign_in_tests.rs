//! Signing in, by key and by link, and out; over a restart, too.

use std::net::Ipv4Addr;
use std::sync::atomic::Ordering;

use readings::virtual_time;

use super::super::tests::{CLIENT, Kept, at, told};
use super::*;
use crate::config::Config;
use crate::decision::SessionEnd;

fn phone() -> Browser {
    Browser::new(CLIENT, "a phone")
}

fn kept() -> Kept {
    Kept::of(&[("admin", &["admin"]), ("reader", &["read"])])
}

/// Whether the cookie opens what needs `read`.
fn opens(access: &Access, cookie: &str) -> Result<Session, Denial> {
    let needs = Some(Permission::Read);
    access.authorise_browser(cookie.as_bytes(), CLIENT, needs, Mono::now())
}

#[tokio::test]
async fn a_browser_is_signed_in_until_somebody_ends_it() {
    let kept = kept();
    let access = kept.open().await;
    at(100);
    let refused = access.sign_in("wrong", phone()).await.expect_err("refused");
    assert!(
        matches!(refused, SignInError::Denied(Denial::Invalid)),
        "{refused:?}"
    );
    assert_eq!(access.stats().failed, 1);
    kept.deferred();
    let changes = access.changes();
    let signed_in = access.sign_in(" reader ", phone()).await.expect("let in");
    assert!(changes.has_changed().expect("open"));
    let id = signed_in.session.id;
    assert_eq!(
        told(&kept.deferred()),
        [(
            "session_opened",
            Some("name of reader"),
            &*format!("session {id}")
        )]
    );
    let cookie = &*signed_in.cookie;
    let session = opens(&access, cookie).expect("let in");
    assert!(session.is_of_browser() && session.id() == id);
    let needs = Some(Permission::Write);
    let lacks = access.authorise_browser(cookie.as_bytes(), CLIENT, needs, Mono::now());
    assert_eq!(
        lacks.expect_err("refused"),
        Denial::Lacks(Permission::Write)
    );
    assert_eq!(
        opens(&access, "another").expect_err("refused"),
        Denial::SessionOver(SessionEnd::Ended)
    );
    at(160);
    opens(&access, cookie).expect("let in");
    let listed = access.browsers();
    assert_eq!(listed.len(), 1);
    assert_eq!(access.browser(cookie.as_bytes()), Some(listed[0].clone()));
    assert_eq!(access.browser(b"another"), None);
    let minute_us = 60_000_000;
    assert_eq!(listed[0].seen_us, listed[0].opened_us + minute_us);
    assert_eq!(access.stats().browsers, 1);

    kept.committed();
    let mut changes = access.changes();
    changes.mark_unchanged();
    assert_eq!(access.end_browser(id, "boss").await, Ok(true));
    assert!(changes.has_changed().expect("open"));
    assert!(!session.is_live());
    assert_eq!(
        told(&kept.committed()),
        [(
            "session_ended",
            Some("boss"),
            &*format!("session {id} of name of reader")
        )]
    );
    assert_eq!(
        opens(&access, cookie).expect_err("refused"),
        Denial::SessionOver(SessionEnd::Ended)
    );
    assert_eq!(access.end_browser(id, "boss").await, Ok(false));
    assert!(access.browsers().is_empty());
    virtual_time::set(None);
}

#[tokio::test]
async fn sign_ins_are_written_once_a_minute_and_outlive_a_restart() {
    let kept = kept();
    let access = kept.open().await;
    at(100);
    let first = access.sign_in("reader", phone()).await.expect("let in");
    assert_eq!(kept.written_sessions().map(|all| all.len()), Some(1));
    at(159);
    let second = access.sign_in("reader", phone()).await.expect("let in");
    assert_eq!(kept.written_sessions(), None, "the medium is spared");
    access.flush_sessions().await.expect("durable");
    let written = kept.written_sessions().expect("written");
    assert_eq!(written.len(), 2);
    access.flush_sessions().await.expect("durable");
    assert_eq!(kept.written_sessions(), None, "they are there");
    at(219);
    let third = access.sign_in("reader", phone()).await.expect("let in");
    assert_eq!(kept.written_sessions().map(|all| all.len()), Some(3));

    kept.restart_with(written);
    let again = kept.open().await;
    for cookie in [&first.cookie, &second.cookie] {
        opens(&again, cookie).expect("still signed in");
    }
    assert_eq!(
        opens(&again, &third.cookie).expect_err("refused"),
        Denial::SessionOver(SessionEnd::Ended)
    );
    // One that came back is on the medium: its end has to be, too.
    let ended = again.end_browser(first.session.id, "boss").await;
    assert_eq!(ended, Ok(true));
    assert_eq!(kept.written_sessions().map(|all| all.len()), Some(1));
    kept.refuses.store(true, Ordering::Relaxed);
    let ended = again.end_browser(second.session.id, "boss").await;
    assert!(ended.is_err(), "a restart may bring it back");
    assert!(
        opens(&again, &second.cookie).is_err(),
        "but here it is over"
    );
    virtual_time::set(None);
}

#[tokio::test]
async fn two_phones_of_one_key_do_not_starve_each_other() {
    let access = kept().open().await;
    access.reload(&Config {
        other_per_minute: 1,
        ..Config::default()
    });
    let mut allowed = Vec::new();
    for _ in 0..2 {
        let phone = access.sign_in("reader", phone()).await.expect("let in");
        let session = opens(&access, &phone.cookie).expect("let in");
        for _ in 0..2 {
            allowed.push(access.rate_check_session(&session, Mono::ZERO).allowed);
        }
    }
    assert_eq!(allowed, [true, false, true, false]);
    // Programs share the limit of their key.
    for (last, is_allowed) in [(1, true), (2, false)] {
        let client = IpAddr::V4(Ipv4Addr::new(192, 0, 2, last));
        let session = access.authorise(Some(b"reader"), client, None, Mono::ZERO);
        let session = session.expect("a valid key");
        let verdict = access.rate_check_session(&session, Mono::ZERO);
        assert_eq!(verdict.allowed, is_allowed, "{client}");
    }
}

#[tokio::test]
async fn a_link_signs_in_once_and_says_why_not_later() {
    let kept = kept();
    let access = kept.open().await;
    at(100);
    let reader = crate::preview(&secret::hash(b"reader"));
    let link = async |to| access.link(to, "boss").await;
    let secret = link(LinkTo::Key(reader.clone())).await.expect("made");
    assert_eq!(
        told(&kept.committed()),
        [("link_made", Some("boss"), "name of reader")]
    );
    let signed_in = access.exchange(&secret, phone()).await.expect("let in");
    opens(&access, &signed_in.cookie).expect("let in");
    let used = access.exchange(&secret, phone()).await;
    assert!(matches!(used, Err(SignInError::LinkUsed)), "{used:?}");
    let late = link(LinkTo::Key(reader)).await.expect("made");
    at(400);
    let late = access.exchange(&late, phone()).await;
    assert!(matches!(late, Err(SignInError::LinkExpired)), "{late:?}");
    assert_eq!(access.stats().failed, 0, "nobody has guessed");
    let wrong = access.exchange("wrong", phone()).await;
    let denied = matches!(wrong, Err(SignInError::Denied(Denial::Invalid)));
    assert!(denied, "{wrong:?}");
    assert_eq!(access.stats().failed, 1);
    for unknown in ["00000000", "reader"] {
        let refused = link(LinkTo::Key(unknown.to_owned())).await;
        assert!(matches!(refused, Err(KeyError::Unknown)), "{refused:?}");
    }
    virtual_time::set(None);
}

#[tokio::test]
async fn a_link_to_a_new_key_makes_it_when_it_is_opened() {
    let kept = kept();
    let access = kept.open().await;
    let new = |permissions: &str| LinkTo::NewKey {
        name: "Phone".to_owned(),
        permissions: permissions.to_owned(),
        expires_days: None,
    };
    let refused = access.link(new("fly"), "boss").await;
    assert!(matches!(refused, Err(KeyError::InvalidPermission(_))));
    let secret = access.link(new("read"), "boss").await.expect("made");
    assert_eq!(access.keys().len(), 2, "not yet");
    kept.refuses.store(true, Ordering::Relaxed);
    let failed = access.exchange(&secret, phone()).await;
    assert!(
        matches!(failed, Err(SignInError::Key(KeyError::Storage(_)))),
        "{failed:?}"
    );
    kept.refuses.store(false, Ordering::Relaxed);
    let signed_in = access.exchange(&secret, phone()).await;
    let signed_in = signed_in.expect("as good as before");
    assert_eq!(&*signed_in.session.name, "Phone");
    assert_eq!(access.keys().len(), 3);
}

#[tokio::test]
async fn a_link_to_a_key_that_is_gone_or_over_opens_nothing() {
    let mut kept = kept();
    at(200);
    kept.keys[1].expires_us = Some(term_now().as_microsecond());
    at(100);
    let access = kept.open().await;
    let reader = crate::preview(&secret::hash(b"reader"));
    let secret = access.link(LinkTo::Key(reader), "boss").await;
    let secret = secret.expect("made");
    at(200);
    let over = access.exchange(&secret, phone()).await;
    assert!(
        matches!(over, Err(SignInError::Denied(Denial::Expired))),
        "{over:?}"
    );
    access.revoke_key("reader", "boss").await.expect("there");
    let gone = access.exchange(&secret, phone()).await;
    assert!(
        matches!(gone, Err(SignInError::Denied(Denial::Revoked))),
        "{gone:?}"
    );
    virtual_time::set(None);
}
