//! Typed sending and receiving over frames: sequence numbers, versions,
//! decoding. The last place where bytes are bytes.

use core::marker::PhantomData;

use crate::decoder::{Decoder, Frame, FrameStats};
use crate::frame::{self, EncodeError, FrameBuffer, Header, MAX_MESSAGE_BYTES};
use crate::message::Message;
use crate::version;

/// A gap larger than this is a peer that started anew, not a loss.
const MAX_GAP: u16 = 0x7fff;

/// Numbers and frames outgoing messages.
#[derive(Debug)]
pub struct Sender<M> {
    sequence: u16,
    version: u8,
    direction: PhantomData<fn(M)>,
}

impl<M: Message> Default for Sender<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M: Message> Sender<M> {
    /// A sender that speaks the version of greetings until told otherwise.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            sequence: 0,
            version: version::HANDSHAKE,
            direction: PhantomData,
        }
    }

    /// Speaks `version` from now on, as settled in the handshake.
    pub fn speak(&mut self, version: u8) {
        self.version = version;
    }

    /// The number the next frame will carry.
    #[must_use]
    pub fn next_sequence(&self) -> u16 {
        self.sequence
    }

    /// Gives the next frame this number.
    pub fn number_from(&mut self, sequence: u16) {
        self.sequence = sequence;
    }

    /// Frames one message. A refused message uses up no sequence number.
    ///
    /// # Errors
    ///
    /// See [`EncodeError`].
    pub fn encode<'b>(
        &mut self,
        message: &M,
        buffer: &'b mut FrameBuffer,
    ) -> Result<&'b [u8], EncodeError> {
        if message.since() > self.version || !message.is_valid() {
            return Err(EncodeError::NotAllowed);
        }
        // What version 1 can say is framed as version 1, whatever was settled:
        // the handshake depends on it, the rest profits.
        let header = Header {
            direction: M::DIRECTION,
            version: message.since(),
            sequence: self.sequence,
        };
        let mut encoded = [0; MAX_MESSAGE_BYTES];
        let encoded =
            postcard::to_slice(message, &mut encoded).map_err(|_| EncodeError::TooLong)?;
        let frame = frame::encode(header, encoded, buffer)?;
        self.sequence = self.sequence.wrapping_add(1);
        Ok(frame)
    }
}

/// Counters of one receiver. They only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReceiveStats {
    /// The frame level.
    pub frame: FrameStats,
    /// Messages handed out.
    pub messages: u64,
    /// Frames missing by their sequence numbers.
    pub lost: u64,
    /// Good frames of the other direction or of a version we do not speak.
    pub foreign: u64,
    /// Good frames whose content is no valid message.
    pub invalid: u64,
}

/// A message with the number of the frame that carried it.
#[derive(Debug, Clone, PartialEq)]
pub struct Received<M> {
    /// The frame's sequence number.
    pub sequence: u16,
    /// The message.
    pub message: M,
}

/// Turns bytes into messages of one direction.
#[derive(Debug)]
pub struct Receiver<M> {
    decoder: Decoder,
    expected: Option<u16>,
    messages: u64,
    lost: u64,
    foreign: u64,
    invalid: u64,
    direction: PhantomData<fn() -> M>,
}

impl<M: Message> Default for Receiver<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M: Message> Receiver<M> {
    /// A receiver at the start of a stream.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            decoder: Decoder::new(),
            expected: None,
            messages: 0,
            lost: 0,
            foreign: 0,
            invalid: 0,
            direction: PhantomData,
        }
    }

    /// Takes one byte; a message comes out with the last byte of its frame.
    pub fn feed(&mut self, byte: u8) -> Option<Received<M>> {
        self.feed_or_refuse(byte, |_| {})
    }

    /// As [`Receiver::feed`]; the content of a good frame that is no valid message goes
    /// to `refused`, for whoever has to say what is wrong with it.
    pub fn feed_or_refuse(&mut self, byte: u8, refused: impl FnOnce(&[u8])) -> Option<Received<M>> {
        let frame = self.decoder.feed(byte)?.ok()?;
        match decode::<M>(&frame) {
            Ok(message) => {
                let sequence = frame.header.sequence;
                self.count_gap(sequence);
                self.messages += 1;
                Some(Received { sequence, message })
            }
            Err(Undecodable::Foreign) => {
                self.foreign += 1;
                None
            }
            Err(Undecodable::Invalid) => {
                self.invalid += 1;
                refused(frame.message);
                None
            }
        }
    }

    /// Starts over on a port that was opened anew: no gap is counted against
    /// what came before.
    pub fn resynchronise(&mut self) {
        self.decoder.resynchronise();
        self.expected = None;
    }

    /// The counters so far.
    #[must_use]
    pub fn stats(&self) -> ReceiveStats {
        ReceiveStats {
            frame: self.decoder.stats(),
            messages: self.messages,
            lost: self.lost,
            foreign: self.foreign,
            invalid: self.invalid,
        }
    }

    fn count_gap(&mut self, sequence: u16) {
        if let Some(expected) = self.expected {
            let gap = sequence.wrapping_sub(expected);
            if gap <= MAX_GAP {
                self.lost += u64::from(gap);
            }
        }
        self.expected = Some(sequence.wrapping_add(1));
    }
}

