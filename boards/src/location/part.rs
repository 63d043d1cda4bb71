//! What one name on the way to a device is: told by its form alone.
//!
//! Apart from the way, because it knows of no other name than the one it is given.

/// What one part of the way is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// `1-0040`.
    I2c,
    /// `spi0.1`.
    Spi,
    /// `1-1.4:1.0`.
    Usb,
    /// `0000:01:00.0`.
    Pci,
    /// `28-0316a2795cff`: family and serial number.
    OneWire,
    /// `0:0:0:0`, a disk.
    Disk,
}

pub(super) fn classify(name: &str) -> Option<Part> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|b| b.is_ascii_hexdigit())
    };
    let numbers = |text: &str, dot: char| text.split(dot).all(digits);
    if name.matches(':').count() == 3 && numbers(name, ':') {
        return Some(Part::Disk);
    }
    if let Some(rest) = name.strip_prefix("spi") {
        let (bus, select) = rest.split_once('.')?;
        return (digits(bus) && digits(select)).then_some(Part::Spi);
    }
    if let Some((bus, rest)) = name.split_once('-') {
        if hex(bus, 2) && hex(rest, 12) {
            return Some(Part::OneWire);
        }
        if !digits(bus) {
            return None;
        }
        if hex(rest, 4) && !rest.contains('.') {
            return Some(Part::I2c);
        }
        let (ports, interface) = match rest.split_once(':') {
            Some((ports, interface)) => (ports, numbers(interface, '.')),
            None => (rest, true),
        };
        return (numbers(ports, '.') && interface).then_some(Part::Usb);
    }
    let (slot, function) = name.rsplit_once('.')?;
    let mut slot = slot.split(':');
    let is_pci = slot.next().is_some_and(|domain| hex(domain, 4))
        && slot.next().is_some_and(|bus| hex(bus, 2))
        && slot.next().is_some_and(|device| hex(device, 2))
        && slot.next().is_none()
        && digits(function)
        && function.len() == 1;
    is_pci.then_some(Part::Pci)
}

/// `1f000c8000.adc`: a device that the device tree puts at an address.
pub(super) fn has_address(name: &str) -> bool {
    name.split_once('.').is_some_and(|(address, kind)| {
        address.len() >= 6
            && address.bytes().all(|b| b.is_ascii_hexdigit())
            && kind.starts_with(|c: char| c.is_ascii_alphabetic())
    })
}

pub(super) fn is_numbered(name: &str, kind: &str) -> bool {
    name.strip_prefix(kind)
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
}
