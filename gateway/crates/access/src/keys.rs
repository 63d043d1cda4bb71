//! Making and revoking keys: what is asked for, checked before it is done. Pure.

use zeroize::Zeroizing;

use super::error::{KeyError, NAME_CHARS, NameError};
use super::overrides::Role;
use super::permission::{Permission, parse_list};
use super::random;
use super::records::KeyRecord;
use super::sanitise::sanitise;
use super::secret;
use super::table::{KeyEntry, KeyTable};

/// Microseconds of a day.
const DAY_US: i64 = 24 * 3600 * 1_000_000;
/// Random keys tried until one has a preview of its own. With 4096 keys one in
/// a million collides; eight in a row do not.
const TRIES: usize = 8;

/// A key to be made, checked.
#[derive(Debug)]
pub(super) struct NewKey {
    name: String,
    permissions: Vec<Permission>,
    expires_days: Option<u32>,
}

impl NewKey {
    /// Checks what was asked for.
    pub(super) fn parse(
        name: &str,
        permissions: &str,
        expires_days: Option<u32>,
    ) -> Result<NewKey, KeyError> {
        checked_name(name)?;
        Ok(NewKey {
            name: name.to_owned(),
            permissions: parse_list(permissions)?,
            expires_days,
        })
    }

    /// Makes the key, for a table of at most `max_keys`.
    pub(super) fn make(
        self,
        table: &KeyTable,
        max_keys: usize,
        now_us: i64,
    ) -> Result<(Zeroizing<String>, KeyRecord), KeyError> {
        if table.len() >= max_keys {
            return Err(KeyError::Full(table.len()));
        }
        let key = distinct(table)?;
        let record = KeyRecord {
            id: secret::hash(key.as_bytes()),
            name: self.name,
            permissions: self
                .permissions
                .iter()
                .map(|permission| permission.name().to_owned())
                .collect(),
            created_us: now_us,
            expires_us: self
                .expires_days
                .map(|days| now_us.saturating_add(i64::from(days).saturating_mul(DAY_US))),
            last_used_us: None,
            usage_count: 0,
        };
        Ok((key, record))
    }
}

/// A random key whose preview no other key has.
fn distinct(table: &KeyTable) -> Result<Zeroizing<String>, KeyError> {
    for _ in 0..TRIES {
        let key = random::generate()?;
        if !table.is_preview_taken(&secret::hash(key.as_bytes())) {
            return Ok(key);
        }
    }
    Err(KeyError::Entropy(
        "every key tried has the preview of another".to_owned(),
    ))
}

fn checked_name(name: &str) -> Result<(), NameError> {
    if name.trim().is_empty() {
        return Err(NameError::Empty);
    }
    sanitise(name, NAME_CHARS)?;
    if name.chars().any(readings::text::is_misleading) {
        return Err(NameError::Control);
    }
    if Role::reserves(name) {
        return Err(NameError::Reserved(name.to_owned()));
    }
    Ok(())
}

/// The key meant by its clear text or its preview, when it may be revoked.
pub(super) fn revocable<'table>(
    table: &'table KeyTable,
    key_or_preview: &str,
    wall_us: i64,
) -> Result<&'table KeyEntry, KeyError> {
    let by_key = table.find(&secret::hash(key_or_preview.as_bytes()));
    let by_preview =
        || secret::parse_preview(key_or_preview).and_then(|part| table.find_previewed(part));
    let entry = by_key.or_else(by_preview).ok_or(KeyError::Unknown)?;
    if table.is_last_admin(&entry.id, wall_us) {
        return Err(KeyError::LastAdmin);
    }
    Ok(entry)
}

#[cfg(test)]
mod tests {
    use super::super::sanitise::SanitiseError;
    use super::super::table::tests::record;
    use super::*;

    fn table() -> KeyTable {
        [
            record("the-one-admin", &["admin"], None),
            record("reader", &["read"], None),
        ]
        .into_iter()
        .collect()
    }

    #[test]
    fn a_new_key_is_what_was_asked_for() {
        let new = NewKey::parse("Field tablet 3", "write, read", Some(30)).expect("valid");
        let (key, record) = new.make(&table(), 256, 1_000).expect("made");
        assert_eq!(record.id, secret::hash(key.as_bytes()));
        assert_eq!(
            (record.name.as_str(), record.usage_count),
            ("Field tablet 3", 0)
        );
        assert_eq!(record.permissions, ["write", "read"]);
        assert_eq!(record.expires_us, Some(1_000 + 30 * 86_400_000_000));
        let endless = NewKey::parse("x", "read", None)
            .expect("valid")
            .make(&table(), 256, 0)
            .expect("made");
        assert_eq!(endless.1.expires_us, None);
        assert!(
            NewKey::parse("x", "read", Some(u32::MAX))
                .expect("valid")
                .make(&table(), 256, i64::MAX)
                .is_ok()
        );
    }

    #[test]
    fn names_are_checked() {
        let refused = |name: &str| match NewKey::parse(name, "read", None) {
            Err(KeyError::InvalidName(error)) => error,
            other => panic!("{name:?}: {other:?}"),
        };
        assert_eq!(refused(""), NameError::Empty);
        assert_eq!(refused("  "), NameError::Empty);
        assert_eq!(
            refused("<Script>alert(1)"),
            NameError::Text(SanitiseError::Dangerous)
        );
        assert!(matches!(
            refused(&"n".repeat(101)),
            NameError::Text(SanitiseError::TooLong { .. })
        ));
        assert_eq!(refused("two\nlines"), NameError::Control);
        assert_eq!(refused("two\u{2028}lines"), NameError::Control);
        assert_eq!(refused("turned \u{202E}round"), NameError::Control);
        assert!(matches!(refused("admin key"), NameError::Reserved(_)));
        assert!(NewKey::parse(&"名".repeat(100), "read", None).is_ok());
    }

    #[test]
    fn a_full_table_refuses() {
        let new = NewKey::parse("x", "read", None).expect("valid");
        assert!(matches!(new.make(&table(), 2, 0), Err(KeyError::Full(2))));
    }

    #[test]
    fn keys_are_revoked_by_key_and_by_preview_but_never_the_last_admin() {
        let table = table();
        let preview = secret::preview(&secret::hash(b"reader"));
        for meant in ["reader", &preview, preview.trim_end_matches('.')] {
            let entry = revocable(&table, meant, 0).expect("found");
            assert_eq!(&*entry.name, "name of reader");
        }
        for unknown in ["", "invalid-key", "Reader", "...", "00000000"] {
            assert!(
                matches!(revocable(&table, unknown, 0), Err(KeyError::Unknown)),
                "{unknown:?}"
            );
        }
        assert!(matches!(
            revocable(&table, "the-one-admin", 0),
            Err(KeyError::LastAdmin)
        ));
        let two = table.with(record("second", &["admin"], None));
        assert!(revocable(&two, "the-one-admin", 0).is_ok());
    }
}
