//! A host on the site's network that speaks in a drone's name: only the network that
//! leads to the drone counts.

use anyhow::Context as _;
use gateway_tests::gateway::ADMIN_KEY;
use gateway_tests::namespaces::{DRONE, Site};
use gateway_tests::{Client, Gateway, Simulated, eventually, gateway};
use serde_json::Value;

/// As many as were seen to land a flying drone.
const SPOOFED: u32 = 60;

/// A drone at its own access point behind `wlan1`, an impostor on the site's network, and
/// a gateway that knows the drone by these further lines.
struct Scene {
    gateway: Gateway,
    drone: Simulated,
    client: Client,
    site: Site,
}

impl Scene {
    async fn new(what: &str, lines: &str) -> anyhow::Result<Option<Scene>> {
        // Network namespaces need root; `Site::new` says so where there are none.
        let Some(mut site) = Site::new(what)? else {
            return Ok(None);
        };
        site.access_point(1)?;
        site.plug(1)?;
        site.impostor()?;
        let command = site.command("d1", gateway::binary());
        let address = DRONE.to_string();
        let arguments = ["--drones", "1", "--address", &address, "--battery", "90"];
        let drone = Simulated::start_by(command, &arguments).await?;
        let lines = format!(
            "lost_after_s = 1.0\n[[drones.drone]]\nid = \"d1\"\nmode = \"real\"\naddress = \"{DRONE}\"\n{lines}"
        );
        let gateway = site.builder()?.drones(&lines).start().await?;
        let client = site.client(&gateway, ADMIN_KEY)?;
        Ok(Some(Scene {
            gateway: gateway,
            drone,
            client,
            site,
        }))
    }

    async fn status(&self) -> anyhow::Result<Value> {
        let answer = self.client.get("/api/drones/d1/status").await?;
        Ok(answer.expect(200).json())
    }

    async fn until(&self, field: &'static str, wanted: &'static str) -> anyhow::Result<()> {
        eventually(wanted, || async {
            Ok((self.status().await?[field] == wanted).then_some(()))
        })
        .await
    }

    /// Datagrams in the drone's name from elsewhere.
    async fn counted_elsewhere(&self) -> anyhow::Result<f64> {
        let page = self.client.get("/metrics").await?.expect(200).text();
        let name = "mfg_drone_datagrams_elsewhere_total ";
        let value = page.lines().find_map(|line| line.strip_prefix(name));
        Ok(value.context("the counter is not there")?.parse()?)
    }

    /// Every datagram of the impostor was counted.
    async fn has_counted_each(&self) -> anyhow::Result<()> {
        eventually("each is counted", || async {
            let counted = self.counted_elsewhere().await?;
            Ok((counted >= f64::from(SPOOFED)).then_some(()))
        })
        .await
    }

    /// Nothing came of any datagram.
    async fn is_unmoved(&self) -> anyhow::Result<()> {
        let alerts = self.client.get("/api/alerts").await?.expect(200).text();
        assert!(
            !alerts.contains("battery_level") && !alerts.contains("Battery"),
            "{alerts}"
        );
        assert_eq!(self.drone.count("land"), 0);
        Ok(())
    }
}

async fn a_flying_drone_is_not_spoken_for(what: &str, lines: &str) -> anyhow::Result<()> {
    let Some(scene) = Scene::new(what, lines).await? else {
        return Ok(());
    };
    scene.until("connection_status", "connected").await?;
    let up = scene
        .client
        .post("/api/drones/d1/takeoff?wait=true")
        .await?;
    up.expect(200);
    scene.site.impersonate(SPOOFED, 3).await?;
    if lines.is_empty() {
        // (A socket of the interface alone never hears them.)
        scene.has_counted_each().await?;
    }
    scene.is_unmoved().await?;
    let status = scene.status().await?;
    assert_eq!(status["flight_status"], "flying", "{status}");
    let battery = status["battery_level"].as_i64().unwrap_or_default();
    assert!(battery > 60, "its own: {status}");
    Ok(())
}

#[tokio::test]
async fn the_site_does_not_speak_for_a_drone_known_by_its_address() -> anyhow::Result<()> {
    a_flying_drone_is_not_spoken_for("a spoofed drone", "").await
}

#[tokio::test]
async fn the_site_does_not_speak_for_a_drone_known_by_its_interface() -> anyhow::Result<()> {
    let interface = "interface = \"wlan1\"";
    a_flying_drone_is_not_spoken_for("a spoofed drone of an interface", interface).await
}

#[tokio::test]
async fn a_host_beside_a_drone_does_not_speak_for_it_once_its_network_card_is_known()
-> anyhow::Result<()> {
    let Some(mut scene) = Scene::new("an impostor beside a drone", "").await? else {
        return Ok(());
    };
    scene.site.neighbour_turns_impostor(1)?;
    scene.until("identity", "verified").await?;
    eventually("the network card is known", || async {
        let output = scene.gateway.output();
        let lines = output
            .lines()
            .filter(|line| line.contains("known to be a drone's"));
        let known = lines.filter(|line| line.contains("cards=1") || line.contains("\"cards\":1"));
        Ok((known.count() > 0).then_some(()))
    })
    .await?;
    let up = scene
        .client
        .post("/api/drones/d1/takeoff?wait=true")
        .await?;
    up.expect(200);
    scene.site.impersonate_beside(SPOOFED, 3).await?;
    scene.has_counted_each().await?;
    scene.is_unmoved().await
}

#[tokio::test]
async fn nobody_speaks_for_a_drone_whose_network_is_gone() -> anyhow::Result<()> {
    let Some(scene) = Scene::new("a drone whose network is gone", "").await? else {
        return Ok(());
    };
    scene.until("connection_status", "connected").await?;
    scene.site.unplug(1)?;
    scene.until("connection_status", "error").await?;
    scene.site.impersonate(SPOOFED, 3).await?;
    scene.has_counted_each().await?;
    scene.is_unmoved().await?;
    assert_eq!(scene.status().await?["connection_status"], "error");
    // It comes back by itself, as another interface of the same name.
    scene.site.plug(1)?;
    scene.until("connection_status", "connected").await
}
