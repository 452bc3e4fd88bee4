//! The frames of a WebSocket's peer (RFC 6455, 5), read from bytes and written to bytes. Knows no socket.
//!
//! A server reads many small messages and writes many small ones, and what it costs is what is copied and allocated on
//! the way: this reader hands messages out where they lie.

use crate::{
    close::{CloseCode, Disconnected},
    session::SocketError,
};

/// What arrives, borrowed from the bytes that it came in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
    Ping(&'a [u8]),
    Pong,
    Close(Option<Disconnected>),
}

/// Reads the frames of a client.
#[derive(Debug)]
pub(super) struct Decoder {
    /// The largest message in bytes, all of its fragments together.
    max: usize,
    /// The fragments so far of a message that comes in several.
    fragments: Option<Fragments>,
    /// The message that was put together last; it is let go of at the next frame.
    whole: Vec<u8>,
}

#[derive(Debug)]
struct Fragments {
    is_text: bool,
    data: Vec<u8>,
}

/// What `decode` made of the first bytes of its input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// So many bytes were used, for this.
    Event(usize, Event<'a>),
    /// So many bytes were used, and there is nothing to tell: a fragment of a message.
    Nothing(usize),
    /// The frame is not complete before there are so many bytes, or not before there are more, where its length is not
    /// known yet.
    Incomplete(usize),
}

/// The first bytes of a frame.
#[derive(Debug, Clone, Copy)]
struct Header {
    is_final: bool,
    opcode: u8,
    mask: [u8; 4],
    /// Its own length.
    size: usize,
    /// The payload's.
    length: usize,
}

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

impl Decoder {
    pub(super) fn new(max: usize) -> Self {
        Self { max, fragments: None, whole: Vec::new() }
    }

    /// Reads the first frame of `input`, whose payload is unmasked where it lies.
    ///
    /// # Errors
    /// What the peer did wrong, with the code that RFC 6455, 7.4.1 has for it. The connection can't go on.
    pub(super) fn decode<'a>(&'a mut self, input: &'a mut [u8]) -> Result<Step<'a>, SocketError> {
        self.whole = Vec::new();
        let Some(header) = Header::parse(input)? else { return Ok(Step::Incomplete(0)) };
        self.check(header)?;
        let size = header.size + header.length;
        if input.len() < size {
            return Ok(Step::Incomplete(size));
        }
        let payload = &mut input[header.size..size];
        unmask(payload, header.mask);
        let event = match (header.opcode, header.is_final) {
            (TEXT, true) => Event::Text(text(payload)?),
            (BINARY, true) => Event::Binary(payload),
            (PING, _) => Event::Ping(payload),
            (PONG, _) => Event::Pong,
            (CLOSE, _) => Event::Close(close(payload)?),
            (opcode, is_final) => {
                let fragments =
                    self.fragments.get_or_insert_with(|| Fragments { is_text: opcode == TEXT, data: Vec::new() });
                fragments.data.extend_from_slice(payload);
                match self.fragments.take_if(|_| is_final) {
                    None => return Ok(Step::Nothing(size)),
                    Some(Fragments { is_text, data }) => {
                        self.whole = data;
                        if is_text { Event::Text(text(&self.whole)?) } else { Event::Binary(&self.whole) }
                    }
                }
            }
        };
        Ok(Step::Event(size, event))
    }

    /// Whether a frame may come now, and may be as long as it is.
    fn check(&self, header: Header) -> Result<(), SocketError> {
        match header.opcode {
            CONTINUATION if self.fragments.is_none() => return Err(broken("a continuation of no message")),
            TEXT | BINARY if self.fragments.is_some() => {
                return Err(broken("a message began before the one in fragments ended"));
            }
            CONTINUATION | TEXT | BINARY => {}
            CLOSE | PING | PONG if !header.is_final => return Err(broken("a control frame in fragments")),
            CLOSE | PING | PONG if header.length > 125 => return Err(broken("a control frame of more than 125 bytes")),
            CLOSE | PING | PONG => return Ok(()),
            opcode => return Err(broken(&format!("a frame of the reserved kind {opcode}"))),
        }
        let before = self.fragments.as_ref().map_or(0, |fragments| fragments.data.len());
        let length = before.saturating_add(header.length);
        if length > self.max {
            let message = format!("a message of {length} bytes is over max_message_size, which is {}", self.max);
            return Err(SocketError { message, tell: Some(CloseCode::MESSAGE_TOO_BIG) });
        }
        Ok(())
    }
}

