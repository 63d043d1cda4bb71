//! What found no place in the full table.

use serde::Serialize;

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
