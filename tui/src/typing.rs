//! Keys as the bytes that a terminal sends for them: what xterm does.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// The modes of a terminal that change what keys send.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Modes {
    /// Arrows send `ESC O A`, not `ESC [ A`.
    pub(crate) application_cursor: bool,
    /// Pasted text is marked as such.
    pub(crate) bracketed_paste: bool,
}

/// What a terminal sends for a key; `None` for keys that send nothing.
pub(crate) fn encode_key(key: KeyEvent, modes: Modes) -> Option<Vec<u8>> {
    let plain = match key.code {
        KeyCode::Char(c) => char_bytes(c, key.modifiers)?,
        KeyCode::Enter => b"\r".to_vec(),
        KeyCode::Tab => b"\t".to_vec(),
        KeyCode::Backspace if key.modifiers.contains(KeyModifiers::CONTROL) => b"\x08".to_vec(),
        KeyCode::Backspace => b"\x7f".to_vec(),
        KeyCode::Esc => b"\x1b".to_vec(),
        KeyCode::BackTab => return Some(b"\x1b[Z".to_vec()),
        code => return special(code, key.modifiers, modes),
    };
    let mut bytes = Vec::new();
    if key.modifiers.contains(KeyModifiers::ALT) {
        bytes.push(0x1b);
    }
    bytes.extend(plain);
    Some(bytes)
}

/// What a terminal sends for pasted text.
pub(crate) fn encode_paste(text: &str, modes: Modes) -> Vec<u8> {
    const START: &str = "\x1b[200~";
    const END: &str = "\x1b[201~";
    let text = text.replace("\r\n", "\r").replace('\n', "\r");
    if modes.bracketed_paste {
        // Pasted text must not be able to end the paste.
        format!("{START}{}{END}", text.replace(END, "")).into_bytes()
    } else {
        text.into_bytes()
    }
}

fn char_bytes(c: char, modifiers: KeyModifiers) -> Option<Vec<u8>> {
    if !modifiers.contains(KeyModifiers::CONTROL) {
        return Some(c.to_string().into_bytes());
    }
    // Digits are how legacy terminals are read: `Ctrl-]` and `Ctrl-5` send the same byte.
    let byte = match c.to_ascii_lowercase() {
        letter @ 'a'..='z' => u8::try_from(letter).ok()? & 0x1f,
        ' ' | '@' | '2' => 0x00,
        '[' | '3' => 0x1b,
        '\\' | '4' => 0x1c,
        ']' | '5' => 0x1d,
        '^' | '6' => 0x1e,
        '_' | '/' | '7' => 0x1f,
        '?' | '8' => 0x7f,
        _ => return Some(c.to_string().into_bytes()),
    };
    Some(vec![byte])
}

fn special(code: KeyCode, modifiers: KeyModifiers, modes: Modes) -> Option<Vec<u8>> {
    let modifier = 1
        + u8::from(modifiers.contains(KeyModifiers::SHIFT))
        + 2 * u8::from(modifiers.contains(KeyModifiers::ALT))
        + 4 * u8::from(modifiers.contains(KeyModifiers::CONTROL));
    let letter = |letter: char, is_application: bool| match (modifier, is_application) {
        (1, true) => format!("\x1bO{letter}"),
        (1, false) => format!("\x1b[{letter}"),
        _ => format!("\x1b[1;{modifier}{letter}"),
    };
    let number = |number: u8| match modifier {
        1 => format!("\x1b[{number}~"),
        _ => format!("\x1b[{number};{modifier}~"),
    };
    let sequence = match code {
        KeyCode::Up => letter('A', modes.application_cursor),
        KeyCode::Down => letter('B', modes.application_cursor),
        KeyCode::Right => letter('C', modes.application_cursor),
        KeyCode::Left => letter('D', modes.application_cursor),
        KeyCode::Home => letter('H', modes.application_cursor),
        KeyCode::End => letter('F', modes.application_cursor),
        KeyCode::Insert => number(2),
        KeyCode::Delete => number(3),
        KeyCode::PageUp => number(5),
        KeyCode::PageDown => number(6),
        KeyCode::F(n @ 1..=4) => letter(char::from(b'O' + n), true),
        KeyCode::F(n @ 5..=12) => number([15, 17, 18, 19, 20, 21, 23, 24][usize::from(n) - 5]),
        _ => return None,
    };
    Some(sequence.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: KeyModifiers = KeyModifiers::NONE;
    const CTRL: KeyModifiers = KeyModifiers::CONTROL;
    const ALT: KeyModifiers = KeyModifiers::ALT;
    const SHIFT: KeyModifiers = KeyModifiers::SHIFT;

    fn check(code: KeyCode, modifiers: KeyModifiers, expected: &str) {
        let bytes = encode_key(KeyEvent::new(code, modifiers), Modes::default());
        assert_eq!(bytes.as_deref(), Some(expected.as_bytes()), "{code:?} {modifiers:?}");
    }

    #[test]
    fn keys_send_what_xterm_sends() {
        check(KeyCode::Char('a'), NONE, "a");
        check(KeyCode::Char('A'), SHIFT, "A");
        check(KeyCode::Char('é'), NONE, "é");
        check(KeyCode::Char('x'), ALT, "\x1bx");
        check(KeyCode::Char('c'), CTRL, "\x03");
        check(KeyCode::Char('d'), CTRL, "\x04");
        check(KeyCode::Char(' '), CTRL, "\0");
        check(KeyCode::Char('4'), CTRL, "\x1c");
        check(KeyCode::Char('a'), CTRL | ALT, "\x1b\x01");
        check(KeyCode::Enter, NONE, "\r");
        check(KeyCode::Tab, NONE, "\t");
        check(KeyCode::BackTab, SHIFT, "\x1b[Z");
        check(KeyCode::Backspace, NONE, "\x7f");
        check(KeyCode::Esc, NONE, "\x1b");
        check(KeyCode::Up, NONE, "\x1b[A");
        check(KeyCode::Left, CTRL, "\x1b[1;5D");
        check(KeyCode::Home, SHIFT, "\x1b[1;2H");
        check(KeyCode::Delete, NONE, "\x1b[3~");
        check(KeyCode::PageUp, ALT, "\x1b[5;3~");
        check(KeyCode::F(1), NONE, "\x1bOP");
        check(KeyCode::F(4), SHIFT, "\x1b[1;2S");
        check(KeyCode::F(5), NONE, "\x1b[15~");
        check(KeyCode::F(11), NONE, "\x1b[23~");
    }

    #[test]
    fn full_screen_programs_get_application_arrows() {
        let modes = Modes { application_cursor: true, bracketed_paste: false };
        let up = KeyEvent::new(KeyCode::Up, NONE);
        assert_eq!(encode_key(up, modes).as_deref(), Some(&b"\x1bOA"[..]));
    }

    #[test]
    fn pasted_text_cannot_end_the_paste() {
        assert_eq!(encode_paste("a\nb\r\nc", Modes::default()), b"a\rb\rc");
        let modes = Modes { application_cursor: false, bracketed_paste: true };
        assert_eq!(encode_paste("a\x1b[201~b", modes), b"\x1b[200~ab\x1b[201~");
    }
}
