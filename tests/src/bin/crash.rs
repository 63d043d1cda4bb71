//! The long crash run: kills the real binary under load and checks a ledger.
//!
//! ```text
//! cargo run --release -p gateway-tests --bin crash -- --kills 1000 --seed 7
//! ```
#![allow(clippy::print_stdout, reason = "a tool prints its result")]

use gateway_tests::crash::{Plan, run};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut plan = Plan {
        kills: 1000,
        seed: std::process::id().into(),
        progress: 20,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let value = arguments.next().unwrap_or_default();
        match argument.as_str() {
            "--kills" => plan.kills = value.parse()?,
            "--seed" => plan.seed = value.parse()?,
            other => anyhow::bail!("usage: crash [--kills N] [--seed N]; {other} is neither"),
        }
    }
    println!("seed {}", plan.seed);
    let outcome = run(plan).await?;
    println!(
        "{} kills ({} inside a named point), {} acknowledged operations, none lost, none doubled; \
         slowest start to readiness {:?}",
        outcome.kills, outcome.at_points, outcome.acknowledged, outcome.slowest_start
    );
    Ok(())
}
