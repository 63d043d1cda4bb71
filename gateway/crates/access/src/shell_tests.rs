//! Keys, lock-outs and limits as the gateway uses them, over records in memory.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, PoisonError};

use readings::virtual_time::{self, VirtualTime};

use super::super::records::Committed;
use super::super::secret::{PUBLISHED_ADMIN_KEY, preview};
use super::super::table::tests::record;
use super::*;

pub(super) const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
const DAY_US: i64 = 24 * 3600 * 1_000_000;

/// Records in memory; they refuse when they are told to.
#[derive(Clone, Default)]
pub(super) struct Kept {
    pub(super) keys: Vec<KeyRecord>,
    state: Arc<Mutex<State>>,
    pub(super) refuses: Arc<AtomicBool>,
}

#[derive(Default)]
struct State {
    committed: Vec<Change>,
    deferred: Vec<Change>,
    sessions: Option<Vec<crate::SessionRecord>>,
}

impl Kept {
    pub(super) fn of(keys: &[(&str, &[&str])]) -> Kept {
        let keys = keys.iter().map(|(key, names)| record(key, names, None));
        Kept {
            keys: keys.collect(),
            ..Kept::default()
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn committed(&self) -> Vec<Change> {
        std::mem::take(&mut self.state().committed)
    }

    pub(super) fn deferred(&self) -> Vec<Change> {
        std::mem::take(&mut self.state().deferred)
    }

    /// The sessions that were written since this was last asked.
    pub(super) fn written_sessions(&self) -> Option<Vec<crate::SessionRecord>> {
        self.state().sessions.take()
    }

    pub(super) fn restart_with(&self, sessions: Vec<crate::SessionRecord>) {
        self.state().sessions = Some(sessions);
    }

    pub(super) async fn open(&self) -> Access {
        self.configured(&Config::default()).await
    }

    async fn configured(&self, config: &Config) -> Access {
        let opened = Access::open(config, self.clone(), None, None).await;
        let access = opened.expect("opened").0;
        self.committed();
        access
    }

    fn answer(&self, change: impl FnOnce(&mut State)) -> Committed<'_> {
        let refuses = self.refuses.load(Ordering::Relaxed);
        if !refuses {
            change(&mut self.state());
        }
        Box::pin(std::future::ready(match refuses {
            true => Err(NotDurable("the medium is full".into())),
            false => Ok(()),
        }))
    }
}

impl Records for Kept {
    fn keys(&self) -> Vec<KeyRecord> {
        self.keys.clone()
    }

    fn commit(&self, changes: Vec<Change>) -> Committed<'_> {
        self.answer(|state| state.committed.extend(changes))
    }

    fn defer(&self, changes: Vec<Change>) {
        self.state().deferred.extend(changes);
    }

    fn sessions(&self) -> Vec<crate::SessionRecord> {
        self.written_sessions().unwrap_or_default()
    }

    fn keep_sessions(&self, sessions: Vec<crate::SessionRecord>) -> Committed<'_> {
        self.answer(|state| state.sessions = Some(sessions))
    }
}

/// Sets the time of this thread.
pub(super) fn at(second: u64) {
    virtual_time::set(Some(VirtualTime {
        now_ms: second * 1_000,
        began_ms: 0,
    }));
}

/// What the audit trail is to hold of these: event, who, about what.
pub(super) fn told(changes: &[Change]) -> Vec<(&str, Option<&str>, &str)> {
    let audit = changes.iter().filter_map(|change| match change {
        Change::Audit(record) => Some(record),
        _ => None,
    });
    audit
        .map(|record| {
            let actor = record.actor.as_deref();
            (record.event.as_str(), actor, record.subject.as_str())
        })
        .collect()
}

fn admin_and_reader() -> Kept {
    Kept::of(&[("admin", &["admin"]), ("reader", &["read"])])
}

#[tokio::test]
async fn a_first_start_makes_two_keys_and_a_second_none() {
    let mut kept = Kept::default();
    let (access, first) = Access::open(&Config::default(), kept.clone(), None, None)
        .await
        .expect("opened");
    let shown = first.expect("shown once").admin.to_string();
    let changes = kept.committed();
    kept.keys = changes
        .iter()
        .filter_map(|change| match change {
            Change::PutKey(record) => Some(record.clone()),
            _ => None,
        })
        .collect();
    assert_eq!((kept.keys.len(), told(&changes).len()), (2, 2));
    let admin = access.authorise(
        Some(shown.as_bytes()),
        CLIENT,
        Some(Permission::Admin),
        Mono::ZERO,
    );
    assert!(admin.is_ok(), "{admin:?}");
    let again = Access::open(&Config::default(), kept.clone(), None, None).await;
    assert!(again.expect("opened").1.is_none());
    assert!(kept.committed().is_empty());

    kept.refuses.store(true, Ordering::Relaxed);
    kept.keys.clear();
    let refused = Access::open(&Config::default(), kept, None, None).await;
    assert!(matches!(refused, Err(KeyError::Storage(_))));
}

