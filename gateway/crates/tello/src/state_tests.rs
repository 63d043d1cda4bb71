//! Tests of the state parser on published and captured datagrams, on each
//! malformation, and on arbitrary bytes.

use proptest::prelude::*;

use super::super::render::{Sdk, render};
use super::*;

const RAW: &str = include_str!("../../../../tests/data/tello/raw_state_strings.tsv");
const ODD: &str = include_str!("../../../../tests/data/tello/odd_or_partial_state_strings.tsv");
const FLIGHT: &str = include_str!("../../../../tests/data/tello/xg590_flight_20201018_states.tsv");

/// Column `column` of a sample file, line ends unescaped, by its first column.
fn samples(file: &str, column: usize) -> Vec<(&str, String)> {
    file.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let mut columns = line.split('\t');
            let label = columns.clone().next().expect("a label");
            (
                label,
                columns
                    .nth(column)
                    .expect("a datagram")
                    .replace("\\r\\n", "\r\n"),
            )
        })
        .collect()
}

fn kinds(faults: &Faults) -> Vec<FaultKind> {
    FaultKind::ALL
        .iter()
        .copied()
        .filter(|kind| faults.has(*kind))
        .collect()
}

#[test]
fn every_datagram_of_the_captured_flight_is_flawless() {
    let flight = samples(FLIGHT, 1);
    assert_eq!(flight.len(), 216);
    for (time, datagram) in flight {
        let parsed = parse(datagram.as_bytes());
        assert!(
            parsed.faults.is_empty(),
            "{time}: {:?}",
            kinds(&parsed.faults)
        );
        assert_eq!(parsed.state.battery_pct, Some(33));
        assert_eq!(render(&parsed.state, Sdk::V1_3).as_str(), datagram);
    }
}

#[test]
fn every_published_state_gives_a_battery_and_both_temperatures() {
    for (label, datagram) in samples(RAW, 2) {
        let parsed = parse(datagram.as_bytes());
        let state = parsed.state;
        assert!(
            state
                .battery_pct
                .is_some_and(|pct| (2..=100).contains(&pct)),
            "{label}: {state:?}"
        );
        assert!(
            state.temperature_high_c > state.temperature_low_c,
            "{label}: {state:?}"
        );
        let expected: &[FaultKind] = match label {
            "41440998673" | "14417297004" => &[FaultKind::Unterminated],
            "39974772198b" => &[FaultKind::Spaces],
            _ => &[],
        };
        assert_eq!(kinds(&parsed.faults), expected, "{label}");
    }
}

#[test]
fn odd_shapes_cost_at_most_the_field_at_fault() {
    let odd = samples(ODD, 2);
    let parsed = |label: &str| {
        let (_, datagram) = odd
            .iter()
            .find(|(name, _)| *name == label)
            .expect("in the file");
        parse(datagram.as_bytes())
    };
    let pad = parsed("24795387203");
    assert_eq!(
        (pad.state.pad, pad.state.yaw_deg, pad.state.battery_pct),
        (Some(1), Some(94), None)
    );
    assert!(pad.faults.is_empty());

    let float = parsed("42978224228");
    assert_eq!(
        (
            float.state.pitch_deg,
            float.state.battery_pct,
            float.state.floor_cm
        ),
        (Some(0), Some(72), None)
    );
    assert_eq!(kinds(&float.faults), [FaultKind::FloatForInteger]);

    let wifi = parsed("68526798974");
    assert_eq!(
        (wifi.state.battery_pct, wifi.state.height_cm),
        (Some(80), Some(30))
    );
    assert_eq!(kinds(&wifi.faults), [FaultKind::UnknownField]);

    let range = parsed("DieterHolz-sim");
    assert_eq!(
        (range.state.battery_pct, range.state.motor_time_s),
        (None, None)
    );
    assert_eq!(range.state.barometric_m, Some(281.96));
    assert_eq!(range.faults.count(FaultKind::OutOfRange), 2);

    let no_angles = parsed("wongcyrus-sim");
    assert_eq!(no_angles.state.battery_pct, Some(97));
    assert_eq!(kinds(&no_angles.faults), [FaultKind::MissingPadAngles]);

    assert_eq!(parsed("tau-adl-sim").state.barometric_m, Some(0.795_338));
    assert_eq!(
        kinds(&parsed("DJITelloPy-parse_state").faults),
        [FaultKind::Reply]
    );
}

