//! Against any division into datagrams, and any bytes.

use proptest::prelude::*;

use super::super::clip;
use super::*;

/// What a stream gives when it comes in those pieces.
fn gather<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Option<Vec<u8>>> {
    let (mut units, mut found) = (AccessUnits::default(), Vec::new());
    for piece in pieces {
        units.take(piece, |gathered| {
            found.push(match gathered {
                Gathered::Unit(bytes) => Some(bytes.to_vec()),
                Gathered::Oversized => None,
            });
        });
    }
    found
}

/// Cuts `stream` at lengths that repeat.
fn cut<'a>(mut stream: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for length in lengths.iter().cycle() {
        let (piece, rest) = stream.split_at((*length).min(stream.len()));
        pieces.push(piece);
        stream = rest;
        if stream.is_empty() {
            break;
        }
    }
    pieces
}

#[test]
fn the_clip_gives_a_unit_for_each_frame_and_loses_no_byte() {
    let found: Vec<Vec<u8>> = gather(cut(clip::CLIP, &[1460]))
        .into_iter()
        .flatten()
        .collect();
    let frames = access_units(clip::CLIP);
    assert_eq!(frames.len(), 30, "a second");
    assert_eq!(frames.concat(), clip::CLIP);
    // The last frame is complete only when another begins.
    assert_eq!(found, frames[..29]);
}

#[test]
fn what_stands_before_the_first_unit_is_let_go() {
    let mut units = AccessUnits::default();
    for _ in 0..1_000 {
        units.take(&[7; 1460], |_| panic!("nothing is complete"));
    }
    assert!(units.buffer.len() < 8, "{}", units.buffer.len());
    // A slice in the middle of a picture begins nothing either.
    let stream = [
        &[0, 0, 1, 0x41, 0x20][..],
        &[0, 0, 1, 0x65, 0x88, 5],
        &[0, 0, 1, 0x41, 0x9a],
    ]
    .concat();
    assert_eq!(gather([&stream[..]]), [Some(vec![0, 0, 1, 0x65, 0x88, 5])]);
}

#[test]
fn slices_of_one_picture_stay_together() {
    let picture = [
        &[0, 0, 0, 1, 0x67, 1][..],
        &[0, 0, 1, 0x65, 0x88],
        &[0, 0, 1, 0x65, 0x08],
    ]
    .concat();
    let stream = [&picture[..], &picture, &[0, 0, 1, 0x09, 0x10]].concat();
    assert_eq!(
        gather([&stream[..]]),
        [Some(picture.clone()), Some(picture)]
    );
}

#[test]
fn one_that_is_too_long_is_dropped_and_the_next_is_whole_however_it_comes() {
    let picture = |length: usize| [&[0, 0, 0, 1, 0x65, 0x88][..], &vec![9; length - 6]].concat();
    let longest = picture(MAX_UNIT_BYTES);
    let stream = [
        picture(MAX_UNIT_BYTES + 1),
        longest.clone(),
        picture(3 * MAX_UNIT_BYTES),
        picture(50),
        picture(8),
    ];
    let stream = stream.concat();
    for lengths in [&[1460][..], &[1, 2000], &[1460, 700, 3], &[usize::MAX]] {
        let found = gather(cut(&stream, lengths));
        assert_eq!(
            found
                .iter()
                .map(|unit| unit.as_ref().map(Vec::len))
                .collect::<Vec<_>>(),
            [None, Some(MAX_UNIT_BYTES), None, Some(50)]
        );
        assert_eq!(found[1].as_ref(), Some(&longest));
    }
}

#[test]
fn memory_stays_within_a_unit_and_a_datagram() {
    let mut units = AccessUnits::default();
    units.take(&[0, 0, 0, 1, 0x65, 0x88], |_| {});
    for _ in 0..10_000 {
        units.take(&[9; 1460], |_| {});
        assert!(units.buffer.len() <= MAX_UNIT_BYTES + MAX_UNDECIDED_BYTES + 1460);
    }
}

proptest! {
    /// NAL units of every kind, with stray zeros and cut ends.
    #[test]
    fn any_division_gives_the_same_units(
        nals in proptest::collection::vec(
            (0usize..4, any::<u8>(), proptest::collection::vec(prop_oneof![Just(0u8), Just(1), any::<u8>()], 0..30)),
            1..30,
        ),
        lengths in proptest::collection::vec(1usize..40, 1..20),
    ) {
        let mut stream = Vec::new();
        for (zeros, header, payload) in nals {
            stream.extend(std::iter::repeat_n(0, zeros));
            stream.extend([0, 0, 1, header]);
            stream.extend(payload);
        }
        let whole = gather([&stream[..]]);
        prop_assert_eq!(&gather(cut(&stream, &lengths)), &whole);
        prop_assert_eq!(&gather(cut(&stream, &[1])), &whole);
        // All but the last, which nothing has ended yet.
        let units = access_units(&stream);
        let ended = &units[..units.len().saturating_sub(1)];
        prop_assert_eq!(&whole, &ended.iter().map(|unit| Some(unit.to_vec())).collect::<Vec<_>>());
        // Nothing is made up: the units follow one another in the stream.
        let joined: Vec<u8> = whole.into_iter().flatten().flatten().collect();
        prop_assert!(joined.is_empty() || stream.windows(joined.len()).any(|part| part == joined));
    }
}
