//! What a decoder must have before a frame, and whether a frame can be decoded.
//!
//! Keeps the newest parameter sets, puts them in front of whole pictures that
//! come without, and counts frames that never came by their numbers. Pure.

use bytes::{Bytes, BytesMut};

use super::nal::{NalKind, START_CODE, nal_units};
use super::sps::Sps;

/// Longest parameter set kept; real ones have 10 to 40 bytes.
const MAX_SET_BYTES: usize = 256;

/// Most frames counted as missing at once, a second's: a larger gap is more likely
/// a slice that was damaged on the way than a drone that sent nothing.
const MAX_MISSING: u32 = 30;

/// A parameter set as it came, header byte first.
type Set = heapless::Vec<u8, MAX_SET_BYTES>;

/// Parameter sets of the stream so far.
#[derive(Debug, Default)]
pub struct ParameterSets {
    sps: Option<(Sps, Set)>,
    pps: Option<Set>,
    /// Whether a whole picture has come.
    begun: bool,
    frame_num: Option<u32>,
}

/// A frame that can be decoded.
#[derive(Debug)]
pub struct Verdict {
    /// The parameters it is coded by.
    pub sps: Sps,
    /// Whether it needs no other frame.
    pub key: bool,
    /// Frames that never came before it.
    pub missing: u32,
    /// The frame with the sets it lacked, when it lacked any.
    pub complete: Option<Bytes>,
}

impl ParameterSets {
    /// The newest set.
    pub fn sps(&self) -> Option<Sps> {
        self.sps.as_ref().map(|(sps, _)| *sps)
    }

    /// Looks at a frame; `None` when no decoder could use it.
    pub fn judge(&mut self, unit: &[u8]) -> Option<Verdict> {
        let (mut has_sps, mut has_pps, mut slice) = (false, false, None);
        for nal in nal_units(unit) {
            match NalKind::of(*nal.first()?) {
                NalKind::Sps => {
                    self.sps = Some((Sps::parse(nal)?, Set::from_slice(nal).ok()?));
                    has_sps = true;
                }
                NalKind::Pps => {
                    self.pps = Some(Set::from_slice(nal).ok()?);
                    has_pps = true;
                }
                kind if kind.is_slice() => {
                    slice = Some((kind == NalKind::IdrSlice, nal));
                    // What follows is more of the same picture.
                    break;
                }
                _ => {}
            }
        }
        let (key, slice) = slice?;
        let (sps, pps) = (self.sps.as_ref(), self.pps.as_ref());
        let ((sps, sps_nal), pps_nal) = sps.zip(pps)?;
        self.begun |= key;
        if !self.begun {
            return None;
        }
        let sps = *sps;
        let frame_num = sps.frame_num(slice);
        // Frames nothing refers to share the number of the next.
        let is_reference = slice.first().is_some_and(|header| header & 0x60 != 0);
        let missing = match (self.frame_num, frame_num) {
            (Some(before), Some(now)) if !key && is_reference => {
                sps.missing_between(before, now).min(MAX_MISSING)
            }
            _ => 0,
        };
        let complete = (key && !(has_sps && has_pps)).then(|| {
            let mut whole = BytesMut::with_capacity(unit.len() + sps_nal.len() + pps_nal.len() + 8);
            for set in [sps_nal, pps_nal] {
                whole.extend_from_slice(&[0]);
                whole.extend_from_slice(&START_CODE);
                whole.extend_from_slice(set);
            }
            whole.extend_from_slice(unit);
            whole.freeze()
        });
        self.frame_num = frame_num;
        Some(Verdict {
            sps,
            key,
            missing,
            complete,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::clip;
    use super::*;

    /// The slices of a frame, without what stands before them.
    fn bare(frame: &[u8]) -> Vec<u8> {
        let slice = nal_units(frame)
            .find(|nal| NalKind::of(nal[0]).is_slice())
            .expect("a slice");
        [&START_CODE, slice].concat()
    }

    #[test]
    fn nothing_is_decodable_before_the_first_whole_picture() {
        let mut parameters = ParameterSets::default();
        let key = clip::frame(0);
        assert!(parameters.judge(clip::frame(1)).is_none());
        assert!(
            parameters.judge(&bare(key)).is_none(),
            "no parameter sets yet"
        );
        let verdict = parameters.judge(key).expect("decodable");
        assert!(verdict.key && verdict.complete.is_none());
        let next = parameters.judge(clip::frame(1)).expect("decodable");
        assert_eq!((next.key, next.missing), (false, 0));
    }

    #[test]
    fn a_whole_picture_gets_the_sets_it_lacks() {
        let mut parameters = ParameterSets::default();
        parameters.judge(clip::frame(0)).expect("decodable");
        let complete = parameters
            .judge(&bare(clip::frame(0)))
            .expect("decodable")
            .complete
            .expect("completed");
        let kinds: Vec<NalKind> = nal_units(&complete)
            .map(|nal| NalKind::of(nal[0]))
            .collect();
        assert_eq!(kinds, [NalKind::Sps, NalKind::Pps, NalKind::IdrSlice]);
        assert!(ParameterSets::default().judge(&complete).is_some());
    }

    #[test]
    fn frames_that_never_came_are_counted() {
        let mut parameters = ParameterSets::default();
        let missing: Vec<u32> = [0, 1, 2, 5, 6]
            .map(|n| parameters.judge(clip::frame(n)).expect("decodable").missing)
            .to_vec();
        assert_eq!(missing, [0, 0, 0, 2, 0]);
    }

    #[test]
    fn an_unbelievable_set_is_not_relayed() {
        let mut parameters = ParameterSets::default();
        let unit = [&[0, 0, 1, 0x67, 1, 2, 3][..], clip::frame(0)].concat();
        assert!(parameters.judge(&unit).is_none());
        assert!(
            parameters.judge(clip::frame(0)).is_some(),
            "the next whole picture mends it"
        );
    }
}
