//! Charge left in a battery: as its gauge has counted it, or from its voltage where no
//! gauge does.
//!
//! A lithium cell's voltage says little in the middle of its charge and sags
//! under load, so the result is an estimate and every sensor made from it says
//! so. The curve comes from a profile; nothing here knows a product.

use serde::{Deserialize, Serialize};

use crate::number::{decimal, fields};
use crate::sensor::Absence;

/// Points of a curve. Twenty draw any cell's; more is a mistake in a profile.
const MAX_POINTS: usize = 32;

/// Voltage of one cell against the charge left, and the number of cells in series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "CurveText", into = "CurveText")]
pub struct Curve {
    cells: u8,
    /// (V of one cell, %), both strictly rising.
    points: Box<[(f64, f64)]>,
}

/// A curve as it stands in a profile.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CurveText {
    cells: u8,
    points: Vec<(f64, f64)>,
}

/// A lithium-ion cell under a light load, at room temperature: a typical curve, not one
/// of any product's cells.
const LITHIUM: [(f64, f64); 10] = [
    (3.00, 0.0),
    (3.30, 5.0),
    (3.50, 12.0),
    (3.60, 22.0),
    (3.70, 40.0),
    (3.80, 58.0),
    (3.90, 72.0),
    (4.00, 84.0),
    (4.10, 94.0),
    (4.20, 100.0),
];

/// Less than any cell has that is still one.
pub(crate) const NO_CELL_V: f64 = 0.5;
/// What such a voltage means.
pub(crate) const NO_VOLTAGE: Absence =
    Absence::Unavailable("no battery is inserted: it has no voltage");

/// Below this share of an empty cell's voltage its protection has switched it off.
const LEAST_OF_EMPTY: f64 = 0.65;
/// A lead cell that is charged has a seventh more than one that is full.
const MOST_OF_FULL: f64 = 1.18;
const NOT_ITS_VOLTAGE: Absence = Absence::Contradicted(
    "its voltage is none of so many cells: something else is measured, or they are others",
);

impl Curve {
    /// So many lithium cells in series, of a kind that nobody told; at least one.
    pub(crate) fn lithium(cells: u8) -> Option<Curve> {
        let points = Box::new(LITHIUM);
        (cells > 0).then_some(Curve { cells, points })
    }

    /// The charge at a battery voltage, 0 to 100.
    pub fn percent(&self, battery_v: f64) -> f64 {
        let cell_v = battery_v / f64::from(self.cells);
        let after = self.points.partition_point(|&(v, _)| v < cell_v);
        match (
            after.checked_sub(1).map(|i| self.points[i]),
            self.points.get(after),
        ) {
            (Some((v0, p0)), Some(&(v1, p1))) => p0 + (p1 - p0) * (cell_v - v0) / (v1 - v0),
            (Some((_, last)), None) => last,
            (None, Some(&(_, first))) => first,
            // A curve has two points at least.
            (None, None) => 0.0,
        }
    }

    /// The same, unless there is no battery, or the voltage is none of such a battery: of a
    /// rail, or of one with other cells.
    pub(crate) fn percent_if_any(&self, battery_v: f64) -> Result<f64, Absence> {
        let cell_v = battery_v / f64::from(self.cells);
        let ends = self.points.first().zip(self.points.last());
        let (empty_v, full_v) = ends.map_or((0.0, cell_v), |(empty, full)| (empty.0, full.0));
        if cell_v < NO_CELL_V {
            return Err(NO_VOLTAGE);
        }
        if cell_v < empty_v * LEAST_OF_EMPTY || cell_v > full_v * MOST_OF_FULL {
            return Err(NOT_ITS_VOLTAGE);
        }
        Ok(self.percent(battery_v))
    }

    /// Cells in series.
    pub fn cells(&self) -> u8 {
        self.cells
    }
}

impl TryFrom<CurveText> for Curve {
    type Error = &'static str;

