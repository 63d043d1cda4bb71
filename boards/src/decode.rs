//! From the bytes of a kernel file to a value: pure, and without allocating.
//!
//! One variant per shape of file the kernel has. The sources of the shapes are
//! the kernel's `Documentation/hwmon/sysfs-interface.rst`,
//! `Documentation/ABI/testing/sysfs-class-power`,
//! `Documentation/ABI/testing/sysfs-bus-mmc` and `net/wireless/wext-proc.c`.

use crate::battery::{Curve, percent_left};
use crate::disk_health::Said;
use crate::number::{decimal, fields};
use crate::sensor::Absence;

/// Current below which a battery is neither charged nor discharged: a board
/// takes ten times as much, the error of a UPS HAT's shunt is a tenth of it.
const IDLE_MA: f64 = 50.0;

/// Column of `/proc/net/wireless`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WirelessColumn {
    /// Signal level, dBm.
    Level,
    /// Missed beacons.
    MissedBeacons,
}

/// A number plus `offset`, times `factor`, divided by `per`. Dividing by a
/// thousand is exact to the last digit, multiplying by 0.001 is not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Linear {
    pub(crate) offset: f64,
    pub(crate) factor: f64,
    pub(crate) per: f64,
}

impl Linear {
    /// In such parts of the unit.
    pub(crate) const fn per(per: f64) -> Linear {
        Linear {
            offset: 0.0,
            factor: 1.0,
            per,
        }
    }

    fn apply(self, bytes: &[u8]) -> Result<f64, Absence> {
        Ok((decimal(bytes)? + self.offset) * self.factor / self.per)
    }
}

/// How to read one value out of a file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Decode {
    /// A decimal number, made linear.
    Scaled(Linear),
    /// A decimal number; anything but zero is a set flag.
    NonZero,
    /// A hexadecimal word; the flag is set when any bit of the mask is.
    HexBits { mask: u64 },
    /// The flag is set when the text is this word.
    Word(&'static str),
    /// The flag is set when the text is one of these words.
    OneOf(&'static [&'static str]),
    /// `health` of a battery: the flag is set when it is not well.
    Health,
    /// The worse of the two estimates of eMMC `life_time`, in percent used.
    LifeTime,
    /// eMMC `pre_eol_info`, 1 to 3.
    PreEol,
    /// The first number of `/proc/uptime`.
    Uptime,
    /// A column of an interface's line in `/proc/net/wireless`.
    Wireless {
        interface: Box<str>,
        column: WirelessColumn,
    },
    /// A column of the kernel's answer to a question, divided by `per`; a dash is
    /// `none`.
    Answer {
        place: usize,
        per: f64,
        none: &'static str,
    },
    /// A battery voltage turned into a percentage.
    Charge { volts: Linear, curve: Curve },
    /// The file and those beside it, see [`percent_left`].
    Share,
    /// `capacity` of a battery, or what is read instead of one that never held a number.
    Capacity,
    /// `capacity_level` of a battery as a share: a gauge that says no more.
    Level,
    /// The flag is set when a current in milliamperes, times `sign`, is more than noise.
    Flowing { sign: f64 },
    /// The text of `w1_slave`: nine bytes, whether their checksum fits, and `t=` in m°C.
    OneWire,
    /// What an NVMe disk was heard to say, see [`Said`].
    Disk(Said),
    /// The file exists; what it holds does not matter.
    Exists,
}

impl Decode {
    /// A plain number in thousandths (hwmon's mV, mA, m°C).
    pub(crate) const MILLI: Decode = Decode::per(1e3);
    /// A plain number in millionths (power_supply's µV, µA, µW).
    pub(crate) const MICRO: Decode = Decode::per(1e6);
    /// A plain number in thousands (cpufreq's kHz).
    pub(crate) const KILO: Decode = Decode::Scaled(Linear {
        offset: 0.0,
        factor: 1e3,
        per: 1.0,
    });
    /// A plain number.
    pub(crate) const UNIT: Decode = Decode::per(1.0);

    /// A plain number in such parts of the unit.
    pub(crate) const fn per(per: f64) -> Decode {
        Decode::Scaled(Linear::per(per))
    }

    /// A column of the kernel's answer to a question.
    pub(crate) const fn answer(place: usize, per: f64, none: &'static str) -> Decode {
        Decode::Answer { place, per, none }
    }

    /// The same with the value multiplied, where it is a plain number.
    pub(crate) fn times(&self, by: f64) -> Decode {
        match *self {
            Decode::Scaled(linear) => Decode::Scaled(Linear {
                factor: linear.factor * by,
                ..linear
            }),
            _ => self.clone(),
        }
    }

