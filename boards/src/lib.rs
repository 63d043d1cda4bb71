//! Boards.
mod battery;
mod decode;
mod detect;
mod manifest;
mod profile;
mod quantity;
mod sensor;
mod tree;
pub use battery::Curve;
pub use detect::{Confidence, Detected, detect};
pub use manifest::ManifestError;
pub use profile::*;
pub use quantity::{Quantity, Range, Role};
pub use sensor::{Absence, Freshness, Reading, Sample, Sensor, SensorIndex};
pub use tree::{Handles, Tree, TreeError};
