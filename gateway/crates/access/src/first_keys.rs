//! The two default keys as a start shows them, once. Nothing here keeps them.

use std::fmt;

use zeroize::Zeroizing;

/// A default key after a start, for showing it once.
///
/// `Display` shows a made key in clear: that is what it is for. `Debug` never does.
#[derive(Clone, PartialEq, Eq)]
pub enum FirstKey {
    /// Made at random at this start.
    Made(Zeroizing<String>),
    /// Given by the operator, who knows it; not shown.
    Given,
    /// Not made at this start.
    Unchanged,
}

impl fmt::Display for FirstKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            FirstKey::Made(key) => key,
            FirstKey::Given => "(as set by the environment or a credential)",
            FirstKey::Unchanged => "(unchanged)",
        })
    }
}

impl fmt::Debug for FirstKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            FirstKey::Made(_) => "Made(…)",
            FirstKey::Given => "Given",
            FirstKey::Unchanged => "Unchanged",
        })
    }
}

/// Keys of the first start, in clear, to be shown once.
#[derive(Debug)]
pub struct FirstKeys {
    /// Holds all permissions.
    pub admin: FirstKey,
    /// Holds `read` and `dashboard`.
    pub readonly: FirstKey,
}
