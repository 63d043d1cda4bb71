//! Kills the gateway again and again and checks, against a ledger kept outside,
//! that nothing it acknowledged is lost, doubled or undone.
//!
//! The ledger knows three states of every operation: acknowledged (must hold),
//! refused (must not have happened), and in flight when the kill came (either
//! is right, but only as a whole).

mod ledger;
mod load;

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::Instant;

pub use ledger::{Found, Ledger};
pub use load::Load;

use crate::gateway::binary_with_crash_points;
use crate::{Drone, Gateway, drone};

/// Where the process ends itself when it is not killed from outside: the points
/// of the store, and how many times it is let pass them first, at most.
pub const POINTS: &[(&str, u64)] = &[
    ("open.opened", 1),
    ("commit.before", 40),
    ("commit.planned", 40),
    ("commit.before_sync", 80),
    ("commit.synced", 40),
    ("commit.journaled", 40),
    ("commit.answered", 40),
    ("batch.before", 1),
    ("batch.synced", 1),
    ("snapshot.before", 1),
    ("snapshot.written", 1),
    ("snapshot.renamed", 1),
    ("snapshot.pruned", 1),
    ("open.created", 1),
    ("open.set_aside", 1),
    ("open.rebuilt", 1),
    ("close.before", 1),
];

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
    /// Of these, by itself inside a named point.
    pub at_points: u32,
    /// Operations acknowledged.
    pub acknowledged: u64,
    /// Longest time from the start of the process to readiness.
    pub slowest_start: Duration,
}

/// Random choices, of which a seed repeats a run's choices.
#[derive(Clone, Debug)]
pub struct Choices(fastrand::Rng);

impl Choices {
    /// Choices of that seed.
    #[must_use]
    pub fn new(seed: u64) -> Choices {
        Choices(fastrand::Rng::with_seed(seed))
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0.u64(..end)
    }
}

/// Kills, restarts and checks as planned.
///
/// # Errors
/// The first thing that was acknowledged and is not there, with the seed.
pub async fn run(plan: Plan) -> anyhow::Result<Outcome> {
    let mut run = Run::start(plan).await?;
    while run.outcome.kills < plan.kills {
        run.round().await.with_context(|| {
            let text = std::fs::read_to_string(run.gateway.output_file()).unwrap_or_default();
            format!(
                "kill {} of seed {}; output:\n{}",
                run.outcome.kills,
                plan.seed,
                last_lines(&text)
            )
        })?;
        if plan.progress > 0 && run.outcome.kills % plan.progress < 2 {
            run.tell();
        }
    }
    Ok(run.outcome)
}

/// A run under way.
struct Run {
    plan: Plan,
    choices: Choices,
    ledger: Ledger,
    outcome: Outcome,
    gateway: Gateway,
    peer: Drone,
}

impl Run {
    async fn start(plan: Plan) -> anyhow::Result<Run> {
        let gateway = Gateway::builder().binary(binary_with_crash_points()).drone("d1", 2).config(
            "[alerts]\nmax_alerts = 10000\n[[alerts.rule]]\nname = \"Edge\"\nmetric = \"battery_level\"\n\
             operator = \"<\"\nthreshold = 50\nlevel = \"warning\"\ntype = \"drone\"\ncooldown_minutes = 0\nauto_resolve = false\n",
        );
        let gateway = gateway.start().await?;
        let peer = Drone::at(gateway.block().host(2)).await?;
        let (choices, ledger) = (Choices::new(plan.seed), Ledger::default());
        Ok(Run {
            plan,
            choices,
            ledger,
            outcome: Outcome::default(),
            gateway,
            peer,
        })
    }

    /// One kill from outside, perhaps one inside a named point, then the check.
    async fn round(&mut self) -> anyhow::Result<()> {
        let until = Duration::from_millis(20 + self.choices.below(400));
        self.work(until).await?;
        self.outcome.kills += 1;
        if self.choices.below(3) == 0 {
            let (point, most) = POINTS[self.choices.below(POINTS.len() as u64) as usize];
            let passes = 1 + self.choices.below(most);
            self.die_at(point, passes).await?;
            self.outcome.kills += 1;
        }
        let start = Instant::now();
        self.gateway.restart().await?;
        self.outcome.slowest_start = self.outcome.slowest_start.max(start.elapsed());
        let found = Found::read(&self.gateway.admin()?).await?;
        self.ledger.check(&found)?;
        self.outcome.acknowledged = self.ledger.acknowledged();
        Ok(())
    }

