//! A night at one's desk: everyday load with bad neighbours, memory and handles sampled, and
//! a picture of both. `bench night --seconds 28800`.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Context as _;
use gateway_tests::drone::{Flood, Shown};
use gateway_tests::{Client, Drone, Gateway, WebSocket, process};
use tokio::time::Instant;

/// Samples in the picture, however long it takes.
const SAMPLES: u32 = 400;
/// Clients that poll, each second.
const CLIENTS: usize = 20;

/// One moment.
struct Moment {
    seconds: f64,
    resident_kb: u64,
    handles: usize,
}

/// Runs for `length`; leaves `target/bench/night.csv` and `night.svg`.
pub(crate) async fn night(length: Duration) -> anyhow::Result<()> {
    let gateway = Gateway::builder().drone("d1", 2).start().await?;
    let pid = gateway.pid().context("not running")?;
    let peer = Drone::at(gateway.block().host(2)).await?;
    let to = peer.enter_sdk_mode().await?;
    let _drone = peer.stream(
        to,
        Shown {
            motors_run: false,
            height_cm: 0,
            battery_pct: 70,
        },
    );
    let polls: Vec<_> = (0..CLIENTS)
        .map(|_| tokio::spawn(poll(gateway.reader().expect("an authority"))))
        .collect();
    let (began, mut moments) = (Instant::now(), Vec::new());
    for sample in 0..SAMPLES {
        tokio::time::sleep_until(began + length * sample / SAMPLES).await;
        // A tenth of the time somebody floods the drones' port.
        let stranger = gateway.block().host(3);
        let flood = (sample % 10 == 9)
            .then(|| Flood::begin(stranger, to))
            .transpose()?;
        tokio::time::sleep(length / SAMPLES / 2).await;
        drop(flood);
        moments.push(Moment {
            seconds: began.elapsed().as_secs_f64(),
            resident_kb: process::resident_kb(pid)?.0,
            handles: std::fs::read_dir(format!("/proc/{pid}/fd"))?.count(),
        });
    }
    polls.iter().for_each(tokio::task::JoinHandle::abort);
    let folder = crate::on_disk()?;
    std::fs::write(folder.join("night.csv"), csv(&moments))?;
    std::fs::write(folder.join("night.svg"), picture(&moments))?;
    // The first fifth fills caches and histories.
    let settled = moments.get(moments.len() / 5).context("no moments")?;
    let last = moments.last().context("no moments")?;
    println!(
        "{:.0} s: {} kB once settled, {} kB at the end, {} handles; {}",
        last.seconds,
        settled.resident_kb,
        last.resident_kb,
        last.handles,
        folder.join("night.svg").display()
    );
    Ok(())
}

/// An ordinary client, and one that mistypes its key now and then.
async fn poll(client: Client) -> anyhow::Result<()> {
    let wrong = client.clone().with_key("not-a-key-at-all");
    loop {
        let mut socket = WebSocket::open(&client, "/ws", &[]).await?;
        for _ in 0..60 {
            client.get("/api/dashboard/drones").await?;
            client.get("/api/alerts").await?;
            socket.send(r#"{"type":"ping"}"#).await?;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        wrong.get("/api/alerts").await?;
    }
}

fn csv(moments: &[Moment]) -> String {
    let mut text = "seconds,resident_kb,handles\n".to_owned();
    for moment in moments {
        let Moment {
            seconds,
            resident_kb,
            handles,
        } = moment;
        let _ = writeln!(text, "{seconds:.1},{resident_kb},{handles}");
    }
    text
}

/// Both over time, each from nought to its most.
fn picture(moments: &[Moment]) -> String {
    const SIZE: (f64, f64) = (800.0, 300.0);
    let last = moments.last().map_or(1.0, |moment| moment.seconds);
    let line = |what: &str, colour: &str, value: &dyn Fn(&Moment) -> f64| {
        let most = moments.iter().map(value).fold(1.0, f64::max);
        let mut points = String::new();
        for moment in moments {
            let x = moment.seconds / last * SIZE.0;
            let y = SIZE.1 - value(moment) / most * SIZE.1;
            let _ = write!(points, "{x:.1},{y:.1} ");
        }
        format!(
            "<polyline fill='none' stroke='{colour}' points='{points}'/><desc>{what}: at most {most:.0}</desc>"
        )
    };
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 -20 {} {}'>{}{}\
         <text x='0' y='-5'>resident memory (blue) and handles (red) over {last:.0} s</text></svg>\n",
        SIZE.0,
        SIZE.1 + 20.0,
        line("kB", "blue", &|moment| moment.resident_kb as f64),
        line("handles", "red", &|moment| moment.handles as f64),
    )
}
