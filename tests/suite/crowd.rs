//! Sixty-four drones at 10 Hz and a hundred listeners, ten of whom never read:
//! the others are served, and memory stays where it was stated.
#![expect(
    clippy::print_stdout,
    reason = "what was measured is shown with --nocapture"
)]

use std::collections::HashSet;

use anyhow::Context as _;
use gateway_tests::{Client, WebSocket, eventually, process, simulated};
use tokio::sync::{mpsc, watch};

const DRONES: usize = 64;
const READERS: usize = 90;
const SILENT: usize = 10;
/// Drones each listener follows; together they follow all.
const FOLLOWED: usize = 8;
/// Most the gateway may hold, in kB, a debug build included.
const MOST_KB: u64 = 96 * 1024;
/// Rounds of updates that every reader must get.
const ROUNDS: usize = 10;

async fn metric(client: &Client, name: &str) -> anyhow::Result<f64> {
    let text = client.get("/metrics").await?.expect(200).text();
    let line = text
        .lines()
        .find(|line| line.starts_with(&format!("mfg_drone_{name} ")));
    Ok(line
        .and_then(|line| line.rsplit(' ').next()?.parse().ok())
        .unwrap_or(0.0))
}

/// The ids that the listener of that number follows.
fn followed(number: usize) -> Vec<String> {
    (0..FOLLOWED)
        .map(|n| format!("d{}", (number * FOLLOWED + n) % DRONES + 2))
        .collect()
}

/// Reads until every followed drone was told of often enough, says so, and goes
/// on reading; after `stopped` one more update must come.
async fn listen(
    mut socket: WebSocket,
    number: usize,
    satisfied: mpsc::Sender<()>,
    stopped: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let wanted: HashSet<String> = followed(number).into_iter().collect();
    let mut heard = HashSet::new();
    let mut updates = 0;
    while updates < FOLLOWED * ROUNDS || heard != wanted {
        let update = socket.next_of("drone_status_update").await?;
        let id = update["drone_id"].as_str().context("an id")?.to_owned();
        anyhow::ensure!(wanted.contains(&id), "{id} was not asked for");
        heard.insert(id);
        updates += 1;
    }
    satisfied.send(()).await?;
    while !*stopped.borrow() {
        socket.next().await?;
    }
    socket.next_of("drone_status_update").await?;
    Ok(())
}

#[tokio::test]
async fn a_hundred_listeners_are_served_though_ten_never_read() -> anyhow::Result<()> {
    let (gateway, _drones) = simulated::fleet(DRONES).await?;
    let (client, pid) = (gateway.reader()?, gateway.pid().context("not running")?);

    // Those who do not read have little room for what is sent to them.
    let mut silent = Vec::new();
    for number in 0..SILENT {
        let path = format!("/ws?drones={}", followed(number).join(","));
        silent.push(WebSocket::open(&client.clone().with_receive_buffer(4096), &path, &[]).await?);
    }
    let (satisfied, mut ready) = mpsc::channel(READERS);
    let (stop, stopped) = watch::channel(false);
    let mut readers = Vec::new();
    for number in 0..READERS {
        let path = format!("/ws?drones={}", followed(number).join(","));
        let socket = WebSocket::open(&client, &path, &[]).await?;
        readers.push(tokio::spawn(listen(
            socket,
            number,
            satisfied.clone(),
            stopped.clone(),
        )));
    }
    drop(satisfied);
    for _ in 0..READERS {
        ready
            .recv()
            .await
            .context("a listener ended before it was served")?;
    }
    only_the_listeners_are_left(&client).await?;
    let (_, peak_kb) = process::resident_kb(pid)?;
    assert!(peak_kb < MOST_KB, "{peak_kb} kB at the peak");
    println!(
        "{DRONES} drones, {READERS} listeners and {SILENT} who never read: {peak_kb} kB at the peak"
    );
    // The rest are still served, and every drone is still there.
    stop.send_replace(true);
    for reader in readers {
        reader.await??;
    }
    let statuses = client.get("/api/drones/status").await?.expect(200).json();
    let connected = statuses
        .as_array()
        .context("a list")?
        .iter()
        .filter(|drone| drone["connection_status"] == "connected");
    assert_eq!(connected.count(), DRONES);
    Ok(())
}

/// Those who never read are given up, whichever limit they meet first.
async fn only_the_listeners_are_left(client: &Client) -> anyhow::Result<()> {
    eventually("the ten are given up", || async {
        let gone = metric(client, "websocket_cut_total").await?
            + metric(client, "websocket_silent_total").await?;
        Ok((gone >= SILENT as f64).then_some(()))
    })
    .await?;
    eventually("only the listeners are left", || async {
        Ok(
            ((metric(client, "websocket_clients").await? - READERS as f64).abs() < 0.1)
                .then_some(()),
        )
    })
    .await?;
    Ok(())
}
