//! How a sensor's value stands, in the words that every source of sensors shares with
//! health and metrics.

/// It has a value of now.
pub(crate) const FRESH: &str = "fresh";
/// It had one, and that is too old.
pub(crate) const STALE: &str = "stale";
/// It never had one.
pub(crate) const ABSENT: &str = "absent";
