//! `drones join`: from the drone's own network into the site's, over real UDP between
//! network namespaces.

use gateway_tests::gateway::{ADMIN_KEY, Prepared};
use gateway_tests::namespaces::{DRONE, Site};
use gateway_tests::{Gateway, Simulated, eventually, gateway, spare_port};

const SECRET: &str = "never-shown-6172";

/// The drone in its namespace, of that SDK, and with that address at the site if any.
async fn drone(site: &Site, sdk: &str, station: Option<&str>) -> anyhow::Result<Simulated> {
    let home = DRONE.to_string();
    let mut arguments = vec!["--drones", "1", "--sdk", sdk, "--address", &home];
    if let Some(station) = station {
        arguments.extend(["--station", station]);
    }
    Simulated::start_by(site.command("d1", gateway::binary()), &arguments).await
}

/// What `drones join` over `interface` says, and whether it did it.
async fn join(
    prepared: &Prepared,
    interface: &str,
    asker: &str,
    more: &[&str],
) -> anyhow::Result<(bool, String)> {
    let arguments = ["drones", "join", "--interface", interface, "--ssid", "site"];
    let mut command = prepared.command(&[&arguments, more].concat());
    // (Whoever runs this test may be logged in by SSH themselves.)
    command.env("SSH_CONNECTION", asker);
    command.stdin(std::process::Stdio::null());
    let output = command.output().await?;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(!said.contains(SECRET), "{said}");
    Ok((output.status.success(), said))
}

const BY_LOOPBACK: &str = "127.0.0.1 50000 127.0.0.1 22";