#[tokio::test]
async fn the_demo_opens_with_the_published_keys() {
    let access = Access::open_demo(&Config::default(), Kept::default()).await;
    let key = Some(PUBLISHED_ADMIN_KEY.as_bytes());
    let admitted = access
        .expect("opened")
        .authorise(key, CLIENT, None, Mono::ZERO);
    assert!(admitted.is_ok(), "{admitted:?}");
}

#[tokio::test]
async fn a_key_is_good_from_its_making_to_its_revocation_and_both_are_on_record() {
    let kept = admin_and_reader();
    let access = kept.open().await;
    at(100);
    let (key, made) = access
        .create_key("Tablet", "read", Some(30), "boss")
        .await
        .expect("made");
    let changes = kept.committed();
    assert!(changes.contains(&Change::PutKey(made.clone())));
    let shown = preview(&made.id);
    assert_eq!(
        told(&changes),
        [("key_created", Some("boss"), &*format!("Tablet ({shown})"))]
    );
    let names = || -> Vec<String> { access.keys().into_iter().map(|key| key.name).collect() };
    assert_eq!(names(), ["name of admin", "name of reader", "Tablet"]);
    let may = |needs| access.authorise(Some(key.as_bytes()), CLIENT, Some(needs), Mono::ZERO);
    assert!(may(Permission::Read).is_ok());
    assert_eq!(
        may(Permission::Write).expect_err("refused"),
        Denial::Lacks(Permission::Write)
    );
    assert_eq!(
        told(&kept.deferred()),
        [("permission_refused", Some("Tablet"), "lacks write")]
    );
    assert_eq!((access.stats().keys, access.stats().refused), (3, 1));

    let revoked = access.revoke_key(&shown, "boss").await.expect("there");
    assert_eq!(revoked.id, made.id);
    let changes = kept.committed();
    assert!(changes.contains(&Change::DeleteKey(made.id)));
    assert_eq!(told(&changes)[0].0, "key_revoked");
    assert_eq!(may(Permission::Read).expect_err("refused"), Denial::Revoked);
    assert_eq!(names().len(), 2);
    virtual_time::set(None);
}

#[tokio::test]
async fn what_is_not_durable_is_not_done() {
    let kept = admin_and_reader();
    let access = kept.open().await;
    kept.refuses.store(true, Ordering::Relaxed);
    let made = access.create_key("Tablet", "read", None, "boss").await;
    assert!(matches!(made, Err(KeyError::Storage(_))), "{made:?}");
    let revoked = access.revoke_key("reader", "boss").await;
    assert!(matches!(revoked, Err(KeyError::Storage(_))), "{revoked:?}");
    assert_eq!(access.keys().len(), 2);
    let admitted = access.authorise(Some(b"reader"), CLIENT, None, Mono::ZERO);
    assert!(admitted.is_ok());
}

#[tokio::test]
async fn reloaded_limits_hold_at_once() {
    let access = admin_and_reader().open().await;
    access.reload(&Config {
        max_keys: 2,
        other_per_minute: 1,
        ..Config::default()
    });
    let made = access.create_key("Tablet", "read", None, "boss").await;
    assert!(matches!(made, Err(KeyError::Full(2))), "{made:?}");
    let other = |access: &Access| access.rate_check(RateClass::Other, CLIENT, Mono::ZERO);
    assert!(other(&access).allowed);
    assert!(!other(&access).allowed);
    let key = access.keys()[0].id;
    assert!(access.rate_check_key(&key, Mono::ZERO).allowed, "its own");
    assert!(!access.rate_check_key(&key, Mono::ZERO).allowed);
    assert_eq!(access.stats().rate_limited, 2);
}

#[tokio::test]
async fn neighbours_on_an_attached_network_are_told_apart() {
    let config = Config {
        root_per_minute: 1,
        ..Config::default()
    };
    let access = admin_and_reader().configured(&config).await;
    let neighbour = |last: u16| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last);
    let allowed = |last| {
        let client = IpAddr::V6(neighbour(last));
        access
            .rate_check(RateClass::Root, client, Mono::ZERO)
            .allowed
    };
    assert!(allowed(1));
    assert!(!allowed(2), "one host may own them all");
    access.attach(AttachedNetwork::new(neighbour(0), 64).into_iter().collect());
    assert!(allowed(2) && allowed(3));
    assert!(!allowed(3));
}

