//! What goes through the socket: single bytes to the run, frames to the viewer.

use std::io::{self, Read};

/// A viewer asks for the present state with this byte.
pub(super) const ASK: u8 = b'?';
/// The same, and soon for one with call stacks, which cost more.
pub(super) const ASK_STACKS: u8 = b'#';
/// The largest frame that is sent or read.
pub(super) const MAX_BYTES: usize = 32 << 20;
/// Bytes before the content: the kind, and the length in little-endian order.
const HEAD_BYTES: usize = 5;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Who is there: the first frame.
    Hello,
    /// The state as a JSON report.
    State,
    /// The program has ended: the path of the report, or nothing if it is in no file.
    End,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Hello, Self::State, Self::End];

    const fn byte(self) -> u8 {
        match self {
            Self::Hello => b'H',
            Self::State => b'S',
            Self::End => b'E',
        }
    }
}

/// A frame; `None` if it would be larger than any that is read.
pub(super) fn encode(kind: Kind, content: &[u8]) -> Option<Vec<u8>> {
    if content.len() > MAX_BYTES {
        return None;
    }
    let length = u32::try_from(content.len()).ok()?;
    let mut bytes = Vec::with_capacity(HEAD_BYTES + content.len());
    bytes.push(kind.byte());
    bytes.extend(length.to_le_bytes());
    bytes.extend(content);
    Some(bytes)
}

/// Reads a frame of at most `limit` bytes.
///
/// # Errors
///
/// What reading fails with; `InvalidData` for what is no frame, `UnexpectedEof` at the end.
pub(super) fn read(from: &mut impl Read, limit: usize) -> io::Result<(Kind, Vec<u8>)> {
    let mut head = [0; HEAD_BYTES];
    from.read_exact(&mut head)?;
    let [kind, length @ ..] = head;
    let kind = Kind::ALL.into_iter().find(|it| it.byte() == kind);
    let length = u64::from(u32::from_le_bytes(length));
    let limit = limit.min(MAX_BYTES) as u64;
    let Some(kind) = kind.filter(|_| length <= limit) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    // Grows with what comes, not with what was promised.
    let mut content = Vec::new();
    from.take(length).read_to_end(&mut content)?;
    if (content.len() as u64) < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok((kind, content))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(mut bytes: &[u8], limit: usize) -> Result<(Kind, Vec<u8>), io::ErrorKind> {
        read(&mut bytes, limit).map_err(|error| error.kind())
    }

    #[test]
    fn a_frame_comes_out_as_it_went_in() {
        for kind in Kind::ALL {
            for content in [&b""[..], b"x", &[7; 100_000]] {
                let frame = encode(kind, content).unwrap();
                assert_eq!(read_all(&frame, MAX_BYTES), Ok((kind, content.to_vec())));
            }
        }
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        let frame = encode(Kind::State, b"abc").unwrap();
        for n_bytes in 0..frame.len() {
            let cut = read_all(&frame[..n_bytes], MAX_BYTES);
            assert_eq!(cut, Err(io::ErrorKind::UnexpectedEof), "{n_bytes} bytes");
        }
        assert_eq!(read_all(&frame, 2), Err(io::ErrorKind::InvalidData));
        assert_eq!(read_all(b"SSSSSSSS", MAX_BYTES), Err(io::ErrorKind::InvalidData));
        assert_eq!(read_all(b"X\x01\0\0\0a", MAX_BYTES), Err(io::ErrorKind::InvalidData));
        assert_eq!(encode(Kind::State, &vec![0; MAX_BYTES + 1]), None);
    }
}
