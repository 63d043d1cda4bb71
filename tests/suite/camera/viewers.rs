//! Viewers: several at once, slow ones, and one that never reads.

use super::*;

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
