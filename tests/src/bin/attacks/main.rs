//! Attacks on the edge, each with a healthy client beside it: what that one waits for its
//! answers and for its alerts, and what the gateway is left with when the attack is over.
//!
//! ```text
//! cargo run -p gateway-tests --bin attacks -- [NAME…] [--seconds N] [--waves N] [--untimed]
//! ```
//!
//! Ends with 1 when a promise of `SPECIFICATION.md` is broken. The attackers come by
//! loopback, where some places are kept for programs of the same host: they get those, too.
#![allow(clippy::print_stdout, reason = "a tool prints its result")]

mod healthy;
mod kinds;

use std::time::Duration;

use anyhow::Context as _;
use gateway_tests::{Gateway, process};
use tokio::time::{Instant, sleep};

use healthy::Healthy;
use kinds::{KINDS, Target};

/// Longest wait for an answer of ninety-nine in a hundred.
const MOST_ANSWER: Duration = Duration::from_millis(100);
/// The same from a drone's datagram to its alert on a WebSocket.
const MOST_ALERT: Duration = Duration::from_millis(50);
/// What all further waves together may leave in memory beyond the first: an allocator keeps
/// some of what was let go, and uses it again; what grows with each wave is a leak.
const MOST_LEFT_KB: u64 = 2 * 1024;
/// How long memory has to get there: connections end by their own time-outs.
const UNTIL_LEFT: Duration = Duration::from_secs(15);
/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(200);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (mut names, mut seconds, mut waves, mut is_timed) = (Vec::new(), 5, 2, true);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--seconds" => seconds = arguments.next().unwrap_or_default().parse()?,
            "--waves" => waves = arguments.next().unwrap_or_default().parse()?,
            // On a machine that does other things as well, times are shown and not judged.
            "--untimed" => is_timed = false,
            name if KINDS.iter().any(|kind| kind.name == name) => names.push(argument),
            other => {
                let all: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
                anyhow::bail!("{other} is no attack: {}", all.join(" "));
            }
        }
    }
    println!(
        "| attack, {seconds} s | answer p99 ms | alert p99 ms | most kB more | kB left by a first wave | by those after it |"
    );
    println!("|---|---|---|---|---|---|");
    let mut broken = Vec::new();
    for kind in KINDS {
        if names.is_empty() || names.iter().any(|name| name == kind.name) {
            let seen = attack(kind, Duration::from_secs(seconds), waves);
            let seen = seen.await.with_context(|| kind.name.to_owned())?;
            println!("| {} | {seen}", kind.name);
            if waves > 2 {
                println!(
                    "{}: kB beyond the start after each wave: {:?}",
                    kind.name, seen.waves_kb
                );
            }
            broken.extend(
                seen.broken(is_timed)
                    .map(|what| format!("{}: {what}", kind.name)),
            );
        }
    }
    anyhow::ensure!(broken.is_empty(), "broken: {}", broken.join("; "));
    Ok(())
}

/// What came of one attack.
struct Seen {
    answer: Duration,
    alert: Duration,
    most_kb: u64,
    /// Left by the first wave, and by the others beyond it.
    left_kb: [u64; 2],
    /// Left by each wave: whether it goes on growing.
    waves_kb: Vec<u64>,
}

impl Seen {
    fn broken(&self, is_timed: bool) -> impl Iterator<Item = String> {
        let Seen {
            answer,
            alert,
            left_kb: [_, left_kb],
            ..
        } = self;
        let all = [
            (is_timed && *answer > MOST_ANSWER).then(|| format!("an answer took {answer:?}")),
            (is_timed && *alert > MOST_ALERT).then(|| format!("an alert took {alert:?}")),
            (*left_kb > MOST_LEFT_KB).then(|| format!("{left_kb} kB are left")),
        ];
        all.into_iter().flatten()
    }
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let (answer, alert) = (ms(self.answer), ms(self.alert));
        let (most, [first, second]) = (self.most_kb, self.left_kb);
        write!(
            f,
            "{answer:.1} | {alert:.1} | {most} | {first} | {second} |"
        )
    }
}

async fn attack(kind: &kinds::Kind, length: Duration, waves: usize) -> anyhow::Result<Seen> {
    let builder = healthy::hosts().fold(Gateway::builder(), |builder, host| {
        builder.drone(&format!("d{host}"), host)
    });
    let gateway = builder
        .as_the_service()
        // Limits of requests a minute would end most of it at once, the healthy client's as well.
        .access("rate_limit_enabled = false")
        .server("handshake_timeout_s = 2\nheader_timeout_s = 2\nbody_timeout_s = 5\nwrite_timeout_s = 5")
        .config(&healthy::rules())
        .start()
        .await?;
    let pid = gateway.pid().context("not running")?;
    let mut healthy = Healthy::beside(&gateway).await?;
    // Once without an attack: caches, histories and the client's own connections.
    healthy.work(Duration::from_secs(1)).await?;
    let resident = || process::anonymous_kb(pid);
    let before = resident()?;
    healthy.forget();

    let (mut most, mut left) = (before, vec![before]);
    while left.len() <= waves {
        let target = Target::of(&gateway, healthy.state_port()?)?;
        let attackers = (kind.begin)(target);
        let end = Instant::now() + length;
        while Instant::now() < end {
            healthy.work(LOOK).await?;
            most = most.max(resident()?);
        }
        drop(attackers);
        // As low as it gets: connections end one by one, and heaps with them.
        let (deadline, mut least) = (Instant::now() + UNTIL_LEFT, resident()?);
        while least > before + MOST_LEFT_KB && Instant::now() < deadline {
            sleep(LOOK).await;
            least = least.min(resident()?);
        }
        left.push(least);
    }
    let (answer, alert) = healthy.slowest_of_a_hundred();
    Ok(Seen {
        answer,
        alert,
        most_kb: most - before,
        left_kb: [
            left[1].saturating_sub(before),
            left[waves].saturating_sub(left[1]),
        ],
        waves_kb: left[1..]
            .iter()
            .map(|kb| kb.saturating_sub(before))
            .collect(),
    })
}
