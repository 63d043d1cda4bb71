//! The same place, port or channel, and something else in it.

use std::os::unix::fs::symlink;

use boards::{Freshness, Quantity, Role};

use crate::bench::Bench;

fn named(bench: &Bench, name: &str, now_ms: u64) -> Freshness {
    let index = bench.board.sensors().find(name);
    let index = index.unwrap_or_else(|_| panic!("{name}: {:?}", bench.board.sensors().all()));
    bench.board.sensors().value(index, now_ms)
}

/// A driver that was loaded anew, with another device tree or other settings.
#[test]
fn a_channel_that_is_called_otherwise_now_is_shown_and_meant_so() {
    let rail = |bench: &Bench, labels: [&str; 2]| {
        let path = "sys/class/hwmon/hwmon0";
        bench.put(&format!("{path}/name"), "ina3221\n");
        for (number, label) in labels.iter().enumerate() {
            let number = number + 1;
            bench.put(&format!("{path}/in{number}_input"), "5000\n");
            bench.put(&format!("{path}/in{number}_label"), &format!("{label}\n"));
        }
    };
    let mut bench = Bench::new(&[]);
    rail(&bench, ["VDD_CPU", "VDD_IN"]);
    bench.sample(10_000);
    let label = |bench: &Bench| {
        let index = bench.board.sensors().find("hwmon:ina3221:in1");
        let index = index.expect("found");
        bench.board.sensors().sensor(index).label.clone()
    };
    assert!(label(&bench).contains("VDD_CPU"), "{}", label(&bench));
    let before = bench.board.sensors().generation();
    bench.remove("sys/class/hwmon/hwmon0");
    rail(&bench, ["VDD_IN", "VDD_CPU"]);
    bench.sample(20_000);
    assert!(label(&bench).contains("VDD_IN"), "{}", label(&bench));
    assert!(bench.board.sensors().generation() > before);
}

/// Steps of a converter are volts only while it has a scale.
#[test]
fn a_converter_without_its_scale_is_no_voltage_any_more() {
    let plug = |bench: &Bench, scale: Option<&str>| {
        let path = "sys/bus/iio/devices/iio:device0";
        bench.put(&format!("{path}/name"), "ads1015\n");
        bench.put(&format!("{path}/in_voltage0_raw"), "1500\n");
        if let Some(scale) = scale {
            bench.put(&format!("{path}/in_voltage0_scale"), scale);
        }
    };
    let mut bench = Bench::new(&[]);
    plug(&bench, Some("2\n"));
    bench.sample(10_000);
    let name = "iio:ads1015:voltage0";
    assert_eq!(named(&bench, name, 10_000).value(), Some(3.0));
    let quantity = |bench: &Bench| {
        let index = bench.board.sensors().find(name).expect("found");
        bench.board.sensors().sensor(index).quantity
    };
    assert_eq!(quantity(&bench), Quantity::Voltage);
    for (now_ms, scale, meant, value) in [
        (20_000, None, Quantity::Count, 1_500.0),
        (30_000, Some("4\n"), Quantity::Voltage, 6.0),
    ] {
        bench.remove("sys/bus/iio/devices/iio:device0");
        plug(&bench, scale);
        bench.sample(now_ms);
        bench.sample(now_ms + 5_000);
        assert_eq!(quantity(&bench), meant, "{scale:?}");
        let now = named(&bench, name, now_ms + 5_000);
        assert_eq!(now.value(), Some(value), "{scale:?}");
    }
    assert_eq!(bench.board.sensors().all().len(), 1);
}

/// A UPS at a USB port; where it is, and what it says.
fn ups(bench: &Bench, number: u8, port: &str, serial: Option<&str>, charge: &str) {
    let real = format!(
        "sys/devices/platform/xhci-hcd.0/usb1/{port}/{port}:1.0/power_supply/acme-{number}"
    );
    bench.put(&format!("{real}/type"), "UPS\n");
    bench.put(&format!("{real}/capacity"), charge);
    if let Some(serial) = serial {
        bench.put(&format!("{real}/serial_number"), serial);
    }
    let class = bench.dir.path().join("sys/class/power_supply");
    std::fs::create_dir_all(&class).expect("class");
    let link = class.join(format!("acme-{number}"));
    symlink(format!("../../../{real}"), link).expect("link");
}

fn unplug(bench: &Bench, number: u8) {
    let link = format!("sys/class/power_supply/acme-{number}");
    std::fs::remove_file(bench.dir.path().join(link)).expect("unplugged");
}

#[test]
fn a_ups_at_another_port_is_the_same_by_its_serial_number() {
    let charges = |serial: Option<&str>| {
        let mut bench = Bench::new(&[]);
        ups(&bench, 0, "1-1", serial, "12\n");
        bench.sample(10_000);
        unplug(&bench, 0);
        bench.sample(20_000);
        ups(&bench, 1, "1-2", serial, "11\n");
        bench.sample(30_000);
        let sensors = bench.board.sensors();
        let all: Vec<_> = sensors.by_role(Role::CompanionBattery).collect();
        let value = sensors.value(all[0], 30_000).value();
        (all.len(), value)
    };
    assert_eq!(charges(Some("A-0815\n")), (1, Some(11.0)));
    // Without one it may be another.
    assert_eq!(charges(None).0, 2);
}

/// The number of a device that has none of its own is counted at each connection.
#[test]
fn a_wireless_device_that_comes_back_takes_no_further_place() {
    let mut bench = Bench::new(&[]);
    for number in 1..9_u32 {
        let entry = format!("sys/class/power_supply/hid-0003:046D:C52B.000{number}-battery");
        bench.put(&format!("{entry}/type"), "Battery\n");
        bench.put(&format!("{entry}/scope"), "Device\n");
        bench.put(&format!("{entry}/model_name"), "Wireless Mouse\n");
        bench.put(&format!("{entry}/capacity"), "50\n");
        bench.sample(u64::from(number) * 20_000);
        bench.remove(&entry);
        bench.sample(u64::from(number) * 20_000 + 10_000);
    }
    let names: Vec<&str> = bench
        .board
        .sensors()
        .all()
        .iter()
        .map(|sensor| sensor.name.as_str())
        .collect();
    assert_eq!(names, ["power:hid-battery@Wireless-Mouse:charge"]);
}
