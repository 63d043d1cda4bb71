//! Updates through the gateway's side: the spool and the status file are the
//! interface, so a directory tree stands where an image would have its own. What
//! is done with a bundle there is tested by `deploy/test-update`, in a machine.

use std::path::PathBuf;

use bytes::Bytes;
use gateway_tests::{Answer, Client, Gateway, eventually};
use http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt as _};

const PATH: &str = "/api/system/update";

/// The tree of an image, and a gateway on it.
struct Image {
    dir: tempfile::TempDir,
    gateway: Gateway,
}

impl Image {
    async fn start() -> anyhow::Result<Image> {
        let dir = tempfile::tempdir()?;
        std::fs::create_dir(dir.path().join("spool"))?;
        write(&dir, &says("idle"))?;
        let config = format!(
            "[update]\ndir = {:?}\nmax_bundle_bytes = 4194304\n",
            dir.path()
        );
        let gateway = Gateway::builder()
            .server("max_body_bytes = 1024")
            .config(&config)
            .start()
            .await?;
        Ok(Image { dir, gateway })
    }

    fn spool(&self, name: &str) -> PathBuf {
        self.dir.path().join("spool").join(name)
    }

    fn spooled(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.dir.path().join("spool")).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.retain(|name| name != "told");
        names.sort();
        names
    }

    /// What the image's program would do with a request: take both away.
    fn take(&self, state: &Value) {
        std::fs::remove_file(self.spool("request")).unwrap();
        std::fs::remove_file(self.spool("upload.raucb")).unwrap();
        write(&self.dir, state).unwrap();
    }
}

/// Written as the image's program does: whole or not at all.
fn write(dir: &tempfile::TempDir, status: &Value) -> std::io::Result<()> {
    let new = dir.path().join("status.new");
    std::fs::write(&new, status.to_string())?;
    std::fs::rename(new, dir.path().join("status.json"))
}

fn says(state: &str) -> Value {
    json!({
        "format": 1, "state": state, "reason": null, "changed_at": "2026-11-25T18:00:00Z", "progress_pct": null,
        "update": {"id": null, "source": null, "version": null},
        "running": {"slot": "A", "version": "0.1.0"},
        "other": {"slot": "B", "version": null, "bootable": false},
    })
}

async fn send(client: &Client, query: &str, bundle: &[u8]) -> anyhow::Result<Answer> {
    let body = Some(("application/octet-stream", Bytes::copy_from_slice(bundle)));
    client
        .send(Method::POST, &format!("{PATH}{query}"), body)
        .await
}

async fn state(client: &Client) -> anyhow::Result<Value> {
    Ok(client.get(PATH).await?.expect(200).json())
}

/// `sha256sum` of [`bundle`].
const SHA256: &str = "6de7493c5c90f643357c268fbaaf461c1567e0334e4948023ce17268403aa37a";

/// Longer than `server.max_body_bytes` of these tests: another cap applies.
fn bundle() -> Vec<u8> {
    vec![0; 5 * 1024 * 1024 / 2]
}

#[tokio::test]
async fn a_bundle_goes_through_every_state() -> anyhow::Result<()> {
    let image = Image::start().await?;
    let admin = image.gateway.admin()?;
    assert_eq!(state(&admin).await?["state"], "idle");

    let answer = send(
        &admin,
        &format!("?sha256={SHA256}&allow_downgrade=true"),
        &bundle(),
    )
    .await?
    .expect(200)
    .json();
    assert_eq!(image.spooled(), ["request", "upload.raucb"]);
    assert_eq!(std::fs::read(image.spool("upload.raucb"))?, bundle());
    let request = std::fs::read_to_string(image.spool("request"))?;
    let id = request
        .lines()
        .find_map(|line| line.strip_prefix("id="))
        .unwrap();
    assert!(answer["message"].as_str().unwrap().contains(id), "{answer}");
    assert!(
        request.starts_with("format=1\n") && request.ends_with("allow_downgrade=yes\n"),
        "{request}"
    );
    assert_eq!(state(&admin).await?["state"], "waiting");
    // (Two looks: what is said of it is not what was said of the one before.)
    let mut before = says("failed");
    before["reason"] = "the stick holds 2 files *.raucb, not one".into();
    write(&image.dir, &before)?;
    let seen = state(&admin).await?;
    assert_eq!(seen["state"], "waiting");
    assert!(
        seen["reason"].is_null() && seen["changed_at"].is_null(),
        "{seen}"
    );
    let again = send(&admin, "", b"another").await?.expect(409).json();
    assert_eq!(again["error_code"], "UPDATE_BUSY");

    let mut status = says("installing");
    status["progress_pct"] = 40.into();
    image.take(&status);
    let seen = state(&admin).await?;
    assert_eq!(
        (&seen["state"], &seen["progress_percent"]),
        (&json!("installing"), &json!(40))
    );
    send(&admin, "", b"another").await?.expect(409);

    status["state"] = "committed".into();
    (status["running"]["slot"], status["running"]["version"]) = ("B".into(), "0.2.0".into());
    write(&image.dir, &status)?;
    let seen = state(&admin).await?;
    assert_eq!(
        (&seen["state"], &seen["running"]["version"]),
        (&json!("committed"), &json!("0.2.0"))
    );
    let metrics = admin.get("/metrics").await?.expect(200).text();
    let line = "mfg_drone_update_info{slot=\"B\",version=\"0.2.0\",state=\"committed\"} 1";
    assert!(
        metrics.lines().any(|found| found.starts_with(line)),
        "{metrics}"
    );
    Ok(())
}