#[tokio::test]
async fn who_tries_keys_is_locked_out_listed_and_let_off_by_name() {
    let kept = admin_and_reader();
    let access = kept.open().await;
    let second = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 8));
    for (time, client) in [(10, CLIENT), (20, second)] {
        at(time);
        for _ in 0..5 {
            let tried = access.authorise(Some(b"wrong"), client, None, Mono::now());
            assert_eq!(tried.expect_err("refused"), Denial::Invalid);
        }
    }
    let told_of = kept.deferred();
    let lockouts = told(&told_of)
        .iter()
        .filter(|told| told.0 == "lockout")
        .count();
    assert_eq!(lockouts, 2);
    let blocked = access.authorise(Some(b"wrong"), CLIENT, None, Mono::now());
    let retry_after_s = 3600 - 10;
    assert_eq!(
        blocked.expect_err("refused"),
        Denial::Blocked { retry_after_s }
    );
    let listed: Vec<ClientAddress> = access.locked_out().iter().map(|one| one.client).collect();
    assert_eq!(
        listed,
        [second, CLIENT].map(ClientAddress::Whole),
        "the longest first"
    );
    let client = ClientAddress::Whole(CLIENT);
    assert_eq!(access.lift_lockout(client, "boss").await, Ok(true));
    assert_eq!(
        told(&kept.committed()),
        [("lockout_lifted", Some("boss"), "192.0.2.7")]
    );
    assert_eq!(access.lift_lockout(client, "boss").await, Ok(false));
    assert!(kept.committed().is_empty(), "nothing was done");
    assert_eq!(access.locked_out().len(), 1);
    virtual_time::set(None);
}

#[tokio::test]
async fn terms_that_began_before_the_clock_was_set_begin_when_it_is() {
    let kept = admin_and_reader();
    let access = kept.open().await;
    at(100);
    let (_, made) = access
        .create_key("Tablet", "read", Some(30), "boss")
        .await
        .expect("made");
    kept.committed();
    access.anchor_terms(DAY_US).await.expect("durable");
    let keys = access.keys();
    let tablet = keys.iter().find(|key| key.id == made.id).expect("there");
    assert_eq!(tablet.created_us, made.created_us + DAY_US);
    assert_eq!(tablet.expires_us, made.expires_us.map(|at| at + DAY_US));
    let changes = kept.committed();
    assert!(changes.contains(&Change::PutKey(tablet.clone())));
    assert_eq!(told(&changes)[0].0, "terms_anchored");
    access.anchor_terms(DAY_US).await.expect("durable");
    assert!(kept.committed().is_empty(), "once");
    virtual_time::set(None);
}

#[tokio::test]
async fn who_flew_and_who_took_a_recording_is_kept() {
    let kept = admin_and_reader();
    let access = kept.open().await;
    access.record_flight("pilot", Some(SessionId(0xab)), CLIENT, "land d1");
    access.record_flight("gateway", None, CLIENT, "land d2");
    access.record_recording("recording_pinned", "boss", CLIENT, "one".to_owned());
    let changes = kept.deferred();
    let session = SessionId(0xab);
    assert_eq!(
        told(&changes),
        [
            (
                "drone_command",
                Some("pilot"),
                &*format!("land d1 (session {session})")
            ),
            ("drone_command", Some("gateway"), "land d2"),
            ("recording_pinned", Some("boss"), "one"),
        ]
    );
}

#[tokio::test]
async fn uses_are_counted_and_handed_over_once() {
    let kept = admin_and_reader();
    let access = kept.open().await;
    let admitted = access.authorise(Some(b"reader"), CLIENT, None, Mono::ZERO);
    admitted.expect("a valid key");
    access.flush_usage();
    let deferred = kept.deferred();
    assert!(
        matches!(&deferred[..], [Change::PutKey(key)] if key.usage_count == 1),
        "{deferred:?}"
    );
    access.flush_usage();
    assert!(kept.deferred().is_empty());
}

#[tokio::test]
async fn whoever_listens_is_rung() {
    let access = admin_and_reader().open().await;
    let mut changes = access.changes();
    assert!(!changes.has_changed().expect("open"));
    access.ring();
    assert!(changes.has_changed().expect("open"));
    changes.mark_unchanged();
    access.revoke_key("reader", "boss").await.expect("there");
    assert!(changes.has_changed().expect("open"));
}
