//! Where a command leads: how high its path reaches, where it ends, how long it is.
//!
//! A limit holds for the whole way, not for its end: a curve that begins and ends below a
//! ceiling may leave it between. Pure geometry in centimetres; knows no limit itself.
//!
//! A drone flies `curve` on the circle through where it is and both points, and refuses
//! one with a radius below 0.5 or above 10 m (SDK 1.3 user guide).

use crate::catalog::{Course, Effect, Listed};
use crate::direction::Direction;

/// Radii that a drone flies, in cm.
const RADII_CM: std::ops::RangeInclusive<f64> = 50.0..=1_000.0;

/// Three points closer to a line than this have no circle: in cm², the area between them.
const LEAST_AREA_CM2: f64 = 1.0;

/// The way of one command.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Way {
    /// Its highest point, in cm.
    pub highest_cm: i32,
    /// Its end, in cm.
    pub end_cm: i32,
    /// How long it is, in cm.
    pub length_cm: u32,
    /// How far it leads over ground, at its farthest: from where it begins; over a pad, from
    /// that. In cm.
    pub reach_cm: u32,
    /// Whether heights count from a pad on the floor, and not from where it begins.
    pub over_pad: bool,
}

impl Way {
    pub(crate) fn straight(direction: Direction, distance_cm: u16) -> Way {
        let distance = i32::from(distance_cm);
        let end_cm = match direction {
            Direction::Up => distance,
            Direction::Down => -distance,
            _ => 0,
        };
        Way {
            highest_cm: end_cm.max(0),
            end_cm,
            length_cm: distance_cm.into(),
            reach_cm: match direction {
                Direction::Up | Direction::Down => 0,
                _ => distance_cm.into(),
            },
            over_pad: false,
        }
    }

    /// The highest point when it begins at `from_cm`, in cm over the floor.
    #[must_use]
    pub fn highest_from(&self, from_cm: i32) -> i32 {
        if self.over_pad {
            self.highest_cm.max(from_cm)
        } else {
            from_cm + self.highest_cm
        }
    }

    /// Where it ends when it begins at `from_cm`.
    #[must_use]
    pub fn end_from(&self, from_cm: i32) -> i32 {
        if self.over_pad {
            self.end_cm
        } else {
            from_cm + self.end_cm
        }
    }
}

/// Why a drone would refuse a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathError {
    /// The points lie in one line.
    Straight,
    /// The circle is too small or too large.
    Radius {
        /// Its radius in cm.
        radius_cm: u32,
    },
    /// `go` to where it is: every coordinate below 20 cm.
    TooShort,
}

impl std::fmt::Display for PathError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PathError::Straight => f.write_str(
                "the two points and the drone lie in one line, which is no curve; use `go`, or move a point aside",
            ),
            PathError::Radius { radius_cm } => write!(
                f,
                "the curve has a radius of {radius_cm} cm and the drone flies 50 to 1000 cm; move the first point",
            ),
            PathError::TooShort => f.write_str(
                "the point is less than 20 cm away in every direction, which the drone refuses; name a farther one",
            ),
        }
    }
}

/// The way of `command`; none where it does not leave its place.
///
/// # Errors
/// [`PathError`]: the drone would refuse it.
pub fn way(command: &Listed) -> Result<Option<Way>, PathError> {
    let Effect::Flies(course) = command.entry().effect else {
        return Ok(None);
    };
    let over_pad = command.over_pad();
    match course {
        Course::Flip => Ok(None),
        Course::Line | Course::Jump => {
            let [x, y, z] = far_enough(command.numbers(["x", "y", "z"]))?;
            Ok(Some(Way {
                highest_cm: if over_pad { z } else { z.max(0) },
                end_cm: z,
                length_cm: length([x, y, z].map(f64::from)).ceil() as u32,
                reach_cm: f64::from(x).hypot(f64::from(y)).ceil() as u32,
                over_pad,
            }))
        }
        Course::Arc => {
            let first = far_enough(command.numbers(["x1", "y1", "z1"]))?.map(f64::from);
            let last = far_enough(command.numbers(["x2", "y2", "z2"]))?.map(f64::from);
            if over_pad {
                return Ok(Some(between(first, last)));
            }
            let arc = Arc::through(first, last)?;
            Ok(Some(Way {
                highest_cm: arc.highest().ceil() as i32,
                end_cm: last[2] as i32,
                length_cm: (arc.radius * arc.sweep).ceil() as u32,
                reach_cm: arc.reach().ceil() as u32,
                over_pad,
            }))
        }
    }
}

/// The manual's: not all of them within −20…20 at once.
fn far_enough(point: [i32; 3]) -> Result<[i32; 3], PathError> {
    match point.iter().all(|cm| cm.abs() < 20) {
        true => Err(PathError::TooShort),
        false => Ok(point),
    }
}

