//! The mouse as the bytes that a terminal sends for it: what xterm does.

use ratatui::crossterm::event::{MouseButton, MouseEventKind};
use ratatui::layout::Position;
use vt100::{MouseProtocolEncoding as Encoding, MouseProtocolMode as Mode};

/// Added to all numbers of the older ways to say it, so that they are printable.
const OFFSET: u16 = 32;
/// What is added to a button that is held while the mouse moves.
const MOTION: u16 = 32;
/// Stands for a button that was let go, where it can't be said which one.
const RELEASED: u16 = 3;

/// What a terminal sends for this; `None` for what the program has not asked for.
pub(crate) fn encode(
    kind: MouseEventKind,
    place: Position,
    mode: Mode,
    encoding: Encoding,
) -> Option<Vec<u8>> {
    let number = |button| match button {
        MouseButton::Left => 0,
        MouseButton::Middle => 1,
        MouseButton::Right => 2,
    };
    let (code, is_release) = match kind {
        MouseEventKind::Down(button) => (number(button), false),
        MouseEventKind::Up(button) => (number(button), true),
        MouseEventKind::Drag(button) => (number(button) + MOTION, false),
        MouseEventKind::Moved => (RELEASED + MOTION, false),
        MouseEventKind::ScrollUp => (64, false),
        MouseEventKind::ScrollDown => (65, false),
        MouseEventKind::ScrollLeft => (66, false),
        MouseEventKind::ScrollRight => (67, false),
    };
    let is_wanted = match mode {
        Mode::None => false,
        Mode::Press => matches!(kind, MouseEventKind::Down(_)),
        Mode::PressRelease => !matches!(kind, MouseEventKind::Drag(_) | MouseEventKind::Moved),
        Mode::ButtonMotion => kind != MouseEventKind::Moved,
        Mode::AnyMotion => true,
    };
    if !is_wanted {
        return None;
    }
    // They count from one.
    let (x, y) = (place.x.checked_add(1)?, place.y.checked_add(1)?);
    if encoding == Encoding::Sgr {
        let end = if is_release { 'm' } else { 'M' };
        return Some(format!("\x1b[<{code};{x};{y}{end}").into_bytes());
    }
    let code = if is_release { RELEASED } else { code };
    let mut bytes = b"\x1b[M".to_vec();
    for number in [code, x, y] {
        let number = number.checked_add(OFFSET)?;
        match encoding {
            Encoding::Utf8 => {
                let c = char::from_u32(u32::from(number))?;
                bytes.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            // Farther to the right and down there is nothing to be said.
            Encoding::Default | Encoding::Sgr => bytes.push(u8::try_from(number).ok()?),
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOWN: MouseEventKind = MouseEventKind::Down(MouseButton::Left);
    const UP: MouseEventKind = MouseEventKind::Up(MouseButton::Right);
    const DRAG: MouseEventKind = MouseEventKind::Drag(MouseButton::Left);

    fn check(kind: MouseEventKind, x: u16, how: (Mode, Encoding), expected: Option<&[u8]>) {
        let bytes = encode(kind, Position::new(x, 4), how.0, how.1);
        assert_eq!(bytes.as_deref(), expected, "{kind:?} {how:?}");
    }

    #[test]
    fn the_mouse_sends_what_the_program_has_asked_for() {
        check(DOWN, 9, (Mode::None, Encoding::Sgr), None);
        check(DOWN, 9, (Mode::Press, Encoding::Sgr), Some(b"\x1b[<0;10;5M"));
        check(UP, 9, (Mode::Press, Encoding::Sgr), None);
        check(UP, 9, (Mode::PressRelease, Encoding::Sgr), Some(b"\x1b[<2;10;5m"));
        check(DRAG, 9, (Mode::PressRelease, Encoding::Sgr), None);
        check(DRAG, 9, (Mode::ButtonMotion, Encoding::Sgr), Some(b"\x1b[<32;10;5M"));
        let wheel = MouseEventKind::ScrollDown;
        check(wheel, 9, (Mode::PressRelease, Encoding::Sgr), Some(b"\x1b[<65;10;5M"));
    }

    #[test]
    fn older_ways_to_say_it_have_their_limits() {
        check(DOWN, 0, (Mode::PressRelease, Encoding::Default), Some(b"\x1b[M !%"));
        check(UP, 0, (Mode::PressRelease, Encoding::Default), Some(b"\x1b[M#!%"));
        check(DOWN, 250, (Mode::PressRelease, Encoding::Default), None);
        check(DOWN, 223, (Mode::PressRelease, Encoding::Utf8), Some("\x1b[M Ā%".as_bytes()));
    }
}
