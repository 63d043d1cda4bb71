//! The attributes of the kernel's ABI documents (`Documentation/ABI/testing/`:
//! `sysfs-class-hwmon`, `sysfs-class-power`, `sysfs-bus-iio`) that no other test reads: each
//! with what it is worth, or that it is not read.

use boards::{Board, Tree};

/// A device, its kind, one file of it, and the sensors that are made of it.
type Line<'a> = (&'a [(&'a str, &'a str)], &'a [(&'a str, f64)]);

const HWMON: &str = "class/hwmon/hwmon0";
const SUPPLY: &str = "class/power_supply/b";
const IIO: &str = "bus/iio/devices/iio:device0";

fn read(device: &str, kind: (&str, &str), lines: &[Line<'_>]) {
    for (files, expected) in lines {
        let mut manifest = String::from("# boards manifest 1\n");
        for (file, text) in [&[kind], *files].concat() {
            manifest.push_str(&format!("/sys/{device}/{file} = \"{text}\\n\"\n"));
        }
        let tree = Tree::from_manifest(&manifest).expect("a manifest");
        let mut board = Board::of(tree, None);
        board.sample(0, &mut |_, _| {});
        let sensors = board.sensors();
        let told: Vec<(&str, Option<f64>)> = sensors
            .iter()
            .map(|(index, sensor)| (&*sensor.name, sensors.value(index, 0).value()))
            .collect();
        let expected: Vec<_> = expected.iter().map(|(n, v)| (*n, Some(*v))).collect();
        assert_eq!(told, expected, "{files:?}");
    }
}

#[test]
fn of_hardware_monitors() {
    let lines: &[Line<'_>] = &[
        (&[("power1_average", "2500000")], &[("hwmon:c:power1", 2.5)]),
        (&[("in1_average", "5010")], &[("hwmon:c:in1", 5.01)]),
        (&[("curr1_average", "300")], &[("hwmon:c:curr1", 0.3)]),
        (
            &[("power1_average", "2500000"), ("power1_input", "3000000")],
            &[("hwmon:c:power1", 3.0)],
        ),
        (&[("curr1_alarm", "1")], &[("hwmon:c:curr1_alarm", 1.0)]),
        (&[("power1_alarm", "1")], &[("hwmon:c:power1_alarm", 1.0)]),
        (&[("fan1_alarm", "1")], &[("hwmon:c:fan1_alarm", 1.0)]),
        (
            &[("humidity1_input", "41000")],
            &[("hwmon:c:humidity1", 41.0)],
        ),
        (&[("pwm1", "255")], &[("hwmon:c:pwm1", 100.0)]),
        (
            &[("intrusion0_alarm", "1")],
            &[("hwmon:c:intrusion0_alarm", 1.0)],
        ),
        // 900 J, and nobody's battery.
        (
            &[("energy1_input", "900000000")],
            &[("hwmon:c:energy1", 900.0)],
        ),
        (
            &[("temp1_input", "40000"), ("temp1_emergency", "110000")],
            &[("hwmon:c:temp1", 40.0)],
        ),
    ];
    read(HWMON, ("name", "c"), lines);
}

#[test]
fn of_power_supplies() {
    let lines: &[Line<'_>] = &[
        (
            &[("energy_avg", "20000000"), ("energy_full", "50000000")],
            &[("power:b:charge", 40.0)],
        ),
        (
            &[
                ("charge_now", "2000000"),
                ("charge_full", "5000000"),
                ("charge_empty", "1000000"),
            ],
            &[("power:b:charge", 25.0)],
        ),
        (
            &[("time_to_empty_now", "600")],
            &[("power:b:time_to_empty_now", 600.0)],
        ),
        (
            &[("current_avg", "-900000"), ("power_avg", "7500000")],
            &[("power:b:current", -0.9), ("power:b:power", 7.5)],
        ),
        (
            &[("current_avg", "-900000"), ("current_now", "-800000")],
            &[("power:b:current", -0.8)],
        ),
        (
            &[("temp_ambient", "215"), ("state_of_health", "81")],
            &[
                ("power:b:ambient_temperature", 21.5),
                ("power:b:capacity_of_new", 81.0),
            ],
        ),
    ];
    read(SUPPLY, ("type", "Battery"), lines);
}

#[test]
fn of_converters() {
    let lines: &[Line<'_>] = &[
        (
            &[("in_voltage0_mean_raw", "1000"), ("in_voltage0_scale", "2")],
            &[("iio:c:voltage0_mean", 2.0)],
        ),
        (
            &[("in_current0_raw", "1500"), ("in_current_scale", "1")],
            &[("iio:c:current0", 1.5)],
        ),
        (&[("in_power0_input", "2500")], &[("iio:c:power0", 2.5)]),
        (&[("in_voltage0_peak_raw", "1000")], &[]),
    ];
    read(IIO, ("name", "c"), lines);
}

/// What the documents name beside the values of now: limits, settings, what a chip
/// remembers, and how it measures. None of it is a sensor.
#[test]
fn what_is_no_value_of_now_is_no_sensor() {
    let none_of = |device, kind, files: &str| {
        for file in files.split_ascii_whitespace() {
            read(device, kind, &[(&[(file, "1")], &[])]);
        }
    };
    none_of(
        HWMON,
        ("name", "c"),
        "label update_interval in1_min in1_lcrit in1_max in1_crit in1_lowest in1_highest \
         in1_reset_history in_reset_history in1_label in1_enable in1_rated_min in1_rated_max cpu0_vid vrm \
         fan1_min fan1_max fan1_div fan1_pulses fan1_target fan1_label fan1_enable \
         pwm1_enable pwm1_mode pwm1_freq pwm1_auto_channels_temp pwm1_auto_point1_pwm \
         pwm1_auto_point1_temp temp1_auto_point1_temp temp1_auto_point1_pwm \
         temp1_type temp1_min temp1_max_hyst temp1_min_hyst temp1_crit_hyst \
         temp1_emergency_hyst temp1_lcrit temp1_lcrit_hyst temp1_offset temp1_label temp1_lowest \
         temp1_highest temp1_reset_history temp_reset_history temp1_enable temp1_rated_min \
         temp1_rated_max curr1_max curr1_min curr1_lcrit curr1_crit curr1_lowest curr1_highest \
         curr1_reset_history curr_reset_history curr1_enable curr1_rated_min curr1_rated_max \
         power1_average_interval power1_average_interval_max power1_average_interval_min \
         power1_average_highest power1_average_lowest power1_average_max power1_average_min \
         power1_input_highest power1_input_lowest power1_reset_history power1_accuracy power1_cap \
         power1_cap_hyst power1_cap_max power1_cap_min power1_max power1_crit power1_enable \
         power1_rated_min power1_rated_max energy1_enable humidity1_enable humidity1_rated_min \
         humidity1_rated_max intrusion0_beep temp1_beep in1_beep fan1_beep beep_enable",
    );
    none_of(
        SUPPLY,
        ("type", "Battery"),
        "manufacturer model_name serial_number capacity_alert_max capacity_alert_min \
         capacity_error_margin current_max charge_control_limit charge_control_limit_max \
         charge_control_start_threshold charge_control_end_threshold charge_type charge_types \
         charge_behaviour charge_term_current precharge_current present technology \
         temp_alert_max temp_alert_min temp_max temp_min voltage_max voltage_min voltage_boot \
         voltage_ocv current_boot internal_resistance input_current_limit input_voltage_limit \
         input_power_limit usb_type online calibrate scope time_to_full_avg time_to_full_now \
         manufacture_year manufacture_month manufacture_day charge_counter",
    );
    none_of(
        IIO,
        ("name", "c"),
        "in_voltage0_scale in_voltage_scale in_voltage0_offset in_voltage0_peak_raw \
         in_voltage0_trough_raw in_voltage0_label in_voltage_sampling_frequency sampling_frequency \
         sampling_frequency_available in_voltage_scale_available in_voltage0_calibbias \
         in_voltage0_calibscale in_voltage0_hardwaregain in_voltage0_oversampling_ratio \
         in_temp_calibemissivity in_accel_x_raw in_anglvel_z_raw in_magn_y_raw in_illuminance_input \
         in_proximity_raw in_count0_raw in_concentration_co2_raw in_timestamp_en",
    );
}
