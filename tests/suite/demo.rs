//! `demo`: one command, three simulated drones, and a clean stop on Ctrl-C.

use std::net::IpAddr;
use std::process::Stdio;

use gateway_tests::{Block, Client, PATIENCE, eventually, spare_port};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// The keys that the documentation of the API publishes.
const ADMIN_KEY: &str = "mfg-drone-admin-key-2024";

#[tokio::test]
async fn the_demo_shows_three_drones_and_stops_cleanly() -> anyhow::Result<()> {
    let address = Block::claim().gateway();
    let dir = tempfile::tempdir()?;
    let mut child = demo(address)
        .args(["--http-listen", &format!("{address}:8000")])
        .arg("--state-dir")
        .arg(dir.path())
        .stderr(Stdio::inherit())
        .spawn()?;
    let printed = timeout(PATIENCE, greeting(&mut child)).await??;
    assert!(
        printed.contains(&format!("https://{address}:8443")),
        "{printed}"
    );
    assert!(
        printed.contains("SHA-256") && printed.contains(ADMIN_KEY),
        "{printed}"
    );
    assert!(printed.matches("curl").count() >= 5, "{printed}");

    let client =
        Client::https((address, 8443).into(), &dir.path().join("tls/ca.pem"))?.with_key(ADMIN_KEY);
    three_drones_and_their_alerts(&client).await?;
    Client::plain((address, 8000).into())
        .get("/health")
        .await?
        .expect(200);

    interrupt(&mut child).await?;
    assert!(
        dir.path().join("tls/ca.pem").exists(),
        "what was named stays"
    );
    Ok(())
}

/// Without a directory of the user's there is one until the end, and its level of log
/// lines is that of the flag.
#[tokio::test]
async fn a_demo_leaves_nothing_behind() -> anyhow::Result<()> {
    let place = tempfile::tempdir()?;
    let entries = || std::fs::read_dir(place.path()).unwrap().count();
    let mut child = demo(Block::claim().gateway())
        .args(["--log-level", "info"])
        .env("TMPDIR", place.path())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut log = child.stderr.take().unwrap();
    let logged = tokio::spawn(async move {
        let mut text = String::new();
        log.read_to_string(&mut text).await.map(|_| text)
    });
    timeout(PATIENCE, greeting(&mut child)).await??;
    assert_eq!(entries(), 1);
    interrupt(&mut child).await?;
    assert_eq!(entries(), 0);
    let logged = logged.await??;
    assert!(logged.contains(" INFO "), "{logged}");
    Ok(())
}

/// Its drones end with it, so none is in the air when it begins anew: not even where they
/// were when it was killed.
#[tokio::test]
async fn a_demo_that_begins_anew_has_its_drones_on_the_ground() -> anyhow::Result<()> {
    let address = Block::claim().gateway();
    let dir = tempfile::tempdir()?;
    let begin = || -> std::io::Result<Child> {
        let mut demo = demo(address);
        demo.arg("--state-dir").arg(dir.path());
        demo.stderr(Stdio::inherit()).spawn()
    };
    let mut child = begin()?;
    timeout(PATIENCE, greeting(&mut child)).await??;
    let client =
        Client::https((address, 8443).into(), &dir.path().join("tls/ca.pem"))?.with_key(ADMIN_KEY);
    let status = || async {
        let status = client.get("/api/drones/drone_001/status").await?;
        Ok::<_, anyhow::Error>(status.expect(200).json())
    };
    eventually("it is on the ground", || async {
        Ok((status().await?["flight_status_basis"] == "state").then_some(()))
    })
    .await?;
    client
        .post("/api/drones/drone_001/takeoff?wait=true")
        .await?
        .expect(200);
    child.kill().await?;
    let mut child = begin()?;
    timeout(PATIENCE, greeting(&mut child)).await??;
    eventually("it is known to be on the ground", || async {
        let status = status().await?;
        assert_eq!(status["flight_status"], "landed", "{status:#}");
        Ok((status["flight_status_basis"] == "state").then_some(()))
    })
    .await?;
    let alerts = client.get("/api/alerts").await?.expect(200).json();
    let lost = alerts["alerts"].as_array().unwrap().iter();
    let lost: Vec<_> = lost.filter(|one| one["title"] == "Drone lost").collect();
    assert!(lost.is_empty(), "{lost:#?}");
    interrupt(&mut child).await
}

