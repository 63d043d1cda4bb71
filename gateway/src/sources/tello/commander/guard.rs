//! Acts for an operator who is gone, and for a battery that is nearly empty.
//!
//! Pure. A keep-alive is sent only while the operator who flies the drone is
//! there: any command cancels the landing a drone makes by itself, so a blind
//! keep-alive would hold it in the air until it falls.

use std::time::Duration;

use readings::clock::Mono;

use crate::config::OnOperatorLoss;

/// Between keep-alives: a third of the 15 s after which a drone lands by itself.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(5);

/// What is to be done, and when; from `[drones]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in super::super) struct Policy {
    pub(in super::super) on_operator_loss: OnOperatorLoss,
    /// How long an operator may be gone: a page that is loaded anew comes back.
    pub(in super::super) operator_grace: Duration,
    /// Charge under which a flying drone is told of, in percent; 0: never.
    pub(in super::super) warn_battery_pct: u8,
    /// Charge under which no take-off is made, in percent; 0: always.
    pub(in super::super) takeoff_battery_pct: u8,
    /// Charge at and under which a flying drone is landed, in percent; 0: never.
    pub(in super::super) land_battery_pct: u8,
    /// Height over the take-off point that no move may end above, in cm.
    pub(in super::super) height_limit_cm: Option<u16>,
    /// Distance over ground from a mission pad that it sees, beyond which no way leads, in cm.
    pub(in super::super) pad_limit_cm: Option<u16>,
}

/// Who flies, as the guard sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flyer {
    pub(super) is_there: bool,
    /// When their session last said so; none of one that has ended.
    pub(super) said: Option<Mono>,
    /// Whether their session is over.
    pub(super) has_ended: bool,
}

/// What the guard sees.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watched {
    pub(super) now: Mono,
    pub(super) flying: bool,
    /// The operator who commanded last; `None`: nobody did.
    pub(super) operator: Option<Flyer>,
    /// Whether a keep-alive may be sent: any command ends a landing that the
    /// drone began by itself, and nothing goes to a drone that is not seen.
    pub(super) may_keep_alive: bool,
    pub(super) last_sent: Mono,
    /// The charge; none when that is an old one.
    pub(super) battery_pct: Option<u8>,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    KeepAlive,
    LandForBattery,
    LandForOperator,
    HoverForOperator,
}

/// The guard of one drone.
#[derive(Debug)]
pub(super) struct FlightGuard {
    policy: Policy,
    was_there: bool,
    gone_since: Option<Mono>,
    acted_for_operator: bool,
    acted_for_battery: bool,
    /// Whether the battery of this flight was worth a warning: it only falls, so
    /// what it says at the limit must not raise and end the alert in turn.
    warns: bool,
}

impl FlightGuard {
    pub(super) fn new(policy: Policy) -> FlightGuard {
        FlightGuard {
            policy,
            was_there: false,
            gone_since: None,
            acted_for_operator: false,
            acted_for_battery: false,
            warns: false,
        }
    }

    pub(super) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// An operator has given a command; `is_there` with a session that can be lost.
    /// Noted at once: it may be lost before the next look.
    pub(super) fn commanded(&mut self, is_there: bool) {
        (self.was_there, self.gone_since, self.acted_for_operator) = (is_there, None, false);
    }

    /// Whether the battery of this flight is worth a warning.
    pub(super) fn warns(&self) -> bool {
        self.warns
    }

    /// Looks at the drone; to be called about once a second.
    pub(super) fn look(&mut self, watched: Watched) -> Option<Act> {
        if !watched.flying {
            *self = FlightGuard {
                was_there: self.was_there,
                ..FlightGuard::new(self.policy)
            };
            return None;
        }
        self.warns |= watched
            .battery_pct
            .is_some_and(|pct| pct < self.policy.warn_battery_pct);
        let empty = watched
            .battery_pct
            .is_some_and(|pct| pct <= self.policy.land_battery_pct);
        if empty
            && self.policy.land_battery_pct > 0
            && !std::mem::replace(&mut self.acted_for_battery, true)
        {
            return Some(Act::LandForBattery);
        }
        match watched.operator {
            Some(flyer) if flyer.is_there => {
                (self.was_there, self.gone_since, self.acted_for_operator) = (true, None, false);
                let is_due = watched.now.since(watched.last_sent) >= KEEP_ALIVE_EVERY;
                (is_due && watched.may_keep_alive).then_some(Act::KeepAlive)
            }
            // One that ended between two looks may never have been seen there.
            Some(flyer) if self.was_there || flyer.has_ended => self.miss(flyer.said, watched.now),
            _ => None,
        }
    }

