//! WebSocket frames, as little of them as a generator needs: written once and masked, read by their headers.

/// Any mask will do for a server; that of a browser is random.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

pub(crate) const TEXT: u8 = 1;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// The longest header of a server's frame: it is not masked.
const LONGEST_HEADER: usize = 10;

/// Appends a whole masked frame.
pub(crate) fn write_masked(frame: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    frame.push(0x80 | opcode);
    match payload.len() {
        len @ 0..126 => frame.push(0x80 | len as u8),
        len @ 126..65536 => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

/// A frame of the server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) opcode: u8,
    pub(crate) payload: &'a [u8],
}

/// Cuts what arrives into frames. Only what comes in pieces is copied.
#[derive(Debug, Default)]
pub(crate) struct FrameReader {
    /// The beginning of a frame whose header has not arrived whole.
    header: Vec<u8>,
    /// What is still to come of a frame that did not arrive whole, and its opcode.
    rest: u64,
    opcode: u8,
    /// What has come of it.
    gathered: Vec<u8>,
}

impl FrameReader {
    /// Gives each frame that ends in `bytes`.
    pub(crate) fn read(&mut self, mut bytes: &[u8], mut each: impl FnMut(Frame<'_>)) {
        if self.rest > 0 {
            bytes = self.go_on(bytes, &mut each);
        }
        // A header that came in pieces is put together out of line.
        while !self.header.is_empty() && !bytes.is_empty() {
            self.header.push(bytes[0]);
            bytes = &bytes[1..];
            if let Some((opcode, _, len)) = header(&self.header) {
                self.header.clear();
                bytes = self.begin(opcode, len, bytes, &mut each);
            }
        }
        while !bytes.is_empty() {
            let Some((opcode, size, len)) = header(bytes) else {
                self.header.extend_from_slice(bytes);
                debug_assert!(self.header.len() < LONGEST_HEADER);
                return;
            };
            bytes = self.begin(opcode, len, &bytes[size..], &mut each);
        }
    }

    fn begin<'a>(&mut self, opcode: u8, len: u64, bytes: &'a [u8], each: &mut impl FnMut(Frame<'_>)) -> &'a [u8] {
        if len <= bytes.len() as u64 {
            let (payload, bytes) = bytes.split_at(len as usize);
            each(Frame { opcode, payload });
            return bytes;
        }
        self.opcode = opcode;
        self.rest = len;
        self.go_on(bytes, each)
    }

    fn go_on<'a>(&mut self, bytes: &'a [u8], each: &mut impl FnMut(Frame<'_>)) -> &'a [u8] {
        let taken = self.rest.min(bytes.len() as u64) as usize;
        let (piece, bytes) = bytes.split_at(taken);
        self.rest -= taken as u64;
        self.gathered.extend_from_slice(piece);
        if self.rest == 0 {
            each(Frame { opcode: self.opcode, payload: &self.gathered });
            self.gathered.clear();
        }
        bytes
    }
}

/// Opcode, size of the header and length of the payload, if the header is there whole.
fn header(bytes: &[u8]) -> Option<(u8, usize, u64)> {
    let (&first, rest) = bytes.split_first()?;
    let (&second, rest) = rest.split_first()?;
    let (size, len) = match second & 0x7f {
        126 => (4, u64::from(u16::from_be_bytes(*rest.first_chunk()?))),
        127 => (10, u64::from_be_bytes(*rest.first_chunk()?)),
        len => (2, u64::from(len)),
    };
    Some((first & 0x0f, size, len))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server would send.
    fn unmasked(opcode: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![0x80 | opcode];
        match payload.len() {
            len @ 0..126 => frame.push(len as u8),
            len @ 126..65536 => {
                frame.push(126);
                frame.extend((len as u16).to_be_bytes());
            }
            len => {
                frame.push(127);
                frame.extend((len as u64).to_be_bytes());
            }
        }
        frame.extend(payload);
        frame
    }

    fn payloads() -> Vec<Vec<u8>> {
        [0, 1, 125, 126, 127, 65535, 65536, 70000, 3]
            .map(|len: usize| (0..len).map(|n| (n % 251) as u8).collect())
            .into()
    }

    #[test]
    fn frames_are_found_however_they_are_cut() {
        let stream: Vec<u8> = payloads().iter().flat_map(|payload| unmasked(TEXT, payload)).collect();
        for piece in [1, 2, 3, 7, 127, 4096, 1 << 20] {
            let mut reader = FrameReader::default();
            let mut seen = Vec::new();
            for bytes in stream.chunks(piece) {
                reader.read(bytes, |frame| seen.push(frame.payload.to_vec()));
            }
            assert!(seen == payloads(), "cut in pieces of {piece}");
        }
    }

    #[test]
    fn opcodes_are_told_of_whole_frames_and_of_those_in_pieces() {
        let stream = [unmasked(TEXT, b"whole"), unmasked(PING, b"pieces")].concat();
        let mut reader = FrameReader::default();
        let mut seen = Vec::new();
        let mut each = |frame: Frame<'_>| seen.push((frame.opcode, frame.payload.to_vec()));
        reader.read(&stream[..10], &mut each);
        reader.read(&stream[10..], &mut each);
        assert_eq!(seen, [(TEXT, b"whole".to_vec()), (PING, b"pieces".to_vec())]);
    }

    #[test]
    fn a_masked_frame_reads_back_under_its_mask() {
        for payload in payloads() {
            let mut frame = Vec::new();
            write_masked(&mut frame, TEXT, &payload);
            let at = frame.len() - payload.len();
            assert_eq!((frame[0], frame[1] & 0x80), (0x81, 0x80));
            assert_eq!(frame[at - 4..at], MASK);
            assert!(frame[at..].iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask).eq(payload));
        }
    }
}
