//! The line to the host: a USB serial port, with the chip's serial number, so
//! that the host finds this very board again.

use bridge_app::Incoming;
use embassy_executor::{SpawnError, Spawner};
use embassy_rp::peripherals::USB;
use embassy_rp::usb::{Driver, InterruptHandler};
use embassy_rp::{Peri, bind_interrupts};
use embassy_usb::class::cdc_acm::{CdcAcmClass, Receiver, Sender, State};
use embassy_usb::{Builder, Config, UsbDevice};
use static_cell::StaticCell;

bind_interrupts!(struct Irqs {
    USBCTRL_IRQ => InterruptHandler<USB>;
});

/// Raspberry Pi's vendor id and its product id for the Pico SDK's serial port.
const VENDOR: u16 = 0x2e8a;
const PRODUCT: u16 = 0x000a;

/// Largest packet of a full-speed bulk endpoint.
const PACKET_BYTES: u16 = 64;

/// What is written at once: never a full packet, because the host keeps a full
/// one back until a shorter one follows.
const CHUNK_BYTES: usize = PACKET_BYTES as usize - 1;

type UsbDriver = Driver<'static, USB>;

/// The sending half.
pub(crate) struct Line {
    sender: Sender<'static, UsbDriver>,
}

impl Line {
    /// Sends bytes; waits while the host does not read, or is not there.
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(CHUNK_BYTES) {
            if self.sender.write_packet(chunk).await.is_err() {
                // Unplugged: the frame is lost, as on any line.
                return;
            }
        }
    }
}

/// Starts the port; received bytes go to `incoming`.
pub(crate) fn start(
    spawner: Spawner,
    usb: Peri<'static, USB>,
    serial: &'static str,
    incoming: &'static Incoming,
) -> Result<Line, SpawnError> {
    static CONFIGURATION: StaticCell<[u8; 128]> = StaticCell::new();
    static BOS: StaticCell<[u8; 16]> = StaticCell::new();
    static CONTROL: StaticCell<[u8; 64]> = StaticCell::new();
    static STATE: StaticCell<State<'static>> = StaticCell::new();

    let mut config = Config::new(VENDOR, PRODUCT);
    config.manufacturer = Some("MFG Drone");
    config.product = Some("Gateway bridge");
    config.serial_number = Some(serial);
    config.max_power = 200;
    let mut builder = Builder::new(
        Driver::new(usb, Irqs),
        config,
        CONFIGURATION.init([0; 128]),
        BOS.init([0; 16]),
        &mut [],
        CONTROL.init([0; 64]),
    );
    let class = CdcAcmClass::new(&mut builder, STATE.init(State::new()), PACKET_BYTES);
    let (sender, receiver) = class.split();
    spawner.spawn(run_device(builder.build())?);
    spawner.spawn(receive(receiver, incoming)?);
    Ok(Line { sender })
}

#[embassy_executor::task]
async fn run_device(mut device: UsbDevice<'static, UsbDriver>) -> ! {
    device.run().await
}

#[embassy_executor::task]
async fn receive(mut receiver: Receiver<'static, UsbDriver>, incoming: &'static Incoming) -> ! {
    let mut packet = [0; PACKET_BYTES as usize];
    loop {
        receiver.wait_connection().await;
        while let Ok(count) = receiver.read_packet(&mut packet).await {
            // Waiting for room holds the host back; nothing is lost.
            incoming.write_all(&packet[..count]).await;
        }
    }
}
