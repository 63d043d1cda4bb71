//! Video for players: MP4 and MPEG-TS over HTTP, as ffprobe reads it.

use super::{Client, FFMPEG, connected, decoding, metric, simulated, until};
use gateway_tests::{Answer, gateway, skipped};
use serde_json::Value;

const MP4: &str = "/api/drones/cam_1/camera/stream.mp4";
const TS: &str = "/api/drones/cam_1/camera/stream.ts";
const FFPROBE: &str = "/usr/bin/ffprobe";

/// Watches `path` until the stream ends.
fn watch(client: &Client, path: &'static str) -> tokio::task::JoinHandle<anyhow::Result<Answer>> {
    let client = client.clone();
    tokio::spawn(async move { client.get(path).await })
}

#[tokio::test]
async fn players_see_the_camera_from_a_whole_picture_on() -> anyhow::Result<()> {
    let gateway = simulated("").start().await?;
    let client = connected(&gateway).await?;
    let refused = gateway.anonymous()?.get(MP4).await?.expect(401);
    assert!(
        refused.header("www-authenticate").starts_with("Basic "),
        "players wait to be asked"
    );
    client.get(TS).await?.expect(409);
    client
        .get("/api/drones/nobody/camera/stream.ts")
        .await?
        .expect(404);
    let stream = "/api/drones/cam_1/camera/stream";
    client.post(&format!("{stream}/start")).await?.expect(200);
    // Who comes later begins with a whole picture as well.
    until(
        &client,
        "mfg_drone_video_frames_total{drone=\"cam_1\"}",
        40.0,
    )
    .await?;
    let reader = gateway.reader()?;
    let key = gateway::READONLY_KEY;
    let pair = data_encoding::BASE64.encode(format!("player:{key}").as_bytes());
    let by_password = gateway
        .anonymous()?
        .with_header("authorization", &format!("Basic {pair}"));
    let watching = [
        watch(&reader, MP4),
        watch(&reader, TS),
        watch(&by_password, TS),
    ];
    until(&client, "mfg_drone_video_viewers", 3.0).await?;
    let now = metric(&client, "mfg_drone_video_frames_total{drone=\"cam_1\"}").await?;
    until(
        &client,
        "mfg_drone_video_frames_total{drone=\"cam_1\"}",
        now + 40.0,
    )
    .await?;
    client.post(&format!("{stream}/stop")).await?.expect(200);
    let mut seen = Vec::new();
    for player in watching {
        seen.push(player.await??.expect(200));
    }
    assert_eq!(seen[0].header("content-type"), "video/mp4");
    assert_eq!(&seen[0].body[4..8], b"ftyp");
    for ts in &seen[1..] {
        assert_eq!(ts.header("content-type"), "video/mp2t");
        assert!(
            ts.body
                .chunks(188)
                .all(|packet| packet.len() == 188 && packet[0] == 0x47)
        );
    }
    if !std::path::Path::new(FFPROBE).exists() {
        skipped(&format!(
            "what players read needs {FFPROBE} (apt-get install ffmpeg)"
        ));
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    for (number, answer) in seen.iter().enumerate() {
        let file = folder.path().join(number.to_string());
        std::fs::write(&file, &answer.body)?;
        let probed = tokio::process::Command::new(FFPROBE)
            .args([
                "-v",
                "error",
                "-count_packets",
                "-of",
                "json",
                "-show_entries",
            ])
            .arg("stream=codec_name,width,height,nb_read_packets")
            .arg(&file)
            .output()
            .await?;
        assert!(
            probed.stderr.is_empty(),
            "{}",
            String::from_utf8_lossy(&probed.stderr)
        );
        let probed: Value = serde_json::from_slice(&probed.stdout)?;
        let stream = &probed["streams"][0];
        assert_eq!(stream["codec_name"], "h264", "{probed}");
        assert_eq!(
            (&stream["width"], &stream["height"]),
            (&960.into(), &720.into())
        );
        let packets: u32 = stream["nb_read_packets"].as_str().unwrap_or("0").parse()?;
        assert!(packets >= 20, "{probed}");
    }
    Ok(())
}

#[tokio::test]
async fn with_a_decoder_the_camera_is_jpegs_as_well_and_without_one_it_says_so()
-> anyhow::Result<()> {
    const MJPEG: &str = "/api/drones/cam_1/camera/stream.mjpeg";
    let stream = "/api/drones/cam_1/camera/stream";
    let gateway = simulated("").start().await?;
    let client = connected(&gateway).await?;
    client.get(MJPEG).await?.expect(409);
    client.post(&format!("{stream}/start")).await?.expect(200);
    client.get(MJPEG).await?.expect(503);
    if !std::path::Path::new(FFMPEG).exists() {
        skipped(&format!("JPEGs need {FFMPEG} (apt-get install ffmpeg)"));
        return Ok(());
    }
    let gateway = decoding(FFMPEG, "").start().await?;
    let client = connected(&gateway).await?;
    client.post(&format!("{stream}/start")).await?.expect(200);
    let watching = watch(&client, MJPEG);
    until(&client, "mfg_drone_video_viewers", 1.0).await?;
    let now = metric(&client, "mfg_drone_video_frames_total{drone=\"cam_1\"}").await?;
    until(
        &client,
        "mfg_drone_video_frames_total{drone=\"cam_1\"}",
        now + 90.0,
    )
    .await?;
    client.post(&format!("{stream}/stop")).await?.expect(200);
    let seen = watching.await??.expect(200);
    let marker = b"\r\n\r\n\xff\xd8\xff";
    let pictures = seen
        .body
        .windows(marker.len())
        .filter(|part| part == marker);
    assert!(pictures.count() >= 1, "{} bytes", seen.body.len());
    assert!(
        seen.header("content-type")
            .starts_with("multipart/x-mixed-replace")
    );
    Ok(())
}

#[tokio::test]
async fn a_credential_opens_one_drones_video_until_it_is_taken_away() -> anyhow::Result<()> {
    let gateway = simulated("").start().await?;
    let client = connected(&gateway).await?;
    let stream = "/api/drones/cam_1/camera/stream";
    client.post(&format!("{stream}/start")).await?.expect(200);
    let admin = gateway.admin()?;
    let wanted = serde_json::json!({ "name": "Wall", "drone_id": "cam_1" });
    let made = admin
        .json(http::Method::POST, "/api/players", &wanted)
        .await?
        .expect(200)
        .json();
    let (id, secret) = (
        made["player"]["id"].as_str().unwrap().to_owned(),
        made["secret"].as_str().unwrap().to_owned(),
    );
    assert_eq!(made["paths"][0], MP4);
    let player = |secret: &str| -> anyhow::Result<Client> {
        let pair = data_encoding::BASE64.encode(format!("{id}:{secret}").as_bytes());
        let client = gateway.anonymous()?;
        Ok(client.with_header("authorization", &format!("Basic {pair}")))
    };
    player("guess")?.get(TS).await?.expect(401);
    // Nothing else is open to it.
    player(&secret)?
        .get("/api/security/config")
        .await?
        .expect(401);
    let watching = watch(&player(&secret)?, TS);
    until(&client, "mfg_drone_video_viewers", 1.0).await?;
    let list = admin.get("/api/players").await?.expect(200);
    assert!(!list.text().contains(&secret), "{}", list.text());
    assert_eq!(list.json()["players"][0]["name"], "Wall");
    admin
        .delete(&format!("/api/players/{id}"))
        .await?
        .expect(200);
    // What it was watching ends with it.
    let seen = watching.await??;
    assert_eq!(seen.status, 200);
    player(&secret)?.get(TS).await?.expect(401);
    admin
        .delete(&format!("/api/players/{id}"))
        .await?
        .expect(404);
    let audit = admin.get("/api/security/audit?limit=50").await?.expect(200);
    for event in ["player_added", "player_removed"] {
        assert!(audit.text().contains(event), "{}", audit.text());
    }
    Ok(())
}
