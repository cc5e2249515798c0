//! What other programs rely on: the JSON itself, its limits, and what is said of what is none.

use std::path::Path;

use insta::assert_snapshot;
use npprof_model::{Bytes, Exit, RunState, Snapshot, StackId, TimelinePoint, Totals};

use super::*;
use crate::{SourceLookup, example};

fn sources() -> SourceLookup {
    SourceLookup::new("/no/such/folder")
}

#[test]
fn a_report_is_what_the_contract_says() {
    let mut report = example::report();
    report.npprof.version = "VERSION".to_owned();
    report.sites.truncate(1);
    report.stacks.truncate(1);
    report.findings.truncate(1);
    assert_snapshot!(report.to_json_string(), @r#"
    {
     "schema":"npprof-report/1",
     "npprof":{
      "version":"VERSION"
     },
     "command":[
      "python",
      "main.py",
      "--size",
      "8192"
     ],
     "cwd":"/w/app",
     "host":"box",
     "started":"2026-01-31T12:00:00.250Z",
     "elapsed_ns":12345000000,
     "exit":{
      "code":0
     },
     "complete":true,
     "totals":{
      "n_allocations":1234567,
      "n_frees":1234560,
      "allocated_bytes":60817408000,
      "freed_bytes":60804825088,
      "live_bytes":12582912,
      "high_water_bytes":1259339776,
      "high_water_at_ns":4560000000,
      "temporary_bytes":37014732800,
      "n_temporaries":234567,
      "inherited_bytes":0,
      "n_inherited":0,
      "copied_bytes":943718400,
      "n_copies":40,
      "n_operations":2345678,
      "operation_ns":7800000000,
      "n_dropped":0,
      "rss_high_water_bytes":1617952768
     },
     "timeline":[
      {"at_ns":1000000,"live_bytes":10,"peak_bytes":20,"rss_bytes":30,"allocated_bytes":10,"copied_bytes":5},
      {"at_ns":2000000,"live_bytes":30,"peak_bytes":60,"rss_bytes":90,"allocated_bytes":30,"copied_bytes":15},
      {"at_ns":3000000,"live_bytes":20,"peak_bytes":40,"rss_bytes":60,"allocated_bytes":20,"copied_bytes":10}
     ],
     "processes":[
      {"pid":4711,"parent_pid":4710,"argv":["python","main.py","--size","8192"],"python":"3.11.7","numpy":"2.4.6","hooks":{"allocator":"on","operations":"off: left out with --level allocations"},"notices":[],"started_ns":20000000,"ended_ns":12300000000,"exit":{"code":0},"totals":{"n_allocations":1234567,"n_frees":1234560,"allocated_bytes":60817408000,"freed_bytes":60804825088,"live_bytes":12582912,"high_water_bytes":1259339776,"high_water_at_ns":4560000000,"temporary_bytes":37014732800,"n_temporaries":234567,"inherited_bytes":0,"n_inherited":0,"copied_bytes":943718400,"n_copies":40,"n_operations":2345678,"operation_ns":7800000000,"n_dropped":0,"rss_high_water_bytes":1617952768},"timeline":[{"at_ns":1000000,"live_bytes":10,"peak_bytes":20,"rss_bytes":30,"allocated_bytes":10,"copied_bytes":5},{"at_ns":2000000,"live_bytes":30,"peak_bytes":60,"rss_bytes":90,"allocated_bytes":30,"copied_bytes":15},{"at_ns":3000000,"live_bytes":20,"peak_bytes":40,"rss_bytes":60,"allocated_bytes":20,"copied_bytes":10}],"threads":[{"id":4711,"name":"MainThread","n_allocations":1234000,"allocated_bytes":59768832000},{"id":4720,"name":"","n_allocations":567,"allocated_bytes":1048576000}]}
     ],
     "stacks":[
      {"id":100,"frames":[{"file":"/w/app/fit.py","line":41,"function":"Model.fit"},{"file":"/w/app/main.py","line":99,"function":"<module>"}]}
     ],
     "sites":[
      {"id":0,"file":"/w/app/fit.py","line":41,"function":"Model.fit","source":"gram = x.T.copy() @ x","is_user":true,"pid":4711,"process":0,"first_at_ns":30000000,"n_allocations":10,"n_frees":9,"allocated_bytes":2400190464,"freed_bytes":1600126976,"live_bytes":8000634,"at_high_water_bytes":800063488,"own_peak_bytes":1600126976,"temporary_bytes":800063488,"n_temporaries":4,"copied_bytes":400031744,"n_copies":3,"n_operations":25,"operation_ns":800063488,"lifetime_ns":{"p50":1,"p90":2,"p99":3,"max":4},"size_bytes":{"p50":1,"p90":2,"p99":3,"max":4},"layouts":[{"shape":[8192,8192],"dtype":"float64","order":"F","strides":[65536,8],"itemsize":8,"n":10,"bytes":2400190464,"at_high_water_bytes":800063488}],"stacks":[{"stack":100,"n":10,"bytes":2400190464,"live_bytes":8000634,"at_high_water_bytes":800063488}]}
     ],
     "operations":[
      {"site":0,"name":"ndarray.copy","n":2,"ns":400000000,"n_timed":2,"read_bytes":800063488,"written_bytes":800063488,"copied_bytes":800063488,"n_copies":2,"hidden_temporary_bytes":0,"n_scalars":0,"copy_reasons":{"explicit":800063488},"operands":[{"role":"in","shape":[8192,8192],"dtype":"float64","order":"F","strides":[65536,8],"itemsize":8,"inner_stride_bytes":8,"n":2}],"bytes_per_s":4000317440}
     ],
     "findings":[
      {"kind":"redundant-copy","severity":"warning","site":{"file":"/w/app/fit.py","line":41,"function":"Model.fit"},"source":"gram = x.T.copy() @ x","related":[{"role":"allocated-here","file":"/w/app/fit.py","line":12,"function":"load"}],"count":2,"bytes":800063488,"ns":400000000,"evidence":{"copied_bytes":800063488,"operands":["in: float64 (381, 131072), inner stride 8 B"],"operation":"ndarray.copy","result":"float64 (381, 131072)","time_ns":400000000,"written":"no write to either side was seen"},"message":"`ndarray.copy` copied 763 MiB of float64 (381, 131072) in 2 copies, and neither the original nor the copy changed while both were alive","why":"The copy takes memory and time and holds the same values as the original.","fix":"Use `x.T` itself instead of `x.T.copy()`.","saves":{"high_water_bytes":399507456,"allocated_bytes":800063488,"copied_bytes":800063488},"processes":[4711]}
     ]
    }
    "#);
}

#[test]
fn what_is_written_is_read_again() {
    let report = example::report();
    assert_eq!(read_json(report.to_json_string().as_bytes(), "r").unwrap(), report);
}

#[test]
fn every_end_of_a_process_survives() {
    for (exit, json) in [
        (Exit::Code(-3), r#"{"code":-3}"#),
        (Exit::Signal(9), r#"{"signal":9,"name":"SIGKILL"}"#),
        (Exit::Signal(40), r#"{"signal":40}"#),
        (Exit::Running, r#"{"state":"running"}"#),
        (Exit::Replaced, r#"{"state":"replaced"}"#),
        (Exit::Unknown, r#"{"state":"unknown"}"#),
    ] {
        let exit = super::Exit::from(exit);
        assert_eq!(serde_json::to_string(&exit).unwrap(), json);
        assert_eq!(serde_json::from_str::<super::Exit>(json).unwrap(), exit);
    }
    let later: super::Exit = serde_json::from_str(r#"{"state":"frozen"}"#).unwrap();
    assert_eq!(later, super::Exit::State { state: ExitState::Unknown });
}

#[test]
fn a_run_that_goes_on_has_no_exit_status() {
    let snapshot = Snapshot { state: RunState::Running, ..example::snapshot() };
    let report = Report::from_snapshot(&snapshot, &[], &sources());
    assert_eq!(report.exit, super::Exit::State { state: ExitState::Running });
}

#[test]
fn an_empty_snapshot_makes_a_report() {
    let report = Report::from_snapshot(&Snapshot::default(), &[], &sources());
    assert_eq!(read_json(report.to_json_string().as_bytes(), "r").unwrap(), report);
    assert!(report.complete);
}

#[test]
fn fields_that_nobody_knows_are_passed_over() {
    let json = example::report()
        .to_json_string()
        .replace(r#""pid":4711"#, r#""later":[{"x":[1.5,null]}],"pid":4711"#);
    assert_eq!(read_json(json.as_bytes(), "r").unwrap(), example::report());
}

#[test]
fn findings_of_a_later_version_are_read() {
    let report = Report::from_snapshot(&Snapshot::default(), &[], &sources());
    let later = r#""findings":[{"kind":"false-sharing","count":3,"severity":"fatal","new":[1]}]"#;
    let json = report.to_json_string().replace(r#""findings":[]"#, later);
    let report = read_json(json.as_bytes(), "r").unwrap();
    assert_eq!(report.findings[0].kind, "false-sharing");
    assert_eq!(report.findings[0].count, 3);
    assert!(crate::findings(&report, crate::Style::default()).contains("false-sharing"));
    assert_eq!(read_json(report.to_json_string().as_bytes(), "r").unwrap(), report);
}

#[test]
fn a_report_from_before_operations_were_watched_is_read() {
    let mut old = serde_json::to_value(example::report()).unwrap();
    fn forget(value: &mut serde_json::Value) {
        if let serde_json::Value::Object(members) = value {
            for name in ["copied_bytes", "n_copies", "n_operations", "operation_ns"] {
                members.remove(name);
            }
        }
        match value {
            serde_json::Value::Object(members) => members.values_mut().for_each(forget),
            serde_json::Value::Array(items) => items.iter_mut().for_each(forget),
            _ => {}
        }
    }
    old["operations"] = serde_json::json!([]);
    old["findings"] = serde_json::json!([]);
    forget(&mut old);
    let json = serde_json::to_vec(&old).unwrap();
    let report = read_json(&json, "r").unwrap();
    assert_eq!(report.totals.copied_bytes, None);
    let text = crate::findings(&report, crate::Style::default());
    assert_eq!(text, "No findings: operations were not watched.\n");
    digest(&json);
}

#[test]
fn the_schema_is_that_of_the_types() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/report.schema.json");
    let generated = generate_schema();
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    assert!(
        committed == generated,
        "{} is out of date: UPDATE_SCHEMA=1 cargo test -p npprof-report writes it",
        path.display()
    );
}

#[test]
fn lost_events_make_a_report_incomplete() {
    let mut snapshot = example::snapshot();
    snapshot.totals.n_dropped = 1234;
    let report = Report::from_snapshot(&snapshot, &[], &sources());
    assert!(!report.complete);
    assert_eq!(report.incomplete_because.as_deref(), Some("1,234 events were dropped"));

    snapshot.incomplete = example::words(&["a reason", "another"]);
    let report = Report::from_snapshot(&snapshot, &[], &sources());
    assert_eq!(report.incomplete_because.as_deref(), Some("a reason; another"));
}

/// A program with this many call sites, each with two stacks of `depth` frames.
fn large(n_sites: usize, depth: usize) -> Snapshot {
    let mut snapshot = example::snapshot();
    let file = "/home/user/projects/something/src/package/subpackage/module.py";
    let sites = (0..n_sites).map(|index| {
        let line = u32::try_from(index).unwrap();
        // Sizes in no order.
        let bytes = (index as u64).wrapping_mul(2_654_435_761) % 1_000_003 + 1;
        let mut site = example::site(index, (file, line, "Class.method"), bytes, &[1000, 1000]);
        let mut second = site.stacks[0];
        second.stack = StackId(second.stack.0 + u32::try_from(n_sites).unwrap());
        site.stacks = [site.stacks[0], second].into();
        site
    });
    let sites: Vec<_> = sites.collect();
    let stacks = sites.iter().flat_map(|site| {
        let one = example::stack(site);
        let frames = one.frames.iter().cycle().take(depth).cloned().collect();
        let frames: std::sync::Arc<[_]> = frames;
        site.stacks
            .iter()
            .map(|count| npprof_model::CallStack { id: count.stack, frames: frames.clone() })
            .collect::<Vec<_>>()
    });
    snapshot.stacks = stacks.collect();
    snapshot.totals = Totals {
        n_allocations: sites.iter().map(|site| site.n_allocations).sum(),
        n_frees: sites.iter().map(|site| site.n_frees).sum(),
        allocated: sites.iter().map(|site| site.allocated).sum(),
        live: sites.iter().map(|site| site.live).sum(),
        high_water: sites.iter().map(|site| site.at_high_water).sum(),
        temporary: sites.iter().map(|site| site.temporary).sum(),
        n_temporaries: sites.iter().map(|site| site.n_temporaries).sum(),
        ..Totals::default()
    };
    snapshot.processes = [example::process(1, snapshot.totals)].into();
    snapshot.sites = sites.into();
    snapshot
}

#[test]
fn a_hundred_thousand_call_sites_fit_into_ten_megabytes() {
    let snapshot = large(100_000, 30);
    let report = Report::from_snapshot(&snapshot, &[], &sources());
    let json = report.to_json_string();
    assert!(json.len() <= 10_000_000, "{} bytes", json.len());
    assert!(json.len() >= 7_000_000, "{} bytes", json.len());
    assert!(!report.complete);

    let cut = report.sites_cut.clone().unwrap();
    assert_eq!(cut.n_sites + report.sites.len() as u64, 100_000);
    let sum = |figure: fn(&Site) -> u64| report.sites.iter().map(figure).sum::<u64>();
    let totals = &report.totals;
    assert_eq!(sum(|site| site.n_allocations) + cut.n_allocations, totals.n_allocations);
    assert_eq!(sum(|site| site.n_frees) + cut.n_frees, totals.n_frees);
    assert_eq!(sum(|site| site.allocated_bytes) + cut.allocated_bytes, totals.allocated_bytes);
    assert_eq!(sum(|site| site.live_bytes) + cut.live_bytes, totals.live_bytes);
    assert_eq!(
        sum(|site| site.at_high_water_bytes) + cut.at_high_water_bytes,
        totals.high_water_bytes
    );
    assert_eq!(sum(|site| site.temporary_bytes) + cut.temporary_bytes, totals.temporary_bytes);
    assert_eq!(sum(|site| site.n_temporaries) + cut.n_temporaries, totals.n_temporaries);

    // The kept ones are the largest: here every figure grows with the bytes.
    let smallest_kept = report.sites.iter().map(|site| site.at_high_water_bytes).min().unwrap();
    let n_larger =
        snapshot.sites.iter().filter(|site| site.at_high_water > Bytes(smallest_kept)).count();
    assert!(n_larger < report.sites.len());
}

/// Bytes that all sites take without their stacks.
fn without_stacks(snapshot: &Snapshot) -> usize {
    let sites = Report::from_snapshot(snapshot, &[], &sources()).sites;
    let sites = sites.into_iter().map(|site| Site { stacks: Vec::new(), ..site });
    sites.map(|site| convert::json_bytes(&site)).sum()
}

#[test]
fn stacks_get_the_room_that_sites_leave() {
    let snapshot = large(100, 20);
    let limits = Limits { stack_bytes: 0, ..Limits::default() };
    assert!(Report::with_limits(&snapshot, &[], &sources(), &limits).complete);
    let limits = Limits { site_bytes: without_stacks(&snapshot), ..limits };
    let report = Report::with_limits(&snapshot, &[], &sources(), &limits);
    assert_eq!((report.sites.len(), report.stacks.len()), (100, 0));
}

#[test]
fn stacks_that_do_not_fit_are_summed_up() {
    let snapshot = large(100, 20);
    let site_bytes = without_stacks(&snapshot);
    let limits = Limits { site_bytes, stack_bytes: 20_000, ..Limits::default() };
    let report = Report::with_limits(&snapshot, &[], &sources(), &limits);
    assert_eq!(report.sites.len(), 100);
    assert!(!report.complete);
    assert!(!report.stacks.is_empty() && report.stacks.len() < 200);
    let reason = report.incomplete_because.as_deref().unwrap();
    let n_cut =
        report.sites.iter().flat_map(|site| &site.stacks_cut).map(|cut| cut.n_stacks).sum::<u64>();
    assert_eq!(
        reason,
        format!(
            "to keep the file small, the {n_cut} call stacks that matter least are not listed; \
             nothing was lost, call sites and totals include them"
        )
    );
    let told = crate::summary(
        &report,
        &crate::SummaryOptions {
            style: crate::Style::default(),
            path: None,
            n_sites: 3,
            n_findings: 3,
        },
    );
    assert!(told.contains(&format!("Not all is listed: {reason}")), "{told}");
    assert!(!told.contains("Incomplete"), "{told}");
    for site in &report.sites {
        let cut = site.stacks_cut.clone().unwrap_or_default();
        let n_listed = site.stacks.len() as u64;
        assert_eq!(n_listed + cut.n_stacks, 2);
        let bytes: u64 = site.stacks.iter().map(|stack| stack.bytes).sum();
        assert_eq!(bytes + cut.bytes, 2 * site.allocated_bytes);
        for count in &site.stacks {
            assert!(report.stacks.iter().any(|stack| stack.id == count.stack));
        }
    }
}

#[test]
fn a_small_report_is_never_cut() {
    let report = example::report();
    assert!(report.complete);
    assert_eq!(report.sites_cut, None);
    assert!(report.sites.iter().all(|site| site.stacks_cut.is_none()));
}

#[test]
fn merged_points_of_a_history_cover_the_same_time() {
    let mut snapshot = example::snapshot();
    let point = |at: u64| TimelinePoint {
        at: npprof_model::Nanos(at),
        live: Bytes(at),
        peak: Bytes(1000 - at),
        rss: Bytes(7),
        allocated: Bytes(1),
        copied: Bytes(2),
    };
    snapshot.timeline = (1..=10).map(point).collect();
    let limits = Limits { n_points: 4, ..Limits::default() };
    let report = Report::with_limits(&snapshot, &[], &sources(), &limits);
    let points: Vec<_> = report
        .timeline
        .iter()
        .map(|point| (point.at_ns, point.live_bytes, point.peak_bytes, point.allocated_bytes))
        .collect();
    assert_eq!(points, [(3, 3, 999, 3), (6, 6, 996, 3), (9, 9, 993, 3), (10, 10, 990, 1)]);
}

#[test]
fn threads_that_allocate_least_are_summed_up() {
    let mut snapshot = example::snapshot();
    let thread = |number: u64| npprof_model::Thread {
        native_id: number,
        name: "".into(),
        n_allocations: 1,
        allocated: Bytes(number),
    };
    let mut process = example::process(1, Totals::default());
    process.threads = (1..=20).map(thread).collect();
    snapshot.processes = [process].into();
    let limits = Limits { n_threads: 10, ..Limits::default() };
    let report = Report::with_limits(&snapshot, &[], &sources(), &limits);
    let process = &report.processes[0];
    let ids: Vec<u64> = process.threads.iter().map(|thread| thread.id).collect();
    assert_eq!(ids, (11..=20).collect::<Vec<u64>>());
    let cut = ThreadsCut { n_threads: 10, n_allocations: 10, allocated_bytes: 55 };
    assert_eq!(process.threads_cut, Some(cut));
}

fn message(bytes: &[u8]) -> String {
    read_json(bytes, "r.json").unwrap_err().to_string()
}

#[test]
fn what_is_no_report_is_named_in_one_line() {
    let whole = example::report().to_json_string();
    assert_snapshot!(message(b""), @"r.json is empty; run the program again, and see that the disk has room");
    assert_snapshot!(message(b" \n"), @"r.json is empty; run the program again, and see that the disk has room");
    assert_snapshot!(message(b"hello\n"), @"r.json is not JSON (line 1, column 1); name the file that `npprof run` wrote");
    assert_snapshot!(message(b"\x7fELF\x02\x01"), @"r.json is not JSON (line 1, column 1); name the file that `npprof run` wrote");
    assert_snapshot!(message(b"[1, 2]"), @"r.json is JSON but no npprof report; name the file that `npprof run` wrote");
    assert_snapshot!(message(br#"{"a": 1}"#), @"r.json is JSON but no npprof report; name the file that `npprof run` wrote");
    assert_snapshot!(message(br#"{"schema": 7}"#), @"r.json is JSON but no npprof report; name the file that `npprof run` wrote");
    assert_snapshot!(message(br#"{"schema": "other/1"}"#), @"r.json is JSON but no npprof report; name the file that `npprof run` wrote");
    assert_snapshot!(message(br#"{"schema": "npprof-report/2", "what": "else"}"#), @"r.json is an npprof-report/2, and this npprof reads npprof-report/1; use the npprof that wrote it");
    assert_snapshot!(message(br#"{"schema": "npprof-report/1"}"#), @"r.json says that it is an npprof-report/1 and is not: missing field `npprof` at line 1 column 29; run the program again");
    assert_snapshot!(message(&whole.as_bytes()[..whole.len() / 2]), @"r.json ends too early, after 5199 bytes; copy it again, or run the program again");
    assert_snapshot!(message(whole.replace("\"pid\":4711", "\"pid\":-1").as_bytes()), @"r.json says that it is an npprof-report/1 and is not: invalid value: integer `-1`, expected u32 at line 45 column 11; run the program again");
    assert_snapshot!(message(&[b"[".repeat(100_000), b"]".repeat(100_000)].concat()), @"r.json is JSON but no npprof report; name the file that `npprof run` wrote");
}

#[test]
fn a_byte_order_mark_is_no_obstacle() {
    let json = format!("\u{feff}{}", example::report().to_json_string());
    assert_eq!(read_json(json.as_bytes(), "r").unwrap(), example::report());
}

#[test]
fn messages_hold_nothing_that_acts_on_a_terminal() {
    let hostile = [
        br#"{"schema": "npprof-report/1", "exit": "\u001b[31m"}"#.as_slice(),
        b"{\"schema\": \"npprof-report/1\", \"npprof\": \"\\u001b]0;x\\u0007\"}",
        b"\x1b[2J",
    ];
    for bytes in hostile {
        let text = read_json(bytes, "\u{1b}[31mname\n").unwrap_err().to_string();
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }
    let text = load(Path::new("no\u{1b}[31m\nfile")).unwrap_err().to_string();
    assert!(!text.chars().any(char::is_control), "{text:?}");
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let message = |name: &str| {
        let error = load(&folder.path().join(name)).unwrap_err().to_string();
        error.replace(folder.path().to_str().unwrap(), "FOLDER")
    };
    assert_snapshot!(message("none.json"), @"there is no file FOLDER/none.json; `npprof run` names the report that it writes");
    assert_snapshot!(message(""), @"FOLDER/ is a folder; name the report in it");
    std::fs::write(folder.path().join("file"), "x").unwrap();
    assert_snapshot!(message("file/r.json"), @"cannot read FOLDER/file/r.json: Not a directory (os error 20)");
}

/// Reads hostile input and shows in every way whatever it turns out to be.
fn digest(bytes: &[u8]) {
    let Ok(report) = read_json(bytes, "r.json") else { return };
    let style = crate::Style::default();
    let path = Path::new("r.json");
    let options =
        crate::text::SummaryOptions { style, path: Some(path), n_sites: 5, n_findings: 2 };
    assert!(crate::summary(&report, &options).lines().count() <= crate::text::MAX_LINES + 400);
    for &by in crate::GroupBy::ALL {
        for &sort in crate::SortKey::ALL {
            let text = crate::table(&report, &crate::TableOptions { by, sort, n: 3, style });
            assert!(text.ends_with('\n'));
        }
    }
    assert!(crate::findings(&report, style).ends_with('\n'));
    let text = crate::folded::folded(&report, crate::SortKey::HighWater);
    assert!(!text.contains('\u{1b}'));
    assert_eq!(read_json(report.to_json_string().as_bytes(), "r").unwrap(), report);
}

#[test]
fn a_report_cut_off_anywhere_is_refused() {
    let whole = example::report().to_json_string();
    // Without the end of the line it is still whole.
    let whole = whole.trim_end().as_bytes();
    for length in (0..whole.len()).step_by(100).chain(whole.len() - 5..whole.len()) {
        let error = read_json(&whole[..length], "r.json").unwrap_err();
        let is_told = matches!(error, LoadError::Truncated { .. } | LoadError::Empty { .. });
        assert!(is_told, "{length}: {error}");
    }
}

#[test]
fn random_changes_never_break_anything() {
    let whole = example::report().to_json_string().into_bytes();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % bound as u64).unwrap()
    };
    for _ in 0..1_500 {
        let mut bytes = whole.clone();
        for _ in 0..=random(3) {
            let place = random(bytes.len());
            match random(4) {
                // Digits make valid reports with other figures.
                0 | 1 => {
                    if let Some(digit) = bytes[place..].iter_mut().find(|it| it.is_ascii_digit()) {
                        *digit = b'0' + u8::try_from(random(10)).unwrap();
                    }
                }
                2 => bytes[place] = u8::try_from(random(256)).unwrap(),
                _ => drop(bytes.drain(place..(place + random(40)).min(bytes.len()))),
            }
        }
        digest(&bytes);
    }
}

#[test]
fn the_largest_numbers_overflow_nothing() {
    let mut report = serde_json::to_value(example::report()).unwrap();
    fn raise(value: &mut serde_json::Value, key: &str) {
        match value {
            serde_json::Value::Number(number) => {
                let is_narrow =
                    ["pid", "parent_pid", "line", "process", "processes", "code"].contains(&key);
                let largest = if key == "code" { i32::MAX as u64 } else { u32::MAX.into() };
                let largest = match key {
                    "strides" | "inner_stride_bytes" => i64::MAX as u64,
                    _ if is_narrow => largest,
                    _ => u64::MAX,
                };
                *number = largest.into();
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(|item| raise(item, key)),
            serde_json::Value::Object(members) => {
                members.iter_mut().for_each(|(key, member)| raise(member, key));
            }
            _ => {}
        }
    }
    raise(&mut report, "");
    let json = serde_json::to_vec(&report).unwrap();
    read_json(&json, "r").unwrap();
    digest(&json);
    let half =
        String::from_utf8(json).unwrap().replace(r#""process":4294967295"#, r#""process":0"#);
    digest(half.as_bytes());
}