#[tokio::test]
async fn an_edu_joins_the_site_and_is_found_there_by_its_serial_number() -> anyhow::Result<()> {
    // Network namespaces need root; `Site::new` says so where there are none.
    let Some(mut site) = Site::new("a drone joins the site")? else {
        return Ok(());
    };
    site.access_point(1)?;
    site.plug(1)?;
    let at = site.station(1)?.to_string();
    let drone = drone(&site, "2.0", Some(&at)).await?;
    let prepared = site.builder()?.prepare()?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("password");
    std::fs::write(&file, format!("{SECRET}\n"))?;
    let told = [
        "--password-file",
        file.to_str().unwrap(),
        "--network",
        "10.77.0.0/24",
        "--yes",
    ];

    // The site's own way, and the way by which somebody is logged in.
    let (done, said) = join(&prepared, "site0", BY_LOOPBACK, &told).await?;
    assert!(!done && said.contains("default route"), "{said}");
    let asker = "192.168.10.9 50000 192.168.10.2 22";
    let (done, said) = join(&prepared, "wlan1", asker, &told).await?;
    assert!(!done && said.contains("logged in"), "{said}");
    // Nobody who could type or say yes; how to undo it is said before.
    let (done, said) = join(&prepared, "wlan1", BY_LOOPBACK, &["--anyway"]).await?;
    assert!(!done && said.contains("--yes"), "{said}");
    assert!(
        said.contains("power button") && said.contains("nobody could look"),
        "{said}"
    );
    let (done, said) = join(&prepared, "wlan1", BY_LOOPBACK, &["--yes"]).await?;
    assert!(!done && said.contains("--password-file"), "{said}");
    assert!(!drone.log().contains("another network"), "{}", drone.log());

    let write = [
        &told as &[&str],
        &["--id", "hall", "--write", "--wait", "120"],
    ]
    .concat();
    let (done, said) = join(&prepared, "wlan1", BY_LOOPBACK, &write).await?;
    assert!(
        done && said.contains(&format!("found at {at} by site0")),
        "{said}"
    );
    assert!(!drone.log().contains(SECRET), "{}", drone.log());
    // The gateway flies it from there on.
    let gateway = prepared.start().await?;
    let written = std::fs::read_to_string(gateway.config_file())?;
    assert!(
        written.contains("serial = \"0TQDSIM") && !written.contains(SECRET),
        "{written}"
    );
    let client = site.client(&gateway, ADMIN_KEY)?;
    eventually("it is connected by the site's network", || async {
        let path = "/api/drones/hall/status";
        let status = client.get(path).await?.expect(200).json();
        Ok((status["connection_status"] == "connected").then_some(()))
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_plain_one_is_told_that_it_cannot_and_one_that_is_lost_is_reset() -> anyhow::Result<()> {
    let Some(mut site) = Site::new("drones that do not join")? else {
        return Ok(());
    };
    site.access_point(1)?;
    site.plug(1)?;
    site.station(1)?;
    let plain = drone(&site, "1.3", None).await?;
    let prepared = site.builder()?.prepare()?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("password");
    std::fs::write(&file, SECRET)?;
    let told = [
        "--password-file",
        file.to_str().unwrap(),
        "--network",
        "10.77.0.0/24",
        "--yes",
        "--wait",
        "1",
    ];
    let (done, said) = join(&prepared, "wlan1", BY_LOOPBACK, &told).await?;
    assert!(!done && said.contains("plain Tello"), "{said}");
    plain.stop().await?;
    let (done, said) = join(&prepared, "wlan1", BY_LOOPBACK, &told).await?;
    assert!(!done && said.contains("no drone answers"), "{said}");

    // One whose password was wrong is nowhere, and what brings it back is said again.
    let mut lost = drone(&site, "3.0", None).await?;
    let (done, said) = join(&prepared, "wlan1", BY_LOOPBACK, &told).await?;
    assert!(!done && said.contains("was not found within 1 s"), "{said}");
    assert!(said.matches("power button").count() >= 2, "{said}");
    lost.order("reset 1").await?;
    eventually("it is its own access point again", || async {
        let (_, said) = join(&prepared, "wlan1", BY_LOOPBACK, &["--yes"]).await?;
        Ok(said.contains("SDK 3.0").then_some(()))
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_tt_is_told_the_ports_of_a_gateway_beside_others_and_a_plain_one_cannot()
-> anyhow::Result<()> {
    let port = spare_port().to_string();
    let start = |sdk: &'static str, address: &'static str| {
        let port = port.clone();
        async move {
            let arguments = [
                "--drones",
                "1",
                "--sdk",
                sdk,
                "--address",
                address,
                "--command-port",
                &port,
            ];
            Simulated::start(&arguments).await
        }
    };
    let _drones = (
        start("3.0", "127.0.0.2").await?,
        start("1.3", "127.0.0.3").await?,
    );
    let lines = format!(
        "command_port = {port}\nstate_port = 8900\nvideo_port = 11121\n\
         [[drones.drone]]\nid = \"tt\"\nmode = \"real\"\naddress = \"127.0.0.2\"\n\
         [[drones.drone]]\nid = \"plain\"\nmode = \"real\"\naddress = \"127.0.0.3\""
    );
    let gateway = Gateway::builder().drones(&lines).start().await?;
    let client = gateway.admin()?;
    eventually("the TT's states come to that port", || async {
        let status = client
            .get("/api/drones/tt/status")
            .await?
            .expect(200)
            .json();
        Ok((status["connection_status"] == "connected").then_some(()))
    })
    .await?;
    client
        .post("/api/drones/tt/camera/stream/start")
        .await?
        .expect(200);
    eventually("its video comes to that port", || async {
        let answer = client.get("/api/drones/tt/camera/frame").await?;
        Ok((answer.status == http::StatusCode::OK).then_some(()))
    })
    .await?;
    eventually("that the other cannot is said", || async {
        let said = gateway.output();
        let told = said
            .lines()
            .find(|line| line.contains("cannot be told other ports"));
        Ok(told.filter(|line| line.contains("plain")).map(drop))
    })
    .await?;
    Ok(())
}

/// Anywhere that the gateway keeps or tells something.
fn is_nowhere(secret: &str, gateway: &Gateway, answers: &[String]) -> anyhow::Result<()> {
    assert!(
        answers.iter().all(|said| !said.contains(secret)),
        "{answers:?}"
    );
    assert!(!gateway.output().contains(secret), "in the log");
    let mut folders = vec![gateway.state().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            match std::fs::read(&path) {
                Ok(bytes) => {
                    let found = bytes
                        .windows(secret.len())
                        .any(|part| part == secret.as_bytes());
                    assert!(!found, "in {}", path.display());
                }
                Err(_) if path.is_dir() => folders.push(path),
                Err(_) => {}
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn whoever_administers_the_gateway_has_a_drone_join_and_its_secret_is_kept_nowhere()
-> anyhow::Result<()> {
    let Some(mut site) = Site::new("a drone joins the site by a request")? else {
        return Ok(());
    };
    site.access_point(1)?;
    site.plug(1)?;
    let at = site.station(1)?.to_string();
    let drone = drone(&site, "2.0", Some(&at)).await?;
    let lines = format!(
        "[[drones.drone]]\nid = \"d1\"\nmode = \"real\"\naddress = \"{DRONE}\"\ninterface = \"wlan1\""
    );
    let gateway = site.builder()?.drones(&lines).start().await?;
    let client = site.client(&gateway, ADMIN_KEY)?;
    eventually("it is on the ground", || async {
        let path = "/api/drones/d1/status";
        let seen = client.get(path).await?.expect(200).json();
        let rests = seen["flight_status"] == "landed" && seen["flight_status_known"] == true;
        Ok(rests.then_some(()))
    })
    .await?;
    let post = async |path: &str, body: serde_json::Value| {
        let answer = client.json(http::Method::POST, path, &body).await?;
        anyhow::Ok((answer.status.as_u16(), answer.text()))
    };
    let mut answers = Vec::new();
    let whole = serde_json::json!({"ssid": "site", "password": SECRET, "network": "10.77.0.0/24"});
    let with = |name: &str, value: &str| {
        let mut body = whole.clone();
        body[name] = value.into();
        body
    };
    // The site's own way; words that no drone takes; somewhere that nobody may search.
    for (body, why) in [
        (with("interface", "site0"), "default route"),
        (with("password", "never shown 6172"), "password"),
        (with("password", "short"), "password"),
        (with("ssid", "two words"), "name"),
        (with("network", "8.8.8.0/24"), "8.8.8.0"),
        (with("interface", "wlan9"), "wlan9 cannot be used"),
    ] {
        let (code, said) = post("/api/drones/d1/join", body).await?;
        assert!(
            [400, 409].contains(&code) && said.contains(why),
            "{code} {said}"
        );
        answers.push(said);
    }
    assert!(!drone.log().contains("another network"), "{}", drone.log());
    // Who the drone is, and how to undo it, before anything is told.
    let (code, said) = post("/api/drones/d1/join/look", serde_json::json!({})).await?;
    assert_eq!(code, 200, "{said}");
    for part in ["0TQDSIM", "power button", "wlan1", "not_looked"] {
        assert!(said.contains(part), "{part} in {said}");
    }
    // In the air it is left alone.
    client
        .post("/api/drones/d1/takeoff?wait=true")
        .await?
        .expect(200);
    let (code, said) = post("/api/drones/d1/join", whole.clone()).await?;
    assert!(
        code == 409 && said.contains("land it first"),
        "{code} {said}"
    );
    client
        .post("/api/drones/d1/land?wait=true")
        .await?
        .expect(200);
    eventually("it is told", || async {
        let (code, said) = post("/api/drones/d1/join", whole.clone()).await?;
        anyhow::ensure!(
            [200, 409].contains(&code) && !said.contains(SECRET),
            "{code} {said}"
        );
        Ok((code == 200).then_some(()))
    })
    .await?;
    let found = eventually("it is found", || async {
        let said = client.get("/api/drones/d1/join").await?.expect(200).json();
        anyhow::ensure!(said["stage"] != "lost", "{said}");
        Ok((said["stage"] == "found").then_some(said))
    })
    .await?;
    assert_eq!(found["address"], at, "{found}");
    let table = found["table"].as_str().unwrap_or_default();
    assert!(
        table.contains("id = \"d1\"") && table.contains("0TQDSIM"),
        "{table}"
    );
    answers.push(found.to_string());
    let audit = client.get("/api/security/audit").await?.text();
    assert!(
        audit.contains("to join the network site by wlan1"),
        "{audit}"
    );
    answers.push(audit);
    answers.push(drone.log());
    is_nowhere(SECRET, &gateway, &answers)
}
