//! djitellopy on the drone that the gateway has too. Run by
//! `tests/clients/djitellopy/check`, which installs it.
#![expect(clippy::print_stdout, reason = "the rival's words help when it fails")]

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use gateway_tests::gateway::ADMIN_KEY;
use gateway_tests::namespaces::{DRONE, Site};
use gateway_tests::{Client, Gateway, Simulated, eventually, gateway};
use http::Method;
use serde_json::{Value, json};

const FLY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/djitellopy/fly.py");

/// A drone, a gateway that knows it, and a host for the rival.
struct Scene {
    gateway: Gateway,
    drone: Simulated,
    client: Client,
    python: PathBuf,
    site: Site,
}

async fn scene(connect_at_start: bool) -> anyhow::Result<Scene> {
    let python = std::env::var_os("MFG_DJITELLOPY_PYTHON");
    let python =
        python.context("MFG_DJITELLOPY_PYTHON names none: run tests/clients/djitellopy/check")?;
    let mut site = Site::new("djitellopy")?.context("a rival needs network namespaces")?;
    site.access_point(1)?;
    site.plug(1)?;
    site.rival(1)?;
    let command = site.command("d1", gateway::binary());
    let arguments = [
        "--drones",
        "1",
        "--address",
        &DRONE.to_string(),
        "--battery",
        "90",
    ];
    let drone = Simulated::start_by(command, &arguments).await?;
    let lines = format!(
        "connect_at_start = {connect_at_start}\n[[drones.drone]]\nid = \"d1\"\nmode = \"real\"\n\
         address = \"{DRONE}\"\ninterface = \"wlan1\""
    );
    let gateway = site.builder()?.drones(&lines).start().await?;
    let client = site.client(&gateway, ADMIN_KEY)?;
    Ok(Scene {
        gateway,
        drone,
        client,
        python: python.into(),
        site,
    })
}

impl Scene {
    /// Runs the rival's flight; what it says of its steps.
    async fn rival(&self) -> anyhow::Result<Value> {
        let mut command = self.site.command("r", &self.python);
        let output = command
            .arg(Path::new(FLY))
            .kill_on_drop(true)
            .output()
            .await?;
        let (said, complaint) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        let line = said.lines().rfind(|line| line.starts_with('{'));
        let line = line.with_context(|| format!("it said nothing: {said}\n{complaint}"))?;
        println!("djitellopy: {line}");
        Ok(serde_json::from_str(line)?)
    }

    async fn until(&self, field: &'static str, wanted: &'static str) -> anyhow::Result<()> {
        eventually(wanted, || async {
            let status = self
                .client
                .get("/api/drones/d1/status")
                .await?
                .expect(200)
                .json();
            Ok((status[field] == wanted).then_some(()))
        })
        .await
    }
}

#[tokio::test]
#[ignore = "needs djitellopy, from the package registry: tests/clients/djitellopy/check"]
async fn the_simulated_drone_is_a_tello_to_it() -> anyhow::Result<()> {
    let scene = scene(false).await?;
    let steps = scene.rival().await?;
    for (name, result) in steps.as_object().context("steps")? {
        assert!(!result.is_string(), "{name}: {result}");
    }
    assert_eq!(
        scene.drone.obeyed(),
        ["takeoff", "up 30", "cw 90", "forward 50", "land"]
    );
    assert!(
        (80..=90).contains(&steps["battery"].as_i64().context("a number")?),
        "{steps}"
    );
    Ok(())
}

#[tokio::test]
#[ignore = "needs djitellopy, from the package registry: tests/clients/djitellopy/check"]
async fn a_rival_on_the_same_drone_makes_no_answer_false() -> anyhow::Result<()> {
    let scene = scene(true).await?;
    scene.until("connection_status", "connected").await?;
    // Both at once: the rival flies, the gateway turns the drone, each turn by
    // an angle of its own.
    let turns = async {
        // As the gateway sees it: before, it would refuse to turn what stands.
        scene.until("flight_status", "flying").await?;
        let mut answers = Vec::new();
        for angle in 11..17 {
            let turn = json!({"direction": "clockwise", "angle": angle});
            let answer = scene
                .client
                .json(Method::POST, "/api/drones/d1/rotate?wait=true", &turn)
                .await?;
            answers.push((angle, answer));
        }
        anyhow::Ok(answers)
    };
    let (rival, answers) = tokio::join!(scene.rival(), turns);
    rival?;
    let mut heard = 0;
    for (angle, answer) in answers? {
        let obeyed = scene.drone.count(&format!("cw {angle}"));
        heard += usize::from(obeyed > 0 || answer.text().contains(&format!("refused cw {angle}")));
        println!(
            "the gateway's cw {angle}: {}, obeyed {obeyed} times: {}",
            answer.status,
            answer.text()
        );
        match answer.status.as_u16() {
            200 => assert_eq!(obeyed, 1, "{angle}: said to be done"),
            503 => assert!(obeyed <= 1, "{angle}: never twice"),
            other => anyhow::bail!("{angle}: {other}: {}", answer.text()),
        }
    }
    assert!(
        heard > 0,
        "the drone turned, or said why not: it is busy with the other's"
    );
    // Whoever is asked last, the gateway has its drone again and can end the flight.
    scene.until("connection_status", "connected").await?;
    eventually("on the ground", || async {
        let status = scene
            .client
            .get("/api/drones/d1/status")
            .await?
            .expect(200)
            .json();
        if status["flight_status"] == "landed" {
            return Ok(Some(()));
        }
        scene.client.post("/api/drones/d1/land?wait=true").await?;
        Ok(None)
    })
    .await?;
    drop(scene.gateway);
    Ok(())
}
