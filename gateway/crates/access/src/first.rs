//! The two default keys: what a start does about them. Pure.
//!
//! | at the start | then |
//! |---|---|
//! | the store holds no key | `Admin Key` and `Read-Only Key` are made at random and shown once |
//! | an override is given and its key is stored | nothing: it stays, with its counts |
//! | an override is given and its key is not stored | it is stored under the default's name; the former key of that name is revoked |
//! | an override was given once and is no longer | nothing: the stored key stays valid until it is revoked |
//! | a default was revoked, its override is still given | it comes back: the environment is the operator's word |
//! | keys exist, but none with `admin` | a new `Admin Key` is made and shown, or nobody could get in |
//!
//! The names are reserved for this, so a key made through the API is never
//! mistaken for a default and revoked. The published keys of the seed document
//! are accepted by the demo alone; everywhere else they are refused as an
//! override and revoked if a demo has left them in the store.

use zeroize::Zeroizing;

use super::audit;
use super::error::{KeyError, OverrideError};
use super::first_keys::{FirstKey, FirstKeys};
use super::overrides::{Overrides, Role};
use super::permission::Permission;
use super::records::{Change, KeyId, KeyRecord};
use super::secret::{self, PUBLISHED_ADMIN_KEY, PUBLISHED_READONLY_KEY};

/// Who acts at a start, in the audit trail.
const ACTOR: &str = "start";

/// What a start changes.
pub(super) struct Start {
    /// The keys from now on.
    pub(super) keys: Vec<KeyRecord>,
    /// To be made durable before the keys are used.
    pub(super) changes: Vec<Change>,
    /// To be shown, when a key was made.
    pub(super) first: Option<FirstKeys>,
}

/// Plans a start from the `stored` keys. `make` gives a random key.
pub(super) fn plan(
    stored: Vec<KeyRecord>,
    overrides: &Overrides,
    now_us: i64,
    mut make: impl FnMut() -> Result<Zeroizing<String>, KeyError>,
) -> Result<Start, KeyError> {
    let mut start = Start {
        keys: stored,
        changes: Vec::new(),
        first: None,
    };
    if !overrides.published_allowed {
        let published =
            [PUBLISHED_ADMIN_KEY, PUBLISHED_READONLY_KEY].map(|key| secret::hash(key.as_bytes()));
        start.revoke(now_us, |key| published.contains(&key.id));
    }
    let is_first = start.keys.is_empty();
    let mut shown = [FirstKey::Unchanged, FirstKey::Unchanged];
    for (role, shown) in Role::BOTH.into_iter().zip(&mut shown) {
        if let Some(id) = overrides.of(role) {
            start.take_over(role, id, now_us)?;
            *shown = FirstKey::Given;
        } else if is_first || (role == Role::Admin && !start.has_admin()) {
            let key = make()?;
            start.add(role, secret::hash(key.as_bytes()), now_us);
            *shown = FirstKey::Made(key);
        }
    }
    let [admin, readonly] = shown;
    if matches!(admin, FirstKey::Made(_)) || matches!(readonly, FirstKey::Made(_)) {
        start.first = Some(FirstKeys { admin, readonly });
    }
    Ok(start)
}

impl Start {
    fn has_admin(&self) -> bool {
        self.keys.iter().any(|key| {
            key.permissions
                .iter()
                .any(|name| name == Permission::Admin.name())
        })
    }

    /// Makes `id` the default key of `role`.
    fn take_over(&mut self, role: Role, id: KeyId, now_us: i64) -> Result<(), KeyError> {
        self.revoke(now_us, |key| key.name == role.name() && key.id != id);
        if self.keys.iter().any(|key| key.id == id) {
            return Ok(());
        }
        if self
            .keys
            .iter()
            .any(|key| secret::public_part(&key.id) == secret::public_part(&id))
        {
            return Err(OverrideError::PreviewTaken(role.variable()).into());
        }
        self.add(role, id, now_us);
        Ok(())
    }