    fn try_from(text: CurveText) -> Result<Self, Self::Error> {
        if text.cells == 0 {
            return Err("`cells` counts the cells in series, at least 1");
        }
        if !(2..=MAX_POINTS).contains(&text.points.len()) {
            return Err("a curve has between 2 and 32 points");
        }
        // `<` is false of NaN, so this refuses it too.
        let rising = text
            .points
            .windows(2)
            .all(|w| w[0].0 < w[1].0 && w[0].1 < w[1].1);
        let first = text.points[0];
        let last = text.points[text.points.len() - 1];
        if !(rising && first.0 > 0.0 && first.1 >= 0.0 && last.1 <= 100.0) {
            return Err(
                "points are [volts of one cell, percent], both rising, percent from 0 to 100",
            );
        }
        Ok(Curve {
            cells: text.cells,
            points: text.points.into(),
        })
    }
}

impl From<Curve> for CurveText {
    fn from(curve: Curve) -> Self {
        CurveText {
            cells: curve.cells,
            points: curve.points.into_vec(),
        }
    }
}

/// The charge of a battery: a number of percent, or what is in it, what it holds when it is
/// full, what it held when it was new, and what is in it when it is empty; a dash each for
/// what is not said.
pub(crate) fn percent_left(bytes: &[u8]) -> Result<f64, Absence> {
    let mut all = fields(bytes);
    let parts = [(); 4].map(|()| all.next().unwrap_or_default());
    let [now, full, new, empty] = parts.map(decimal);
    if parts[1].is_empty() {
        return now;
    }
    let now = now?;
    let empty = empty.unwrap_or(0.0);
    let is_more = |full: &f64| *full > empty;
    // A gauge that has not learned what full is says zero, or nothing.
    let full = full.ok().filter(is_more).or(new.ok().filter(is_more));
    let full = full.ok_or(Absence::Unavailable(
        "the gauge does not say what a full battery holds",
    ))?;
    Ok((now - empty) * 100.0 / (full - empty))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn curve(cells: u8, points: &[(f64, f64)]) -> Result<Curve, &'static str> {
        Curve::try_from(CurveText {
            cells,
            points: points.to_vec(),
        })
    }

    #[test]
    fn between_points_it_is_straight_and_outside_it_is_flat() {
        let two = curve(2, &[(3.0, 0.0), (3.5, 20.0), (4.2, 100.0)]).expect("curve");
        assert_eq!(two.percent(5.0), 0.0);
        assert_eq!(two.percent(6.5), 10.0);
        assert_eq!(two.percent(7.0), 20.0);
        assert_eq!(two.percent(9.0), 100.0);
    }

    #[test]
    fn what_no_such_battery_has_is_no_charge() {
        let three = Curve::lithium(3).expect("curve");
        assert_eq!(three.percent_if_any(8.4), Ok(0.0), "nearly dead");
        assert_eq!(three.percent_if_any(12.75), Ok(100.0), "being charged");
        assert_eq!(three.percent_if_any(0.3), Err(NO_VOLTAGE));
        // A rail of 5 V, and one of 19 V.
        for rail in [5.1, 19.0] {
            assert_eq!(three.percent_if_any(rail), Err(NOT_ITS_VOLTAGE), "{rail} V");
        }
        // Lead, as a whole: 14.4 V while it is charged.
        let lead = curve(1, &[(11.6, 0.0), (12.7, 100.0)]).expect("curve");
        assert_eq!(lead.percent_if_any(14.4), Ok(100.0));
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(curve(0, &[(3.0, 0.0), (4.0, 100.0)]).is_err());
        assert!(curve(1, &[(3.0, 0.0)]).is_err());
        assert!(curve(1, &[(4.0, 0.0), (3.0, 100.0)]).is_err());
        assert!(curve(1, &[(3.0, 0.0), (4.0, 120.0)]).is_err());
        assert!(curve(1, &[(f64::NAN, 0.0), (4.0, 100.0)]).is_err());
    }

    proptest! {
        #[test]
        fn more_voltage_is_never_less_charge(a in 0.0..20.0_f64, b in 0.0..20.0_f64) {
            let curve = curve(3, &[(3.0, 0.0), (3.3, 5.0), (3.7, 50.0), (4.2, 100.0)]).expect("curve");
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(curve.percent(low) <= curve.percent(high));
            prop_assert!((0.0..=100.0).contains(&curve.percent(a)));
        }
    }
}