impl Header {
    fn parse(input: &[u8]) -> Result<Option<Self>, SocketError> {
        let [first, second, rest @ ..] = input else { return Ok(None) };
        if first & 0b0111_0000 != 0 {
            return Err(broken("a reserved bit is set, and no extension was agreed on"));
        }
        if second & 0b1000_0000 == 0 {
            return Err(broken("a frame without a mask"));
        }
        let (length, extended) = match second & 0b0111_1111 {
            126 => match rest.first_chunk() {
                Some(bytes) => (u64::from(u16::from_be_bytes(*bytes)), 2),
                None => return Ok(None),
            },
            127 => match rest.first_chunk() {
                Some(bytes) => (u64::from_be_bytes(*bytes), 8),
                None => return Ok(None),
            },
            length => (u64::from(length), 0),
        };
        let Some(&mask) = rest[extended..].first_chunk() else { return Ok(None) };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        Ok(Some(Self { is_final: first & 0b1000_0000 != 0, opcode: first & 0b1111, mask, size: 6 + extended, length }))
    }
}

fn text(payload: &[u8]) -> Result<&str, SocketError> {
    std::str::from_utf8(payload).map_err(|error| SocketError {
        message: format!("a text that is not UTF-8 at byte {}", error.valid_up_to()),
        tell: Some(CloseCode::INVALID_PAYLOAD),
    })
}

/// The body of a close frame (5.5.1): nothing, or a code and a reason.
fn close(payload: &[u8]) -> Result<Option<Disconnected>, SocketError> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() { Ok(None) } else { Err(broken("a close frame of one byte")) };
    };
    let code = u16::from_be_bytes(*code);
    // 7.4.1 and 7.4.2: what is not in the list must not be sent.
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(broken(&format!("a close frame with the code {code}, which may not be sent")));
    }
    Ok(Some(Disconnected::new(code.into(), text(reason)?)))
}

fn broken(what: &str) -> SocketError {
    SocketError {
        message: format!("the peer broke the WebSocket protocol: {what}"),
        tell: Some(CloseCode::PROTOCOL_ERROR),
    }
}

/// Each byte is XORed with one of the mask's four in turn (5.3). The compiler makes wide instructions of the wide steps.
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip([a, b, c, d, a, b, c, d]) {
        *byte ^= mask;
    }
}

/// What kind of frame is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text = TEXT as isize,
    Binary = BINARY as isize,
    Close = CLOSE as isize,
    Ping = PING as isize,
    Pong = PONG as isize,
}