    /// Load until the gateway ends by itself or the time is up; then it is killed.
    async fn work(&mut self, until: Duration) -> anyhow::Result<()> {
        let load = Load::start(
            &self.gateway,
            &mut self.choices,
            std::mem::take(&mut self.ledger),
        )?;
        let until = Instant::now() + until;
        while Instant::now() < until && !self.gateway.has_ended() {
            wobble(&self.gateway, &self.peer, &mut self.choices).await?;
        }
        self.outcome.at_points += u32::from(self.gateway.has_ended());
        self.gateway.kill().await?;
        self.ledger = load.stop().await;
        Ok(())
    }

    /// Asked to stop, it writes its batch and closes; the load goes on meanwhile.
    async fn stop_under_load(&mut self) -> anyhow::Result<()> {
        let load = Load::start(
            &self.gateway,
            &mut self.choices,
            std::mem::take(&mut self.ledger),
        )?;
        for _ in 0..10 {
            wobble(&self.gateway, &self.peer, &mut self.choices).await?;
        }
        let ended = self.gateway.stop().await?;
        self.outcome.at_points += u32::from(!ended.success());
        self.ledger = load.stop().await;
        Ok(())
    }

    /// Starts the gateway so that it ends itself inside `point`.
    async fn die_at(&mut self, point: &str, passes: u64) -> anyhow::Result<()> {
        make_pass(point, self.gateway.state())?;
        self.gateway
            .set_env("MFG_DRONE_CRASH_AT", Some(&format!("{point}:{passes}")));
        if self.gateway.restart().await.is_err() {
            // It ended before it was ready, as it was told to.
            self.outcome.at_points += 1;
        } else if point.starts_with("batch.") || point.starts_with("close.") {
            self.stop_under_load().await?;
        } else {
            self.work(POINT_PATIENCE).await?;
        }
        self.gateway.set_env("MFG_DRONE_CRASH_AT", None);
        Ok(())
    }

    #[expect(clippy::print_stderr, reason = "progress of a long run")]
    fn tell(&self) {
        let Outcome {
            kills,
            at_points,
            acknowledged,
            slowest_start,
        } = self.outcome;
        eprintln!(
            "{kills} of {} kills ({at_points} inside named points), {acknowledged} acknowledged operations all \
             there, slowest start {slowest_start:?}",
            self.plan.kills
        );
    }
}

/// How long a gateway works before it is killed from outside although it did
/// not come to the point where it should end itself.
const POINT_PATIENCE: Duration = Duration::from_secs(4);

/// Takes from the stopped gateway's directory what brings the next start to
/// `point`: the store itself for a rebuilding, the journal for a snapshot.
/// Either may be lost by a card, and what was acknowledged is in the other.
fn make_pass(point: &str, state: &Path) -> anyhow::Result<()> {
    let lost = match point {
        "open.created" | "open.set_aside" | "open.rebuilt" => {
            // Torn rather than removed: it is to be set aside.
            std::fs::write(state.join("gateway.redb"), b"torn")?;
            return Ok(());
        }
        _ if point.starts_with("snapshot.") => "journal-",
        _ => return Ok(()),
    };
    for entry in std::fs::read_dir(state)?.flatten() {
        if entry.file_name().to_string_lossy().starts_with(lost) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Lets the drone's battery be on either side of the threshold for a moment.
async fn wobble(gateway: &Gateway, peer: &Drone, choices: &mut Choices) -> anyhow::Result<()> {
    let to = (gateway.block().gateway(), drone::STATE_PORT).into();
    let battery = if choices.below(2) == 0 { 40 } else { 60 };
    peer.send(to, &drone::state(battery, 60)).await?;
    tokio::time::sleep(Duration::from_millis(20)).await;
    Ok(())
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::POINTS;

    /// A point that is misspelt here would never be met, and nobody would notice.
    #[test]
    fn the_points_are_those_of_the_store() {
        let mut theirs = store::crash::POINTS.to_vec();
        let mut ours: Vec<&str> = POINTS.iter().map(|(name, _)| *name).collect();
        theirs.sort_unstable();
        ours.sort_unstable();
        assert_eq!(ours, theirs);
    }
}