#[test]
fn a_cut_datagram_never_gives_a_wrong_battery() {
    for (label, datagram) in samples(RAW, 2).iter().chain(&samples(FLIGHT, 1)) {
        let whole = parse(datagram.as_bytes()).state;
        for cut in 0..datagram.len() {
            let state = parse(&datagram.as_bytes()[..cut]).state;
            assert!(
                state.battery_pct.is_none() || state.battery_pct == whole.battery_pct,
                "{label} cut at {cut}"
            );
            assert!(
                state.temperature_high_c.is_none()
                    || state.temperature_high_c == whole.temperature_high_c
            );
            assert!(state.height_cm.is_none() || state.height_cm == whole.height_cm);
            assert_eq!(state.over(&whole), whole, "{label} cut at {cut}");
        }
    }
    assert_eq!(parse(b"h:0;bat:8").state.battery_pct, None);
    assert_eq!(
        parse(b"h:0;bat:8\0\0\0").state.battery_pct,
        None,
        "padding proves nothing"
    );
    assert_eq!(
        parse(b"h:0;bat:87\r\n").state.battery_pct,
        Some(87),
        "a line end does"
    );
    assert_eq!(parse(b"h:0;bat:87;").state.battery_pct, Some(87));
    assert_eq!(
        parse(b"h:0;agz:-999.00").state.acceleration_mg[2],
        Some(-999.0),
        "two decimals do"
    );
    assert_eq!(parse(b"h:0;agz:-999.0").state.acceleration_mg[2], None);
}

#[test]
fn every_malformation_is_counted_by_its_kind() {
    let table: &[(&[u8], &[FaultKind])] = &[
        (b"", &[FaultKind::Empty]),
        (b"\r\n", &[FaultKind::Empty]),
        (b"\0\0", &[FaultKind::Empty, FaultKind::NulPadding]),
        (b"\xCC\x18\x01\xB9\x88", &[FaultKind::Binary]),
        (b"ok", &[FaultKind::Reply]),
        (b"error Not joystick\r\n", &[FaultKind::Reply]),
        (b"hello;", &[FaultKind::Noise, FaultKind::UnknownField]),
        (
            b"\xff\xfe;",
            &[
                FaultKind::Noise,
                FaultKind::NotUtf8,
                FaultKind::UnknownField,
            ],
        ),
        (
            b"bat:87;\xff:1;",
            &[FaultKind::NotUtf8, FaultKind::UnknownField],
        ),
        (b"bat:87;\0\0\0", &[FaultKind::NulPadding]),
        (b"bat: 87; h:0;", &[FaultKind::Spaces]),
        (b"bat:87;h:0\r\n", &[FaultKind::Unterminated]),
        (b"bat:87;h:0", &[FaultKind::Truncated]),
        (b"bat:87;ba", &[FaultKind::Truncated]),
        (b"bat:87.0;", &[FaultKind::FloatForInteger]),
        (b"bat:101;", &[FaultKind::OutOfRange]),
        (b"bat:;h:0;", &[FaultKind::BadValue]),
        (b"bat:NaN;", &[FaultKind::BadValue]),
        (b"bat:1e1;", &[FaultKind::BadValue]),
        (b"bat:1.2.3;", &[FaultKind::BadValue]),
        (b"mpry:1,2;bat:1;", &[FaultKind::BadValue]),
        (b"bat:87;bat:87;", &[FaultKind::DuplicateField]),
        (b"wifi:90;bat:80;", &[FaultKind::UnknownField]),
    ];
    for (datagram, expected) in table {
        let mut found = kinds(&parse(datagram).faults);
        found.sort_by_key(|kind| kind.name());
        let mut expected = expected.to_vec();
        expected.sort_by_key(|kind| kind.name());
        assert_eq!(found, expected, "{:?}", String::from_utf8_lossy(datagram));
    }
    let long = vec![b'a'; MAX_STATE_BYTES + 1];
    assert_eq!(kinds(&parse(&long).faults), [FaultKind::Oversized]);
}

