//! Whether the content of a bundle is what was signed.
//!
//! What is signed is the root of a tree of hashes (dm-verity, version 1) over the content.
//! The kernel compares each block with it as it is read, which is while it is written
//! into the slot: too late to keep what was there, and said in words that a worn-out
//! card would cause as well. So all of it is looked at before. Layout of a bundle:
//! content, tree (the top first), signature, length of the signature in 8 bytes.

use std::io::Read;

use sha2::{Digest as _, Sha256};

/// The blocks of content and tree, in bytes; RAUC knows no others.
pub const BLOCK_BYTES: usize = 4096;
const DIGEST_BYTES: usize = 32;

/// The largest bundle that is looked at: larger than a slot. Its tree, an hundredth of
/// it, is held in memory. It is the one limit of the board's: the gateway's own for uploads,
/// `update.max_bundle_bytes`, may be set lower and must not be set higher.
pub(crate) const MAX_BUNDLE_BYTES: u64 = 2 << 30;
/// The largest signature; those of RAUC are a few thousand bytes.
const MAX_SIGNATURE_BYTES: u64 = 64 * 1024;

/// What was signed, by `rauc info`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    salt: Vec<u8>,
    root: Vec<u8>,
    /// Length of the tree, in bytes.
    tree_bytes: u64,
}

impl Signed {
    /// Reads lines such as `  Verity Hash: 'e2fb…'`.
    #[must_use]
    pub fn parse(info: &str) -> Option<Signed> {
        let quoted = |name: &str| {
            let mut lines = info.lines();
            let line = lines.find_map(|line| line.trim().strip_prefix(name))?;
            line.strip_prefix(':')?.trim().split('\'').nth(1)
        };
        let tree_bytes = info.lines().find_map(|line| {
            let size = line.trim().strip_prefix("Verity Size:")?;
            size.trim().trim_matches('\'').parse().ok()
        })?;
        Some(Signed {
            salt: bytes(quoted("Verity Salt")?)?,
            root: bytes(quoted("Verity Hash")?)?,
            tree_bytes,
        })
    }

    fn digest(&self, block: &[u8]) -> [u8; DIGEST_BYTES] {
        let hash = Sha256::new().chain_update(&self.salt).chain_update(block);
        hash.finalize().into()
    }

    /// The tree over `blocks` blocks of content, its lowest level first, and its root.
    fn grow(&self, content: impl Read, blocks: u64) -> std::io::Result<(Vec<Vec<u8>>, Vec<u8>)> {
        let mut lowest = Vec::new();
        each_block(content, blocks, |block| {
            lowest.extend(self.digest(block));
        })?;
        let mut levels: Vec<Vec<u8>> = Vec::new();
        let mut level = lowest;
        while level.len() > DIGEST_BYTES {
            level.resize(level.len().next_multiple_of(BLOCK_BYTES), 0);
            let digests = level.chunks(BLOCK_BYTES).map(|block| self.digest(block));
            let above = digests.flatten().collect();
            levels.push(std::mem::replace(&mut level, above));
        }
        Ok((levels, level))
    }
}

fn bytes(hexadecimal: &str) -> Option<Vec<u8>> {
    let pairs = hexadecimal.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.map(byte).collect()
}

fn each_block(
    mut from: impl Read,
    blocks: u64,
    mut take: impl FnMut(&[u8]),
) -> std::io::Result<()> {
    let mut block = [0; BLOCK_BYTES];
    for _ in 0..blocks {
        from.read_exact(&mut block)?;
        take(&block);
    }
    Ok(())
}

/// How many blocks of content a bundle has, by its length and its last eight bytes; or
/// what is wrong with it.
///
/// # Errors
/// In words for the status: it is no bundle, or one with something missing.
pub fn blocks(length: u64, last: [u8; 8], signed: &Signed) -> Result<u64, String> {
    let signature = u64::from_be_bytes(last);
    let rest = length
        .checked_sub(8)
        .and_then(|rest| rest.checked_sub(signature))
        .and_then(|rest| rest.checked_sub(signed.tree_bytes));
    match rest {
        _ if length > MAX_BUNDLE_BYTES => Err(format!("it has {length} bytes, more than a slot")),
        Some(content)
            if signature <= MAX_SIGNATURE_BYTES
                && content > 0
                && content.is_multiple_of(BLOCK_BYTES as u64) =>
        {
            Ok(content / BLOCK_BYTES as u64)
        }
        _ => Err("its length is not that of what was signed".to_owned()),
    }
}