    /// The value in the bytes of the file.
    pub(crate) fn apply(&self, bytes: &[u8]) -> Result<f64, Absence> {
        match self {
            Decode::Scaled(linear) => linear.apply(bytes),
            Decode::NonZero => Ok(flag(decimal(bytes)? != 0.0)),
            Decode::HexBits { mask } => Ok(flag(hexadecimal(bytes)? & mask != 0)),
            Decode::Word(word) => word_flag(bytes, |text| is_word(text, word)),
            Decode::OneOf(words) => {
                word_flag(bytes, |text| words.iter().any(|word| is_word(text, word)))
            }
            Decode::Health => health(bytes),
            Decode::LifeTime => life_time(bytes),
            Decode::PreEol => match hexadecimal(bytes)? {
                0 => Err(Absence::Unavailable(
                    "the card does not tell its reserved blocks",
                )),
                level @ 1..=3 => Ok(level as f64),
                level => Err(Absence::Implausible(level as f64)),
            },
            Decode::Uptime => decimal(fields(bytes).next().unwrap_or_default()),
            Decode::Wireless { interface, column } => wireless(bytes, interface, *column),
            Decode::Answer { place, per, none } => match fields(bytes).nth(*place) {
                Some(b"-") => Err(Absence::Unavailable(none)),
                field => Ok(decimal(field.unwrap_or_default())? / per),
            },
            Decode::Charge { volts, curve } => curve.percent_if_any(volts.apply(bytes)?),
            Decode::Share => percent_left(bytes),
            // What is read instead begins with an end of line, which no number does.
            Decode::Capacity if bytes.starts_with(b"\n") => left_instead(bytes),
            Decode::Capacity => decimal(bytes),
            Decode::Level => level(bytes),
            Decode::OneWire => one_wire(bytes),
            Decode::Flowing { sign } => Ok(flag(decimal(bytes)? * sign > IDLE_MA)),
            Decode::Disk(said) => said.apply(bytes),
            Decode::Exists => Ok(1.0),
        }
    }
}

fn flag(set: bool) -> f64 {
    if set { 1.0 } else { 0.0 }
}

/// A hexadecimal word standing alone, with or without `0x`.
fn hexadecimal(bytes: &[u8]) -> Result<u64, Absence> {
    let mut all = fields(bytes);
    let (Some(field), None) = (all.next(), all.next()) else {
        return Err(Absence::NotANumber);
    };
    hex_field(field)
}

fn hex_field(field: &[u8]) -> Result<u64, Absence> {
    let digits = field.strip_prefix(b"0x").unwrap_or(field);
    std::str::from_utf8(digits)
        .ok()
        // `from_str_radix` would take a sign.
        .filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()))
        .and_then(|text| u64::from_str_radix(text, 16).ok())
        .ok_or(Absence::NotANumber)
}

/// Words are letters (`up`, `Not charging`, `active`): anything else means the
/// file is not what it should be.
fn word_flag(bytes: &[u8], is_set: impl Fn(&[u8]) -> bool) -> Result<f64, Absence> {
    let text = bytes.trim_ascii();
    let letters = text.iter().all(|b| b.is_ascii_alphabetic() || *b == b' ');
    if text.is_empty() || !letters {
        return Err(Absence::NotANumber);
    }
    if text.eq_ignore_ascii_case(b"unknown") {
        return Err(Absence::Unavailable("the driver does not know"));
    }
    Ok(flag(is_set(text)))
}

/// One that is warm or cool is charged more slowly (JEITA), and nothing is wrong with it.
fn health(bytes: &[u8]) -> Result<f64, Absence> {
    if is_word(bytes.trim_ascii(), "No battery") {
        return Err(Absence::Unavailable("no battery is inserted"));
    }
    let well = ["Good", "Warm", "Cool"];
    word_flag(bytes, |text| !well.iter().any(|word| is_word(text, word)))
}

/// The charge of a battery whose gauge gives no number of percent: a share, or a level.
pub(crate) fn left_instead(bytes: &[u8]) -> Result<f64, Absence> {
    percent_left(bytes).or_else(|why| level(bytes).map_err(|_| why))
}

/// The words of the kernel's `capacity_level`, as shares on either side of the limits that
/// batteries are judged by.
fn level(bytes: &[u8]) -> Result<f64, Absence> {
    let text = bytes.trim_ascii();
    let words = [
        ("Critical", 5.0),
        ("Low", 15.0),
        ("Normal", 50.0),
        ("High", 80.0),
        ("Full", 100.0),
    ];
    if is_word(text, "unknown") {
        return Err(Absence::Unavailable("the driver does not know"));
    }
    words
        .iter()
        .find(|(word, _)| is_word(text, word))
        .map(|(_, percent)| *percent)
        .ok_or(Absence::NotANumber)
}