#[tokio::test]
async fn what_is_not_as_announced_is_refused_and_leaves_nothing() -> anyhow::Result<()> {
    let image = Image::start().await?;
    let admin = image.gateway.admin()?;
    let wrong = send(&admin, &format!("?sha256={}", "0".repeat(64)), b"bundle")
        .await?
        .expect(400)
        .json();
    assert_eq!(wrong["error_code"], "UPDATE_DIFFERENT");
    let empty = send(&admin, "", b"").await?.expect(400).json();
    assert_eq!(empty["error_code"], "UPDATE_DIFFERENT", "{empty}");
    assert!(
        empty["message"].as_str().unwrap().contains("empty"),
        "{empty}"
    );
    // Refused by its announced length, before any of it is read.
    let mut stream = admin.connect().await?;
    let head = |length: &str| {
        format!(
            "POST {PATH} HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\n{length}\r\n",
            admin.key().unwrap()
        )
    };
    stream
        .write_all(head("content-length: 4194305\r\n").as_bytes())
        .await?;
    assert!(status_line(&mut stream).await?.contains(" 413 "));
    let mut stream = admin.connect().await?;
    stream
        .write_all(head("transfer-encoding: chunked\r\n").as_bytes())
        .await?;
    assert!(status_line(&mut stream).await?.contains(" 411 "));
    assert!(image.spooled().is_empty(), "{:?}", image.spooled());

    // Only an admin, whatever the profile.
    send(&image.gateway.reader()?, "", b"bundle")
        .await?
        .expect(403);
    send(&image.gateway.anonymous()?, "", b"bundle")
        .await?
        .expect(401);
    image.gateway.reader()?.get(PATH).await?.expect(403);
    Ok(())
}

async fn status_line(stream: &mut (impl AsyncReadExt + Unpin)) -> anyhow::Result<String> {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n") {
        text.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8(text)?)
}

#[tokio::test]
async fn an_upload_that_breaks_off_or_is_given_up_leaves_room_for_the_next() -> anyhow::Result<()> {
    let image = Image::start().await?;
    let admin = image.gateway.admin()?;
    assert_eq!(
        admin.delete(PATH).await?.expect(409).json()["error_code"],
        "UPDATE_NOT_UPLOADING"
    );
    for cancelled in [true, false] {
        let mut stream = admin.connect().await?;
        let key = admin.key().unwrap();
        let head = format!(
            "POST {PATH} HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\ncontent-length: 100\r\n\r\nten bytes!"
        );
        stream.write_all(head.as_bytes()).await?;
        eventually("the upload is seen", || async {
            let seen = state(&admin).await?;
            Ok((seen["state"] == "uploading" && seen["progress_percent"] == 10).then_some(()))
        })
        .await?;
        assert_eq!(
            send(&admin, "", b"another").await?.expect(409).json()["error_code"],
            "UPDATE_BUSY"
        );
        if cancelled {
            admin.delete(PATH).await?.expect(200);
            assert!(status_line(&mut stream).await?.contains(" 409 "));
        } else {
            drop(stream);
        }
        eventually("it is gone", || async {
            Ok(
                (state(&admin).await?["state"] == "idle" && image.spooled().is_empty())
                    .then_some(()),
            )
        })
        .await?;
    }
    send(&admin, "", b"bundle").await?.expect(200);
    assert_eq!(image.spooled(), ["request", "upload.raucb"]);
    Ok(())
}

