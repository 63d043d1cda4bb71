//! What found no place in the full table.

use serde::Serialize;

use super::{Draft, MAX_SENSORS, Search};
use crate::quantity::Role;

/// Names kept of sensors that were left out: as many as a person reads.
const MAX_LEFT_OUT_NAMES: usize = 8;

/// Sensors that found no place in the full table. Fewer names than sensors are
/// kept: a tree may hold any number of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// How many there are.
    pub count: usize,
    /// The names of the first eight.
    pub names: Vec<String>,
}

impl LeftOut {
    pub(crate) fn add(&mut self, name: &str) {
        self.count += 1;
        if self.names.len() < MAX_LEFT_OUT_NAMES {
            self.names.push(name.to_owned());
        }
    }
}

impl Search<'_> {
    /// Whether there is room for `drafts`. In a full table what the board is judged by takes
    /// the place of what matters less, the last that was found first: three hundred spare
    /// temperatures must not hide one undervoltage.
    pub(super) fn make_room(&mut self, drafts: &[Draft]) -> bool {
        let is_held = |draft: &Draft| !draft.beside && !self.wants(draft.role);
        let weights = drafts.iter().map(|draft| match is_held(draft) {
            true => weight(draft.role.demoted()),
            false => weight(draft.role),
        });
        let wanted = weights.max().unwrap_or_default();
        while self.count + drafts.len() > MAX_SENSORS {
            let mut found = self.result.found.iter();
            let least = found.rposition(|found| {
                let mut sensors = found.sensors.iter();
                sensors.all(|(sensor, _)| weight(sensor.role) < wanted)
            });
            let Some(at) = least else { return false };
            let sensors = self.result.found.remove(at).sensors;
            self.count -= sensors.len();
            for (sensor, _) in &sensors {
                self.result.left_out.add(&sensor.name);
            }
        }
        true
    }
}

/// How much a sensor matters: those of which there is one most, then what rules judge, then
/// what is only shown.
fn weight(role: Role) -> u8 {
    use Role::{Current, FanDrive, Other, Power, Temperature, Voltage};
    match role {
        Temperature | Voltage | Current | Power | FanDrive | Other => 0,
        role if role.is_single() => 2,
        _ => 1,
    }
}