/// `72 01 4b 46 7f ff 0e 10 57 : crc=57 YES` and `… t=23125` (`Documentation/w1/slaves/w1_therm.rst`).
fn one_wire(bytes: &[u8]) -> Result<f64, Absence> {
    let has = |word: &[u8]| fields(bytes).any(|field| field == word);
    if has(b"NO") || !has(b"YES") {
        // A long wire garbles a transfer now and then.
        return Err(Absence::NotReady);
    }
    let milli = fields(bytes).find_map(|field| field.strip_prefix(b"t="));
    Ok(decimal(milli.unwrap_or_default())? / 1e3)
}

fn is_word(text: &[u8], word: &str) -> bool {
    text.eq_ignore_ascii_case(word.as_bytes())
}

/// `0x03 0x05`: tenths of the rated life used by the two kinds of cell, 0x0b
/// for more than all of it, 0x00 for not defined (JEDEC eMMC 5.1, 7.4.33).
fn life_time(bytes: &[u8]) -> Result<f64, Absence> {
    let mut worst = 0;
    for field in fields(bytes) {
        match hex_field(field)? {
            tenths @ 0..=0x0b => worst = worst.max(tenths),
            other => return Err(Absence::Implausible(other as f64)),
        }
    }
    match worst {
        0 => Err(Absence::Unavailable("the card does not tell its wear")),
        tenths => Ok(tenths as f64 * 10.0),
    }
}

/// ` wlan0: 0000   54.  -56.  -256   0 0 0 0 12   0`: status, link, level,
/// noise, five kinds of discarded packets of which this needs none, missed
/// beacons. A dot marks a value updated since the last read.
fn wireless(bytes: &[u8], interface: &str, column: WirelessColumn) -> Result<f64, Absence> {
    let line = match std::str::from_utf8(bytes) {
        Ok(text) => line_of(text, interface),
        // Another interface may be called by bytes that are no text.
        Err(_) => bytes
            .utf8_chunks()
            .find_map(|chunk| line_of(chunk.valid(), interface)),
    };
    let line = line.ok_or(Absence::Unavailable(
        "not associated: the interface is not in /proc/net/wireless",
    ))?;
    let place = match column {
        WirelessColumn::Level => 2,
        WirelessColumn::MissedBeacons => 9,
    };
    let mut all = fields(line.as_bytes());
    let field = all.nth(place).ok_or(Absence::NotANumber)?;
    let value = decimal(field.strip_suffix(b".").unwrap_or(field))?;
    match column {
        WirelessColumn::Level => level_dbm(value),
        WirelessColumn::MissedBeacons => Ok(value),
    }
}

/// What follows an interface's name in its line. Only names end in a colon, and a `str` is
/// searched for one many bytes at a time: the whole file is looked through for each column.
fn line_of<'a>(text: &'a str, interface: &str) -> Option<&'a str> {
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once(':')?;
        let name = before.rsplit_once('\n').map_or(before, |(_, name)| name);
        let (line, next) = after.split_once('\n').unwrap_or((after, ""));
        if name.trim_ascii() == interface {
            return Some(line);
        }
        rest = next;
    }
}

