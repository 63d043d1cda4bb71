//! The words in which answers say how something is. They are the contract's; each is
//! written here once, so that two answers cannot disagree by a letter.

/// All is well, as far as this answer looks.
pub(crate) const HEALTHY: &str = "healthy";
/// It works; somebody should look.
pub(crate) const WARNING: &str = "warning";
/// It works in part.
pub(crate) const DEGRADED: &str = "degraded";
/// It is about to fail, or has failed.
pub(crate) const CRITICAL: &str = "critical";
/// The opposite of [`HEALTHY`] where there is nothing between.
pub(crate) const UNHEALTHY: &str = "unhealthy";
/// A service that answers.
pub(crate) const UP: &str = "up";
/// A service that does not.
pub(crate) const DOWN: &str = "down";
