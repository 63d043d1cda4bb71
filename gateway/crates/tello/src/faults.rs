//! What can be wrong with a state datagram, and how often it was.
//!
//! Separate from the parser because the counters outlive a datagram: the same
//! kinds label `/metrics`. Nothing here is fatal; a fault is counted and the
//! rest of the datagram is used.

macro_rules! fault_kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)+) => {
        /// A kind of malformation.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum FaultKind { $($(#[$doc])* $variant,)+ }

        impl FaultKind {
            /// Every kind, in declaration order.
            pub const ALL: &'static [FaultKind] = &[$(FaultKind::$variant,)+];

            /// The label in `/metrics`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(FaultKind::$variant => $name,)+ }
            }
        }
    };
}

fault_kinds! {
    /// Begins with `0xCC`: the binary protocol of the vendor's app.
    Binary = "binary";
    /// A command's reply (`ok`, `error …`) on the state port.
    Reply = "reply";
    /// No bytes, or only padding.
    Empty = "empty";
    /// Not one known field in it.
    Noise = "noise";
    /// Longer than any state; dropped whole.
    Oversized = "oversized";
    /// Bytes that are not UTF-8.
    NotUtf8 = "not_utf8";
    /// A NUL byte: a sender that pads its buffer.
    NulPadding = "nul_padding";
    /// Spaces around names or values.
    Spaces = "spaces";
    /// The last field has no `;` but is provably complete; kept.
    Unterminated = "unterminated";
    /// The last field is, or may be, cut off; dropped.
    Truncated = "truncated";
    /// A decimal point where firmware writes an integer; kept.
    FloatForInteger = "float_for_integer";
    /// `mid` without `mpry`.
    MissingPadAngles = "missing_pad_angles";
    /// A number its field cannot have; that field is absent.
    OutOfRange = "out_of_range";
    /// Not a number; that field is absent.
    BadValue = "bad_value";
    /// The same field twice; absent when the two disagree.
    DuplicateField = "duplicate_field";
    /// A field no SDK names.
    UnknownField = "unknown_field";
}

/// How many kinds there are.
const FAULT_KINDS: usize = FaultKind::ALL.len();

/// Faults of one datagram, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults([u8; FAULT_KINDS]);

impl Faults {
    /// Counts one more of `kind`; saturates, since a datagram is short.
    pub(super) fn add(&mut self, kind: FaultKind) {
        let count = &mut self.0[kind as usize];
        *count = count.saturating_add(1);
    }

    /// How often `kind` occurred.
    #[must_use]
    pub fn count(&self, kind: FaultKind) -> u8 {
        self.0[kind as usize]
    }

    /// Whether `kind` occurred.
    #[must_use]
    pub fn has(&self, kind: FaultKind) -> bool {
        self.count(kind) > 0
    }

    /// Whether the datagram was as firmware writes it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|count| *count == 0)
    }
}

/// Faults since start, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultTotals([u64; FAULT_KINDS]);

impl FaultTotals {
    /// Adds the faults of one datagram.
    pub fn add(&mut self, faults: &Faults) {
        for (total, count) in self.0.iter_mut().zip(faults.0) {
            *total += u64::from(count);
        }
    }

    /// Every kind with its count, zero included (metrics want stable series).
    pub fn iter(&self) -> impl Iterator<Item = (FaultKind, u64)> {
        FaultKind::ALL.iter().copied().zip(self.0)
    }

    /// How often `kind` occurred.
    #[must_use]
    pub fn count(&self, kind: FaultKind) -> u64 {
        self.0[kind as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_add_up_by_kind() {
        let mut faults = Faults::default();
        assert!(faults.is_empty());
        faults.add(FaultKind::Spaces);
        faults.add(FaultKind::Spaces);
        let mut totals = FaultTotals::default();
        totals.add(&faults);
        totals.add(&faults);
        assert_eq!(totals.count(FaultKind::Spaces), 4);
        assert_eq!(totals.iter().map(|(_, count)| count).sum::<u64>(), 4);
        assert_eq!(totals.iter().count(), FAULT_KINDS);
    }
}
