//! Decides what a board made from the card image boots.
//!
//! An update goes into the root slot that does not run, is started once, and is
//! kept only by evidence that it works; otherwise the board goes back. RAUC
//! verifies and writes, the boot script (`deploy/image.d/boot.cmd`) counts a
//! slot's tries. Everything between is decided here.
//!
//! This library is pure: it gets what was observed, hands out one [`Action`] at a
//! time, and is told what came of it. It must never read a file, a clock or a
//! process itself, so that tests can walk through every state and cut the power
//! between any two actions (`tests/cuts.rs`). The program around it (`main.rs`,
//! `board/`) performs the actions and decides nothing.
#![forbid(unsafe_code)]

pub mod bundle;
pub mod machine;
pub mod reach;
pub mod slot;
pub mod status;
pub mod verity;

pub use machine::{Action, Answer, Board, Ended, Machine, Observed, drive};
pub use reach::Reach;
pub use slot::{BootChange, BootState, Slot};
pub use status::Status;
pub use update_status::State;
