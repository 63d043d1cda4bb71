//! Streams cut as firmware cuts them, with losses; several viewers.

use futures_util::FutureExt as _;
use tello_simulator::clip;

use super::*;

fn ms(millis: u64) -> Mono {
    Mono::from_millis(millis)
}

/// A frame in the datagrams of firmware.
fn datagrams(frame: &[u8]) -> impl Iterator<Item = &[u8]> {
    frame.chunks(FULL_DATAGRAM_BYTES)
}

/// Plays the frames of `numbers`, each 33 ms after the one before.
fn play(feed: &Feed, numbers: impl IntoIterator<Item = usize>) {
    for number in numbers {
        for datagram in datagrams(clip::frame(number)) {
            feed.take(datagram, ms(number as u64 * 33));
        }
    }
}

#[tokio::test]
async fn viewers_see_the_format_then_every_frame_and_share_its_bytes() {
    let feed = Arc::new(Feed::default());
    play(&feed, 0..4);
    let (mut first, mut second) = (feed.watch(), feed.watch());
    assert_eq!(feed.view(ms(100)).viewers, 2);
    for viewer in [&mut first, &mut second] {
        assert!(
            matches!(viewer.next().await, Shown::Format(sps) if (sps.width, sps.height) == (960, 720))
        );
    }
    for number in 0..3 {
        let (Shown::Frame(one), Shown::Frame(two)) = (first.next().await, second.next().await)
        else {
            panic!("a frame");
        };
        assert_eq!(one, clip::frame(number));
        assert_eq!(one.as_ptr(), two.as_ptr(), "not copied");
    }
    drop(first);
    assert_eq!(feed.view(ms(100)).viewers, 1);
}

#[tokio::test]
async fn a_stopped_stream_is_told_and_its_frames_are_let_go() {
    let feed = Arc::new(Feed::default());
    feed.ask(true);
    play(&feed, 0..4);
    let mut viewer = feed.watch();
    assert!(matches!(viewer.next().await, Shown::Format(_)));
    feed.ask(false);
    assert_eq!(viewer.next().await, Shown::Stopped);
    assert!(feed.inner().newest_key.is_none() && feed.view(ms(200)).sps.is_none());
    // It may begin again.
    play(&feed, 30..32);
    assert!(matches!(viewer.next().await, Shown::Format(_)));
    assert!(matches!(viewer.next().await, Shown::Frame(_)));
}

#[test]
fn silence_ends_a_stream() {
    let feed = Feed::default();
    feed.rest(ms(10_000));
    play(&feed, 0..3);
    feed.rest(ms(66 + 4_999));
    assert!(feed.inner().newest_key.is_some());
    feed.rest(ms(66 + 5_000));
    assert!(feed.inner().newest_key.is_none());
    assert_eq!(feed.silence(ms(9_000)), None);
}

#[test]
fn figures_are_those_of_the_last_second() {
    let feed = Feed::default();
    play(&feed, 0..61);
    let view = feed.view(ms(60 * 33));
    assert!((29..=32).contains(&view.fps), "{}", view.fps);
    assert!((200_000..600_000).contains(&view.bit_s), "{}", view.bit_s);
    assert_eq!(
        (view.loss_pct, view.counts.frames, view.counts.keys),
        (Some(0.0), 60, 2)
    );
    assert_eq!(feed.view(ms(90_000)).loss_pct, None);
}

#[test]
fn lost_datagrams_show_as_damaged_and_missing_frames() {
    let feed = Feed::default();
    let lossy = |number: usize, lost: usize| {
        for (index, datagram) in datagrams(clip::frame(number)).enumerate() {
            if index != lost {
                feed.take(datagram, ms(number as u64 * 33));
            }
        }
    };
    const NONE: usize = usize::MAX;
    lossy(0, NONE);
    lossy(30, 0); // its beginning: the rest hangs on the frame before
    lossy(31, NONE);
    // Frames 32 to 34 never come.
    lossy(35, NONE);
    lossy(36, NONE);
    let counts = feed.view(ms(1_200)).counts;
    assert_eq!((counts.damaged, counts.missing), (1, 3), "{counts:?}");
    assert!(feed.view(ms(1_200)).loss_pct.expect("frames") > 0.0);
}

#[test]
fn garbage_costs_nothing_and_is_counted() {
    let feed = Feed::default();
    for n in 0..5_000u64 {
        let noise: Vec<u8> = (0..1_460u64)
            .map(|i| ((n * 31 + i * 17) % 251) as u8)
            .collect();
        feed.take(&noise, ms(n));
    }
    let view = feed.view(ms(5_000));
    assert_eq!(
        (view.counts.datagrams, view.counts.frames, view.sps),
        (5_000, 0, None)
    );
    // And the stream after it is seen.
    play(&feed, 0..3);
    assert_eq!(feed.view(ms(5_000)).counts.frames, 2);
}

#[tokio::test]
async fn a_whole_picture_is_waited_for() {
    let feed = Arc::new(Feed::default());
    play(&feed, 0..2);
    let old = feed.still_since(ms(0)).await;
    assert_eq!(old.bytes, clip::frame(0));
    let waiting = tokio::spawn({
        let feed = feed.clone();
        async move { feed.still_since(ms(500)).await }
    });
    play(&feed, 2..32);
    assert!(waiting.await.expect("it comes").at >= ms(500));
}

#[tokio::test]
async fn a_newer_picture_than_a_known_one_is_waited_for() {
    let feed = Arc::new(Feed::default());
    play(&feed, 0..2);
    let first = feed.still_after(0).await;
    assert_eq!(first.number, 1);
    assert!(
        feed.still_after(first.number).now_or_never().is_none(),
        "it is the one that is known"
    );
    let waiting = tokio::spawn({
        let feed = feed.clone();
        async move { feed.still_after(first.number).await }
    });
    play(&feed, 2..92);
    let newer = waiting.await.expect("it comes");
    // The newest at the time, which need not be the next one.
    assert!(newer.number > first.number);
    assert_eq!(
        feed.still_after(0).await.number,
        feed.view(ms(0)).counts.keys
    );
}
