//! Text from outside made fit for a terminal: cleaned, measured, shortened.
//!
//! All strings of a snapshot may hold anything that a file name can; none reaches a screen without
//! [`clean`].

use npprof_model::columns;
pub(crate) use npprof_model::columns::{is_obeyed as is_harmful, width};
use npprof_model::layout::Shape;
use npprof_model::{ArrayLayout, Bytes, Frame, Nanos, Order};

/// Longer strings are cut before they are looked at any closer.
const MAX_CHARS: usize = 2000;

/// A size of the screen from a number of things.
pub(crate) fn to_u16(n: usize) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}

/// Replaces what would move the cursor, change the terminal's state or reorder the line.
pub(crate) fn clean(text: &str) -> String {
    text.chars().take(MAX_CHARS).map(|c| if is_harmful(c) { '\u{fffd}' } else { c }).collect()
}

/// Shortens a text at its end to at most so many columns.
pub(crate) fn fit_end(text: &str, columns: usize) -> String {
    // There is room for nothing, not even for the mark.
    if columns == 0 { String::new() } else { columns::cut_end(text, columns, "…") }
}

/// Breaks a text between words into lines of at most so many columns.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && width(&line) + 1 + width(word) > columns {
            lines.push(fit_end(&line, columns));
            line.clear();
        } else if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        lines.push(fit_end(&line, columns));
    }
    lines
}

/// Shortens a text in its middle to at most so many columns; the end is kept a little longer.
pub(crate) fn fit_middle(text: &str, columns: usize) -> String {
    if columns < 4 { fit_end(text, columns) } else { columns::cut_middle(text, columns, "…") }
}

/// A time that was measured; small operations are counted and not timed.
pub(crate) fn time(time: Nanos) -> String {
    if time.0 == 0 { "–".to_owned() } else { time.to_string() }
}

/// A call site in at most so many columns: `src/fit.py:40 load`, then with fewer and fewer
/// folders, then with less of the function's name. The line number goes last.
pub(crate) fn site(frame: &Frame, cwd: &str, columns: usize) -> String {
    let function = clean(&frame.function);
    let place = |path: &str| match frame.line {
        0 => path.to_owned(),
        line => format!("{path}:{line}"),
    };
    let with_function = |path: &str| {
        if function.is_empty() { place(path) } else { format!("{} {function}", place(path)) }
    };
    let path = relative(&frame.file, cwd);
    for shorter in shorter_paths(&path) {
        let label = with_function(&shorter);
        if width(&label) <= columns {
            return label;
        }
    }
    let name = path.rsplit('/').next().unwrap_or(&path);
    let place_alone = place(name);
    let left = columns.saturating_sub(width(&place_alone));
    if left > 4 {
        return format!("{place_alone} {}", fit_end(&function, left - 1));
    }
    if left > 0 || width(&place_alone) == columns {
        return place_alone;
    }
    let line = if frame.line == 0 { String::new() } else { format!(":{}", frame.line) };
    let left = columns.saturating_sub(width(&line));
    if left < 3 { fit_end(&place_alone, columns) } else { fit_middle(name, left) + &line }
}

/// A layout in at most so many columns: `float64 (4, 1024, 512) F`, then without spaces, then with
/// fewer and fewer of the first extents. The dtype goes last.
pub(crate) fn layout(layout: &ArrayLayout, columns: usize) -> String {
    let whole = clean(&layout.to_string());
    if width(&whole) <= columns || layout.order == Order::Scratch {
        return fit_middle(&whole, columns);
    }
    let dtype = clean(&layout.dtype);
    let order = match layout.order {
        Order::C | Order::Scratch => "",
        Order::F => " F",
        Order::Strided => " strided",
    };
    let extents: Vec<String> = layout.shape.iter().map(ToString::to_string).collect();
    for skipped in 0..extents.len() {
        let front = if skipped > 0 { "…," } else { "" };
        let end = if extents.len() == 1 { "," } else { "" };
        let shape = format!("({front}{}{end})", extents[skipped..].join(","));
        let text = format!("{dtype} {shape}{order}");
        if width(&text) <= columns {
            return text;
        }
    }
    fit_end(&dtype, columns)
}

/// A layout with its strides where the order does not tell them.
pub(crate) fn layout_with_strides(layout: &ArrayLayout) -> String {
    if layout.order != Order::Strided {
        return clean(&layout.to_string());
    }
    let strides: Vec<_> = layout.strides.iter().map(ToString::to_string).collect();
    let end = if strides.len() == 1 { "," } else { "" };
    let (dtype, shape) = (clean(&layout.dtype), Shape(&layout.shape));
    format!("{dtype} {shape} strides ({}{end})", strides.join(", "))
}

/// The name of an operation in at most so many columns: the class goes first, then what stands in
/// brackets, as the dtypes of a cast.
pub(crate) fn operation(name: &str, columns: usize) -> String {
    let name = clean(name);
    if width(&name) <= columns {
        return name;
    }
    let short = name.strip_prefix("ndarray.").unwrap_or(&name);
    if width(short) <= columns {
        return short.to_owned();
    }
    fit_middle(short.split_once('(').map_or(short, |(verb, _)| verb), columns)
}