/// The level is a byte: drivers print it as dBm, or 256 above it.
fn level_dbm(value: f64) -> Result<f64, Absence> {
    // Zero is what the kernel prints when the interface is not associated.
    if value == 0.0 || value <= -256.0 {
        return Err(Absence::Unavailable("not associated with an access point"));
    }
    Ok(if value > 63.0 { value - 256.0 } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_scaled() {
        assert_eq!(Decode::MILLI.apply(b"51800\n"), Ok(51.8));
        assert_eq!(
            Decode::Scaled(Linear {
                offset: -10.0,
                factor: 2.0,
                per: 1.0
            })
            .apply(b"11"),
            Ok(2.0)
        );
        assert_eq!(Decode::UNIT.apply(b"-5.5\n"), Ok(-5.5));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "", "\n", "N/A\n", "nan", "inf", "1e9", "12 13", "0x10", "--1", ".",
        ] {
            assert_eq!(
                Decode::UNIT.apply(text.as_bytes()),
                Err(Absence::NotANumber),
                "{text:?}"
            );
        }
    }

    #[test]
    fn throttle_words_are_hexadecimal() {
        let now = Decode::HexBits { mask: 1 << 2 };
        assert_eq!(now.apply(b"50004\n"), Ok(1.0));
        assert_eq!(now.apply(b"0x50000"), Ok(0.0));
        assert_eq!(now.apply(b"-1"), Err(Absence::NotANumber));
    }

    #[test]
    fn emmc_wear_is_the_worse_of_two() {
        assert_eq!(Decode::LifeTime.apply(b"0x01 0x03\n"), Ok(30.0));
        assert_eq!(Decode::LifeTime.apply(b"0x0b 0x01\n"), Ok(110.0));
        assert!(matches!(
            Decode::LifeTime.apply(b"0x00 0x00\n"),
            Err(Absence::Unavailable(_))
        ));
        assert_eq!(
            Decode::LifeTime.apply(b"0x0c 0x01\n"),
            Err(Absence::Implausible(12.0))
        );
        assert_eq!(Decode::PreEol.apply(b"0x02\n"), Ok(2.0));
    }

    #[test]
    fn a_wireless_line_is_found_by_its_interface() {
        let text =
            b"Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE\n \
            face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22\n \
            wlan0: 0000   54.  -56.  -256        0      0      0      0      0        7\n \
            wlan1: 0000   20.  200.  -256        0      0      0      0      0        0\n";
        let column = |interface: &str, column| {
            Decode::Wireless {
                interface: interface.into(),
                column,
            }
            .apply(text)
        };
        assert_eq!(column("wlan0", WirelessColumn::Level), Ok(-56.0));
        assert_eq!(column("wlan0", WirelessColumn::MissedBeacons), Ok(7.0));
        assert_eq!(column("wlan1", WirelessColumn::Level), Ok(-56.0));
        assert!(matches!(
            column("wlan", WirelessColumn::Level),
            Err(Absence::Unavailable(_))
        ));
    }

    #[test]
    fn an_answers_columns_are_taken_by_their_place() {
        let column = |place| Decode::answer(place, 1e3, "not told").apply(b"1 -56 - ");
        assert_eq!(column(1), Ok(-0.056));
        assert_eq!(column(2), Err(Absence::Unavailable("not told")));
        assert_eq!(column(3), Err(Absence::NotANumber));
    }

    #[test]
    fn words_are_compared_and_unknown_is_unavailable() {
        let discharging = Decode::Word("Discharging");
        assert_eq!(discharging.apply(b"Discharging\n"), Ok(1.0));
        assert_eq!(discharging.apply(b"Not charging\n"), Ok(0.0));
        assert!(matches!(
            discharging.apply(b"Unknown\n"),
            Err(Absence::Unavailable(_))
        ));
        assert_eq!(discharging.apply(b"17\n"), Err(Absence::NotANumber));
    }

    #[test]
    fn a_transfer_on_one_wire_counts_when_its_checksum_fits() {
        let text = b"72 01 4b 46 7f ff 0e 10 57 : crc=57 YES\n72 01 4b 46 7f ff 0e 10 57 t=-1250\n";
        assert_eq!(Decode::OneWire.apply(text), Ok(-1.25));
        let garbled = b"72 01 : crc=57 NO\n72 01 t=85000\n";
        assert_eq!(Decode::OneWire.apply(garbled), Err(Absence::NotReady));
    }

    #[test]
    fn a_level_in_words_is_a_share() {
        assert_eq!(Decode::Level.apply(b"Critical\n"), Ok(5.0));
        assert_eq!(Decode::Level.apply(b"Full\n"), Ok(100.0));
        assert!(matches!(
            Decode::Level.apply(b"Unknown\n"),
            Err(Absence::Unavailable(_))
        ));
        assert_eq!(Decode::Level.apply(b"17\n"), Err(Absence::NotANumber));
    }

    #[test]
    fn a_small_current_is_none() {
        let discharging = Decode::Flowing { sign: -1.0 };
        assert_eq!(discharging.apply(b"-640\n"), Ok(1.0));
        assert_eq!(discharging.apply(b"-12\n"), Ok(0.0));
        assert_eq!(discharging.apply(b"800\n"), Ok(0.0));
    }

    #[test]
    fn uptime_is_the_first_field() {
        assert_eq!(Decode::Uptime.apply(b"351.52 1390.11\n"), Ok(351.52));
    }

    proptest! {
        // No assertion: a panic is what fails it (sums and places are checked here).
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let all = [
                Decode::UNIT, Decode::NonZero, Decode::HexBits { mask: 1 }, Decode::Word("up"),
                Decode::LifeTime, Decode::PreEol, Decode::Uptime, Decode::Exists,
                Decode::Level, Decode::Health, Decode::OneWire,
                Decode::answer(1, 1.0, ""),
                Decode::Wireless { interface: "wlan0".into(), column: WirelessColumn::Level },
            ];
            for decode in all {
                let _ = decode.apply(&bytes);
            }
        }
    }
}
