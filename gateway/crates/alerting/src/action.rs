//! What a rule has the gateway do, as it is written.
//!
//! Apart from when it does so (`acting`), because a rule holds this and that looks at rules.

use std::sync::Arc;

use super::error::AlertError;

/// Most drones that a rule may name: as many as a gateway has.
pub const MAX_ACTION_DRONES: usize = 64;

/// What the gateway does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Lands the drones that fly, and lets none take off.
    Land,
    /// Stops the drones that fly where they are.
    Stop,
    /// Lets none take off.
    RefuseTakeoff,
}

impl Action {
    /// Every one.
    pub const ALL: [Action; 3] = [Action::Land, Action::Stop, Action::RefuseTakeoff];
    /// Their names, in the same order.
    pub const NAMES: &'static [&'static str] = &["land", "stop", "refuse_takeoff"];

    /// As written in rules.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Action::Land => "land",
            Action::Stop => "stop",
            Action::RefuseTakeoff => "refuse_takeoff",
        }
    }
}

/// What a rule has done, and to which drones.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleAction {
    /// What is done.
    pub what: Action,
    /// Ids of the drones that it means; none: the one that is its source.
    pub drones: Arc<[Arc<str>]>,
}

impl RuleAction {
    pub(super) fn parse(
        action: Option<&str>,
        drones: &[String],
    ) -> Result<Option<RuleAction>, AlertError> {
        let Some(name) = action else {
            return if drones.is_empty() {
                Ok(None)
            } else {
                let words = "they are for a rule with an `action`, and this one has none";
                Err(invalid("drones", words.to_owned()))
            };
        };
        let what = Action::ALL
            .into_iter()
            .find(|known| known.name() == name)
            .ok_or_else(|| {
                let known = Action::NAMES.join(", ");
                invalid("action", format!("{name:?} is unknown; use one of {known}"))
            })?;
        if drones.len() > MAX_ACTION_DRONES || drones.iter().any(String::is_empty) {
            let words = format!("at most {MAX_ACTION_DRONES} ids of drones");
            return Err(invalid("drones", words));
        }
        Ok(Some(RuleAction {
            what,
            drones: drones.iter().map(|id| id.as_str().into()).collect(),
        }))
    }
}

fn invalid(field: &'static str, reason: String) -> AlertError {
    AlertError::InvalidRule { field, reason }
}
