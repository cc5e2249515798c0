//! Input that nobody in his right mind wrote, made up at random. `tests/fuzz` does the same for as long
//! as one likes; for what processes do to shared memory see also `crates/collect/src/aggregate/hostile.rs`.

#[expect(unreachable_pub, reason = "fuzz targets use it, too, from another package")]
mod targets;

use proptest::prelude::*;
use serde_json::Value;

/// A sound report, which is then damaged.
const REPORT: &str = include_str!("report.json");

/// Text with what terminals obey, with what TOML and JSON are made of, and anything else.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[ -~]{0,12}",
        2 => any::<String>(),
        1 => prop::sample::select(PIECES).prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

const PIECES: &[&str] = &[
    "\u{1b}]0;owned\u{7}",
    "\u{1b}[31m",
    "\u{9b}2J",
    "\u{202e}",
    "\u{2066}",
    "\u{2028}",
    "\u{200e}",
    "\r\n",
    "\n\n",
    "\t",
    "日本語",
    "e\u{301}\u{301}",
    "👩\u{200d}👩\u{200d}👧",
    "\u{fe0f}",
    "[findings]\n",
    "[thresholds]\n",
    "[thresholds.python-loop]\n",
    "only = [\"python-loop\"]\n",
    "ignore = [\"layout-copy\", ",
    "large = \"8 MiB\"\n",
    "elements = 1e400\n",
    "large=99999999999999999999 TiB",
    "python-loop.elements=-0",
    "min-array = 0\n",
    "x = {x={x={x={x={x={",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    "\"\"\"",
    "= nan",
    "= 9223372036854775808",
];

/// What is put in a value's place.
fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        text().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(Value::from(u64::MAX)),
        Just(Value::from(0)),
        Just(Value::from(1e308)),
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop::collection::vec(any::<u64>(), 0..70).prop_map(Value::from),
        Just(serde_json::json!({})),
        Just(serde_json::json!([])),
    ]
}

/// Puts something in the place of the value that is number `at` in the order of the text.
fn replace(node: &mut Value, at: &mut usize, by: &Value) {
    if *at == 0 {
        *node = by.clone();
    }
    *at = at.wrapping_sub(1);
    match node {
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, at, by)),
        Value::Object(fields) => fields.values_mut().for_each(|item| replace(item, at, by)),
        _ => {}
    }
}

fn count(node: &Value) -> usize {
    1 + match node {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    }
}

/// Replaces texts by texts and numbers by numbers, so that the report still can be read.
fn replace_alike(node: &mut Value, with: &mut impl Iterator<Item = (bool, String, u64)>) {
    match node {
        Value::Array(items) => items.iter_mut().for_each(|item| replace_alike(item, with)),
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut().filter(|(name, _)| *name != "schema") {
                // Words that are one of a few.
                if !["role", "reason", "state", "severity", "order", "kind", "exit"]
                    .contains(&name.as_str())
                {
                    replace_alike(field, with);
                }
            }
        }
        leaf => {
            let Some((true, text, number)) = with.next() else { return };
            if leaf.is_string() {
                *leaf = Value::from(text);
            } else if leaf.is_u64() {
                *leaf = Value::from(number);
            }
        }
    }
}

#[test]
fn the_sound_report_is_one() {
    targets::report(REPORT.as_bytes());
    let report = npprof_report::json::read_json(REPORT.as_bytes(), "report.json").expect("sound");
    assert!(report.sites.len() > 3 && !report.findings.is_empty() && !report.operations.is_empty());
}

#[test]
fn a_report_that_ends_anywhere_is_told_in_one_line() {
    for end in (0..REPORT.len()).step_by(97) {
        targets::report(&REPORT.as_bytes()[..end]);
    }
}

#[test]
fn nesting_without_end_is_refused() {
    for piece in ["[", "{\"a\":", "{\"schema\":\"npprof-report/1\",\"totals\":[{\"x\":"] {
        targets::report(piece.repeat(200_000).as_bytes());
    }
    for piece in ["[", "x=[", "x={y=", "[a.", "a.b."] {
        targets::configuration(&piece.repeat(50_000));
        targets::configuration(&format!("x = {}", piece.repeat(50_000)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_words_are_records_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        targets::records(&bytes);
    }

    #[test]
    fn any_message_is_a_hello_or_refused(
        mut bytes in prop::collection::vec(any::<u8>(), 50..70),
        has_magic in any::<bool>(),
    ) {
        if has_magic {
            let magic = npprof_wire::hello::Hello {
                token: [0; 16], version: 2, pid: 1, parent_pid: 1, image: 0, parent_image: 0, fork: 0,
            };
            let sound = magic.encode();
            bytes.resize(sound.len(), 0);
            bytes[..8].copy_from_slice(&sound[..8]);
        }
        targets::hello(&bytes);
    }

    #[test]
    fn any_configuration_is_read_or_refused(text in text()) {
        targets::configuration(&text);
    }

    #[test]
    fn any_bytes_are_no_report(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        targets::report(&bytes);
    }

    #[test]
    fn any_text_is_painted(text in text()) {
        targets::painted(&text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_report_with_other_bytes_is_shown_or_refused(
        done in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = REPORT.as_bytes().to_vec();
        for (at, byte) in done {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        targets::report(&bytes);
    }

    #[test]
    fn a_report_with_other_values_is_shown_or_refused(
        done in prop::collection::vec((any::<prop::sample::Index>(), value()), 1..4),
    ) {
        let mut report: Value = serde_json::from_str(REPORT).expect("JSON");
        for (at, value) in done {
            let mut at = at.index(count(&report));
            replace(&mut report, &mut at, &value);
        }
        targets::report(report.to_string().as_bytes());
    }

    #[test]
    fn a_report_of_hostile_texts_and_absurd_numbers_is_shown(
        with in prop::collection::vec((prop::bool::weighted(0.3), text(), any::<u64>()), 1..400),
    ) {
        let mut report: Value = serde_json::from_str(REPORT).expect("JSON");
        replace_alike(&mut report, &mut with.into_iter().cycle());
        targets::report(report.to_string().as_bytes());
    }
}
