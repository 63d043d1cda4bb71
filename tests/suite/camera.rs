//! Video and photos: simulated cameras, several viewers, slow ones and deaf ones,
//! photos with and without a stream, their cap, drones that send garbage.

use std::convert::Infallible;
use std::net::IpAddr;
use std::time::Duration;

use gateway_tests::video::picture;
use gateway_tests::{
    Answer, Client, Drone, Gateway, GatewayBuilder, Simulated, WebSocket, drone, eventually,
    skipped, spare_port,
};
use serde_json::json;

const NOT_CONNECTED: &str = "ドローンが接続されていません";

/// A decoder that is there on machines with ffmpeg only.
const FFMPEG: &str = "/usr/bin/ffmpeg";

/// A gateway with one simulated drone and no decoder.
fn simulated(camera: &str) -> GatewayBuilder {
    decoding("", camera)
}

/// The same with a decoder.
fn decoding(decoder: &str, camera: &str) -> GatewayBuilder {
    let (command, video) = (spare_port(), spare_port());
    Gateway::builder().config(&format!("[camera]\ndecoder = \"{decoder}\"\n{camera}")).drones(&format!(
        "connect_at_start = false\ncommand_port = {command}\nvideo_port = {video}\nconnect_timeout_s = 20.0\n\
             [[drones.drone]]\nid = \"cam_1\"\nmode = \"simulation\""
    ))
}

async fn connected(gateway: &Gateway) -> anyhow::Result<Client> {
    let client = gateway.admin()?;
    client.post("/api/drones/cam_1/connect").await?.expect(200);
    Ok(client)
}

/// A counter or gauge of `/metrics`, with its labels as written.
async fn metric(client: &Client, name: &str) -> anyhow::Result<f64> {
    let page = client.get("/metrics").await?.expect(200).text();
    let value = page
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
    value.ok_or_else(|| anyhow::anyhow!("{name} is not in\n{page}"))
}

async fn until(client: &Client, name: &str, least: f64) -> anyhow::Result<()> {
    eventually(name, || async {
        Ok((metric(client, name).await? >= least).then_some(()))
    })
    .await
}

/// The next whole picture; asked for again while there is none.
async fn fetched(client: &Client, path: &str) -> anyhow::Result<Answer> {
    eventually("a whole picture", || async {
        let answer = client.get(path).await?;
        Ok((answer.status != http::StatusCode::NO_CONTENT).then_some(answer))
    })
    .await
}

/// Kinds of the NAL units in a frame.
fn kinds(frame: &[u8]) -> Vec<u8> {
    frame
        .windows(4)
        .filter(|window| window[..3] == [0, 0, 1])
        .map(|window| window[3] & 0x1f)
        .collect()
}