/// A stride: exact while it has few digits.
pub(crate) fn stride(bytes: i64) -> String {
    if bytes.unsigned_abs() < 10_000 {
        return format!("{bytes} B");
    }
    let sign = if bytes < 0 { "-" } else { "" };
    format!("{sign}{}", Bytes(bytes.unsigned_abs()))
}

/// A path without the folder in which the program was started.
pub(crate) fn relative(file: &str, cwd: &str) -> String {
    let within = file.strip_prefix(cwd).and_then(|rest| rest.strip_prefix('/'));
    match within {
        Some(rest) if !cwd.is_empty() && !rest.is_empty() => clean(rest),
        _ => clean(file),
    }
}

/// The path, then with folders of its middle left out one by one, then without any folder.
fn shorter_paths(path: &str) -> Vec<String> {
    let mut paths = vec![path.to_owned()];
    let parts: Vec<&str> = path.split('/').collect();
    let n_kept_in_front = if parts.first().is_some_and(|first| first.is_empty()) { 2 } else { 1 };
    if parts.len() > n_kept_in_front + 1 {
        let front = parts[..n_kept_in_front].join("/");
        for skipped in n_kept_in_front + 1..parts.len() {
            paths.push(format!("{front}/…/{}", parts[skipped..].join("/")));
        }
    }
    if let [.., folder, name] = parts.as_slice()
        && !folder.is_empty()
    {
        paths.push(format!("…/{folder}/{name}"));
    }
    if parts.len() > 1 {
        paths.push(parts[parts.len() - 1].to_owned());
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_site(file: &str, columns: usize, expected: &str) {
        let frame = Frame { file: file.into(), line: 40, function: "Loader.load".into() };
        let shown = site(&frame, "/home/ada", columns);
        assert_eq!(shown, expected);
        assert!(width(&shown) <= columns);
    }

    #[test]
    fn a_site_loses_folders_first_and_its_line_last() {
        let file = "/home/ada/src/deep/signal/fit.py";
        check_site(file, 60, "src/deep/signal/fit.py:40 Loader.load");
        check_site(file, 36, "src/…/signal/fit.py:40 Loader.load");
        check_site(file, 31, "src/…/fit.py:40 Loader.load");
        check_site(file, 22, "fit.py:40 Loader.load");
        check_site(file, 18, "fit.py:40 Loader.…");
        check_site(file, 12, "fit.py:40");
        check_site(file, 7, "f…py:40");
        check_site(file, 2, "f…");
        check_site(file, 0, "");
    }

    #[test]
    fn paths_elsewhere_stay_absolute() {
        check_site("/opt/lib/numpy/core.py", 60, "/opt/lib/numpy/core.py:40 Loader.load");
        check_site("/opt/lib/numpy/core.py", 36, "/opt/…/numpy/core.py:40 Loader.load");
        check_site("/home/adam/x.py", 60, "/home/adam/x.py:40 Loader.load");
        check_site("<string>", 60, "<string>:40 Loader.load");
    }

    fn check_layout(shape: &[u64], order: Order, columns: usize, expected: &str) {
        let strides = ArrayLayout::dense_strides(shape, 8, order).into();
        let float = ArrayLayout {
            shape: shape.into(),
            dtype: "float64".into(),
            itemsize: 8,
            strides,
            order,
        };
        assert_eq!(layout(&float, columns), expected);
    }

    #[test]
    fn a_layout_keeps_its_dtype_longest() {
        check_layout(&[4, 1024, 512], Order::C, 22, "float64 (4, 1024, 512)");
        check_layout(&[4, 1024, 512], Order::C, 21, "float64 (4,1024,512)");
        check_layout(&[4, 1024, 512], Order::C, 19, "float64 (…,512)");
        check_layout(&[4, 1024, 512], Order::F, 16, "float64");
        check_layout(&[4, 1024, 512], Order::F, 17, "float64 (…,512) F");
        check_layout(&[800], Order::C, 14, "float64 (800,)");
        check_layout(&[], Order::C, 9, "float64");
        check_layout(&[], Order::C, 3, "fl…");
    }

    #[test]
    fn a_method_loses_its_class_first() {
        assert_eq!(operation("ndarray.reshape", 15), "ndarray.reshape");
        assert_eq!(operation("ndarray.reshape", 14), "reshape");
        assert_eq!(operation("ndarray.reshape", 6), "re…ape");
        assert_eq!(operation("astype(int64→float64)", 21), "astype(int64→float64)");
        assert_eq!(operation("ndarray.astype(int64→float64)", 20), "astype");
    }

    #[test]
    fn little_room_is_not_overdrawn() {
        assert_eq!(fit_end("abc", 0), "");
        assert_eq!(fit_end("abc", 1), "…");
        assert_eq!(fit_middle("abcdef", 3), "ab…");
        assert_eq!(fit_middle("abcdef", 4), "a…ef");
    }

    #[test]
    fn what_could_change_the_terminal_is_replaced() {
        assert_eq!(
            clean("a\x1b[31mb\nc\u{9b}d\u{202e}e"),
            "a\u{fffd}[31mb\u{fffd}c\u{fffd}d\u{fffd}e"
        );
        assert_eq!(clean("naïve 漢"), "naïve 漢");
    }
}
