//! A simulated world in virtual time, for proof of what the gateway promises of flights.
//!
//! Drones of three firmwares ([`tello_simulator::Firmware`]), an air that loses, doubles,
//! delays and reorders, one or two gateways whose processes are killed and come back, and
//! people who come, go and take control. The gateways are those of production, down to
//! their tasks: [`gateway`] starts them as `app` does, [`tasks`] runs them by the world's
//! clock. A [`scene`] comes from a seed, [`run`] plays it, [`invariants`] look at every
//! moment by what the [`ledger`] noted, and [`sabotage`] shows that they look.
//!
//! ```text
//! cargo test -p mfg-drone-gateway --lib world                    some hundreds, at every change
//! WORLD_SEED=4711 cargo test -p mfg-drone-gateway --lib world::tests::one -- --ignored --nocapture
//!                                                                one, with what happened in it
//! WORLD_SCENES=1000000 cargo test --release -p mfg-drone-gateway --lib world::tests::many -- --ignored --nocapture
//!                                                                a million, on all cores; WORLD_FROM: from that seed on,
//!                                                                WORLD_THREADS: on so many
//! ```
//!
//! Only for tests: nothing of it is in the program.

mod board;
mod gateway;
mod invariants;
mod ledger;
mod network;
mod place;
mod run;
mod sabotage;
mod scene;
mod stage;
mod storms;
mod tasks;
mod tests;
