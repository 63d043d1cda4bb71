//! Kills the gateway again and again and checks, against a ledger kept outside,
//! that nothing it acknowledged is lost, doubled or undone.
//!
//! The ledger knows three states of every operation: acknowledged (must hold),
//! refused (must not have happened), and in flight when the kill came (either
//! is right, but only as a whole).

mod ledger;
mod load;

use std::time::Duration;

use anyhow::Context as _;
use tokio::time::Instant;

pub use ledger::{Found, Ledger};
pub use load::Load;

use crate::gateway::binary_with_crash_points;
use crate::{Drone, Gateway, drone};

/// Where the process ends itself when it is not killed from outside; the names
/// are those of the store's crash points.
pub const POINTS: &[&str] =
    &["commit-before", "commit-after", "journal-after", "snapshot-before-rename", "snapshot-after-rename"];

/// How a run is done.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Number of kills.
    pub kills: u32,
    /// Seed of every choice.
    pub seed: u64,
    /// Print progress every so many kills; 0 is never.
    pub progress: u32,
}

/// What a run saw.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    /// Kills done.
    pub kills: u32,
    /// Of these, inside a named point.
    pub at_points: u32,
    /// Operations acknowledged.
    pub acknowledged: u64,
    /// Longest time from the start of the process to readiness.
    pub slowest_start: Duration,
}

/// A small generator, so that a seed repeats a run's choices.
#[derive(Clone, Debug)]
pub struct Choices(u64);

impl Choices {
    /// Choices of that seed.
    #[must_use]
    pub const fn new(seed: u64) -> Choices {
        Choices(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `end`.
    pub const fn below(&mut self, end: u64) -> u64 {
        // xorshift64*: good enough to pick instants and operations.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % end
    }
}

/// Kills, restarts and checks as planned.
///
/// # Errors
/// The first thing that was acknowledged and is not there, with the seed.
pub async fn run(plan: Plan) -> anyhow::Result<Outcome> {
    let mut choices = Choices::new(plan.seed);
    let mut ledger = Ledger::default();
    let mut outcome = Outcome::default();
    let mut gateway = Gateway::builder()
        .binary(binary_with_crash_points())
        .drone("d1", 2)
        .config(
            "[alerts]\nmax_alerts = 10000\n[[alerts.rule]]\nname = \"Edge\"\nmetric = \"battery_level\"\noperator = \"<\"\n\
             threshold = 50\nlevel = \"warning\"\ntype = \"drone\"\ncooldown_minutes = 0\nauto_resolve = false\n",
        )
        .start()
        .await?;
    let peer = Drone::at(gateway.block().host(2)).await?;
    for kill in 0..plan.kills {
        let output = gateway.output_file().to_owned();
        let context = || {
            let text = std::fs::read_to_string(&output).unwrap_or_default();
            format!("kill {kill} of seed {}; output:\n{}", plan.seed, last_lines(&text))
        };
        let load = Load::start(&gateway, &mut choices, ledger)?;
        wobble(&gateway, &peer, &mut choices).await?;
        gateway.kill().await?;
        ledger = load.stop().await;
        outcome.kills += 1;
        // One start in three is told to end itself inside a commit.
        let point = (choices.below(3) == 0).then(|| POINTS[choices.below(POINTS.len() as u64) as usize]);
        if let Some(point) = point {
            let at = format!("{point}:{}", 1 + choices.below(5));
            gateway.set_env("MFG_DRONE_CRASH_AT", Some(&at));
            gateway.restart().await.with_context(context)?;
            let load = Load::start(&gateway, &mut choices, ledger)?;
            wobble(&gateway, &peer, &mut choices).await?;
            gateway.kill().await?;
            ledger = load.stop().await;
            gateway.set_env("MFG_DRONE_CRASH_AT", None);
            outcome.kills += 1;
            outcome.at_points += 1;
        }
        let start = Instant::now();
        gateway.restart().await.with_context(context)?;
        outcome.slowest_start = outcome.slowest_start.max(start.elapsed());
        let found = Found::read(&gateway.admin()?).await.with_context(context)?;
        ledger.check(&found).with_context(context)?;
        outcome.acknowledged = ledger.acknowledged();
        if plan.progress > 0 && outcome.kills % plan.progress < 2 {
            #[expect(clippy::print_stderr, reason = "progress of a long run")]
            {
                eprintln!(
                    "{} of {} kills, {} acknowledged operations all there, slowest start {:?}",
                    outcome.kills, plan.kills, outcome.acknowledged, outcome.slowest_start
                );
            }
        }
    }
    Ok(outcome)
}

/// Lets the drone's battery cross the threshold a few times, for a random while.
async fn wobble(gateway: &Gateway, peer: &Drone, choices: &mut Choices) -> anyhow::Result<()> {
    let to = (gateway.block().gateway(), drone::STATE_PORT).into();
    let until = Instant::now() + Duration::from_millis(20 + choices.below(400));
    while Instant::now() < until {
        let battery = if choices.below(2) == 0 { 40 } else { 60 };
        peer.send(to, &drone::state(battery, 60)).await?;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
