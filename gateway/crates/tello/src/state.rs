//! The parser of state datagrams: bytes in, what is certain of them out.
//!
//! A state is `name:value;` fields in any order, ended by CRLF. Senders differ
//! (three SDK versions, and relays that pad, cut or pretty-print), so every
//! malformation is survived, counted by kind, and costs at most its own field.
//! Unknown is absent: a value that is not certain is never passed on.
//!
//! **The last field.** Some senders leave out the last `;`, and a datagram can
//! be cut anywhere: `bat:8` may be the start of `bat:87`. A value therefore
//! counts only when one of these proves that it is whole: the `;` behind it; the
//! line end that closes the datagram; or two decimals already there (whatever
//! was cut then changes it by less than 0.01). NUL padding proves nothing: it is
//! what a cut string in a fixed buffer looks like.
//!
//! Pure; must never allocate, panic or read a clock.

use super::BINARY_MARK;
use super::faults::{FaultKind, Faults};

/// Longest datagram taken for a state. The longest real one is 177 bytes;
/// anything longer than this does not come from a drone.
const MAX_STATE_BYTES: usize = 1024;

/// What the time-of-flight sensor reports when nothing is in its range.
const FLOOR_OUT_OF_RANGE_CM: f64 = 6553.0;

/// One state of a drone. Every field is absent unless it was certainly there.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct State {
    /// Pitch in degrees.
    pub pitch_deg: Option<i16>,
    /// Roll in degrees.
    pub roll_deg: Option<i16>,
    /// Yaw in degrees, clockwise.
    pub yaw_deg: Option<i16>,
    /// Speed along x, y, z in dm/s.
    pub velocity_dm_s: [Option<f64>; 3],
    /// Lowest main-board temperature in °C.
    pub temperature_low_c: Option<f64>,
    /// Highest main-board temperature in °C.
    pub temperature_high_c: Option<f64>,
    /// Distance to the floor in cm; absent when out of the sensor's range.
    pub floor_cm: Option<u16>,
    /// Height over the take-off point in cm; drifts, may be negative.
    pub height_cm: Option<i32>,
    /// Battery in percent.
    pub battery_pct: Option<u8>,
    /// Barometric altitude in m (the 2.0 manual wrongly says cm).
    pub barometric_m: Option<f64>,
    /// Motor time in s since the drone was switched on.
    pub motor_time_s: Option<u32>,
    /// Acceleration along x, y, z in 0.001 g.
    pub acceleration_mg: [Option<f64>; 3],
    /// Mission pad in sight: −2 detection off, −1 none.
    pub pad: Option<i16>,
    /// Position over the mission pad in cm.
    pub pad_position_cm: [Option<i16>; 3],
    /// Pitch, roll, yaw over the mission pad in degrees.
    pub pad_angles_deg: Option<[i16; 3]>,
}

/// A parsed datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Parsed {
    /// What is certain.
    pub state: State,
    /// What was wrong.
    pub faults: Faults,
}

/// Parses a state datagram. Never fails: what cannot be read is absent and counted.
#[must_use]
pub fn parse(datagram: &[u8]) -> Parsed {
    let mut draft = Draft::default();
    if let Some((body, line_end)) = envelope(datagram, &mut draft.faults) {
        draft.fields(body, line_end);
    }
    Parsed {
        state: draft.state(),
        faults: draft.faults,
    }
}

/// The text inside padding, and whether a line end closes it; `None` when the
/// datagram is not a state at all.
fn envelope<'a>(datagram: &'a [u8], faults: &mut Faults) -> Option<(&'a [u8], bool)> {
    let refuse = match datagram {
        [] => Some(FaultKind::Empty),
        [BINARY_MARK, ..] => Some(FaultKind::Binary),
        long if long.len() > MAX_STATE_BYTES => Some(FaultKind::Oversized),
        _ => None,
    };
    if let Some(kind) = refuse {
        faults.add(kind);
        return None;
    }
    let body = match datagram.iter().position(|byte| *byte == 0) {
        Some(end) => {
            faults.add(FaultKind::NulPadding);
            &datagram[..end]
        }
        None => datagram,
    };
    if std::str::from_utf8(body).is_err() {
        faults.add(FaultKind::NotUtf8);
    }
    let line_end = matches!(body.last(), Some(b'\r' | b'\n'));
    let body = body.trim_ascii();
    if body.is_empty() {
        faults.add(FaultKind::Empty);
        return None;
    }
    if body == b"ok" || body.starts_with(b"error") {
        faults.add(FaultKind::Reply);
        return None;
    }
    Some((body, line_end))
}

