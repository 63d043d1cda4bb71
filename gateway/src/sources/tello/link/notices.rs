//! What a link's task tells people: a drone that is silent or back, what the
//! gateway did by itself, a landing that is not confirmed, a battery in flight.
//!
//! Apart from the task since none of it changes what is sent.

use alerting::{
    AlertType, Condition, DRONE_LANDING_UNCONFIRMED as LANDING_OVERDUE, DRONE_SILENT as CONDITION,
    DRONE_UPSIDE_DOWN as UPSIDE_DOWN, Level,
};

use super::super::super::command_port::Wire;
use super::super::super::commander::Intervention;
use super::super::machine::{Inputs, Notice};
use super::super::reason::Reason;
use super::LinkTask;
use crate::sources::vehicles::Phase;

/// Name of the condition that stands from an intervention of the gateway until
/// the drone is on the ground.
const INTERVENED: &str = "drone_intervention";

/// Name of the condition that stands while another controller seems to have the drone.
const RIVAL: &str = "drone_other_controller";

/// Name of the condition that stands while a flying drone's battery is low.
const BATTERY_IN_FLIGHT: &str = "drone_battery_in_flight";

impl<W: Wire> LinkTask<W> {
    pub(super) fn tell_interventions(&mut self) {
        let slot = self.slot();
        let (id, name) = (slot.plan.id.clone(), slot.plan.name.clone());
        if let Some((intervention, operator)) = self.executor.take_intervention() {
            let operator = operator
                .map_or("nobody", |operator| &*operator.name)
                .to_owned();
            let why = match intervention {
                Intervention::LandedForBattery => {
                    "its battery is nearly empty, so the gateway lands it".to_owned()
                }
                Intervention::ActedForOperator => {
                    format!(
                        "the connection of its operator {operator} is lost, so the gateway acts by drones.on_operator_loss"
                    )
                }
            };
            tracing::warn!(target: "security", event = "drone_intervention", drone = %id, operator, ?intervention);
            self.intervened = true;
            let title = "Gateway Took Over";
            self.raise(INTERVENED, title, format!("{name}: {why}"));
        }
        self.end_inherited(&id);
        if self.intervened && self.is_seen_landed() && self.executor.is_idle() {
            self.intervened = false;
            self.sink.clear(INTERVENED, &id);
        }
        if self.executor.take_given_up() {
            tracing::warn!(target: "security", event = "flight_given_up", drone = %id,
                "silent in the air for longer than its battery can have lasted: no longer counted as flying");
        }
        if self.executor.is_landing_overdue() != self.landing_overdue {
            self.landing_overdue = !self.landing_overdue;
            if self.landing_overdue {
                let message = format!(
                    "{name} was told to land and its state does not show the ground; the gateway goes on \
                     telling it. Look at the drone; `emergency` cuts its motors"
                );
                self.raise(LANDING_OVERDUE, "Landing Not Confirmed", message);
            } else if self.is_seen_landed() {
                self.sink.clear(LANDING_OVERDUE, &id);
            } else {
                // Neither giving up nor another command is the ground.
                self.landing_overdue = true;
            }
        }
        self.tell_of_its_back();
        self.tell_of_rival();
        if self.executor.warns() != self.warned {
            self.warned = self.executor.warns();
            if self.warned {
                self.raise(
                    BATTERY_IN_FLIGHT,
                    "Battery Low In Flight",
                    format!("{name}: battery low in flight, land it"),
                );
            } else {
                self.sink.clear(BATTERY_IN_FLIGHT, &id);
            }
        }
    }

    /// What the run before left open is ended by what is seen in this one.
    fn end_inherited(&mut self, id: &str) {
        if !self.heard && self.slot().live().heard().is_some() {
            self.heard = true;
            self.sink.clear(CONDITION, id);
        }
        if !self.seen_landed && self.is_seen_landed() {
            self.seen_landed = true;
            self.sink.clear(LANDING_OVERDUE, id);
            if !self.slot().live().motion().is_upside_down() {
                self.sink.clear(UPSIDE_DOWN, id);
            }
        }
    }