#[tokio::test]
async fn a_simulated_camera_is_relayed_to_several_viewers_until_it_is_stopped() -> anyhow::Result<()>
{
    let gateway = simulated("").start().await?;
    let client = connected(&gateway).await?;
    let mut viewers = Vec::new();
    for _ in 0..3 {
        viewers.push(WebSocket::open(&gateway.reader()?, "/ws/video/cam_1", &[]).await?);
    }
    let started = client
        .post("/api/drones/cam_1/camera/stream/start")
        .await?
        .expect(200)
        .json();
    assert!(
        started["message"].as_str().unwrap().contains("cam_1"),
        "{started}"
    );
    for viewer in &mut viewers {
        let format = viewer.next().await?;
        assert_eq!(
            (&format["type"], &format["width"], &format["height"]),
            (&"video_format".into(), &960.into(), &720.into())
        );
        assert!(
            format["codec"].as_str().unwrap().starts_with("avc1.42"),
            "{format}"
        );
        // A decoder can begin with the first frame, and the next ones follow.
        assert_eq!(kinds(&viewer.next_frame().await?), [7, 8, 5]);
        for _ in 0..40 {
            assert!(!viewer.next_frame().await?.is_empty());
        }
    }
    client
        .post("/api/drones/cam_1/camera/stream/start")
        .await?
        .expect(200);
    let camera = eventually("figures", || async {
        let camera = client
            .get("/api/drones/cam_1/camera")
            .await?
            .expect(200)
            .json();
        Ok((camera["fps"].as_u64() > Some(0)).then_some(camera))
    })
    .await?;
    assert_eq!(
        (&camera["streaming"], &camera["viewers"], &camera["width"]),
        (&true.into(), &3.into(), &960.into())
    );
    client
        .post("/api/drones/cam_1/camera/stream/stop")
        .await?
        .expect(200);
    for viewer in &mut viewers {
        assert_eq!(
            viewer.next_of("video_stopped").await?["type"],
            "video_stopped"
        );
    }
    client
        .post("/api/drones/cam_1/camera/stream/stop")
        .await?
        .expect(200);
    // The same viewers see the next stream, and disconnecting ends it.
    client
        .post("/api/drones/cam_1/camera/stream/start")
        .await?
        .expect(200);
    assert_eq!(viewers[0].next_of("video_format").await?["height"], 720);
    client
        .post("/api/drones/cam_1/disconnect")
        .await?
        .expect(200);
    assert_eq!(
        viewers[0].next_of("video_stopped").await?["type"],
        "video_stopped"
    );
    drop(viewers);
    eventually("viewers gone", || async {
        Ok((metric(&client, "mfg_drone_video_viewers").await? == 0.0).then_some(()))
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn situations_have_the_documented_statuses() -> anyhow::Result<()> {
    let gateway = simulated("max_viewers = 1\nphotos_max_bytes = 0")
        .start()
        .await?;
    let client = gateway.admin()?;
    for what in ["stream/start", "stream/stop", "photo"] {
        let refused = client
            .post(&format!("/api/drones/cam_1/camera/{what}"))
            .await?
            .expect(400)
            .json();
        assert!(
            refused["detail"].as_str().unwrap().contains(NOT_CONNECTED),
            "{what}: {refused}"
        );
        client
            .post(&format!("/api/drones/nobody/camera/{what}"))
            .await?
            .expect(404);
        client
            .post(&format!("/api/drones/drone@001/camera/{what}"))
            .await?
            .expect(422);
        client
            .post(&format!("/api/drones//camera/{what}"))
            .await?
            .expect(404);
        gateway
            .reader()?
            .post(&format!("/api/drones/cam_1/camera/{what}"))
            .await?
            .expect(403);
    }
    client.get("/api/drones/nobody/camera").await?.expect(404);
    client.get("/ws/video/cam_1").await?.expect(426);
    // Permission, ticket, origin as at `/ws`; then the drone, then the cap.
    assert!(
        WebSocket::open(&gateway.anonymous()?, "/ws/video/cam_1", &[])
            .await
            .is_err()
    );
    let evil = [("origin", "https://evil.example")];
    assert!(
        WebSocket::open(&gateway.reader()?, "/ws/video/cam_1", &evil)
            .await
            .is_err()
    );
    assert!(
        WebSocket::open(&gateway.reader()?, "/ws/video/nobody", &[])
            .await
            .is_err()
    );
    let ticket = gateway
        .reader()?
        .post("/api/ws-ticket")
        .await?
        .expect(200)
        .json();
    let path = format!(
        "/ws/video/cam_1?ticket={}",
        ticket["ticket"].as_str().unwrap()
    );
    let _only = WebSocket::open(&gateway.anonymous()?, &path, &[]).await?;
    assert!(
        WebSocket::open(&gateway.reader()?, "/ws/video/cam_1", &[])
            .await
            .is_err()
    );
    assert_eq!(
        metric(&client, "mfg_drone_video_viewers_refused_total").await?,
        1.0
    );
    // Switched off.
    connected(&gateway).await?;
    let off = client
        .post("/api/drones/cam_1/camera/photo")
        .await?
        .expect(503)
        .json();
    assert!(
        off["message"]
            .as_str()
            .unwrap()
            .contains("camera.photos_max_bytes"),
        "{off}"
    );
    Ok(())
}

#[tokio::test]
async fn a_photo_needs_no_stream_and_leaves_a_running_one_alone() -> anyhow::Result<()> {
    let gateway = simulated("photo_timeout_s = 30.0").start().await?;
    let client = connected(&gateway).await?;
    let streams = || async {
        let camera = client
            .get("/api/drones/cam_1/camera")
            .await?
            .expect(200)
            .json();
        anyhow::Ok(camera["streaming"] == true)
    };
    let photo = client
        .post("/api/drones/cam_1/camera/photo")
        .await?
        .expect(200)
        .json();
    assert!(!streams().await?, "begun for the photo, ended after it");
    client
        .post("/api/drones/cam_1/camera/stream/start")
        .await?
        .expect(200);
    eventually("the stream", || async {
        Ok(streams().await?.then_some(()))
    })
    .await?;
    let body = json!({"command": "take_photo", "params": {"quality": "high", "format": "jpg"}});
    let second = client
        .json(http::Method::POST, "/api/drones/cam_1/command", &body)
        .await?
        .expect(200)
        .json()["data"]
        .clone();
    assert!(streams().await?, "the photo did not end it");
    assert_eq!(second["filepath"], second["path"]);

    for photo in [&photo, &second] {
        let name = photo["filename"].as_str().unwrap();
        assert!(
            name.starts_with("drone_photo_cam_1_") && name.ends_with(".h264"),
            "{photo}"
        );
        assert_eq!(photo["path"], format!("/photos/{name}"));
        let metadata = &photo["metadata"];
        assert_eq!(
            (&metadata["format"], &metadata["resolution"]),
            (&"H264".into(), &"960x720".into())
        );
        let file = gateway
            .reader()?
            .get(&format!("/photos/{name}"))
            .await?
            .expect(200);
        assert_eq!(
            (
                file.header("content-type"),
                file.header("x-content-type-options")
            ),
            ("video/h264", "nosniff")
        );
        assert_eq!(kinds(&file.body), [7, 8, 5]);
        assert_eq!(metadata["size_bytes"], file.body.len());
        gateway
            .anonymous()?
            .get(&format!("/photos/{name}"))
            .await?
            .expect(401);
    }
    let list = gateway
        .reader()?
        .get("/api/photos")
        .await?
        .expect(200)
        .json();
    assert_eq!(
        (&list["count"], &list["photos"][1]["filename"]),
        (&2.into(), &photo["filename"]),
        "{list:#}"
    );
    assert_eq!(list["photos"][1]["id"], photo["id"]);
    for path in [
        "/photos/..%2fgateway.redb",
        "/photos/gateway.redb",
        "/photos/drone_photo_x_20250131_091502.jpg",
    ] {
        client.get(path).await?.expect(404);
    }
    Ok(())
}

#[tokio::test]
async fn with_ffmpeg_a_photo_is_a_jpeg_and_with_a_bad_decoder_a_still() -> anyhow::Result<()> {
    const PATIENT: &str = "photo_timeout_s = 30.0";
    let gateway = decoding("/bin/false", PATIENT).start().await?;
    let client = connected(&gateway).await?;
    let photo = client
        .post("/api/drones/cam_1/camera/photo")
        .await?
        .expect(200)
        .json();
    assert_eq!(photo["metadata"]["format"], "H264");
    assert_eq!(
        metric(&client, "mfg_drone_photos_undecoded_total").await?,
        1.0
    );
    // The rest needs a decoder that works, which a fresh machine need not have.
    if !std::path::Path::new(FFMPEG).exists() {
        skipped(&format!(
            "JPEG photos need {FFMPEG} (apt-get install ffmpeg)"
        ));
        return Ok(());
    }
    let gateway = decoding(FFMPEG, PATIENT).start().await?;
    let client = connected(&gateway).await?;
    let photo = client
        .post("/api/drones/cam_1/camera/photo")
        .await?
        .expect(200)
        .json();
    let metadata = &photo["metadata"];
    assert_eq!(
        (&metadata["format"], &metadata["resolution"]),
        (&"JPEG".into(), &"960x720".into()),
        "{photo}"
    );
    let file = client
        .get(photo["path"].as_str().unwrap())
        .await?
        .expect(200);
    assert_eq!(file.header("content-type"), "image/jpeg");
    assert!(file.body.starts_with(&[0xff, 0xd8]) && file.body.ends_with(&[0xff, 0xd9]));
    Ok(())
}

#[tokio::test]
async fn the_oldest_photos_go_and_the_rest_survive_a_restart() -> anyhow::Result<()> {
    let mut gateway = peer_gateway("photos_max_bytes = 1048576\nphoto_timeout_s = 30.0")
        .start()
        .await?;
    let (client, peer, address) = play(&gateway).await?;
    let shoot = |client: Client| async move { client.post("/api/drones/cam_1/camera/photo").await };
    let mut taken = Vec::new();
    for _ in 0..14 {
        let photo = tokio::spawn(shoot(client.clone()));
        peer.obey("streamon").await?;
        let photo = film_until(photo, &peer, address, 120_000).await?;
        taken.push(
            photo.expect(200).json()["filename"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    let list = client.get("/api/photos").await?.expect(200).json();
    let names: Vec<&str> = list["photos"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|p| p["filename"].as_str())
        .collect();
    assert!(
        list["size_bytes"].as_u64().unwrap() <= 1_048_576
            && (1..taken.len()).contains(&names.len()),
        "{list:#}"
    );
    // What stays are the newest, newest first; each one gone is counted.
    assert!(
        taken
            .iter()
            .rev()
            .map(String::as_str)
            .zip(&names)
            .all(|(taken, listed)| taken == *listed),
        "{names:?}"
    );
    let evicted = metric(&client, "mfg_drone_photos_evicted_total").await?;
    assert_eq!(evicted as usize, taken.len() - names.len());
    client
        .get(&format!("/photos/{}", taken[0]))
        .await?
        .expect(404);
    assert_eq!(
        std::fs::read_dir(gateway.state().join("photos"))?.count(),
        names.len()
    );
    gateway.restart().await?;
    let again = gateway
        .admin()?
        .get("/api/photos")
        .await?
        .expect(200)
        .json();
    assert_eq!(again["photos"], list["photos"]);
    Ok(())
}

#[tokio::test]
async fn single_pictures_are_fetched_each_newer_than_the_last() -> anyhow::Result<()> {
    const FRAME: &str = "/api/drones/cam_1/camera/frame";
    let decoder = if std::path::Path::new(FFMPEG).exists() {
        FFMPEG
    } else {
        ""
    };
    let gateway = decoding(decoder, "").start().await?;
    let (client, reader) = (connected(&gateway).await?, gateway.reader()?);
    gateway.anonymous()?.get(FRAME).await?.expect(401);
    reader
        .get("/api/drones/nobody/camera/frame")
        .await?
        .expect(404);
    for query in ["format=png", "after=-1", "after=x"] {
        let refused = reader
            .get(&format!("{FRAME}?{query}"))
            .await?
            .expect(422)
            .json();
        assert!(
            refused["message"].as_str().unwrap().contains(&query[..5]),
            "{refused}"
        );
    }
    let told = reader.get(FRAME).await?.expect(409).json();
    assert!(
        told["message"]
            .as_str()
            .unwrap()
            .contains("/api/drones/cam_1/camera/stream/start"),
        "{told}"
    );

    client
        .post("/api/drones/cam_1/camera/stream/start")
        .await?
        .expect(200);
    let (mut last, mut before) = (0, String::new());
    for _ in 0..3 {
        // Waits for the first, and then for one that is newer.
        let frame = fetched(&reader, &format!("{FRAME}?after={last}"))
            .await?
            .expect(200);
        assert_eq!(
            (frame.header("content-type"), kinds(&frame.body)),
            ("video/h264", vec![7, 8, 5])
        );
        // Of one width and in UTC, so texts compare as times do.
        let arrived = frame.header("x-frame-timestamp").to_owned();
        assert!(
            arrived.ends_with('Z') && arrived >= before,
            "{arrived} after {before}"
        );
        before = arrived;
        let number = frame.header("x-frame-number").parse()?;
        assert!(number > last, "{number} after {last}");
        last = number;
    }
    // A number of an earlier start keeps nobody waiting for ever.
    reader
        .get(&format!("{FRAME}?after=9007199254740993"))
        .await?
        .expect(200);
    assert_eq!(
        metric(&client, "mfg_drone_video_frames_fetched_total").await?,
        4.0
    );
    let picture = fetched(&reader, &format!("{FRAME}?format=jpeg")).await?;
    if decoder.is_empty() {
        assert!(
            picture.expect(503).json()["message"]
                .as_str()
                .unwrap()
                .contains("camera.decoder")
        );
    } else {
        let picture = picture.expect(200);
        assert_eq!(picture.header("content-type"), "image/jpeg");
        assert!(picture.body.starts_with(&[0xff, 0xd8]) && picture.body.ends_with(&[0xff, 0xd9]));
    }
    client
        .post("/api/drones/cam_1/camera/stream/stop")
        .await?
        .expect(200);
    reader.get(FRAME).await?.expect(409);
    Ok(())
}

#[tokio::test]
async fn a_slow_viewer_is_passed_over_to_the_next_whole_picture() -> anyhow::Result<()> {
    let gateway = peer_gateway("")
        .server("write_timeout_s = 600")
        .start()
        .await?;
    let (client, peer, address) = play(&gateway).await?;
    let mut viewer = WebSocket::open(&gateway.reader()?, "/ws/video/cam_1", &[]).await?;
    // More than the sockets' buffers hold. Each frame is seen before the next is
    // sent, so that none is lost on the way.
    for number in 0..FRAMES {
        peer.film(address, &numbered(number)).await?;
        if let Some(before) = number.checked_sub(1) {
            until(
                &client,
                "mfg_drone_video_frames_total{drone=\"cam_1\"}",
                f64::from(before + 1),
            )
            .await?;
        }
    }
    let (mut last, mut jumps) = (None, 0);
    while last != Some(FRAMES - 2) {
        let frame = viewer.next_frame().await?;
        let [.., high, low] = *frame else {
            anyhow::bail!("an empty frame")
        };
        let number = u32::from(high & 0x7f) << 7 | u32::from(low & 0x7f);
        if last.is_some_and(|last| last + 1 != number) {
            assert_eq!(
                kinds(&frame)[..3],
                [7, 8, 5],
                "frame {number} after {last:?}"
            );
            jumps += 1;
        }
        last = Some(number);
    }
    assert!(jumps > 0, "nothing was skipped");
    assert!(
        metric(
            &client,
            "mfg_drone_video_frames_skipped_total{drone=\"cam_1\"}"
        )
        .await?
            > 0.0
    );
    Ok(())
}

#[tokio::test]
async fn a_viewer_that_never_reads_is_cut_and_hinders_nobody() -> anyhow::Result<()> {
    let gateway = peer_gateway("")
        .server("write_timeout_s = 1")
        .start()
        .await?;
    let (client, peer, address) = play(&gateway).await?;
    let _deaf = WebSocket::open(&gateway.reader()?, "/ws/video/cam_1", &[]).await?;
    let mut viewer = WebSocket::open(&gateway.reader()?, "/ws/video/cam_1", &[]).await?;
    let cut = tokio::spawn({
        let client = client.clone();
        async move { until(&client, "mfg_drone_video_viewers_cut_total", 1.0).await }
    });
    let reading = tokio::spawn(async move {
        for _ in 0..50 {
            viewer.next_frame().await?;
        }
        anyhow::Ok(viewer)
    });
    film_until(cut, &peer, address, 100_000).await?;
    let _viewer = film_until(reading, &peer, address, 100_000).await?;
    // The place of the one that was cut is free once its connection is closed.
    eventually("a free place", || async {
        Ok((metric(&client, "mfg_drone_video_viewers").await? == 1.0).then_some(()))
    })
    .await?;
    assert_eq!(
        metric(&client, "mfg_drone_video_viewers_cut_total").await?,
        1.0
    );
    Ok(())
}

#[tokio::test]
async fn garbage_and_foreign_senders_are_counted_and_the_stream_goes_on() -> anyhow::Result<()> {
    let gateway = peer_gateway("").start().await?;
    let (client, peer, address) = play(&gateway).await?;
    let foreign = Drone::at(gateway.block().host(3)).await?;
    let counted = |name: &str| format!("mfg_drone_video_{name}_total{{drone=\"cam_1\"}}");
    eventually("everything counted", || async {
        foreign.film(address, &picture(true, 2_000)).await?;
        let noise: Vec<u8> = (0..20_000u32).map(|i| (i * 31 % 251) as u8).collect();
        peer.film(address, &noise).await?;
        peer.film(address, &[]).await?;
        // Parameter sets that no picture can have, then a frame too long for any.
        peer.film(
            address,
            &[&[0, 0, 0, 1, 0x67, 1, 2, 3][..], &picture(true, 500)].concat(),
        )
        .await?;
        peer.film(address, &picture(true, 300_000)).await?;
        let seen = metric(&client, &counted("frames_oversized")).await? > 0.0
            && metric(&client, &counted("frames_undecodable")).await? > 0.0
            && metric(&client, "mfg_drone_video_foreign_datagrams_total").await? > 0.0;
        Ok(seen.then_some(()))
    })
    .await?;
    let mut viewer = WebSocket::open(&gateway.reader()?, "/ws/video/cam_1", &[]).await?;
    let reading = tokio::spawn(async move { viewer.next_frame().await });
    let frame = film_until(reading, &peer, address, 5_000).await?;
    assert_eq!(kinds(&frame)[..3], [7, 8, 5]);
    gateway.reader()?.get("/health").await?.expect(200);
    Ok(())
}

#[tokio::test]
async fn a_bad_network_damages_frames_and_says_so() -> anyhow::Result<()> {
    let gateway = peer_gateway("").start().await?;
    let client = gateway.admin()?;
    let address = gateway.block().host(2).to_string();
    let faults = [
        "--drop",
        "5",
        "--duplicate",
        "5",
        "--garble",
        "5",
        "--delay-ms",
        "5",
        "--jitter-ms",
        "20",
    ];
    let _drone =
        Simulated::start(&[&["--drones", "1", "--address", &address][..], &faults].concat())
            .await?;
    // Orders and their replies are lost as well; an operator asks again.
    eventually("video", || async {
        client.post("/api/drones/cam_1/camera/stream/start").await?;
        Ok((client
            .get("/api/drones/cam_1/camera")
            .await?
            .expect(200)
            .json()["fps"]
            .as_u64()
            > Some(0))
        .then_some(()))
    })
    .await?;
    let mut viewer = WebSocket::open(&gateway.reader()?, "/ws/video/cam_1", &[]).await?;
    assert_eq!(
        kinds(&viewer.next_frame().await?)[..3],
        [7, 8, 5],
        "begins where a decoder can"
    );
    let counted = |name: &str| format!("mfg_drone_video_{name}_total{{drone=\"cam_1\"}}");
    until(&client, &counted("frames_damaged"), 5.0).await?;
    let loss = eventually("a figure of loss", || async {
        Ok(client
            .get("/api/drones/cam_1/camera")
            .await?
            .expect(200)
            .json()["loss_percent"]
            .as_f64()
            .filter(|pct| *pct > 0.0))
    })
    .await?;
    assert!(loss <= 100.0, "{loss}");
    // Whole pictures are still fetched, and the viewer still served.
    fetched(&gateway.reader()?, "/api/drones/cam_1/camera/frame")
        .await?
        .expect(200);
    for _ in 0..60 {
        viewer.next_frame().await?;
    }
    Ok(())
}

/// Frames of the slow viewer's stream; 12 MB.
const FRAMES: u32 = 300;

/// A frame of that stream: its number at the end, every third a whole picture.
fn numbered(number: u32) -> Vec<u8> {
    // Small enough for a receive buffer of the default size on a busy machine.
    let mut frame = picture(number.is_multiple_of(3), 40_000);
    // Without zeros, which could be a start code.
    frame.extend([0x80 | (number >> 7) as u8, 0x80 | (number & 0x7f) as u8]);
    frame
}

/// A gateway with one real drone, played by the test.
fn peer_gateway(camera: &str) -> GatewayBuilder {
    Gateway::builder()
        .config(&format!("[camera]\ndecoder = \"\"\n{camera}"))
        .drones("lost_after_s = 60.0")
        .drone("cam_1", 2)
}

/// The drone of [`peer_gateway`], heard and connected.
async fn play(gateway: &Gateway) -> anyhow::Result<(Client, Drone, IpAddr)> {
    let peer = Drone::at(gateway.block().host(2)).await?;
    let to = peer.enter_sdk_mode().await?;
    peer.send(to, &drone::state(80, 60)).await?;
    let client = gateway.admin()?;
    eventually("connected", || async {
        let status = client
            .get("/api/drones/cam_1/status")
            .await?
            .expect(200)
            .json();
        Ok((status["connection_status"] == "connected").then_some(()))
    })
    .await?;
    Ok((client, peer, gateway.block().gateway()))
}

/// Sends whole pictures, and obeys, until `request` is answered.
async fn film_until<T>(
    request: tokio::task::JoinHandle<anyhow::Result<T>>,
    peer: &Drone,
    to: IpAddr,
    length: usize,
) -> anyhow::Result<T> {
    async fn film(peer: &Drone, to: IpAddr, length: usize) -> anyhow::Result<Infallible> {
        loop {
            peer.film(to, &picture(true, length)).await?;
            // A drone's pace, about; the machine's socket buffers are small.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    async fn obey(peer: &Drone) -> anyhow::Result<Infallible> {
        loop {
            // Silence is nothing bad: nobody has to ask a drone anything.
            let Ok((_, from)) = peer.hear().await else {
                continue;
            };
            peer.send(from, b"ok").await?;
        }
    }
    let failed = tokio::select! {
        answer = request => return answer?,
        Err(failed) = film(peer, to, length) => failed,
        Err(failed) = obey(peer) => failed,
    };
    Err(failed)
}
