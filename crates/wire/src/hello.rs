//! The message with which a process passes its segment to the collector.

use crate::WIRE_VERSION;

/// Bytes of the token that a session's processes must show.
pub const TOKEN_BYTES: usize = 16;
/// Bytes of an encoded [`Hello`].
pub const HELLO_BYTES: usize = 72;

const MAGIC: [u8; 8] = *b"npprof?\n";

/// Sent once per process image, together with the segment's file descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The session's secret, from the environment.
    pub token: [u8; TOKEN_BYTES],
    /// Version that the shim speaks.
    pub version: u32,
    /// Process id.
    pub pid: u32,
    /// Parent's process id.
    pub parent_pid: u32,
    /// Names this image of this process: unique in the session.
    pub image: u64,
    /// For a forked child: its parent's image; else zero.
    pub parent_image: u64,
    /// For a forked child: the number of the parent's `Fork` record; else zero.
    pub fork: u64,
}

impl Hello {
    /// The message as bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; HELLO_BYTES] {
        let mut bytes = [0; HELLO_BYTES];
        let parts: [&[u8]; 8] = [
            &MAGIC,
            &self.token,
            &self.version.to_le_bytes(),
            &self.pid.to_le_bytes(),
            &self.parent_pid.to_le_bytes(),
            &self.image.to_le_bytes(),
            &self.parent_image.to_le_bytes(),
            &self.fork.to_le_bytes(),
        ];
        let from = parts.iter().flat_map(|part| part.iter());
        for (to, &from) in bytes.iter_mut().zip(from) {
            *to = from;
        }
        bytes
    }

    /// The message in `bytes`, or `None` when it is none of ours. A message of another version is
    /// decoded as far as its `version`, which the caller must check.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; HELLO_BYTES] = bytes.try_into().ok()?;
        if bytes.get(..8)? != MAGIC {
            return None;
        }
        let u32_at = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let u64_at = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        Some(Self {
            token: bytes.get(8..24)?.try_into().ok()?,
            version: u32_at(24)?,
            pid: u32_at(28)?,
            parent_pid: u32_at(32)?,
            image: u64_at(36)?,
            parent_image: u64_at(44)?,
            fork: u64_at(52)?,
        })
    }

    /// Whether the sender speaks this crate's version.
    #[must_use]
    pub const fn is_current(&self) -> bool {
        self.version == WIRE_VERSION
    }
}