    fn add(&mut self, role: Role, id: KeyId, now_us: i64) {
        let record = KeyRecord {
            id,
            name: role.name().to_owned(),
            permissions: role
                .permissions()
                .iter()
                .map(|permission| permission.name().to_owned())
                .collect(),
            created_us: now_us,
            expires_us: None,
            last_used_us: None,
            usage_count: 0,
        };
        self.changes.push(Change::PutKey(record.clone()));
        self.changes
            .push(Change::Audit(audit::key_created(&record, ACTOR, now_us)));
        self.keys.push(record);
    }

    fn revoke(&mut self, now_us: i64, is_meant: impl Fn(&KeyRecord) -> bool) {
        for key in self.keys.extract_if(.., |key| is_meant(key)) {
            self.changes.push(Change::DeleteKey(key.id));
            self.changes
                .push(Change::Audit(audit::key_revoked(&key, ACTOR, now_us)));
        }
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER_PERMISSIVE;

    use super::super::error::HASH_PREFIX;
    use super::super::random;
    use super::*;

    const ADMIN: &str = "an-operators-own-admin-key";
    const OTHER: &str = "another-of-the-operators-keys";

    fn start(stored: Vec<KeyRecord>, admin: Option<&str>, readonly: Option<&str>) -> Start {
        let overrides =
            Overrides::given(admin.map(str::to_owned), readonly.map(str::to_owned)).expect("valid");
        plan(stored, &overrides, 1_000, random::generate).expect("planned")
    }

    fn names(start: &Start) -> Vec<&str> {
        start.keys.iter().map(|key| key.name.as_str()).collect()
    }

    #[test]
    fn the_first_start_makes_two_random_keys_and_the_second_none() {
        let first = start(Vec::new(), None, None);
        assert_eq!(names(&first), ["Admin Key", "Read-Only Key"]);
        assert_eq!(
            first.keys[0].permissions,
            ["admin", "read", "write", "dashboard"]
        );
        assert_eq!(first.keys[1].permissions, ["read", "dashboard"]);
        let shown = first.first.expect("shown");
        assert_eq!(
            secret::hash(shown.admin.to_string().as_bytes()),
            first.keys[0].id
        );
        assert_eq!(
            secret::hash(shown.readonly.to_string().as_bytes()),
            first.keys[1].id
        );
        assert!(!format!("{shown:?}").contains("mfg-drone-"), "{shown:?}");
        let again = start(first.keys, None, None);
        assert!(again.changes.is_empty() && again.first.is_none());
    }

    #[test]
    fn an_override_is_stored_not_shown_and_kept() {
        let first = start(Vec::new(), Some(ADMIN), None);
        assert_eq!(first.keys[0].id, secret::hash(ADMIN.as_bytes()));
        let shown = first.first.expect("the read-only key is shown");
        assert_eq!(shown.admin, FirstKey::Given);
        assert!(matches!(shown.readonly, FirstKey::Made(_)));
        let again = start(first.keys, Some(ADMIN), None);
        assert!(again.changes.is_empty() && again.first.is_none());
        let unset = start(again.keys, None, None);
        assert!(unset.changes.is_empty(), "no longer given: it stays");
    }

    #[test]
    fn a_hash_stands_for_its_key() {
        let hash_of = |key: &str| {
            let KeyId(bytes) = secret::hash(key.as_bytes());
            let digits = HEXLOWER_PERMISSIVE.encode(&bytes);
            format!("{HASH_PREFIX}{digits}")
        };
        let first = start(Vec::new(), Some(&hash_of(ADMIN)), Some(&hash_of(OTHER)));
        assert_eq!(first.keys[0].id, secret::hash(ADMIN.as_bytes()));
        assert!(first.first.is_none(), "whoever made the hash knows the key");
        let in_clear = start(first.keys, Some(ADMIN), None);
        assert!(in_clear.changes.is_empty(), "the same key in another form");
        let refused = |admin: &str, readonly: &str| {
            Overrides::given(Some(admin.to_owned()), Some(readonly.to_owned()))
                .err()
                .expect("refused")
        };
        let variable = "MFG_DRONE_ADMIN_KEY";
        assert_eq!(
            refused(&hash_of(PUBLISHED_READONLY_KEY), OTHER),
            OverrideError::Published(variable)
        );
        assert_eq!(refused(&hash_of(ADMIN), ADMIN), OverrideError::Same);
        for wrong in [
            "sha256:",
            "sha256:abc",
            &format!("{}g", &hash_of(ADMIN)[..70]),
        ] {
            assert_eq!(refused(wrong, OTHER), OverrideError::NotAHash(variable));
        }
    }

    #[test]
    fn a_changed_override_revokes_the_former_default_and_nothing_else() {
        let mut keys = start(Vec::new(), Some(ADMIN), None).keys;
        let mine = KeyRecord {
            id: secret::hash(b"mine"),
            name: "Tablet".to_owned(),
            ..keys[0].clone()
        };
        keys.push(mine);
        let changed = start(keys, Some(OTHER), None);
        assert_eq!(names(&changed), ["Read-Only Key", "Tablet", "Admin Key"]);
        assert!(
            changed
                .changes
                .contains(&Change::DeleteKey(secret::hash(ADMIN.as_bytes())))
        );
        let deleted = changed
            .changes
            .iter()
            .filter(|change| matches!(change, Change::DeleteKey(_)))
            .count();
        assert_eq!(deleted, 1);
    }

    #[test]
    fn published_keys_are_the_demos_alone() {
        let demo = plan(Vec::new(), &Overrides::published(), 0, random::generate).expect("planned");
        assert!(demo.first.is_none(), "the demo knows them");
        // The demo's state directory, used for real.
        let real = start(demo.keys, None, None);
        let published = secret::hash(PUBLISHED_ADMIN_KEY.as_bytes());
        assert!(real.keys.iter().all(|key| key.id != published));
        assert_eq!(names(&real), ["Admin Key", "Read-Only Key"]);
        assert!(real.first.is_some());
    }

    #[test]
    fn somebody_can_always_get_in() {
        let mut keys = start(Vec::new(), None, None).keys;
        keys.retain(|key| key.name == "Read-Only Key");
        let start = start(keys, None, None);
        assert_eq!(names(&start), ["Read-Only Key", "Admin Key"]);
        assert_eq!(start.first.expect("shown").readonly, FirstKey::Unchanged);
    }

    #[test]
    fn weak_overrides_are_refused_by_their_variable() {
        let refused = |admin: &str, readonly: &str| {
            Overrides::given(Some(admin.to_owned()), Some(readonly.to_owned()))
                .err()
                .expect("refused")
        };
        let variable = "MFG_DRONE_READONLY_KEY";
        assert_eq!(
            refused(ADMIN, "fifteen-letters"),
            OverrideError::TooShort(variable)
        );
        assert_eq!(
            refused(ADMIN, "sixteen letters!"),
            OverrideError::NotAHeaderValue(variable)
        );
        assert_eq!(
            refused(ADMIN, &"x".repeat(257)),
            OverrideError::NotAHeaderValue(variable)
        );
        assert_eq!(
            refused(ADMIN, PUBLISHED_READONLY_KEY),
            OverrideError::Published(variable)
        );
        assert_eq!(
            refused(ADMIN, PUBLISHED_ADMIN_KEY),
            OverrideError::Published(variable)
        );
        assert_eq!(refused(ADMIN, &format!("{ADMIN}\n")), OverrideError::Same);
        assert!(
            !OverrideError::TooShort(variable)
                .to_string()
                .contains("fifteen")
        );
    }

    #[test]
    fn the_default_names_are_reserved() {
        assert!(Role::reserves("admin key") && Role::reserves(" Read-Only Key "));
        assert!(!Role::reserves("Admin Key 2"));
    }
}
