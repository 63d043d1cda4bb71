//! What it costs that flights are recorded.

use std::time::Duration;

use anyhow::Context as _;
use gateway_tests::drone::{Shown, Streaming};
use gateway_tests::{Client, Drone, Gateway, eventually, process};

use crate::median;

/// Drones in the air.
const DRONES: u8 = 3;
/// CPU time comes in hundredths of a second: in half a minute one is 0.03 % of a core.
const SHORTEST: Duration = Duration::from_secs(30);
/// Rounds, each of both gateways at once.
const ROUNDS: usize = 3;

/// CPU of two gateways that see the same three flights at 10 Hz, one of which records them;
/// and what that writes.
pub(crate) async fn recording(stretch: Duration) -> anyhow::Result<()> {
    let stretch = stretch.max(SHORTEST);
    let without = Watching::start("[recording]\nmax_bytes = 0").await?;
    let with = Watching::start("").await?;
    let client = with.gateway.reader()?;
    eventually("three flights are recorded", || async {
        let active = metric(&client, "mfg_drone_recordings_active").await?;
        Ok((active == f64::from(DRONES)).then_some(()))
    })
    .await?;
    let (mut shares, mut written) = ([Vec::new(), Vec::new()], Vec::new());
    for _ in 0..ROUNDS {
        let before = [without.cpu()?, with.cpu()?];
        let bytes = metric(&client, "mfg_drone_recording_written_bytes_total").await?;
        let begun = tokio::time::Instant::now();
        tokio::time::sleep(stretch).await;
        let seconds = begun.elapsed().as_secs_f64();
        for (shares, (now, before)) in shares
            .iter_mut()
            .zip([without.cpu()?, with.cpu()?].into_iter().zip(before))
        {
            shares.push((now - before).as_secs_f64() / seconds * 100.0);
        }
        let now = metric(&client, "mfg_drone_recording_written_bytes_total").await?;
        written.push((now - bytes) / seconds);
    }
    let [without, with] = shares.map(median);
    let a_second = median(written);
    println!(
        "{DRONES} drones in the air at 10 Hz: {without:.2} % of a core without recording, {with:.2} % with: \
         it costs {:.2} %",
        with - without
    );
    println!(
        "it writes {:.1} kB a second, {:.0} MB an hour in the air",
        a_second / 1e3,
        a_second * 3600.0 / 1e6
    );
    Ok(())
}

/// A gateway and the drones that it sees in the air.
struct Watching {
    gateway: Gateway,
    _flights: Vec<Streaming>,
}

impl Watching {
    async fn start(config: &str) -> anyhow::Result<Watching> {
        let mut gateway = Gateway::builder().config(config);
        for number in 1..=DRONES {
            gateway = gateway.drone(&format!("d{number}"), number + 1);
        }
        let gateway = gateway.start().await?;
        let mut flights = Vec::new();
        for number in 1..=DRONES {
            let peer = Drone::at(gateway.block().host(number + 1)).await?;
            let to = peer.enter_sdk_mode().await?;
            let flying = Shown {
                motors_run: true,
                height_cm: 80,
                battery_pct: 70,
            };
            flights.push(peer.stream(to, flying));
        }
        Ok(Watching {
            gateway,
            _flights: flights,
        })
    }

    fn cpu(&self) -> anyhow::Result<Duration> {
        process::cpu(self.gateway.pid().context("not running")?)
    }
}

async fn metric(client: &Client, name: &str) -> anyhow::Result<f64> {
    let page = client.get("/metrics").await?.expect(200).text();
    let line = page.lines().find_map(|line| line.strip_prefix(name));
    Ok(line.with_context(|| name.to_owned())?.trim().parse()?)
}