/// Scalar fields, as indices into [`Draft::values`].
#[derive(Clone, Copy)]
#[repr(u8)]
enum Key {
    Pitch,
    Roll,
    Yaw,
    Vgx,
    Vgy,
    Vgz,
    Templ,
    Temph,
    Tof,
    H,
    Bat,
    Baro,
    Time,
    Agx,
    Agy,
    Agz,
    Mid,
    X,
    Y,
    Z,
}

/// How many scalar fields there are.
const KEYS: usize = Key::Z as usize + 1;

impl Key {
    fn from_name(name: &[u8]) -> Option<Key> {
        Some(match name {
            b"pitch" => Key::Pitch,
            b"roll" => Key::Roll,
            b"yaw" => Key::Yaw,
            b"vgx" => Key::Vgx,
            b"vgy" => Key::Vgy,
            b"vgz" => Key::Vgz,
            b"templ" => Key::Templ,
            b"temph" => Key::Temph,
            b"tof" => Key::Tof,
            b"h" => Key::H,
            b"bat" => Key::Bat,
            b"baro" => Key::Baro,
            b"time" => Key::Time,
            b"agx" => Key::Agx,
            b"agy" => Key::Agy,
            b"agz" => Key::Agz,
            b"mid" => Key::Mid,
            b"x" => Key::X,
            b"y" => Key::Y,
            b"z" => Key::Z,
            _ => return None,
        })
    }

    /// Inclusive range of what the field can be. Wide: it keeps nonsense out
    /// (`bat:-14943`, `time:1795476854` were seen), rules judge the rest.
    fn range(self) -> (f64, f64) {
        match self {
            Key::Pitch | Key::Roll | Key::Yaw => (-360.0, 360.0),
            Key::Vgx | Key::Vgy | Key::Vgz => (-1_000.0, 1_000.0),
            Key::Templ | Key::Temph => (-40.0, 150.0),
            Key::Tof => (0.0, 1_000.0),
            Key::H => (-10_000.0, 100_000.0),
            Key::Bat => (0.0, 100.0),
            Key::Baro => (-1_000.0, 10_000.0),
            Key::Time => (0.0, 1_000_000.0),
            Key::Agx | Key::Agy | Key::Agz => (-100_000.0, 100_000.0),
            Key::Mid => (-2.0, 1_000.0),
            Key::X | Key::Y | Key::Z => (-10_000.0, 10_000.0),
        }
    }

    fn float_is_usual(self) -> bool {
        matches!(self, Key::Baro | Key::Agx | Key::Agy | Key::Agz)
    }
}

/// A number as written.
struct Number {
    value: f64,
    /// Digits behind the point; none without a point.
    decimals: Option<usize>,
}

/// Reads a plain decimal number. No exponent, `inf` or `nan`: no firmware
/// writes them, and garbled text should not become a number.
fn number(text: &[u8]) -> Option<Number> {
    let digits = text
        .strip_prefix(b"-")
        .or_else(|| text.strip_prefix(b"+"))
        .unwrap_or(text);
    let plain = digits.first()?.is_ascii_digit()
        && digits
            .iter()
            .all(|byte| byte.is_ascii_digit() || *byte == b'.');
    if !plain {
        return None;
    }
    let value = std::str::from_utf8(text).ok()?.parse().ok()?;
    let decimals = digits
        .iter()
        .position(|byte| *byte == b'.')
        .map(|point| digits.len() - point - 1);
    Some(Number { value, decimals })
}

/// The state while its fields are read.
#[derive(Default)]
struct Draft {
    faults: Faults,
    values: [Option<f64>; KEYS],
    /// Bit per [`Key`], set once the field was seen.
    seen: u32,
    pad_angles: Option<[i16; 3]>,
    pad_angles_seen: bool,
    /// Any known name at all, also one with a bad value.
    recognised: bool,
}

