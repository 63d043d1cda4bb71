//! What goes wrong: statuses, garbage, foreign senders, a bad network.

use super::*;

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
