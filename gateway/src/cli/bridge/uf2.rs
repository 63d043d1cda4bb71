//! UF2 files: what a Pico's bootloader takes as a plain copy.
//!
//! Pure. Layout: <https://github.com/microsoft/uf2>; family ids: its
//! `utils/uf2families.json`; addresses: the RP2040 and RP2350 data sheets. A file
//! is taken only if every block of it is sound: the bootloader itself skips what
//! it does not understand without a word, and starts what it has.

use thiserror::Error;

/// Bytes of a block.
const BLOCK_BYTES: usize = 512;
/// Bytes of content in a block, as the bootloaders of both chips want it.
const PAYLOAD_BYTES: u32 = 256;
/// Largest file taken: a full 16 MiB flash.
const MAX_FILE_BYTES: usize = 32 * 1024 * 1024;
const MAGIC_FIRST: u32 = 0x0a32_4655;
const MAGIC_SECOND: u32 = 0x9e5d_5157;
const MAGIC_LAST: u32 = 0x0ab1_6f30;
/// The block is not for the main flash.
const FLAG_NOT_MAIN_FLASH: u32 = 0x0000_0001;
/// The block says whose it is.
const FLAG_FAMILY: u32 = 0x0000_2000;
/// Where flash is mapped on both chips, and its largest size.
const FLASH_AT: u32 = 0x1000_0000;
const FLASH_BYTES: u32 = 16 * 1024 * 1024;
/// The family of the one block that tools put before an RP2350's image, as a
/// workaround for its erratum E10; it is erased again.
const FAMILY_ABSOLUTE: u32 = 0xe48b_ff57;

/// A chip that a file can be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chip {
    /// Pico, Pico W.
    Rp2040,
    /// Pico 2, Pico 2 W.
    Rp2350,
}

impl Chip {
    fn of_family(family: u32) -> Option<Chip> {
        match family {
            0xe48b_ff56 => Some(Chip::Rp2040),
            // Arm secure, RISC-V, Arm non-secure.
            0xe48b_ff59..=0xe48b_ff5b => Some(Chip::Rp2350),
            _ => None,
        }
    }

    /// The chip of a bootloader's volume, by its `INFO_UF2.TXT`.
    pub(super) fn of_volume(info: &str) -> Option<Chip> {
        match info
            .lines()
            .find_map(|line| line.trim().strip_prefix("Board-ID:"))?
            .trim()
        {
            "RPI-RP2" => Some(Chip::Rp2040),
            "RP2350" => Some(Chip::Rp2350),
            _ => None,
        }
    }

    /// The chip of a board that runs the firmware, by the kind it greets with.
    pub(super) fn of_board(kind: &str) -> Option<Chip> {
        [(Chip::Rp2040, "rp2040"), (Chip::Rp2350, "rp2350")]
            .into_iter()
            .find_map(|(chip, prefix)| kind.starts_with(prefix).then_some(chip))
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Chip::Rp2040 => "RP2040 (Pico)",
            Chip::Rp2350 => "RP2350 (Pico 2)",
        }
    }

    /// Name of its bootloader's volume.
    pub(super) fn volume(self) -> &'static str {
        match self {
            Chip::Rp2040 => "RPI-RP2",
            Chip::Rp2350 => "RP2350",
        }
    }
}

/// A sound file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Image {
    pub chip: Chip,
    /// Blocks for the main flash.
    pub blocks: u32,
    /// First and last address written.
    pub first: u32,
    pub last: u32,
}

/// Why a file is not taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum Uf2Error {
    #[error("{0} bytes are no whole number of 512-byte blocks; the file is cut off or is no UF2")]
    Size(usize),
    #[error("larger than any flash")]
    TooLarge,
    #[error("block {block} is no UF2 block: {what}")]
    Block { block: usize, what: &'static str },
    #[error("block {block} is for family {family:#010x}, which is no RP2040 or RP2350")]
    Family { block: usize, family: u32 },
    #[error("the file is for several chips; give the file of one")]
    Mixed,
    #[error("the file holds {found} of {wanted} blocks")]
    Missing { found: u32, wanted: u32 },
}