#[tokio::test]
async fn a_roll_back_is_told_once_and_not_again_at_the_next_start() -> anyhow::Result<()> {
    let mut image = Image::start().await?;
    let admin = image.gateway.admin()?;
    let mut status = says("rolled_back");
    status["reason"] = "its gateway was not healthy within 300 s".into();
    status["update"]["version"] = "0.2.0".into();
    write(&image.dir, &status)?;
    let told = |alerts: Value| -> Vec<Value> {
        let alerts = alerts["alerts"].as_array().unwrap();
        alerts
            .iter()
            .filter(|alert| alert["title"] == "Update Rolled Back")
            .cloned()
            .collect()
    };
    let alert = eventually("the alert", || async {
        Ok(told(admin.get("/api/alerts").await?.expect(200).json())
            .into_iter()
            .next())
    })
    .await?;
    assert_eq!(
        alert["message"],
        "update to 0.2.0 rolled back: its gateway was not healthy within 300 s"
    );
    eventually("the mark", || async {
        Ok(image.spool("told").exists().then_some(()))
    })
    .await?;
    admin
        .post(&format!(
            "/api/alerts/{}/resolve",
            alert["id"].as_str().unwrap()
        ))
        .await?
        .expect(200);

    image.gateway.restart().await?;
    let admin = image.gateway.admin()?;
    // A later failure is another thing to tell; with it the start has looked.
    (status["state"], status["changed_at"]) = ("failed".into(), "2026-11-25T19:00:00Z".into());
    write(&image.dir, &status)?;
    eventually("the next alert", || async {
        let alerts = admin.get("/api/alerts").await?.expect(200).json();
        let failed = alerts["alerts"]
            .as_array()
            .unwrap()
            .iter()
            .any(|alert| alert["title"] == "Update Failed");
        assert_eq!(told(alerts).len(), 1);
        Ok(failed.then_some(()))
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn without_an_image_updates_are_refused_by_name() -> anyhow::Result<()> {
    let empty = tempfile::tempdir()?;
    let config = format!("[update]\ndir = {:?}\n", empty.path());
    let gateway = Gateway::builder().config(&config).start().await?;
    let admin = gateway.admin()?;
    let refused = send(&admin, "", b"bundle").await?.expect(501).json();
    assert_eq!(refused["error_code"], "UPDATE_NOT_SUPPORTED");
    assert!(
        refused["message"].as_str().unwrap().contains("package"),
        "{refused}"
    );
    admin.get(PATH).await?.expect(501);
    let output = gateway.command(&["update", "status"]).output().await?;
    assert!(String::from_utf8(output.stderr)?.contains("was not started from an image"));

    std::fs::write(empty.path().join("status.json"), "{\"format\": 7}")?;
    let refused = admin.get(PATH).await?.expect(503).json();
    assert!(
        refused["message"].as_str().unwrap().contains("format 7"),
        "{refused}"
    );
    Ok(())
}

#[tokio::test]
async fn the_command_line_hands_over_a_bundle_and_asks_for_health() -> anyhow::Result<()> {
    let mut image = Image::start().await?;
    let file = image.dir.path().join("my.raucb");
    std::fs::write(&file, bundle())?;
    let path = file.to_str().unwrap();
    let refused = image
        .gateway
        .command(&["update", "install", path, "--sha256", "00"])
        .output()
        .await?;
    assert!(!refused.status.success() && image.spooled().is_empty());
    for (flags, allow) in [(&["--allow-downgrade"] as &[&str], "yes"), (&[], "no")] {
        let install = ["update", "install", path, "--sha256", SHA256];
        let mut command = image.gateway.command(&[&install, flags].concat());
        let taken = command.output().await?;
        let complaint = String::from_utf8_lossy(&taken.stderr);
        assert!(taken.status.success(), "{complaint}");
        assert_eq!(image.spooled(), ["request", "upload.raucb"]);
        let request = std::fs::read_to_string(image.spool("request"))?;
        assert!(
            request.contains(&format!("allow_downgrade={allow}\n")),
            "{request}"
        );
        if allow == "yes" {
            image.take(&says("idle"));
        }
    }
    let json = ["update", "status", "--json"];
    let json = image.gateway.command(&json).output().await?;
    let json: Value = serde_json::from_slice(&json.stdout)?;
    assert_eq!(json["running"]["slot"], "A", "{json}");
    let status = image
        .gateway
        .command(&["update", "status"])
        .output()
        .await?;
    let status = String::from_utf8(status.stdout)?;
    assert!(
        status.contains("waiting") && status.contains("0.1.0 in slot A"),
        "{status}"
    );

    let well = image
        .gateway
        .command(&["health", "--grounded"])
        .output()
        .await?;
    assert!(
        well.status.success(),
        "{}",
        String::from_utf8_lossy(&well.stderr)
    );
    // (Everybody is on this machine here.)
    assert_eq!(String::from_utf8(well.stdout)?, "healthy\n");
    image.gateway.stop().await?;
    let unwell = image.gateway.command(&["health"]).output().await?;
    assert_eq!(unwell.status.code(), Some(1));
    Ok(())
}