/// What the two points of a curve over a pad say by themselves. Its circle passes where the
/// drone is, and so may rise over both: [`Listed::from_here`] is what a limit is judged by.
fn between(first: [f64; 3], last: [f64; 3]) -> Way {
    let over_ground = |[x, y, _]: [f64; 3]| x.hypot(y);
    let back = scaled(first, -1.0);
    Way {
        highest_cm: first[2].max(last[2]).ceil() as i32,
        end_cm: last[2] as i32,
        length_cm: (length(first) + length(sum(last, back))).ceil() as u32,
        reach_cm: over_ground(first).max(over_ground(last)).ceil() as u32,
        over_pad: true,
    }
}

/// Where it is after `part` (0 to 1) of its way, in cm from where it began: forward, left,
/// up. For a simulator; a path that the drone would refuse stays where it is.
#[must_use]
pub fn point(command: &Listed, part: f64) -> [f64; 3] {
    match command.entry().effect {
        Effect::Flies(Course::Line | Course::Jump) => {
            scaled(command.numbers(["x", "y", "z"]).map(f64::from), part)
        }
        Effect::Flies(Course::Arc) => {
            let first = command.numbers(["x1", "y1", "z1"]).map(f64::from);
            let last = command.numbers(["x2", "y2", "z2"]).map(f64::from);
            Arc::through(first, last).map_or([0.0; 3], |arc| arc.at(arc.sweep * part))
        }
        _ => [0.0; 3],
    }
}

/// The part of a circle from the origin through a point to another.
struct Arc {
    centre: [f64; 3],
    radius: f64,
    /// From the centre to the origin, and at right angles to it towards the first point.
    axes: [[f64; 3]; 2],
    /// Angle flown, in radians.
    sweep: f64,
}

impl Arc {
    fn through(first: [f64; 3], last: [f64; 3]) -> Result<Arc, PathError> {
        let normal = cross(first, last);
        let area2 = dot(normal, normal);
        if area2.sqrt() < LEAST_AREA_CM2 {
            return Err(PathError::Straight);
        }
        // The circumcentre of a triangle with one corner at the origin.
        let (a2, b2) = (dot(first, first), dot(last, last));
        let mixed = sum(
            scaled(cross(last, normal), a2),
            scaled(cross(normal, first), b2),
        );
        let centre = scaled(mixed, 0.5 / area2);
        let radius = length(centre);
        if !RADII_CM.contains(&radius) {
            return Err(PathError::Radius {
                radius_cm: radius.round() as u32,
            });
        }
        let begin = scaled(centre, -1.0 / radius);
        let along = cross(scaled(normal, 1.0 / area2.sqrt()), begin);
        let angle = |point: [f64; 3]| {
            let from = sum(point, scaled(centre, -1.0));
            dot(from, along)
                .atan2(dot(from, begin))
                .rem_euclid(std::f64::consts::TAU)
        };
        let (through, end) = (angle(first), angle(last));
        // The way round that passes the first point before it ends.
        let (along, sweep) = if through <= end {
            (along, end)
        } else {
            (scaled(along, -1.0), std::f64::consts::TAU - end)
        };
        Ok(Arc {
            centre,
            radius,
            axes: [begin, along],
            sweep,
        })
    }

    /// The point after that angle of its way.
    fn at(&self, angle: f64) -> [f64; 3] {
        let [begin, along] = self.axes;
        let turned = sum(scaled(begin, angle.cos()), scaled(along, angle.sin()));
        sum(self.centre, scaled(turned, self.radius))
    }

    /// How far over ground its farthest point is from where it begins, to a centimetre.
    fn reach(&self) -> f64 {
        const PARTS: u32 = 64;
        let points =
            (0..=PARTS).map(|part| self.at(self.sweep * f64::from(part) / f64::from(PARTS)));
        points.map(|[x, y, _]| x.hypot(y)).fold(0.0, f64::max)
    }