/// Writes the header of a frame with a payload of `length` bytes. A server's frames have no mask (5.1).
pub(super) fn write_header(kind: Kind, length: usize, output: &mut Vec<u8>) {
    output.push(0b1000_0000 | kind as u8);
    match length {
        0..=125 => output.push(length as u8),
        126..=0xffff => {
            output.push(126);
            output.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            output.push(127);
            output.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

/// Writes a close frame.
pub(super) fn write_close(close: &Disconnected, output: &mut Vec<u8>) {
    write_header(Kind::Close, 2 + close.reason.len(), output);
    output.extend_from_slice(&close.code.as_u16().to_be_bytes());
    output.extend_from_slice(close.reason.as_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];

    /// A frame as a client sends it.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        write_header(Kind::Text, payload.len(), &mut frame);
        (frame[0], frame[1]) = (first, frame[1] | 0x80);
        frame.extend_from_slice(&MASK);
        let mut payload = payload.to_vec();
        unmask(&mut payload, MASK);
        frame.extend_from_slice(&payload);
        frame
    }

    const FINAL: u8 = 0x80;

    /// The code that the frames are refused with, if they are.
    fn refusal(frames: &[Vec<u8>], max: usize) -> Option<u16> {
        let mut decoder = Decoder::new(max);
        let mut bytes = frames.concat();
        let mut rest = &mut bytes[..];
        loop {
            let used = match decoder.decode(rest) {
                Ok(Step::Event(used, _) | Step::Nothing(used)) => used,
                Ok(Step::Incomplete(_)) => return None,
                Err(error) => return error.tell.map(CloseCode::as_u16),
            };
            rest = &mut rest[used..];
        }
    }

    #[test]
    fn what_rfc_6455_forbids_is_refused_with_its_code() {
        let text = |payload: &str| frame(FINAL | TEXT, payload.as_bytes());
        for (frames, code) in [
            (vec![text("fine"), text("")], None),
            (vec![frame(TEXT, b"a"), frame(FINAL | PING, b"p"), frame(FINAL, b"b")], None),
            (vec![frame(0x40 | FINAL | TEXT, b"")], Some(1002)),
            (vec![frame(FINAL | 3, b"")], Some(1002)),
            (vec![frame(FINAL | 11, b"")], Some(1002)),
            (vec![vec![FINAL | TEXT, 0]], Some(1002)),
            (vec![frame(FINAL, b"a continuation of nothing")], Some(1002)),
            (vec![frame(TEXT, b"a"), text("b")], Some(1002)),
            (vec![frame(PING, b"in fragments")], Some(1002)),
            (vec![frame(FINAL | PING, &[0; 126])], Some(1002)),
            (vec![frame(FINAL | CLOSE, &[3])], Some(1002)),
            (vec![frame(FINAL | CLOSE, &1005_u16.to_be_bytes())], Some(1002)),
            (vec![frame(FINAL | CLOSE, &2999_u16.to_be_bytes())], Some(1002)),
            (vec![frame(FINAL | CLOSE, &[3, 232, 0xff])], Some(1007)),
            (vec![frame(FINAL | TEXT, &[0xff])], Some(1007)),
            (vec![frame(TEXT, &[0xce]), frame(FINAL, &[0xff])], Some(1007)),
            (vec![frame(FINAL | TEXT, &[b'x'; 101])], Some(1009)),
            (vec![frame(TEXT, &[b'x'; 60]), frame(FINAL, &[b'x'; 60])], Some(1009)),
            // Refused before any of it is there.
            (vec![vec![FINAL | TEXT, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]], Some(1009)),
        ] {
            assert_eq!(refusal(&frames, 100), code, "{frames:?}");
        }
    }

    #[test]
    fn a_character_may_be_cut_by_a_fragment() {
        let mut bytes = [frame(TEXT, &[0xce]), frame(FINAL, &[0xba])].concat();
        let mut decoder = Decoder::new(100);
        let Ok(Step::Nothing(used)) = decoder.decode(&mut bytes) else { panic!("the first is a fragment") };
        assert_eq!(decoder.decode(&mut bytes[used..]).unwrap(), Step::Event(7, Event::Text("\u{3ba}")));
    }

    #[test]
    fn a_frame_says_how_long_it_is_as_soon_as_that_is_known() {
        let mut decoder = Decoder::new(1 << 20);
        let mut bytes = frame(FINAL | BINARY, &[7; 70_000]);
        for length in 0..14 {
            assert_eq!(decoder.decode(&mut bytes[..length]).unwrap(), Step::Incomplete(0), "{length}");
        }
        assert_eq!(decoder.decode(&mut bytes[..14]).unwrap(), Step::Incomplete(70_014));
        assert_eq!(decoder.decode(&mut bytes).unwrap(), Step::Event(70_014, Event::Binary(&[7; 70_000])));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..200), first in 0..16_u8) {
            if let Some(byte) = bytes.first_mut() {
                *byte = *byte & 0x80 | first;
            }
            let mut decoder = Decoder::new(150);
            let mut rest = &mut bytes[..];
            while let Ok(Step::Event(used, _) | Step::Nothing(used)) = decoder.decode(rest) {
                prop_assert!(used > 0 && used <= rest.len());
                rest = &mut rest[used..];
            }
        }

        #[test]
        fn a_mask_taken_twice_is_none(payload: Vec<u8>, mask: [u8; 4]) {
            let mut masked = payload.clone();
            unmask(&mut masked, mask);
            for (at, byte) in masked.iter().enumerate() {
                prop_assert_eq!(*byte, payload[at] ^ mask[at % 4]);
            }
        }
    }
}
