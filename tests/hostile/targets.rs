//! What is done with hostile input: each is a function of bytes, for property tests (`main.rs`) and for
//! fuzzing (`tests/fuzz`) alike.
//!
//! None of them may panic, hang or take memory out of proportion. What they make for a terminal holds
//! nothing that a terminal would obey.

use npprof_findings::{Settings, read_config};
use npprof_report::json::read_json;
use npprof_report::text::SummaryOptions;
use npprof_report::{
    GroupBy, Report, SortKey, Style, TableOptions, findings, folded, one_line, summary, table,
};
use npprof_wire::decode::decode;
use npprof_wire::hello::Hello;

/// The words of some bytes; what remains is left out.
#[must_use]
pub fn words(bytes: &[u8]) -> Vec<u64> {
    bytes.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word)).collect()
}

/// Words of a ring: each record is as long as it says, and no longer than what there is.
pub fn records(bytes: &[u8]) {
    let words = words(bytes);
    let mut rest = &words[..];
    while let Ok((record, len)) = decode(rest) {
        assert!((1..=rest.len()).contains(&len), "{len} of {} words: {record:?}", rest.len());
        rest = &rest[len..];
    }
}

/// A message of somebody who connects to the socket: what is understood is written so that it is
/// understood alike.
pub fn hello(bytes: &[u8]) {
    if let Some(hello) = Hello::decode(bytes) {
        assert_eq!(Hello::decode(&hello.encode()), Some(hello));
    }
}

/// A file that is given as a report: whatever can be read of it can be shown in all ways, and written
/// again.
pub fn report(bytes: &[u8]) {
    match read_json(bytes, "hostile\u{1b}[31m.json") {
        Err(error) => assert_is_plain(&error.to_string()),
        Ok(report) => show(&report),
    }
}

/// Text for which an error stands for a setting, or for a file of them.
pub fn configuration(text: &str) {
    if let Err(error) = read_config(text, "npprof.toml") {
        let told = one_line(error.to_string());
        assert!(told.starts_with("npprof.toml:") && error.line >= 1, "{told}");
    }
    let mut settings = Settings::default();
    for line in text.lines() {
        let _ = settings.set_pair(line);
        let _ = settings.only(line.split(','));
        let _ = settings.ignore(line.split(','));
    }
}

/// Any text in a line of its own, broken between words, and in ASCII.
pub fn painted(text: &str) {
    let line = one_line(text);
    assert_is_plain(&line);
    assert!(!line.contains('\n'), "one line: {line:?}");
    for width in [0, 1, 2, 7, 80] {
        let style = Style { width, colour: true, ascii: true };
        let filled = style.fill(&line, width).concat();
        assert_eq!(without_spaces(&filled), without_spaces(&line), "nothing is lost");
        assert!(style.plain(&line).is_ascii());
    }
}

fn without_spaces(text: &str) -> String {
    text.split_whitespace().collect()
}

fn show(report: &Report) {
    for (width, colour, ascii) in [(100, false, false), (1, true, true), (40, true, false)] {
        let style = Style { width, colour, ascii };
        let path = Some("hostile\u{1b}[31m.json".as_ref());
        let options = SummaryOptions { style, path, n_sites: 8, n_findings: 5 };
        assert_is_plain(&summary(report, &options));
        assert_is_plain(&findings(report, style));
        for by in GroupBy::ALL {
            for sort in SortKey::ALL {
                assert_is_plain(&table(
                    report,
                    &TableOptions { by: *by, sort: *sort, n: 30, style },
                ));
            }
        }
    }
    assert_is_plain(&folded(report, SortKey::HighWater));
    let _ = report.to_snapshot();
    let written = report.to_json_string();
    let read = read_json(written.as_bytes(), "written.json").expect("what was written can be read");
    assert_eq!(read.to_json_string(), written, "what is read and written again stays as it is");
}

/// Of what a terminal would obey there is nothing but line breaks and colours of our own.
fn assert_is_plain(text: &str) {
    let mut rest = text;
    while let Some((before, colour)) = rest.split_once("\u{1b}[") {
        assert_obeyed_by_nobody(before, text);
        let (code, after) = colour.split_once('m').unwrap_or((colour, ""));
        assert!(["0", "1", "2", "1;31"].contains(&code), "{code:?} in {text:?}");
        rest = after;
    }
    assert_obeyed_by_nobody(rest, text);
}

fn assert_obeyed_by_nobody(part: &str, text: &str) {
    let is_obeyed = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}')
    };
    assert!(!part.contains(is_obeyed), "a terminal would obey {part:?} in {text:?}");
}