    /// A drone on its back is told until it is seen upright: silence does not turn it.
    fn tell_of_its_back(&mut self) {
        let motion = self.slot().live().motion();
        let (id, name) = (self.slot().plan.id.clone(), self.slot().plan.name.clone());
        if motion.is_upside_down() && !self.upside_down {
            self.upside_down = true;
            let message = format!(
                "{name} lies on its back or its side with standing motors. It does not take off \
                 before it is upright; look at its propellers"
            );
            self.raise(UPSIDE_DOWN, "Drone On Its Back", message);
        } else if self.upside_down && motion.is_upright() {
            self.upside_down = false;
            self.sink.clear(UPSIDE_DOWN, &id);
        }
    }

    /// Somebody else seems to control it.
    fn tell_of_rival(&mut self) {
        let sign = self.executor.rival();
        if sign.is_some() == self.rivalled {
            return;
        }
        self.rivalled = sign.is_some();
        let (id, name) = (self.slot().plan.id.clone(), self.slot().plan.name.clone());
        let Some(sign) = sign else {
            return self.sink.clear(RIVAL, &id);
        };
        tracing::warn!(target: "security", event = "other_controller", drone = %id, ?sign);
        let message = format!(
            "{name} seems to have another controller: {}. The gateway keeps it in the air no more; \
             land, stop and emergency work. Look who else is in its network",
            sign.words()
        );
        self.raise(RIVAL, "Another Controller", message);
    }

    /// Whether its states show it on the ground, not only its silence.
    fn is_seen_landed(&self) -> bool {
        let flight = self.slot().link().flight;
        flight.is_known() && flight.phase == Phase::Landed
    }

    fn raise(&self, key: &'static str, title: &'static str, message: String) {
        self.sink.raise(Condition {
            key,
            subject: self.slot().plan.id.clone(),
            level: match key {
                LANDING_OVERDUE => Level::Critical,
                UPSIDE_DOWN | RIVAL => Level::Error,
                _ => Level::Warning,
            },
            alert_type: AlertType::Drone,
            title,
            message,
            details: self.last_words(),
        });
    }

    pub(super) fn tell(&self, notice: Notice, inputs: Inputs) {
        let slot = self.slot();
        match notice {
            Notice::Over => self.sink.clear(CONDITION, &slot.plan.id),
            Notice::LetGo => self.sink.leave(CONDITION, &slot.plan.id),
            Notice::Silent {
                reason,
                was_connected,
                losses,
            } => {
                let mut condition = self.condition(reason, was_connected, inputs);
                if losses > 1 {
                    condition.message.push_str(&format!(
                        " It was lost {losses} times in a row: this alert stands until the link is steady."
                    ));
                }
                self.sink.raise(condition);
            }
        }
    }

    fn condition(&self, reason: Reason, was_connected: bool, inputs: Inputs) -> Condition {
        let slot = self.slot();
        let name = &slot.plan.name;
        let age_s = inputs.heard.map(|heard| inputs.now.since(heard).as_secs());
        let level = match (was_connected, inputs.airborne) {
            (true, true) => Level::Critical,
            (true, false) => Level::Error,
            (false, _) => Level::Warning,
        };
        let what = match age_s {
            Some(age_s) => format!("{name}: no state for {age_s} s."),
            None if inputs.airborne => {
                format!("{name}: in the air when the gateway last ran, and not heard since.")
            }
            None => format!("{name}: never heard."),
        };
        let last_c = slot.live().state().temperature_high_c;
        Condition {
            key: CONDITION,
            subject: slot.plan.id.clone(),
            level,
            alert_type: AlertType::Drone,
            title: if was_connected {
                "Drone lost"
            } else {
                "Drone not heard"
            },
            message: format!("{what} {}", self.roster.explain(slot, reason, last_c)),
            details: self.last_words(),
        }
    }

    /// The last that was known of it.
    fn last_words(&self) -> Option<String> {
        let live = self.slot().live();
        let heard = live.heard()?;
        let state = live.state();
        let mut words = format!("last heard {}", heard.wall);
        if let Some(battery) = state.battery_pct {
            words.push_str(&format!(", battery {battery} %"));
        }
        if let Some(height) = state.height_cm {
            words.push_str(&format!(", height {height} cm"));
        }
        if let Some(celsius) = state.temperature_high_c {
            words.push_str(&format!(", main board {celsius} °C"));
        }
        Some(words)
    }
}
