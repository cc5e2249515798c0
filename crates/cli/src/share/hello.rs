//! How a run introduces itself to a viewer.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Of the frames and what they mean. The reports in them have a version of their own.
const PROTOCOL: u32 = 1;
/// More of a command is not told.
const MAX_WORDS: usize = 64;
const MAX_WORD_CHARS: usize = 256;
/// More bytes than any introduction.
pub(super) const MAX_HELLO_BYTES: usize = 1 << 17;

/// Who is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    protocol: u32,
    /// Version of npprof.
    pub version: String,
    /// npprof's process id.
    pub pid: u32,
    /// The program's.
    pub program: u32,
    /// The program and its arguments; long ones are cut.
    pub command: Vec<String>,
    /// Folder in which it was started.
    pub folder: String,
    /// When, in milliseconds since 1970.
    pub started_ms: u64,
}

impl Hello {
    pub(crate) fn new(program: u32, command: &[String], folder: &str, started: SystemTime) -> Self {
        let since = started.duration_since(UNIX_EPOCH).unwrap_or_default();
        let cut = |word: &str| word.chars().take(MAX_WORD_CHARS).collect();
        Self {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            program,
            command: command.iter().take(MAX_WORDS).map(|word| cut(word)).collect(),
            folder: folder.to_owned(),
            started_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        // It has no map and nothing else that JSON can't hold.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// `None` for what is no introduction, or that of another protocol.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let hello: Self = serde_json::from_slice(bytes).ok()?;
        (hello.protocol == PROTOCOL).then_some(hello)
    }

    /// Whether this is the same program, started again or not.
    pub(super) fn is_same_program(&self, other: &Self) -> bool {
        self.command == other.command && self.folder == other.folder
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_introduction_is_understood_by_the_same_protocol_only() {
        let command = vec!["python".to_owned(), "x".repeat(1000)];
        let hello = Hello::new(7, &command, "/w", UNIX_EPOCH);
        assert_eq!(hello.command[1].len(), MAX_WORD_CHARS);
        assert_eq!(Hello::decode(&hello.encode()), Some(hello.clone()));
        let newer = Hello { protocol: PROTOCOL + 1, ..hello };
        assert_eq!(Hello::decode(&newer.encode()), None);
        assert_eq!(Hello::decode(b"{}"), None);
        assert_eq!(Hello::decode(b"\xff"), None);
    }

    #[test]
    fn a_long_introduction_is_cut_to_what_is_read() {
        let command = vec!["\u{1f40d}".repeat(1000); 1000];
        let hello = Hello::new(7, &command, "/w", UNIX_EPOCH);
        assert!(hello.encode().len() < MAX_HELLO_BYTES);
    }
}
