//! The mission pads on a simulated drone's floor, and which of them it sees.
//!
//! Two lie there: 1 where the drone starts, 2 a metre ahead of it; their arrows point
//! ahead. A real drone sees a pad from 0.3 to 1.2 m, below its camera (SDK 2.0 guide).

use crate::body::Body;

/// Number and place of each, in m: right, forward.
const PADS: [(i16, [f64; 2]); 2] = [(1, [0.0, 0.0]), (2, [0.0, 1.0])];

/// Heights from which a pad is recognised, in m.
const HEIGHTS_M: std::ops::RangeInclusive<f64> = 0.3..=1.2;

/// How far off its middle a pad still is in the picture, in m for each m of height.
const REACH_M: f64 = 0.5;

/// A pad in sight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) pad: i16,
    pub(super) place_m: [f64; 2],
    /// Where the drone is over it, in cm: along its arrow, to the left of it, up.
    pub(super) position_cm: [i16; 3],
}

/// The place of a pad.
pub(super) fn place(pad: i32) -> Option<[f64; 2]> {
    PADS.iter()
        .find(|(number, _)| i32::from(*number) == pad)
        .map(|(_, place)| *place)
}

/// The pad that a drone there sees.
pub(super) fn seen(body: &Body) -> Option<Seen> {
    let [right, forward, up] = body.position_m;
    if !HEIGHTS_M.contains(&up) {
        return None;
    }
    let (pad, place_m) = PADS
        .into_iter()
        .find(|(_, [x, y])| (right - x).hypot(forward - y) <= REACH_M * up)?;
    let cm = |metres: f64| (metres * 100.0).round() as i16;
    let position_cm = [cm(forward - place_m[1]), cm(place_m[0] - right), cm(up)];
    Some(Seen {
        pad,
        place_m,
        position_cm,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(position_m: [f64; 3]) -> Option<Seen> {
        let mut body = Body::new(80.0, 60.0, 80.0);
        body.position_m = position_m;
        seen(&body)
    }

    #[test]
    fn a_pad_is_seen_from_above_it() {
        let over = at([0.1, 0.0, 0.8]).expect("seen");
        assert_eq!((over.pad, over.position_cm), (1, [0, -10, 80]));
        assert_eq!(
            at([0.0, 1.1, 0.8]).map(|seen| (seen.pad, seen.position_cm)),
            Some((2, [10, 0, 80]))
        );
        for nowhere in [
            [0.0, 0.0, 0.2],
            [0.0, 0.0, 1.3],
            [0.0, 0.5, 0.8],
            [2.0, 0.0, 0.8],
        ] {
            assert_eq!(at(nowhere), None, "{nowhere:?}");
        }
        assert!(place(1).is_some() && place(8).is_none());
    }
}