#[test]
fn of_two_values_that_disagree_neither_counts() {
    assert_eq!(parse(b"bat:87;bat:12;").state.battery_pct, None);
    assert_eq!(parse(b"bat:87;bat:12;bat:12;").state.battery_pct, None);
    assert_eq!(parse(b"bat:87;bat:87;").state.battery_pct, Some(87));
}

#[test]
fn a_battery_is_rounded_down_and_a_float_kept() {
    assert_eq!(parse(b"bat:15.9;").state.battery_pct, Some(15));
    assert_eq!(
        parse(b"vgx:3.0;vgy:-4.0;vgz:1.5;").state.speed_cm_s(),
        Some(50.0)
    );
}

fn hundredths(range: std::ops::Range<i32>) -> impl Strategy<Value = Option<f64>> {
    range.prop_map(|value| Some(f64::from(value) / 100.0))
}

fn whole(range: std::ops::Range<i32>) -> impl Strategy<Value = Option<f64>> {
    range.prop_map(|value| Some(f64::from(value)))
}

prop_compose! {
    fn any_state()(
        angles in proptest::array::uniform3(-180i16..=180),
        velocity in proptest::array::uniform3(whole(-100..100)),
        low in whole(-40..150), high in whole(-40..150),
        floor in proptest::option::of(0u16..=1000), height in -10_000i32..10_000,
        battery in 0u8..=100, baro in hundredths(-100_000..1_000_000), time in 0u32..1_000_000,
        acceleration in proptest::array::uniform3(hundredths(-200_000..200_000)),
        pad in -2i16..300, position in proptest::array::uniform3(-500i16..500),
        pad_angles in proptest::array::uniform3(-180i16..=180),
    ) -> State {
        State {
            pitch_deg: Some(angles[0]), roll_deg: Some(angles[1]), yaw_deg: Some(angles[2]),
            velocity_dm_s: velocity, temperature_low_c: low, temperature_high_c: high,
            floor_cm: floor, height_cm: Some(height), battery_pct: Some(battery), barometric_m: baro,
            motor_time_s: Some(time), acceleration_mg: acceleration, pad: Some(pad),
            pad_position_cm: position.map(Some), pad_angles_deg: Some(pad_angles),
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(state in any_state()) {
        let parsed = parse(render(&state, Sdk::V2_0).as_bytes());
        prop_assert_eq!(parsed.state, state);
        prop_assert!(parsed.faults.is_empty());
    }

    #[test]
    fn a_cut_state_agrees_with_the_whole_one(state in any_state(), cut in 0usize..MAX_STATE_BYTES) {
        let text = render(&state, Sdk::V2_0);
        let parsed = parse(&text.as_bytes()[..cut.min(text.len())]).state;
        // Everything present equals the original, so laying it over changes nothing.
        prop_assert_eq!(parsed.over(&state), state);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2100)) {
        let parsed = parse(&bytes);
        prop_assert!(!parsed.state.is_empty() || !parsed.faults.is_empty());
    }

    #[test]
    fn arbitrary_fields_never_panic(text in "([a-z]{1,5}:[-+0-9., ]{0,7};?){0,30}") {
        let state = parse(text.as_bytes()).state;
        prop_assert!(state.battery_pct.is_none_or(|pct| pct <= 100));
    }
}
