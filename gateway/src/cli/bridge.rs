//! `bridge`: the serial line to a microcontroller, for people.

use anyhow::Context as _;
use firmware_bridge::host::available_ports;
use firmware_bridge::monitor;

use super::args::BridgeCommand;

pub(super) fn bridge(command: &BridgeCommand) -> anyhow::Result<()> {
    match command {
        BridgeCommand::List => {
            let ports = available_ports();
            if ports.is_empty() {
                println!("No serial port. Plug the board in; USB boards appear as /dev/ttyACM* or /dev/ttyUSB*.");
            }
            for port in ports {
                let usb = port.usb.map_or_else(String::new, |(vendor, product)| format!("{vendor:04x}:{product:04x}"));
                println!(
                    "{:<24} {usb:<10} {:<24} {}",
                    port.path.display(),
                    port.serial.unwrap_or_default(),
                    port.product.unwrap_or_default()
                );
            }
        }
        BridgeCommand::Decode { file } => {
            let capture = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
            let stats = monitor::decode_capture(&capture, |line| println!("{line}"));
            eprintln!("{stats:?}");
        }
    }
    Ok(())
}
