//! The emergency stop's path: from its frame on the serial line to `land` at the drone.

use std::pin::pin;
use std::time::Duration;

use gateway_tests::drone::Shown;
use gateway_tests::{Client, Drone, Gateway, eventually};
use tokio::time::{Instant, sleep};

use crate::line::Board;
use crate::spread;

/// Presses measured; each is a flight of some five seconds.
const SAMPLES: usize = 25;

/// What is promised (see `SPECIFICATION.md`).
const WITHIN: Duration = Duration::from_millis(200);

/// Less than a board may be silent.
const SAYS_EVERY: Duration = Duration::from_millis(500);

/// Last byte of the frame written → datagram at the drone, with the state on disk: every
/// press also latches and is written.
pub(crate) async fn stop() -> anyhow::Result<()> {
    let state = tempfile::tempdir_in(crate::on_disk()?)?;
    let mut board = Board::new()?;
    let config = format!("{}[board]\nenabled = false\n", board.config());
    let gateway = Gateway::builder()
        .state(&state.path().join("state"))
        .drone("d1", 2)
        .config(&config)
        .start()
        .await?;
    let client = gateway.admin()?;
    let drone = Drone::at(gateway.block().host(2)).await?;
    let to = drone.enter_sdk_mode().await?;
    let on_the_ground = Shown {
        motors_run: false,
        height_cm: 0,
        battery_pct: 80,
    };
    let states = drone.stream(to, on_the_ground);
    board.meet(&gateway).await?;
    let mut delays = Vec::with_capacity(SAMPLES);
    for _ in 0..SAMPLES {
        // (Resets are refused until the drone stands, and the input is released.)
        while_it_says(&mut board, false, shown_as(&client, "landed")).await?;
        let reset = client.post("/api/emergency-stop/reset");
        while_it_says(&mut board, false, reset).await?;
        states.show(true, 80);
        while_it_says(&mut board, false, shown_as(&client, "flying")).await?;
        let pressed = Instant::now();
        board.says(true)?;
        while_it_says(&mut board, true, drone.obey("land")).await?;
        delays.push(pressed.elapsed().as_secs_f64() * 1e6);
        states.show(false, 0);
    }
    let late = delays.iter().filter(|us| **us > WITHIN.as_secs_f64() * 1e6);
    let late = late.count();
    spread("emergency stop: frame → `land` at the drone", delays);
    println!("later than {WITHIN:?}: {late}");
    Ok(())
}

/// Waits for `what`, while the board says that it lives and how its stop is.
async fn while_it_says<T>(
    board: &mut Board,
    is_pressed: bool,
    what: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let mut what = pin!(what);
    loop {
        tokio::select! {
            done = &mut what => return done,
            () = sleep(SAYS_EVERY) => board.says(is_pressed)?,
        }
    }
}

async fn shown_as(client: &Client, wanted: &str) -> anyhow::Result<()> {
    eventually(wanted, || async {
        let status = client
            .get("/api/drones/d1/status")
            .await?
            .expect(200)
            .json();
        let is = status["flight_status"] == wanted && status["flight_status_known"] == true;
        Ok(is.then_some(()))
    })
    .await
}