    /// Nobody was there since the session last `said` so, which is when the grace begins.
    fn miss(&mut self, said: Option<Mono>, now: Mono) -> Option<Act> {
        let since = *self.gone_since.get_or_insert(said.unwrap_or(now));
        if now.since(since) < self.policy.operator_grace
            || std::mem::replace(&mut self.acted_for_operator, true)
        {
            return None;
        }
        match self.policy.on_operator_loss {
            OnOperatorLoss::Land => Some(Act::LandForOperator),
            OnOperatorLoss::Hover => Some(Act::HoverForOperator),
            OnOperatorLoss::Nothing => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(on_operator_loss: OnOperatorLoss) -> FlightGuard {
        FlightGuard::new(Policy {
            on_operator_loss,
            operator_grace: Duration::from_secs(3),
            warn_battery_pct: 15,
            takeoff_battery_pct: 10,
            land_battery_pct: 5,
            height_limit_cm: None,
            pad_limit_cm: None,
        })
    }

    fn watched(now: u64, operator: Option<bool>) -> Watched {
        let now = Mono::from_millis(now);
        let operator = operator.map(|is_there| Flyer {
            is_there,
            said: None,
            has_ended: false,
        });
        Watched {
            now,
            flying: true,
            may_keep_alive: true,
            operator,
            last_sent: now,
            battery_pct: Some(50),
        }
    }

    #[test]
    fn a_lost_operator_is_acted_for_once_and_after_the_grace() {
        for (policy, act) in [
            (OnOperatorLoss::Land, Some(Act::LandForOperator)),
            (OnOperatorLoss::Hover, Some(Act::HoverForOperator)),
            (OnOperatorLoss::Nothing, None),
        ] {
            let mut guard = guard(policy);
            assert_eq!(guard.look(watched(0, Some(true))), None);
            assert_eq!(guard.look(watched(1_000, Some(false))), None);
            assert_eq!(guard.look(watched(3_999, Some(false))), None);
            assert_eq!(guard.look(watched(4_000, Some(false))), act);
            assert_eq!(guard.look(watched(9_000, Some(false))), None, "once");
        }
    }

    #[test]
    fn coming_back_in_time_changes_nothing_and_who_never_was_there_is_not_missed() {
        let mut known = guard(OnOperatorLoss::Land);
        known.look(watched(0, Some(true)));
        known.look(watched(1_000, Some(false)));
        known.look(watched(2_000, Some(true)));
        assert_eq!(known.look(watched(4_500, Some(false))), None);
        let mut stranger = guard(OnOperatorLoss::Land);
        assert_eq!(stranger.look(watched(0, Some(false))), None);
        assert_eq!(stranger.look(watched(60_000, Some(false))), None);
    }

    #[test]
    fn an_operator_lost_right_after_the_command_is_missed() {
        let mut guard = guard(OnOperatorLoss::Land);
        guard.commanded(true);
        assert_eq!(guard.look(watched(0, Some(false))), None);
        assert_eq!(
            guard.look(watched(3_000, Some(false))),
            Some(Act::LandForOperator)
        );
    }

    #[test]
    fn the_grace_begins_when_the_session_was_last_heard() {
        let mut guard = guard(OnOperatorLoss::Land);
        guard.commanded(true);
        let silent = |now| Watched {
            operator: Some(Flyer {
                is_there: false,
                said: Some(Mono::from_millis(1_000)),
                has_ended: false,
            }),
            ..watched(now, None)
        };
        assert_eq!(guard.look(silent(3_900)), None);
        assert_eq!(guard.look(silent(4_000)), Some(Act::LandForOperator));
    }

    #[test]
    fn keep_alives_need_an_operator_who_is_there() {
        let mut guard = guard(OnOperatorLoss::Nothing);
        let idle = |operator| Watched {
            last_sent: Mono::ZERO,
            ..watched(5_000, operator)
        };
        assert_eq!(guard.look(idle(Some(true))), Some(Act::KeepAlive));
        assert_eq!(guard.look(idle(Some(false))), None);
        assert_eq!(guard.look(idle(None)), None);
        let in_the_dark = Watched {
            may_keep_alive: false,
            ..idle(Some(true))
        };
        assert_eq!(guard.look(in_the_dark), None);
    }

    #[test]
    fn an_empty_battery_lands_once() {
        let mut guard = guard(OnOperatorLoss::Nothing);
        let at = |pct| Watched {
            battery_pct: Some(pct),
            ..watched(1, None)
        };
        assert_eq!(guard.look(at(15)), None);
        assert!(!guard.warns());
        assert_eq!(guard.look(at(14)), None);
        assert_eq!(guard.look(at(15)), None);
        assert!(guard.warns(), "of the whole flight");
        assert_eq!(guard.look(at(6)), None);
        assert_eq!(guard.look(at(5)), Some(Act::LandForBattery));
        assert_eq!(guard.look(at(4)), None);
        let landed = Watched {
            flying: false,
            ..at(4)
        };
        assert_eq!(guard.look(landed), None);
        assert!(!guard.warns());
    }
}