#[tokio::test]
async fn a_demo_that_others_could_reach_is_refused() -> anyhow::Result<()> {
    let anywhere = std::net::Ipv4Addr::UNSPECIFIED.into();
    let output = demo(anywhere).stderr(Stdio::piped()).output().await?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{complaint}");
    assert!(complaint.contains("loopback only"), "{complaint}");
    Ok(())
}

/// Shown to others, it says first what that means, takes no published key, and shows a
/// phone the way in.
#[tokio::test]
async fn a_demo_for_others_has_keys_of_its_own() -> anyhow::Result<()> {
    let address = Block::claim().gateway();
    let dir = tempfile::tempdir()?;
    let mut child = demo(address)
        .arg("--lan")
        .arg("--state-dir")
        .arg(dir.path())
        .stderr(Stdio::inherit())
        .spawn()?;
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let printed = timeout(PATIENCE, up_to(lines, "/trust says what to do")).await??;
    assert!(printed.starts_with("SAFETY"), "{printed}");
    assert!(printed.contains("/#signin="), "{printed}");
    assert!(!printed.contains(ADMIN_KEY), "{printed}");
    let client = Client::https((address, 8443).into(), &dir.path().join("tls/ca.pem"))?;
    let published = client.clone().with_key(ADMIN_KEY);
    published.get("/api/drones").await?.expect(401);
    let made = printed
        .lines()
        .find_map(|line| line.strip_prefix("Admin key:"));
    let made = client.with_key(made.unwrap_or_default().trim());
    made.get("/api/demo").await?.expect(200);
    // What is made to happen is seen as of a real drone.
    made.post("/api/demo/happening?what=battery")
        .await?
        .expect(200);
    eventually("a nearly empty battery", || async {
        let status = made.get("/api/drones/drone_001/status").await?.json();
        let left = status["battery_level"].as_f64();
        Ok(left.filter(|left| *left < 10.0))
    })
    .await?;
    made.post("/api/demo/happening?what=rain")
        .await?
        .expect(422);
    interrupt(&mut child).await
}

/// The demo on ports of its own: the documented ones may be in use on this host.
fn demo(address: IpAddr) -> Command {
    let mut command = Command::new(gateway_tests::gateway::binary());
    command
        .args(["demo", "--still"])
        .args(["--listen", &format!("{address}:8443")])
        .args(["--state-port", &spare_port().to_string()])
        .args(["--command-port", &spare_port().to_string()])
        .args(["--video-port", &spare_port().to_string()])
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Ctrl-C, and its clean end.
async fn interrupt(child: &mut Child) -> anyhow::Result<()> {
    let pid = child.id().unwrap().to_string();
    let sent = Command::new("kill").args(["-INT", &pid]).status().await?;
    assert!(sent.success());
    assert!(timeout(PATIENCE, child.wait()).await??.success());
    Ok(())
}

/// What it prints, up to the line that says how to stop it.
async fn greeting(child: &mut Child) -> anyhow::Result<String> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    up_to(lines, "Ctrl-C").await
}

/// What is printed up to the line with `last` in it.
async fn up_to(mut lines: Lines<BufReader<ChildStdout>>, last: &str) -> anyhow::Result<String> {
    let mut printed = String::new();
    while let Some(line) = lines.next_line().await? {
        printed.push_str(&line);
        printed.push('\n');
        if line.contains(last) {
            break;
        }
    }
    Ok(printed)
}

async fn three_drones_and_their_alerts(client: &Client) -> anyhow::Result<()> {
    let drones = eventually("three connected drones", || async {
        let drones = client
            .get("/api/dashboard/drones")
            .await?
            .expect(200)
            .json();
        let connected = drones
            .as_array()
            .unwrap()
            .iter()
            .filter(|drone| drone["connection_status"] == "connected");
        Ok((connected.count() == 3).then_some(drones))
    })
    .await?;
    assert_eq!(drones[0]["id"], "drone_001");
    eventually("alerts for the low battery and the hot drone", || async {
        let alerts = client.get("/api/alerts").await?.expect(200).json();
        let has = |subject: &str, title: &str| {
            let mut all = alerts["alerts"].as_array().unwrap().iter();
            all.any(|alert| {
                alert["title"] == title && alert["message"].as_str().unwrap().contains(subject)
            })
        };
        Ok(
            (has("drone_002", "Low Battery") && has("drone_003", "Critical Drone Temperature"))
                .then_some(()),
        )
    })
    .await?;
    Ok(())
}
