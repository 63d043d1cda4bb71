//! The two root slots and the state from which the boot script chooses.
//!
//! The state is one sector of the card, so a change of any of its names is one
//! write: a power cut leaves all of the old values or all of the new ones. A
//! [`BootChange`] is such a write; nothing may split it.

use std::fmt::Write as _;

/// Tries of a slot that is known to work. The boot script counts them down before
/// each start, and the system gives them back once it is up.
pub const FULL_TRIES: u8 = 3;
/// Tries of a slot on trial: one start, which the boot script counts down to none.
pub(crate) const TRIAL_TRIES: u8 = 1;

/// A root slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Slot {
    /// The second partition.
    A,
    /// The third partition.
    B,
}

impl Slot {
    /// Both, in the order of the card.
    pub const BOTH: [Slot; 2] = [Slot::A, Slot::B];

    /// The one that this is not.
    #[must_use]
    pub const fn other(self) -> Slot {
        match self {
            Slot::A => Slot::B,
            Slot::B => Slot::A,
        }
    }

    /// Its name in files, in the boot state and in RAUC's configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Slot::A => "A",
            Slot::B => "B",
        }
    }

    /// Of its name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Slot> {
        Slot::BOTH.into_iter().find(|slot| slot.name() == name)
    }

    /// The slot that the boot script named on the kernel's command line.
    #[must_use]
    pub fn booted(command_line: &str) -> Option<Slot> {
        let mut words = command_line.split_ascii_whitespace().rev();
        words.find_map(|word| Slot::parse(word.strip_prefix("rauc.slot=")?))
    }
}

/// What the boot script will read at the next start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BootState {
    /// The slot that is tried first; none when the state cannot be read.
    pub first: Option<Slot>,
    left: [u8; 2],
}

impl BootState {
    /// A state by its values.
    #[must_use]
    pub const fn new(first: Option<Slot>, left_a: u8, left_b: u8) -> BootState {
        BootState {
            first,
            left: [left_a, left_b],
        }
    }

    /// Reads the values as `fw_printenv` prints them. What is missing or makes no
    /// sense counts as no tries: a slot is never called usable on a guess.
    #[must_use]
    pub fn parse(order: &str, left_a: &str, left_b: &str) -> BootState {
        let number = |text: &str| text.trim().parse().unwrap_or(0);
        let first = order.split_ascii_whitespace().next().and_then(Slot::parse);
        BootState::new(first, number(left_a), number(left_b))
    }

    /// The tries that a slot has left.
    #[must_use]
    pub const fn left(&self, slot: Slot) -> u8 {
        self.left[slot as usize]
    }

    /// The state after a change was written.
    #[must_use]
    pub fn after(mut self, change: &BootChange) -> BootState {
        self.first = change.first.or(self.first);
        for slot in Slot::BOTH {
            self.left[slot as usize] = change.left[slot as usize].unwrap_or(self.left(slot));
        }
        self
    }
}

/// New values for some names of the state, written all at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BootChange {
    first: Option<Slot>,
    left: [Option<u8>; 2],
}

impl BootChange {
    /// Tries `slot` before the other one.
    #[must_use]
    pub(crate) const fn prefer(slot: Slot) -> BootChange {
        BootChange {
            first: Some(slot),
            left: [None; 2],
        }
    }

    /// Sets the tries of a slot.
    #[must_use]
    pub const fn tries(mut self, slot: Slot, left: u8) -> BootChange {
        self.left[slot as usize] = Some(left);
        self
    }

    /// The script for `fw_setenv -s`: a line for each name.
    #[must_use]
    pub fn script(&self) -> String {
        let mut lines = String::new();
        // (Writing into a string cannot fail.)
        if let Some(first) = self.first {
            let _ = writeln!(
                lines,
                "BOOT_ORDER={} {}",
                first.name(),
                first.other().name()
            );
        }
        for slot in Slot::BOTH {
            if let Some(left) = self.left[slot as usize] {
                let _ = writeln!(lines, "BOOT_{}_LEFT={left}", slot.name());
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_script_names_the_slot() {
        let line = "root=PARTUUID=x ro rauc.slot=B quiet";
        assert_eq!(Slot::booted(line), Some(Slot::B));
        assert_eq!(Slot::booted("rauc.slot=A rauc.slot=B"), Some(Slot::B));
        for none in [
            "",
            "rauc.slot=",
            "rauc.slot=AB",
            "rauc.slot=C",
            "xrauc.slot=A",
        ] {
            assert_eq!(Slot::booted(none), None, "{none}");
        }
    }

    #[test]
    fn an_unreadable_state_has_no_tries() {
        let state = BootState::parse("A B\n", "3\n", "0\n");
        assert_eq!(state, BootState::new(Some(Slot::A), 3, 0));
        assert_eq!(BootState::parse("", "", "x"), BootState::new(None, 0, 0));
    }

    #[test]
    fn a_change_is_one_script_and_leaves_the_rest() {
        let change = BootChange::prefer(Slot::B).tries(Slot::B, TRIAL_TRIES);
        assert_eq!(change.script(), "BOOT_ORDER=B A\nBOOT_B_LEFT=1\n");
        let state = BootState::new(Some(Slot::A), 2, 0).after(&change);
        assert_eq!(state, BootState::new(Some(Slot::B), 2, 1));
        assert_eq!(
            BootChange::default().tries(Slot::A, 3).script(),
            "BOOT_A_LEFT=3\n"
        );
    }
}
