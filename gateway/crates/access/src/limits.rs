//! The limits that a reload can change.

use std::time::Duration;

use super::config::Config;
use super::decision::RateClass;
use super::lockout::Policy;

/// What can be changed by a reload.
pub(super) struct Limits {
    /// None: wrong keys lock nobody out.
    pub(super) lockout: Option<Policy>,
    pub(super) exempt_loopback: bool,
    /// By [`RateClass`]; 0 is unlimited.
    pub(super) per_minute: [u32; RateClass::ALL.len()],
}

impl Limits {
    pub(super) fn new(config: &Config) -> Limits {
        let policy = Policy {
            max_failures: config.max_failed_attempts,
            window: Duration::from_secs(u64::from(config.failed_attempt_window_hours) * 3600),
        };
        let per_minute = RateClass::ALL.map(|class| {
            let limit = match class {
                RateClass::Root => config.root_per_minute,
                RateClass::Health => config.health_per_minute,
                RateClass::Dashboard | RateClass::Ui => config.page_per_minute,
                RateClass::Other => config.other_per_minute,
            };
            if config.rate_limit_enabled { limit } else { 0 }
        });
        Limits {
            lockout: config.lockout.then_some(policy),
            exempt_loopback: config.lockout_exempts_loopback,
            per_minute,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config {
            rate_limit_enabled: true,
            root_per_minute: 1,
            health_per_minute: 2,
            page_per_minute: 3,
            other_per_minute: 4,
            lockout: true,
            max_failed_attempts: 7,
            failed_attempt_window_hours: 2,
            lockout_exempts_loopback: true,
            ..Config::default()
        }
    }

    #[test]
    fn each_class_has_the_limit_of_its_key() {
        let limits = Limits::new(&config());
        assert_eq!(limits.per_minute, [1, 2, 3, 3, 4]);
        assert!(limits.exempt_loopback);
        let policy = limits.lockout.expect("on");
        assert_eq!(
            (policy.max_failures, policy.window),
            (7, Duration::from_secs(2 * 3600))
        );
    }

    #[test]
    fn what_is_switched_off_limits_nobody() {
        let limits = Limits::new(&Config {
            rate_limit_enabled: false,
            lockout: false,
            lockout_exempts_loopback: false,
            ..config()
        });
        assert_eq!(limits.per_minute, [0; RateClass::ALL.len()]);
        assert!(limits.lockout.is_none() && !limits.exempt_loopback);
    }
}
