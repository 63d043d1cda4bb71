//! What an operator gives for the two default keys, checked. Pure.
//!
//! An override is the key, or `sha256:` and the hash by which it is known: whoever
//! provides boards then puts no key on a card. The hash of a key that can be guessed
//! can be guessed as well, and that cannot be seen here: such a key must be random.

use data_encoding::HEXLOWER_PERMISSIVE;
use zeroize::Zeroizing;

use super::error::{HASH_PREFIX, MIN_OVERRIDE_CHARS, OverrideError};
use super::permission::Permission;
use super::records::KeyId;
use super::secret::{self, MAX_KEY_BYTES, PUBLISHED_ADMIN_KEY, PUBLISHED_READONLY_KEY};

/// Whether a start would take these strings as the two default keys.
///
/// # Errors
/// [`OverrideError`] naming the variable and what is allowed.
pub fn check_given_keys(
    admin: Option<String>,
    readonly: Option<String>,
) -> Result<(), OverrideError> {
    Overrides::given(admin, readonly).map(drop)
}

/// One of the two default keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Admin,
    ReadOnly,
}

impl Role {
    pub(super) const BOTH: [Role; 2] = [Role::Admin, Role::ReadOnly];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Role::Admin => "Admin Key",
            Role::ReadOnly => "Read-Only Key",
        }
    }

    pub(super) const fn variable(self) -> &'static str {
        match self {
            Role::Admin => "MFG_DRONE_ADMIN_KEY",
            Role::ReadOnly => "MFG_DRONE_READONLY_KEY",
        }
    }

    /// In the documented order.
    pub(super) const fn permissions(self) -> &'static [Permission] {
        match self {
            Role::Admin => &[
                Permission::Admin,
                Permission::Read,
                Permission::Write,
                Permission::Dashboard,
            ],
            Role::ReadOnly => &[Permission::Read, Permission::Dashboard],
        }
    }

    /// Whether `name` is kept for a default key.
    pub(super) fn reserves(name: &str) -> bool {
        Role::BOTH
            .iter()
            .any(|role| role.name().eq_ignore_ascii_case(name.trim()))
    }
}

/// What is given for the default keys, checked: the hashes by which they are known.
#[derive(Default)]
pub(super) struct Overrides {
    admin: Option<KeyId>,
    readonly: Option<KeyId>,
    pub(super) published_allowed: bool,
}

impl Overrides {
    /// Those of the environment. Blanks around them are not part of a key.
    pub(super) fn given(
        admin: Option<String>,
        readonly: Option<String>,
    ) -> Result<Overrides, OverrideError> {
        let admin = checked(Role::Admin, admin)?;
        let readonly = checked(Role::ReadOnly, readonly)?;
        if admin.is_some() && admin == readonly {
            return Err(OverrideError::Same);
        }
        Ok(Overrides {
            admin,
            readonly,
            published_allowed: false,
        })
    }

    /// Those of the demo.
    pub(super) fn published() -> Overrides {
        Overrides {
            admin: Some(secret::hash(PUBLISHED_ADMIN_KEY.as_bytes())),
            readonly: Some(secret::hash(PUBLISHED_READONLY_KEY.as_bytes())),
            published_allowed: true,
        }
    }

    pub(super) fn of(&self, role: Role) -> Option<KeyId> {
        match role {
            Role::Admin => self.admin,
            Role::ReadOnly => self.readonly,
        }
    }
}

fn checked(role: Role, given: Option<String>) -> Result<Option<KeyId>, OverrideError> {
    let Some(given) = given.map(Zeroizing::new) else {
        return Ok(None);
    };
    let key = given.trim();
    let id = match key.strip_prefix(HASH_PREFIX) {
        Some(digits) => parse_hash(digits).ok_or(OverrideError::NotAHash(role.variable()))?,
        None => {
            check_clear(role, key)?;
            secret::hash(key.as_bytes())
        }
    };
    let published =
        [PUBLISHED_ADMIN_KEY, PUBLISHED_READONLY_KEY].map(|key| secret::hash(key.as_bytes()));
    if published.contains(&id) {
        return Err(OverrideError::Published(role.variable()));
    }
    Ok(Some(id))
}

/// Whether `key` may be a key at all.
fn check_clear(role: Role, key: &str) -> Result<(), OverrideError> {
    if key.chars().count() < MIN_OVERRIDE_CHARS {
        return Err(OverrideError::TooShort(role.variable()));
    }
    if key.len() > MAX_KEY_BYTES || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(OverrideError::NotAHeaderValue(role.variable()));
    }
    Ok(())
}

/// 64 hexadecimal digits as a hash.
fn parse_hash(digits: &str) -> Option<KeyId> {
    let hash = HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok()?;
    hash.try_into().map(KeyId).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admin(key: &str) -> Result<(), OverrideError> {
        check_given_keys(Some(key.to_owned()), None)
    }

    #[test]
    fn limits_of_a_given_key_are_the_last_that_is_allowed() {
        let long = |bytes: usize| "x".repeat(bytes);
        assert_eq!(admin(&long(MIN_OVERRIDE_CHARS)), Ok(()));
        assert_eq!(admin(&long(MAX_KEY_BYTES)), Ok(()));
        assert_eq!(admin(&format!(" {} ", long(MIN_OVERRIDE_CHARS))), Ok(()));
        let name = Role::Admin.variable();
        for short in [long(MIN_OVERRIDE_CHARS - 1), String::new()] {
            assert_eq!(admin(&short), Err(OverrideError::TooShort(name)));
        }
        for other in [
            long(MAX_KEY_BYTES + 1),
            "xxxxxxxx xxxxxxxx".to_owned(),
            "é".repeat(20),
        ] {
            assert_eq!(admin(&other), Err(OverrideError::NotAHeaderValue(name)));
        }
    }

    #[test]
    fn a_hash_is_taken_for_the_key_that_it_is_of() {
        let key = "a key that nobody publishes".replace(' ', "-");
        let digits = data_encoding::HEXLOWER.encode(&secret::hash(key.as_bytes()).0);
        let hashed = |digits: &str| Some(format!("{HASH_PREFIX}{digits}"));
        assert_eq!(
            check_given_keys(Some(key), hashed(&digits)),
            Err(OverrideError::Same)
        );
        let given = Overrides::given(None, hashed(&digits.to_uppercase())).expect("a hash");
        assert_eq!(given.of(Role::Admin), None);
        assert!(given.of(Role::ReadOnly).is_some() && !given.published_allowed);
        let name = Role::ReadOnly.variable();
        for wrong in ["", &digits[2..], "xyz"] {
            let refused = check_given_keys(None, hashed(wrong));
            assert_eq!(refused, Err(OverrideError::NotAHash(name)), "{wrong}");
        }
    }

    #[test]
    fn what_everybody_knows_is_for_the_demo_alone() {
        let name = Role::Admin.variable();
        for key in [PUBLISHED_ADMIN_KEY, PUBLISHED_READONLY_KEY] {
            assert_eq!(admin(key), Err(OverrideError::Published(name)));
        }
        let demo = Overrides::published();
        assert!(demo.published_allowed && demo.of(Role::Admin) != demo.of(Role::ReadOnly));
        assert!(Role::reserves(" admin key ") && !Role::reserves("Admin"));
    }
}
