//! What a take-off depends on: one list, for whoever decides and for whoever asks why not.
//!
//! Pure. A take-off is refused by the first check that fails; people are shown all of
//! them. What is not the drone's own (an emergency stop, a rule) comes by [`TakeoffHold`]:
//! a kind of vehicle must not know where it comes from.

use std::fmt;
use std::sync::Arc;

use super::{LinkState, Refusal};

/// What keeps drones on the ground that is not their own.
pub trait TakeoffHold: Send + Sync + 'static {
    /// Why the drone `id` may not take off, in words. Asked when a take-off is asked, and
    /// again when it leaves: must not wait.
    fn why_not(&self, id: &str) -> Option<Arc<str>>;

    /// Why nobody flies the drone `id` on, also in the air, in words: an emergency stop is
    /// engaged. Asked as often, and must not wait either.
    fn stopped(&self, _id: &str) -> Option<Arc<str>> {
        None
    }
}

/// Nothing keeps them.
#[derive(Clone, Copy, Debug)]
pub struct NoHold;

impl TakeoffHold for NoHold {
    fn why_not(&self, _id: &str) -> Option<Arc<str>> {
        None
    }
}

/// The hold of one drone.
#[derive(Clone)]
pub struct TakeoffGate {
    id: Arc<str>,
    hold: Arc<dyn TakeoffHold>,
}

impl TakeoffGate {
    /// That of the drone `id`.
    #[must_use]
    pub fn new(id: &Arc<str>, hold: Arc<dyn TakeoffHold>) -> TakeoffGate {
        let id = id.clone();
        TakeoffGate { id, hold }
    }

    /// Why it may not take off.
    #[must_use]
    pub fn why_not(&self) -> Option<Arc<str>> {
        self.hold.why_not(&self.id)
    }

    /// Why nobody flies it on.
    #[must_use]
    pub fn stopped(&self) -> Option<Arc<str>> {
        self.hold.stopped(&self.id)
    }
}

impl Default for TakeoffGate {
    /// One that keeps nobody.
    fn default() -> TakeoffGate {
        TakeoffGate::new(&"".into(), Arc::new(NoHold))
    }
}

impl fmt::Debug for TakeoffGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TakeoffGate").field(&self.id).finish()
    }
}

/// What is known of a drone that is to take off.
#[derive(Clone, Debug)]
pub struct TakeoffFacts<'a> {
    /// Its link.
    pub link: LinkState,
    /// Why it is lost, in words.
    pub reason: Option<&'a str>,
    /// Why it is taken for another drone, in words.
    pub mistaken: Option<Arc<str>>,
    /// Whether it is, or may be, in the air.
    pub may_fly: bool,
    /// Whether it lies on its back.
    pub upside_down: bool,
    /// Its charge, as far as it is known.
    pub battery_pct: Option<u8>,
    /// The least that a take-off needs.
    pub least_pct: u8,
    /// What keeps it on the ground that is not its own.
    pub held: Option<Arc<str>>,
}

/// One thing that a take-off depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakeoffCheck {
    /// What is looked at: `connected`, `same_drone`, `on_ground`, `upright`, `battery`, `not_held`.
    pub name: &'static str,
    /// Why it keeps the drone on the ground; none where all is well.
    pub refusal: Option<Refusal>,
}

/// Every check, in the order in which they refuse a take-off.
#[must_use]
pub fn takeoff_checks(facts: &TakeoffFacts<'_>) -> [TakeoffCheck; 6] {
    let least_pct = facts.least_pct;
    let is_low = |battery_pct: &u8| *battery_pct < least_pct;
    let check = |name, refusal| TakeoffCheck { name, refusal };
    [
        check("connected", linked(facts.link, facts.reason).err()),
        check("same_drone", facts.mistaken.clone().map(Refusal::Mistaken)),
        check("on_ground", facts.may_fly.then_some(Refusal::NotOnGround)),
        check("upright", facts.upside_down.then_some(Refusal::UpsideDown)),
        check(
            "battery",
            facts
                .battery_pct
                .filter(is_low)
                .map(|battery_pct| Refusal::BatteryLow {
                    battery_pct,
                    least_pct,
                }),
        ),
        check("not_held", facts.held.clone().map(Refusal::Held)),
    ]
}

/// Whether there is a link that takes more than down-commands.
pub(crate) fn linked(link: LinkState, reason: Option<&str>) -> Result<(), Refusal> {
    match link {
        LinkState::Disconnected | LinkState::Connecting => Err(Refusal::NotConnected),
        LinkState::Lost => Err(Refusal::Lost(reason.unwrap_or_default().to_owned())),
        LinkState::Connected => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_listed_and_none_when_all_is_well() {
        let well = TakeoffFacts {
            link: LinkState::Connected,
            reason: None,
            mistaken: None,
            may_fly: false,
            upside_down: false,
            battery_pct: Some(10),
            least_pct: 10,
            held: None,
        };
        assert!(
            takeoff_checks(&well)
                .iter()
                .all(|check| check.refusal.is_none())
        );
        let ill = TakeoffFacts {
            link: LinkState::Lost,
            reason: Some("silent"),
            mistaken: Some("another".into()),
            may_fly: true,
            upside_down: true,
            battery_pct: Some(9),
            held: Some("wind".into()),
            ..well.clone()
        };
        let refusals = takeoff_checks(&ill).map(|check| check.refusal);
        assert_eq!(
            refusals,
            [
                Some(Refusal::Lost("silent".to_owned())),
                Some(Refusal::Mistaken("another".into())),
                Some(Refusal::NotOnGround),
                Some(Refusal::UpsideDown),
                Some(Refusal::BatteryLow {
                    battery_pct: 9,
                    least_pct: 10
                }),
                Some(Refusal::Held("wind".into())),
            ]
        );
        let unknown = TakeoffFacts {
            battery_pct: None,
            ..well
        };
        assert!(
            takeoff_checks(&unknown)
                .iter()
                .all(|check| check.refusal.is_none())
        );
    }
}
