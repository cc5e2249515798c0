//! Text for the user's clipboard, by way of the terminal.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What makes a terminal put text into the clipboard (OSC 52). Terminals that do not know it, or
/// are told not to, pass over it.
pub(crate) fn sequence(text: &str) -> String {
    format!("\x1b]52;c;{}\x07", base64(text.as_bytes()))
}

fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let mut padded = [0; 4];
        padded[1..=three.len()].copy_from_slice(three);
        let word = u32::from_be_bytes(padded);
        for nth in 0..4 {
            let sextet = usize::try_from(word >> (18 - 6 * nth) & 63).unwrap_or(0);
            text.push(if nth <= three.len() { char::from(ALPHABET[sextet]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_coded_as_terminals_want_it() {
        for (text, expected) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64(text.as_bytes()), expected);
        }
        assert_eq!(sequence("ä"), "\x1b]52;c;w6Q=\x07");
    }
}