impl Draft {
    fn fields(&mut self, body: &[u8], line_end: bool) {
        let mut fields = body.split(|byte| *byte == b';').peekable();
        while let Some(field) = fields.next() {
            if fields.peek().is_some() {
                self.field(field, End::Semicolon);
            } else if !field.is_empty() {
                self.field(field, if line_end { End::Line } else { End::Open });
            }
        }
        if self.seen & bit(Key::Mid) != 0 && !self.pad_angles_seen {
            self.faults.add(FaultKind::MissingPadAngles);
        }
        if !self.recognised {
            self.faults.add(FaultKind::Noise);
        }
    }

    fn field(&mut self, field: &[u8], end: End) {
        let Some(colon) = field.iter().position(|byte| *byte == b':') else {
            let kind = if end == End::Open {
                FaultKind::Truncated
            } else {
                FaultKind::UnknownField
            };
            return self.faults.add(kind);
        };
        let (name, value) = (field[..colon].trim_ascii(), field[colon + 1..].trim_ascii());
        if name.len() + value.len() + 1 != field.len() {
            self.faults.add(FaultKind::Spaces);
        }
        match (name, Key::from_name(name)) {
            (_, Some(key)) => self.scalar(key, value, end),
            (b"mpry", _) => self.angles(value, end),
            (_, None) => self.faults.add(FaultKind::UnknownField),
        }
    }

    fn scalar(&mut self, key: Key, text: &[u8], end: End) {
        self.recognised = true;
        let Some(number) = number(text) else {
            let kind = if end == End::Open {
                FaultKind::Truncated
            } else {
                FaultKind::BadValue
            };
            return self.faults.add(kind);
        };
        match end {
            End::Open if number.decimals.is_none_or(|decimals| decimals < 2) => {
                return self.faults.add(FaultKind::Truncated);
            }
            End::Open | End::Line => self.faults.add(FaultKind::Unterminated),
            End::Semicolon => {}
        }
        if number.decimals.is_some() && !key.float_is_usual() {
            self.faults.add(FaultKind::FloatForInteger);
        }
        let value = self.in_range(key, number.value);
        self.place(key, value);
    }

    fn in_range(&mut self, key: Key, value: f64) -> Option<f64> {
        if matches!(key, Key::Tof) && value == FLOOR_OUT_OF_RANGE_CM {
            return None; // said by the sensor itself, so no fault
        }
        let (low, high) = key.range();
        if (low..=high).contains(&value) {
            return Some(value);
        }
        self.faults.add(FaultKind::OutOfRange);
        None
    }

    /// Of two that disagree neither is certain, so both go.
    fn place(&mut self, key: Key, value: Option<f64>) {
        let slot = &mut self.values[key as usize];
        if self.seen & bit(key) == 0 {
            self.seen |= bit(key);
            *slot = value;
            return;
        }
        if *slot != value {
            *slot = None;
        }
        self.faults.add(FaultKind::DuplicateField);
    }

    fn angles(&mut self, text: &[u8], end: End) {
        self.recognised = true;
        if end == End::Open {
            return self.faults.add(FaultKind::Truncated);
        }
        if std::mem::replace(&mut self.pad_angles_seen, true) {
            self.faults.add(FaultKind::DuplicateField);
            self.pad_angles = None;
            return;
        }
        match three_angles(text) {
            Some(angles) => self.pad_angles = Some(angles),
            None => self.faults.add(FaultKind::BadValue),
        }
    }

    fn value(&self, key: Key) -> Option<f64> {
        self.values[key as usize]
    }

    /// Rounded to the nearest integer; the ranges make the casts exact.
    fn int(&self, key: Key) -> Option<i32> {
        self.value(key).map(|value| value.round() as i32)
    }

    fn short(&self, key: Key) -> Option<i16> {
        self.int(key).map(|value| value as i16)
    }