/// Checks every block of a file.
pub(super) fn check(file: &[u8]) -> Result<Image, Uf2Error> {
    if file.len() > MAX_FILE_BYTES {
        return Err(Uf2Error::TooLarge);
    }
    if file.is_empty() || !file.len().is_multiple_of(BLOCK_BYTES) {
        return Err(Uf2Error::Size(file.len()));
    }
    let mut image: Option<Image> = None;
    let mut wanted = 0;
    for (number, block) in file.as_chunks::<BLOCK_BYTES>().0.iter().enumerate() {
        let head = Head::read(number, block)?;
        if head.family == FAMILY_ABSOLUTE && number == 0 {
            continue;
        }
        let chip = Chip::of_family(head.family).ok_or(Uf2Error::Family {
            block: number,
            family: head.family,
        })?;
        let image = image.get_or_insert_with(|| {
            wanted = head.count;
            Image {
                chip,
                blocks: 0,
                first: head.address,
                last: head.address,
            }
        });
        if image.chip != chip {
            return Err(Uf2Error::Mixed);
        }
        if let Some(what) = image.objection(&head, wanted) {
            let block = number;
            return Err(Uf2Error::Block { block, what });
        }
        image.blocks += 1;
        image.last = head.address;
    }
    let image = image.ok_or(Uf2Error::Missing {
        found: 0,
        wanted: 1,
    })?;
    if image.blocks != wanted {
        return Err(Uf2Error::Missing {
            found: image.blocks,
            wanted,
        });
    }
    Ok(Image {
        last: image.last + PAYLOAD_BYTES - 1,
        ..image
    })
}

impl Image {
    /// Why the next block, of a file with `wanted` of them, cannot follow.
    fn objection(&self, next: &Head, wanted: u32) -> Option<&'static str> {
        if next.count != wanted || next.number != self.blocks {
            Some("it is out of order, or of another file")
        } else if !next.is_in_flash() {
            Some("it is not for the main flash")
        } else if self.blocks > 0 && next.address <= self.last {
            Some("its address is not above the one before")
        } else {
            None
        }
    }
}

/// The head of a block.
struct Head {
    flags: u32,
    address: u32,
    number: u32,
    count: u32,
    family: u32,
}

impl Head {
    fn read(block: usize, bytes: &[u8]) -> Result<Head, Uf2Error> {
        let refuse = |what| Err(Uf2Error::Block { block, what });
        let word = |at: usize| {
            bytes[at..at + 4]
                .iter()
                .rev()
                .fold(0_u32, |word, byte| word << 8 | u32::from(*byte))
        };
        if word(0) != MAGIC_FIRST || word(4) != MAGIC_SECOND || word(BLOCK_BYTES - 4) != MAGIC_LAST
        {
            return refuse("its magic numbers are wrong");
        }
        let flags = word(8);
        if flags & FLAG_FAMILY == 0 {
            return refuse("it does not say for which chip it is");
        }
        if word(16) != PAYLOAD_BYTES {
            return refuse("it does not hold 256 bytes");
        }
        Ok(Head {
            flags,
            address: word(12),
            number: word(20),
            count: word(24),
            family: word(28),
        })
    }

