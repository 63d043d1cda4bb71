//! The permissions, their names and sets of them.
//!
//! This is the one place where the names stand; answers, messages, the OpenAPI
//! document and the command line take them from here.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::error::KeyError;

/// Every name in the order of [`Permission::ALL`], as a literal for `concat!`.
#[macro_export]
macro_rules! permission_names {
    () => {
        "read, write, respond, admin, dashboard"
    };
}

/// What a key may do; plain membership, `admin` does not imply the others. The one
/// exception: `write` contains `respond`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Permission {
    /// Reading drones and system.
    Read,
    /// Flying and changing drones.
    Write,
    /// What makes a situation safer and can wait for nobody: acknowledging and
    /// resolving alerts, landing, stopping. Whoever may fly may do this.
    Respond,
    /// Keys, rules, optimisation.
    Admin,
    /// Dashboards, alerts, performance.
    Dashboard,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Permission; 5] = [
        Permission::Read,
        Permission::Write,
        Permission::Respond,
        Permission::Admin,
        Permission::Dashboard,
    ];

    /// The name in the API, in messages and in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Permission::Read => "read",
            Permission::Write => "write",
            Permission::Respond => "respond",
            Permission::Admin => "admin",
            Permission::Dashboard => "dashboard",
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Permission {
    type Err = KeyError;

    /// Exact, lower-case names only: a permission guessed is a permission given.
    fn from_str(name: &str) -> Result<Permission, KeyError> {
        Permission::ALL
            .into_iter()
            .find(|permission| permission.name() == name)
            .ok_or_else(|| KeyError::InvalidPermission(name.to_owned()))
    }
}

/// A set of permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions(u8);

impl Permissions {
    /// Whether `permission` is in the set, or in another that is.
    #[must_use]
    pub const fn contains(self, permission: Permission) -> bool {
        self.has(permission)
            || matches!(permission, Permission::Respond) && self.has(Permission::Write)
    }

    const fn has(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u8) != 0
    }

    /// The set with `permission` in it.
    #[must_use]
    pub const fn with(self, permission: Permission) -> Permissions {
        Permissions(self.0 | (1 << permission as u8))
    }

    /// The set as one number, to see whether it has changed.
    pub(super) const fn bits(self) -> u8 {
        self.0
    }

    /// The set of the names known; a name from a newer version grants nothing.
    pub(super) fn from_names(names: &[String]) -> Permissions {
        names.iter().filter_map(|name| name.parse().ok()).collect()
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Permissions {
        permissions
            .into_iter()
            .fold(Permissions::default(), Permissions::with)
    }
}

/// Parses a comma list: blanks around items are trimmed, a repeated name counts
/// once, and the order of the request is kept (it is shown in answers).
///
/// # Errors
/// [`KeyError::InvalidPermission`] with the first unknown or empty item.
pub(super) fn parse_list(list: &str) -> Result<Vec<Permission>, KeyError> {
    let mut permissions = Vec::with_capacity(Permission::ALL.len());
    for item in list.split(',') {
        let permission = item.trim().parse()?;
        if !permissions.contains(&permission) {
            permissions.push(permission);
        }
    }
    Ok(permissions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admin_implies_nothing() {
        let admin = Permissions::default().with(Permission::Admin);
        assert!(admin.contains(Permission::Admin));
        assert!(
            Permission::ALL
                .iter()
                .filter(|permission| admin.contains(**permission))
                .count()
                == 1
        );
    }

    #[test]
    fn write_contains_respond_and_nothing_else_does() {
        for permission in Permission::ALL {
            let set = Permissions::default().with(permission);
            let may_respond = matches!(permission, Permission::Write | Permission::Respond);
            assert_eq!(
                set.contains(Permission::Respond),
                may_respond,
                "{permission}"
            );
            let may_write = permission == Permission::Write;
            assert_eq!(set.contains(Permission::Write), may_write, "{permission}");
        }
    }

    #[test]
    fn the_list_of_names_is_complete() {
        let names = Permission::ALL.map(Permission::name);
        assert_eq!(names.join(", "), permission_names!());
    }

    #[test]
    fn a_list_keeps_its_order_and_counts_a_name_once() {
        let parsed = parse_list(" write, read ,write").expect("valid");
        assert_eq!(parsed, [Permission::Write, Permission::Read]);
    }

    #[test]
    fn unknown_empty_and_misspelt_items_are_refused_by_name() {
        for (list, item) in [
            ("", ""),
            ("read,", ""),
            ("read,,write", ""),
            ("bogus", "bogus"),
            ("READ", "READ"),
        ] {
            match parse_list(list) {
                Err(KeyError::InvalidPermission(refused)) => assert_eq!(refused, item, "{list:?}"),
                other => panic!("{list:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn stored_names_of_a_newer_version_grant_nothing() {
        let names = ["read".to_owned(), "fly_into_space".to_owned()];
        assert_eq!(
            Permissions::from_names(&names),
            Permissions::default().with(Permission::Read)
        );
    }
}
