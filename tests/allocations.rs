//! The path from a state datagram to a judged rule allocates nothing.

use std::sync::Arc;

use alerting::Alerts;
use allocation_counter::measure;
use mfg_drone_gateway::{StoreJournal, readings_of};
use readings::clock::{Mono, wall_now};
use readings::telemetry::Telemetry;
use readings::{SourceKind, Sources};
use store::Store;
use tello::state;

/// Datagrams measured: a quarter of an hour of one drone.
const DATAGRAMS: u64 = 10_000;

#[tokio::test(flavor = "multi_thread")]
async fn parsing_publishing_and_judging_allocate_nothing() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let (store, _) = Store::open(dir.path())?;
    let sources = Arc::new(Sources::default());
    let drone = sources.register("drone", SourceKind::Drone)?;
    let telemetry = Telemetry::new(sources.clone());
    let alerts = Alerts::start(
        &alerting::Config::default(),
        sources.clone(),
        StoreJournal::of(store.clone()),
    )?;
    let datagrams: Vec<Vec<u8>> = (0..=100)
        .map(|battery| gateway_tests::drone::state(battery, 60 + battery / 4))
        .collect();
    let step = |n: u64| {
        let parsed = state::parse(&datagrams[(n % 101) as usize]);
        let readings = readings_of(&parsed.state);
        // 100 ms apart, as a drone sends them.
        let now = Mono::from_millis(n * 100);
        telemetry.publish(drone, &readings, now, wall_now());
        alerts.observe(drone, &readings, now);
    };
    // The first round takes the memory of the drone's histories.
    (0..101).for_each(step);
    let counted = measure(|| (101..101 + DATAGRAMS).for_each(step));
    assert_eq!(counted.count_total, 0, "{counted:?}");
    alerts.stop().await;
    store.close().await;
    Ok(())
}