    fn is_in_flash(&self) -> bool {
        let offset = self.address.checked_sub(FLASH_AT);
        self.flags & FLAG_NOT_MAIN_FLASH == 0
            && offset
                .is_some_and(|offset| offset < FLASH_BYTES && offset.is_multiple_of(PAYLOAD_BYTES))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PICO: u32 = 0xe48b_ff56;
    const PICO_2: u32 = 0xe48b_ff59;

    fn block(number: u32, count: u32, family: u32, address: u32) -> Vec<u8> {
        let head = [
            MAGIC_FIRST,
            MAGIC_SECOND,
            FLAG_FAMILY,
            address,
            PAYLOAD_BYTES,
            number,
            count,
            family,
        ];
        let mut bytes: Vec<u8> = head.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.resize(BLOCK_BYTES - 4, 0x5a);
        bytes.extend(MAGIC_LAST.to_le_bytes());
        bytes
    }

    fn file(count: u32, family: u32) -> Vec<u8> {
        (0..count)
            .flat_map(|number| block(number, count, family, FLASH_AT + number * 256))
            .collect()
    }

    #[test]
    fn a_sound_file_tells_its_chip_and_extent() {
        let image = check(&file(3, PICO)).expect("sound");
        assert_eq!(
            image,
            Image {
                chip: Chip::Rp2040,
                blocks: 3,
                first: FLASH_AT,
                last: FLASH_AT + 767
            }
        );
        let mut with_workaround = block(0, 2, FAMILY_ABSOLUTE, FLASH_AT + FLASH_BYTES - 256);
        with_workaround.extend(file(2, PICO_2));
        assert_eq!(check(&with_workaround).expect("sound").chip, Chip::Rp2350);
    }

    #[test]
    fn anything_unsound_is_refused_by_name() {
        let good = file(3, PICO);
        assert_eq!(check(&[]), Err(Uf2Error::Size(0)));
        assert_eq!(check(&good[..1000]), Err(Uf2Error::Size(1000)));
        assert_eq!(
            check(&good[..1024]),
            Err(Uf2Error::Missing {
                found: 2,
                wanted: 3
            })
        );
        assert!(
            matches!(check(&good[512..]), Err(Uf2Error::Block { block: 0, .. })),
            "the first block is missing"
        );
        assert!(matches!(
            check(&file(1, 0x1234_5678)),
            Err(Uf2Error::Family { block: 0, .. })
        ));
        let mut mixed = file(2, PICO);
        mixed[512..].copy_from_slice(&block(1, 2, PICO_2, FLASH_AT + 256));
        assert_eq!(check(&mixed), Err(Uf2Error::Mixed));
        let elsewhere = block(0, 1, PICO, 0x2000_0000);
        assert!(check(&elsewhere).is_err_and(|error| error.to_string().contains("main flash")));
        for (at, what) in [
            (0, "magic"),
            (511, "magic"),
            (16, "256"),
            (9, "for which chip"),
            (20, "order"),
        ] {
            let mut broken = good.clone();
            broken[at] ^= 0x20;
            assert!(
                check(&broken).is_err_and(|error| error.to_string().contains(what)),
                "byte {at}"
            );
        }
    }

    #[test]
    fn chips_are_known_by_volume_and_greeting() {
        let info = "UF2 Bootloader v3.0\r\nModel: Raspberry Pi RP2\r\nBoard-ID: RPI-RP2\r\n";
        assert_eq!(Chip::of_volume(info), Some(Chip::Rp2040));
        assert_eq!(Chip::of_volume("Board-ID: RP2350"), Some(Chip::Rp2350));
        assert_eq!(Chip::of_volume("Board-ID: other"), None);
        assert_eq!(Chip::of_board("rp2350-pico2"), Some(Chip::Rp2350));
        assert_eq!(Chip::of_board("simulated"), None);
    }

    proptest! {
        /// Whatever is in a file, it is judged without a panic.
        #[test]
        fn no_file_is_too_strange(at in prop::collection::vec((0usize..1536, any::<u8>()), 0..40), cut in 0usize..1537) {
            // No assertion: a panic is what fails it (sums and places are checked here).
            let mut bytes = file(3, PICO);
            for (at, byte) in at {
                bytes[at] = byte;
            }
            bytes.truncate(cut);
            drop(check(&bytes));
        }
    }
}
