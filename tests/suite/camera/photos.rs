//! Photos: with and without a stream, with and without a decoder, and their cap.

use super::*;

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