/// Why a good frame gives no message of type `M`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undecodable {
    /// Other direction, or a version that this build does not speak.
    Foreign,
    /// Not the encoding of a valid message.
    Invalid,
}

/// Decodes a frame's message, strictly: every byte used, content valid, no
/// variant newer than the frame claims.
///
/// # Errors
///
/// See [`Undecodable`].
pub fn decode<M: Message>(frame: &Frame<'_>) -> Result<M, Undecodable> {
    let spoken =
        (version::MIN.min(version::HANDSHAKE)..=version::CURRENT).contains(&frame.header.version);
    if frame.header.direction != M::DIRECTION || !spoken {
        return Err(Undecodable::Foreign);
    }
    match postcard::take_from_bytes::<M>(frame.message) {
        Ok((message, [])) if message.is_valid() && message.since() <= frame.header.version => {
            Ok(message)
        }
        _ => Err(Undecodable::Invalid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Direction, MAX_FRAME_BYTES};
    use crate::message::{ToHost, ToMcu};

    fn frame_of(sender: &mut Sender<ToHost>, value: f32) -> heapless::Vec<u8, MAX_FRAME_BYTES> {
        let message = ToHost::Reading {
            sensor: 0,
            ticks: 5,
            value,
        };
        let mut buffer = [0; MAX_FRAME_BYTES];
        let bytes = sender.encode(&message, &mut buffer).expect("valid");
        heapless::Vec::from_slice(bytes).expect("fits")
    }

    #[test]
    fn gaps_are_counted_and_a_restart_is_not_a_gap() {
        let mut sender = Sender::new();
        let mut receiver = Receiver::<ToHost>::new();
        let mut deliver =
            |frame: &[u8]| frame.iter().filter_map(|byte| receiver.feed(*byte)).count();
        assert_eq!(deliver(&frame_of(&mut sender, 1.0)), 1);
        frame_of(&mut sender, 2.0); // lost on the line
        frame_of(&mut sender, 3.0); // lost on the line
        assert_eq!(deliver(&frame_of(&mut sender, 4.0)), 1);
        // The peer starts anew at zero.
        assert_eq!(deliver(&frame_of(&mut Sender::new(), 5.0)), 1);
        assert_eq!(receiver.stats().lost, 2);
        assert_eq!(receiver.stats().messages, 3);
    }

    #[test]
    fn an_echo_of_our_own_words_is_foreign() {
        let mut receiver = Receiver::<ToMcu>::new();
        for byte in frame_of(&mut Sender::new(), 1.0) {
            assert_eq!(receiver.feed(byte), None);
        }
        assert_eq!(receiver.stats().foreign, 1);
    }

    #[test]
    fn what_is_not_valid_is_neither_sent_nor_taken() {
        let mut buffer = [0; MAX_FRAME_BYTES];
        let message = ToHost::Reading {
            sensor: 0,
            ticks: 5,
            value: f32::NAN,
        };
        assert_eq!(
            Sender::new().encode(&message, &mut buffer),
            Err(EncodeError::NotAllowed)
        );
        // The same content with a good check sum, from a careless encoder.
        let mut encoded = [0; MAX_MESSAGE_BYTES];
        let encoded = postcard::to_slice(&message, &mut encoded).expect("fits");
        let header = Header {
            direction: Direction::ToHost,
            version: 1,
            sequence: 0,
        };
        let bytes = frame::encode(header, encoded, &mut buffer).expect("fits");
        let mut receiver = Receiver::<ToHost>::new();
        assert!(bytes.iter().all(|byte| receiver.feed(*byte).is_none()));
        assert_eq!(receiver.stats().invalid, 1);
    }

    #[test]
    fn bytes_after_the_message_and_unknown_versions_are_refused() {
        for (version, message, foreign, invalid) in [
            (1, &[4, 0, 1, 1, 9][..], 0, 1), // a trailing 9
            (0, &[4, 0, 1, 1][..], 1, 0),
            (99, &[4, 0, 1, 1][..], 1, 0),
        ] {
            let header = Header {
                direction: Direction::ToHost,
                version,
                sequence: 0,
            };
            let mut buffer = [0; MAX_FRAME_BYTES];
            let bytes = frame::encode(header, message, &mut buffer).expect("fits");
            let mut receiver = Receiver::<ToHost>::new();
            assert!(bytes.iter().all(|byte| receiver.feed(*byte).is_none()));
            assert_eq!(receiver.stats().foreign, foreign);
            assert_eq!(receiver.stats().invalid, invalid);
        }
    }
}