    fn state(&self) -> State {
        State {
            pitch_deg: self.short(Key::Pitch),
            roll_deg: self.short(Key::Roll),
            yaw_deg: self.short(Key::Yaw),
            velocity_dm_s: [
                self.value(Key::Vgx),
                self.value(Key::Vgy),
                self.value(Key::Vgz),
            ],
            temperature_low_c: self.value(Key::Templ),
            temperature_high_c: self.value(Key::Temph),
            floor_cm: self.int(Key::Tof).map(|value| value as u16),
            height_cm: self.int(Key::H),
            // Rounded down: a battery never looks better than it is.
            battery_pct: self.value(Key::Bat).map(|value| value.floor() as u8),
            barometric_m: self.value(Key::Baro),
            motor_time_s: self.int(Key::Time).map(|value| value as u32),
            acceleration_mg: [
                self.value(Key::Agx),
                self.value(Key::Agy),
                self.value(Key::Agz),
            ],
            pad: self.short(Key::Mid),
            pad_position_cm: [self.short(Key::X), self.short(Key::Y), self.short(Key::Z)],
            pad_angles_deg: self.pad_angles,
        }
    }
}

/// What stands behind a field's value.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Semicolon,
    Line,
    Open,
}

fn bit(key: Key) -> u32 {
    1 << (key as u32)
}

fn three_angles(text: &[u8]) -> Option<[i16; 3]> {
    let mut parts = text
        .split(|byte| *byte == b',')
        .map(|part| number(part.trim_ascii()));
    let mut angles = [0; 3];
    for angle in &mut angles {
        let value = parts.next()??.value.round();
        *angle = (-360.0..=360.0).contains(&value).then_some(value as i16)?;
    }
    parts.next().is_none().then_some(angles)
}

impl State {
    /// Whether nothing at all is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == State::default()
    }

    /// Pitch, roll and yaw in degrees, when all are known.
    #[must_use]
    pub fn attitude_deg(&self) -> Option<[i32; 3]> {
        Some([
            self.pitch_deg?.into(),
            self.roll_deg?.into(),
            self.yaw_deg?.into(),
        ])
    }

    /// The mission pad in sight, and where the drone is over it in cm: along its arrow, to
    /// the left of it, up. Firmware also writes −2, −1, 0, 64 and 257 where it sees none.
    #[must_use]
    pub fn seen_pad(&self) -> Option<(u8, [i16; 3])> {
        let pad = self.pad.filter(|pad| (1..=8).contains(pad))?;
        let [Some(x), Some(y), Some(z)] = self.pad_position_cm else {
            return None;
        };
        Some((pad as u8, [x, y, z]))
    }

    /// Speed over ground in cm/s.
    #[must_use]
    pub fn speed_cm_s(&self) -> Option<f64> {
        let [x, y, _] = self.velocity_dm_s;
        Some(x?.hypot(y?) * 10.0)
    }

    /// This state, with what it lacks taken from `older`: for a datagram that
    /// was cut, so that a display does not flicker.
    #[must_use]
    pub fn over(&self, older: &State) -> State {
        let three = |new: [Option<f64>; 3], old: [Option<f64>; 3]| {
            [0, 1, 2].map(|axis| new[axis].or(old[axis]))
        };
        State {
            pitch_deg: self.pitch_deg.or(older.pitch_deg),
            roll_deg: self.roll_deg.or(older.roll_deg),
            yaw_deg: self.yaw_deg.or(older.yaw_deg),
            velocity_dm_s: three(self.velocity_dm_s, older.velocity_dm_s),
            temperature_low_c: self.temperature_low_c.or(older.temperature_low_c),
            temperature_high_c: self.temperature_high_c.or(older.temperature_high_c),
            floor_cm: self.floor_cm.or(older.floor_cm),
            height_cm: self.height_cm.or(older.height_cm),
            battery_pct: self.battery_pct.or(older.battery_pct),
            barometric_m: self.barometric_m.or(older.barometric_m),
            motor_time_s: self.motor_time_s.or(older.motor_time_s),
            acceleration_mg: three(self.acceleration_mg, older.acceleration_mg),
            pad: self.pad.or(older.pad),
            pad_position_cm: [0, 1, 2]
                .map(|axis| self.pad_position_cm[axis].or(older.pad_position_cm[axis])),
            pad_angles_deg: self.pad_angles_deg.or(older.pad_angles_deg),
        }
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