    /// The height of its highest point over its beginning.
    fn highest(&self) -> f64 {
        let [begin, along] = self.axes;
        let top = along[2].atan2(begin[2]).rem_euclid(std::f64::consts::TAU);
        let ends = 0.0_f64.max(self.at(self.sweep)[2]);
        if top <= self.sweep {
            ends.max(self.at(top)[2])
        } else {
            ends
        }
    }
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn cross([a, b, c]: [f64; 3], [d, e, f]: [f64; 3]) -> [f64; 3] {
    [b * f - c * e, c * d - a * f, a * e - b * d]
}

fn scaled(a: [f64; 3], by: f64) -> [f64; 3] {
    a.map(|part| part * by)
}

fn sum(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

fn length(a: [f64; 3]) -> f64 {
    dot(a, a).sqrt()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::catalog::entry;

    fn of(text: &str) -> Result<Option<Way>, PathError> {
        let (word, rest) = text.split_once(' ').expect("arguments");
        let entry = entry(word).expect("listed");
        let listed = entry.parse(rest.split_ascii_whitespace()).expect(text);
        way(&listed)
    }

    fn heights(text: &str) -> (i32, i32) {
        let way = of(text).expect("flown").expect("a way");
        (way.highest_cm, way.end_cm)
    }

    #[test]
    fn a_line_is_as_high_as_its_higher_end() {
        assert_eq!(heights("go 100 0 50 20"), (50, 50));
        assert_eq!(heights("go 100 0 -50 20"), (0, -50));
        assert_eq!(of("go 19 -19 19 20"), Err(PathError::TooShort));
        let over = of("go 0 0 120 20 m1").expect("flown").expect("a way");
        assert!(over.over_pad && over.highest_cm == 120);
        assert_eq!(of("go 0 0 19 20 m1"), Err(PathError::TooShort));
        assert_eq!(of("flip l"), Ok(None));
        assert_eq!(of("speed 20"), Ok(None));
    }

    #[test]
    fn a_curve_may_be_highest_between_its_ends() {
        // A half circle upright: from here over a point 1 m up to 2 m ahead.
        assert_eq!(heights("curve 100 0 100 200 0 0 30"), (100, 0));
        // The same below.
        assert_eq!(heights("curve 100 0 -100 200 0 0 30"), (0, 0));
        // A quarter circle that ends at its top.
        let (highest, end) = heights("curve 29 0 71 100 0 100 30");
        assert!((100..=101).contains(&highest) && end == 100, "{highest}");
        // Level.
        assert_eq!(heights("curve 100 100 0 200 0 0 30"), (0, 0));
        // Three quarters of a circle: the first point is not its top.
        assert_eq!(heights("curve 100 0 100 100 0 0 30"), (121, 0));
    }

    /// Over a pad the circle passes where the drone is, and not the pad.
    #[test]
    fn a_curve_over_a_pad_is_that_from_where_the_drone_is() {
        let curve = |text: &str, at_cm: [i32; 3]| {
            let entry = entry("curve").expect("listed");
            let listed = entry.parse(text.split_ascii_whitespace()).expect(text);
            let here = listed.from_here(at_cm);
            assert!(!here.curves_over_pad(), "{here}");
            (way(&listed), way(&here))
        };
        // Half a circle from 1 m over the pad, whose top is 2 m over it.
        let (over, here) = curve("100 0 200 200 0 100 30 m1", [0, 0, 100]);
        let here = here.expect("flown").expect("a way");
        assert_eq!(
            (here.highest_cm, here.end_cm, here.over_pad),
            (100, 0, false)
        );
        assert_eq!(over.expect("flown").expect("a way").end_cm, 100);
        // From the pad itself these three lie in one line, and from over it they do not.
        let (over, here) = curve("100 0 100 200 0 200 30 m1", [0, 0, 50]);
        assert!(over.is_ok() && here.is_ok(), "{over:?}, {here:?}");
        // And the other way round: the drone refuses it.
        let (_, here) = curve("100 0 100 200 0 100 30 m1", [0, 0, 100]);
        assert_eq!(here, Err(PathError::Straight));
    }

    #[test]
    fn what_the_drone_would_refuse_is_told_before() {
        assert_eq!(of("curve 10 19 0 200 0 0 30"), Err(PathError::TooShort));
        assert_eq!(of("curve 100 0 0 200 0 0 30"), Err(PathError::Straight));
        assert_eq!(of("curve 100 0 0 -200 0 0 30"), Err(PathError::Straight));
        assert_eq!(
            of("curve 20 20 0 40 0 0 30"),
            Err(PathError::Radius { radius_cm: 20 })
        );
        assert!(matches!(
            of("curve 250 1 0 500 0 0 30"),
            Err(PathError::Radius { .. })
        ));
        assert!(
            PathError::Radius { radius_cm: 20 }
                .to_string()
                .contains("50 to 1000 cm")
        );
    }

    proptest! {
        /// Against the circle walked in small steps.
        #[test]
        fn the_highest_point_is_the_highest_that_is_flown(
            first in prop::array::uniform3(-500..=500_i32),
            last in prop::array::uniform3(-500..=500_i32),
        ) {
            let points = (first.map(f64::from), last.map(f64::from));
            let Ok(arc) = Arc::through(points.0, points.1) else { return Ok(()) };
            let apart = |a: [f64; 3], b: [f64; 3]| length(sum(a, scaled(b, -1.0)));
            prop_assert!(apart(arc.at(0.0), [0.0; 3]) < 0.01);
            prop_assert!(apart(arc.at(arc.sweep), points.1) < 0.01);
            let steps = 2_000;
            let mut nearest = f64::MAX;
            let mut highest = f64::MIN;
            for step in 0..=steps {
                let point = arc.at(arc.sweep * f64::from(step) / f64::from(steps));
                nearest = nearest.min(apart(point, points.0));
                highest = highest.max(point[2]);
            }
            prop_assert!(nearest < 2.0, "it passes the first point: {nearest}");
            prop_assert!((highest - arc.highest()).abs() < 0.1, "{highest} and {}", arc.highest());
        }
    }
}