/// Compares `blocks` blocks of content, and the tree behind them, with what was signed.
///
/// # Errors
/// In words for the status: it cannot be read, or is not what was signed.
pub fn check(mut bundle: impl Read, blocks: u64, signed: &Signed) -> Result<(), String> {
    let unreadable = |error: std::io::Error| format!("it cannot be read: {error}");
    let (levels, root) = signed.grow(&mut bundle, blocks).map_err(unreadable)?;
    if root != signed.root {
        return Err("its content is not what was signed".to_owned());
    }
    // The kernel goes by the tree that lies in the bundle.
    let mut tree = levels.iter().rev().flatten().copied();
    let mut same = true;
    each_block(bundle, signed.tree_bytes / BLOCK_BYTES as u64, |block| {
        same &= block.iter().all(|byte| tree.next() == Some(*byte));
    })
    .map_err(unreadable)?;
    if same && tree.next().is_none() {
        Ok(())
    } else {
        Err("its tree of hashes is not that of what was signed".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As RAUC 1.8 describes a bundle.
    const INFO: &str = "Hooks:      \t''\nBundle Format: \tverity\n  Verity Salt: \t'4f14'\n  Verity Hash: \t'e2fb'\n  Verity Size: \t32768\n\n1 Image:\n";

    /// A bundle's content and tree, and what is signed of it.
    fn bundle(blocks: u64) -> (Vec<u8>, Signed) {
        let length = blocks as usize * BLOCK_BYTES;
        let mut bundle: Vec<u8> = (0..length).map(|at| (at / 7 % 251) as u8).collect();
        let mut signed = Signed {
            salt: vec![1, 2, 3],
            root: Vec::new(),
            tree_bytes: 0,
        };
        let (levels, root) = signed.grow(&bundle[..], blocks).expect("read");
        bundle.extend(levels.iter().rev().flatten());
        signed.root = root;
        signed.tree_bytes = (bundle.len() - length) as u64;
        (bundle, signed)
    }

    #[test]
    fn what_rauc_says_is_read() {
        let signed = Signed::parse(INFO).expect("read");
        assert_eq!(
            (&*signed.salt, &*signed.root),
            (&[0x4f, 0x14][..], &[0xe2, 0xfb][..])
        );
        assert_eq!(signed.tree_bytes, 32768);
        for broken in ["", "Verity Salt: 'x'", &INFO.replace("e2fb", "e2fg")] {
            assert_eq!(Signed::parse(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_tree_has_as_many_levels_as_it_needs() {
        // (128 digests in a block.)
        for (blocks, tree_blocks) in [(1, 0), (2, 1), (128, 1), (129, 3), (300, 4)] {
            let (bundle, signed) = bundle(blocks);
            assert_eq!(
                signed.tree_bytes,
                tree_blocks * BLOCK_BYTES as u64,
                "{blocks}"
            );
            assert_eq!(check(&bundle[..], blocks, &signed), Ok(()), "{blocks}");
        }
    }

    #[test]
    fn one_bit_anywhere_is_noticed() {
        let (whole, signed) = bundle(129);
        for at in (0..whole.len()).step_by(5_003).chain([whole.len() - 1]) {
            let mut broken = whole.clone();
            broken[at] ^= 1;
            assert!(check(&broken[..], 129, &signed).is_err(), "{at}");
        }
        assert!(check(&whole[..whole.len() - 1], 129, &signed).is_err());
    }

    #[test]
    fn a_bundle_is_as_long_as_what_was_signed() {
        let (bundle, signed) = bundle(129);
        let length = bundle.len() as u64 + 2000 + 8;
        assert_eq!(blocks(length, 2000_u64.to_be_bytes(), &signed), Ok(129));
        for (length, signature) in [
            (length - 1, 2000),
            (0, 0),
            (length, u64::MAX),
            (length, 2000 + 4096 * 129),
            (MAX_BUNDLE_BYTES + 1, 2000),
        ] {
            let last = u64::to_be_bytes(signature);
            assert!(
                blocks(length, last, &signed).is_err(),
                "{length} {signature}"
            );
        }
    }
}
