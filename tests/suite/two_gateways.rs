//! Two gateways that know one drone: they do not take it from each other for ever.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gateway_tests::drone::{STATE_PORT, Shown};
use gateway_tests::{Client, Drone, Gateway, eventually};
use tokio::task::JoinHandle;

use crate::bridge_line::{alert, stands};

/// Longer than the longest time between two attempts to reach a drone.
const LONGER_THAN_ATTEMPTS: Duration = Duration::from_secs(11);

const GROUND: Shown = Shown {
    motors_run: false,
    height_cm: 0,
    battery_pct: 80,
};

/// Who asked the drone for its states, in order.
type Askers = Arc<Mutex<Vec<IpAddr>>>;

/// A drone as firmware is: its states go to whoever asked last.
fn serve(drone: Drone, askers: Askers) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut _states = None;
        loop {
            let Ok((text, from)) = drone.hear().await else {
                continue;
            };
            if text == "command" {
                let mut askers = askers.lock().unwrap_or_else(PoisonError::into_inner);
                askers.push(from.ip());
                let to = SocketAddr::new(from.ip(), STATE_PORT);
                _states = Some(drone.stream(to, GROUND));
            }
            // A gateway that is stopping takes nothing more.
            let _ = drone.send(from, b"ok").await;
        }
    })
}

async fn connection(client: &Client) -> anyhow::Result<String> {
    let status = client.get("/api/drones/d1/status").await?;
    let status = status.expect(200).json();
    Ok(status["connection_status"]
        .as_str()
        .unwrap_or_default()
        .to_owned())
}

#[tokio::test]
async fn of_two_gateways_on_one_drone_one_leaves_it_to_the_other() -> anyhow::Result<()> {
    let drones = "lost_after_s = 1.0";
    let first = Gateway::builder()
        .drones(drones)
        .drone("d1", 2)
        .start()
        .await?;
    let address = first.block().host(2);
    let same = format!(
        "{drones}\n[[drones.drone]]\nid = \"d1\"\nmode = \"real\"\naddress = \"{address}\""
    );
    let second = Gateway::builder().drones(&same).start().await?;
    let askers = Askers::default();
    let drone = serve(Drone::at(address).await?, askers.clone());
    let clients = [first.admin()?, second.admin()?];

    // The one that lost it again and again says so, and both are told where it was seen.
    let [one, other] = &clients;
    tokio::select! {
        told = alert(one, "Another Controller", "d1", stands) => told?,
        told = alert(other, "Another Controller", "d1", stands) => told?,
    };
    let quiet = eventually("one has it, and the other is still", async || {
        let before = askers.lock().unwrap_or_else(PoisonError::into_inner).len();
        // Waits for the clock: that nothing happens has no event.
        tokio::time::sleep(LONGER_THAN_ATTEMPTS).await;
        let after = askers.lock().unwrap_or_else(PoisonError::into_inner).len();
        let now = [connection(one).await?, connection(other).await?];
        let has_it = now.iter().filter(|status| *status == "connected").count();
        Ok((before == after && has_it == 1).then_some(after))
    })
    .await?;
    println_figure(quiet);
    drone.abort();
    Ok(())
}

#[expect(
    clippy::print_stdout,
    reason = "a figure, for whoever reads the output"
)]
fn println_figure(asked: usize) {
    println!("asked for its states until it was quiet: {asked} times");
}
