//! Where readings come from: drones, the board, microcontrollers on serial lines.
//!
//! A source knows the sink it publishes to and its own settings, and no other
//! source. What is lost of it, it raises as a condition through the same sink.

pub mod board;
pub mod bridge;
#[cfg(test)]
mod example;
mod log_budget;
mod loss;
mod sensor_state;
pub mod sink;
pub mod tello;
pub mod vehicles;
