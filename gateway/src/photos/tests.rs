//! Over real files.

use std::io::Write as _;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("in range")
}

fn names(album: &Album) -> Vec<String> {
    album
        .list()
        .iter()
        .map(|photo| photo.name.to_string())
        .collect()
}

#[test]
fn the_oldest_go_at_the_cap_and_what_stays_is_there_after_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path().join("photos");
    let album = Album::open(&dir, 250);
    for second in 0..4 {
        album
            .keep("d", at(second), Kind::Jpeg, &[second as u8; 100])
            .expect("kept");
    }
    assert_eq!(album.extent(), (2, 200));
    assert_eq!(album.stats.evicted.load(Relaxed), 2);
    assert_eq!(fs::read_dir(&dir).expect("there").count(), 2);
    let kept = names(&album);
    assert_eq!(
        kept,
        [
            "drone_photo_d_19700101_000002.jpg",
            "drone_photo_d_19700101_000003.jpg"
        ]
    );

    // Left by a power cut, and by somebody.
    fs::write(dir.join("drone_photo_d_19700101_000009.jpg.new"), "half").expect("written");
    fs::write(dir.join("notes.txt"), "mine").expect("written");
    let album = Album::open(&dir, 250);
    assert_eq!(names(&album), kept);
    assert_eq!(
        album.read(&album.list()[1].name).expect("readable"),
        Some(vec![3; 100])
    );
    assert!(
        !dir.join("drone_photo_d_19700101_000009.jpg.new").exists()
            && dir.join("notes.txt").exists()
    );
}

#[test]
fn photos_of_one_second_have_names_of_their_own() {
    let dir = tempfile::tempdir().expect("a directory");
    let album = Album::open(dir.path(), 10_000);
    for _ in 0..name::MAX_IN_A_SECOND {
        album.keep("d", at(5), Kind::H264, b"x").expect("kept");
    }
    assert!(matches!(
        album.keep("d", at(5), Kind::H264, b"x"),
        Err(PhotoError::TooMany)
    ));
    let mut names = names(&album);
    names.dedup();
    assert_eq!(names.len(), usize::from(name::MAX_IN_A_SECOND));
}

#[test]
fn what_cannot_be_kept_is_told_and_nothing_is_lost_for_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let album = Album::open(dir.path(), 100);
    album.keep("d", at(1), Kind::Jpeg, b"x").expect("kept");
    assert!(matches!(
        album.keep("d", at(2), Kind::Jpeg, &[0; 101]),
        Err(PhotoError::TooLarge {
            size: 101,
            most: 100
        })
    ));
    assert_eq!(album.extent(), (1, 1));
    assert!(matches!(
        Album::open(dir.path(), 0).keep("d", at(1), Kind::Jpeg, b"x"),
        Err(PhotoError::Off)
    ));
    // A file where the directory should be.
    let file = dir.path().join("file");
    fs::write(&file, "x").expect("written");
    assert!(matches!(
        Album::open(&file, 100).keep("d", at(1), Kind::Jpeg, b"x"),
        Err(PhotoError::Disk { .. })
    ));
}

/// The clip of simulated cameras begins with a whole picture.
const PICTURE: &[u8] = tello_simulator::clip::CLIP;
/// Fails, so that what it is asked for was not decoded by it.
const FAILS: &str = "/bin/false";

#[tokio::test]
async fn a_picture_is_decoded_once_however_many_look_at_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let album = Album::open(dir.path(), 250);
    let jpeg = Bytes::from_static(b"\xff\xd8\xff\xd9");
    *album.decoded.lock().await = Some(Decoded {
        drone: "d".to_owned(),
        number: 7,
        jpeg: jpeg.clone(),
    });
    assert_eq!(
        album.jpeg(Path::new(FAILS), "d", 7, PICTURE).await,
        Some(jpeg)
    );
    // Another drone's of that number, and the next one, are other pictures.
    assert_eq!(album.jpeg(Path::new(FAILS), "e", 7, PICTURE).await, None);
    assert_eq!(album.jpeg(Path::new(FAILS), "d", 8, PICTURE).await, None);
    assert_eq!(album.stats.undecoded.load(Relaxed), 2);

    let ffmpeg = Path::new("/usr/bin/ffmpeg");
    if !ffmpeg.exists() {
        // A fresh machine need not have it. Said past the harness, which keeps what a
        // passing test prints.
        let _ = io::stderr()
            .write_all(b"SKIPPED: a real decoder needs /usr/bin/ffmpeg (apt-get install ffmpeg)\n");
        return;
    }
    let decoded = album.jpeg(ffmpeg, "d", 8, PICTURE).await.expect("a JPEG");
    assert_eq!(
        album.jpeg(Path::new(FAILS), "d", 8, PICTURE).await,
        Some(decoded)
    );
}
