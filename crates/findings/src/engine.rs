//! Patterns → findings: what is seen in several processes is put together, each rule decides, one
//! cause gives one finding, and what matters most comes first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use npprof_model::{Bytes, Frame, Nanos, OperandRole, Pattern, Site, SiteId, Snapshot, StackId};

use crate::finding::{Finding, Related, Severity, Value};
use crate::library::Library;
use crate::python::{self, Line};
use crate::rule::{Advice, Context, Rule, Seen};
use crate::rules::RULES;
use crate::settings::Settings;
use crate::words;

/// Processes whose ids a finding lists.
const MAX_PROCESSES: usize = 1000;

/// Frames by the number of their stack.
type Stacks<'a> = HashMap<StackId, &'a [Frame]>;

/// What one kind has at one line, over all processes.
struct Group<'a> {
    rule: &'static Rule,
    pattern: Pattern,
    frame: &'a Frame,
    is_user: bool,
    sites: Vec<SiteId>,
    processes: Vec<u32>,
    related: Vec<Related>,
    source: Option<String>,
    /// All that happened at the line was called by the line itself, not by a library that it
    /// called: only then are the expressions on the line those concerned.
    is_direct: bool,
}

/// The findings of a run, what matters most first.
///
/// `source` gives the text of a line, or `None` where it can't be read or is no longer what was
/// run.
#[must_use]
pub fn find(
    snapshot: &Snapshot,
    settings: &Settings,
    source: &dyn Fn(&Frame) -> Option<String>,
) -> Vec<Finding> {
    let stacks: Stacks<'_> =
        snapshot.stacks.iter().map(|stack| (stack.id, &*stack.frames)).collect();
    let groups = grouped(snapshot, &stacks, source);
    let high_water = snapshot.highest_process().map_or(Bytes(0), |(bytes, _)| bytes);
    let mut found: Vec<(Group<'_>, Advice)> = groups
        .into_iter()
        .filter_map(|group| {
            let inside = inside(&group, &stacks);
            let is_own = inside.map_or(group.is_direct, <[Frame]>::is_empty);
            let line = group.source.as_deref().filter(|_| is_own).and_then(Line::parse);
            let context = Context { settings, rule: group.rule, line: line.as_ref(), high_water };
            let advice = (group.rule.advise)(&group.pattern, &context)?;
            let library = inside.and_then(Library::of);
            let advice = match library.filter(|_| group.is_user) {
                Some(library) => library.advise(group.rule.kind, &group.pattern, advice),
                None => advice,
            };
            Some((group, advice))
        })
        .collect();
    let is_explained: Vec<bool> = {
        let groups: Vec<&Group<'_>> = found.iter().map(|(group, _)| group).collect();
        let of = |group: &Group<'_>| {
            groups.iter().any(|other| is_explained(group, other, settings, high_water))
        };
        groups.iter().map(|group| of(group)).collect()
    };
    let mut is_explained = is_explained.into_iter();
    found.retain(|(group, _)| {
        // Only now, so that silencing a cause does not bring up what follows from it.
        !is_explained.next().unwrap_or(false)
            && settings.wants(group.rule.kind)
            && !group.source.as_deref().is_some_and(|line| is_silenced(line, group.rule.kind))
    });
    let mut findings: Vec<Finding> =
        found.into_iter().map(|(group, advice)| finding(group, advice)).collect();
    findings.sort_by(|a, b| {
        let key = |it: &Finding| {
            let saved = it.saves.high_water.unwrap_or_default();
            Reverse((it.severity, saved, !it.saves.is_nothing(), it.bytes, it.time, it.n))
        };
        key(a).cmp(&key(b)).then_with(|| {
            (&a.site.file, a.site.line, a.kind).cmp(&(&b.site.file, b.site.line, b.kind))
        })
    });
    findings
}

/// Whether a comment on the line asks for silence about this kind.
#[must_use]
pub fn is_silenced(line: &str, kind: &str) -> bool {
    python::ignored(line).is_some_and(|kinds| kinds.is_empty() || kinds.contains(&kind))
}

fn grouped<'a>(
    snapshot: &'a Snapshot,
    stacks: &Stacks<'_>,
    source: &dyn Fn(&Frame) -> Option<String>,
) -> Vec<Group<'a>> {
    let sites: HashMap<SiteId, &Site> = snapshot.sites.iter().map(|site| (site.id, site)).collect();
    let mut groups: BTreeMap<(usize, &str, u32, &str), Group<'_>> = BTreeMap::new();
    for pattern in snapshot.patterns.iter() {
        let place = RULES.iter().position(|rule| (rule.is_about)(&pattern.detail));
        let (Some(place), Some(site)) = (place, sites.get(&pattern.site)) else { continue };
        let frame = &site.frame;
        let pid = snapshot.process_of(site).map(|process| process.pid);
        let related = pattern.related.iter().filter_map(|&(role, site)| {
            let frame = sites.get(&site)?.frame.clone();
            Some(Related { role, frame })
        });
        let key = (place, &*frame.file, frame.line, &*frame.function);
        let group = groups
            .entry(key)
            .and_modify(|group| (group.rule.merge)(&mut group.pattern, pattern))
            .or_insert_with(|| Group {
                rule: RULES[place],
                pattern: pattern.clone(),
                frame,
                is_user: false,
                sites: Vec::new(),
                processes: Vec::new(),
                related: Vec::new(),
                source: source(frame),
                is_direct: true,
            });
        group.is_direct &= is_direct(site, stacks);
        group.is_user |= site.is_user;
        if !group.sites.contains(&site.id) && group.sites.len() < MAX_PROCESSES {
            group.sites.push(site.id);
        }
        if let Some(pid) = pid
            && !group.processes.contains(&pid)
            && group.processes.len() < MAX_PROCESSES
        {
            group.processes.push(pid);
        }
        for related in related {
            if related.frame != *frame && !group.related.contains(&related) {
                group.related.push(related);
            }
        }
    }
    groups.into_values().collect()
}

/// No stack of the site has frames of others than NumPy inside of it. Where no stack is known, it
/// is taken to be so.
fn is_direct(site: &Site, stacks: &Stacks<'_>) -> bool {
    let known = site.stacks.iter().filter_map(|count| stacks.get(&count.stack));
    known.into_iter().all(|frames| others(frames, &site.frame).is_empty())
}

/// The frames of others than NumPy that the largest event has inside of its line, innermost first,
/// if its stack is known.
fn inside<'a>(group: &Group<'_>, stacks: &Stacks<'a>) -> Option<&'a [Frame]> {
    stacks.get(&group.pattern.stack?).map(|frames| others(frames, group.frame))
}

/// What of a stack is inside of this frame, from the innermost one on that isn't NumPy's.
fn others<'a>(frames: &'a [Frame], home: &Frame) -> &'a [Frame] {
    let end = frames.iter().position(|frame| frame == home).unwrap_or(frames.len());
    let inner = frames.get(..end).unwrap_or_default();
    let first = inner.iter().position(|frame| !is_numpys(&frame.file));
    first.and_then(|first| inner.get(first..)).unwrap_or_default()
}

/// Whether a file is NumPy's. Up to 1.24 its functions are called through one that is in no file.
fn is_numpys(file: &str) -> bool {
    file.contains("/numpy/") || file.starts_with("<__array_function__")
}

fn is_explained(
    group: &Group<'_>,
    other: &Group<'_>,
    settings: &Settings,
    high_water: Bytes,
) -> bool {
    let context = Context { settings, rule: group.rule, line: None, high_water };
    group.rule.yields_to.iter().any(|rule| {
        rule.kind == other.rule.kind && {
            let (own, others) = (places(group), places(other));
            (rule.is_explained)(&seen(group, &own), &seen(other, &others), &context)
        }
    })
}

fn places<'a>(group: &'a Group<'_>) -> Vec<(&'a str, u32)> {
    group.related.iter().map(|it| (&*it.frame.file, it.frame.line)).collect()
}

fn seen<'a>(group: &'a Group<'_>, related: &'a [(&'a str, u32)]) -> Seen<'a> {
    Seen {
        pattern: &group.pattern,
        file: &group.frame.file,
        line: group.frame.line,
        function: &group.frame.function,
        related,
    }
}

fn finding(group: Group<'_>, advice: Advice) -> Finding {
    let mut evidence = Vec::new();
    if !group.pattern.operation.is_empty() {
        evidence.push(("operation", Value::from(&*group.pattern.operation)));
    }
    evidence.extend(advice.evidence);
    evidence.extend(operands(&group.pattern));
    Finding {
        kind: group.rule.kind,
        // Nobody can act on a line of somebody else's.
        severity: if group.is_user { group.rule.severity } else { Severity::Info },
        site: group.frame.clone(),
        sites: group.sites,
        source: group.source,
        related: group.related,
        n: group.pattern.n,
        bytes: group.pattern.bytes,
        time: group.pattern.time,
        evidence,
        message: advice.message,
        why: advice.why.into_owned(),
        fix: advice.fix,
        saves: group.pattern.saves,
        processes: group.processes,
    }
}

/// Operands and result of the largest event.
fn operands(pattern: &Pattern) -> Vec<(&'static str, Value)> {
    let shown = |operand: &npprof_model::Operand| {
        let role = match operand.role {
            OperandRole::Input => "in",
            OperandRole::Output => "out",
            OperandRole::Result => "result",
            OperandRole::Index => "index",
        };
        let layout = words::with_strides(&operand.layout);
        let inner = operand
            .inner_stride
            .map(|stride| format!(", inner stride {stride} B"))
            .unwrap_or_default();
        Value::Text(format!("{role}: {layout}{inner}"))
    };
    let mut facts = Vec::new();
    if !pattern.operands.is_empty() {
        facts.push(("operands", Value::List(pattern.operands.iter().map(shown).collect())));
    }
    if let Some(result) = &pattern.result {
        facts.push(("result", Value::Text(words::with_strides(result))));
    }
    if pattern.time > Nanos(0) {
        facts.push(("time_ns", pattern.time.into()));
    }
    facts
}

#[cfg(test)]
mod tests {
    use npprof_model::{CallStack, Detail, ProcessIndex, Saves, StackCount};

    use super::*;
    use crate::fixtures::{MIB, layout, pattern, process, site, snapshot};

    fn redundant(mib: u64) -> Pattern {
        let array = layout(&[mib, 1 << 17], "float64");
        Pattern {
            operation: "ndarray.copy".into(),
            result: Some(array),
            ..pattern(Detail::RedundantCopy, 1, mib * MIB)
        }
    }

    fn kinds(snapshot: &Snapshot, line: Option<&str>) -> Vec<String> {
        let source = |_: &Frame| line.map(str::to_owned);
        let settings = Settings::default();
        find(snapshot, &settings, &source)
            .iter()
            .map(|it| format!("{} {} {} {}", it.severity, it.kind, it.site.line, it.bytes))
            .collect()
    }

    #[test]
    fn what_is_below_the_threshold_is_not_told() {
        assert_eq!(kinds(&snapshot(vec![redundant(7)]), None), [""; 0]);
        assert_eq!(
            kinds(&snapshot(vec![redundant(8)]), None),
            ["warning redundant-copy 1 8.00 MiB"]
        );
    }

    #[test]
    fn the_same_line_of_several_processes_is_one_finding() {
        let mut snapshot =
            snapshot(vec![redundant(5), Pattern { site: SiteId(9), ..redundant(4) }]);
        let mut other = site(9, 1);
        other.process = ProcessIndex(1);
        snapshot.sites = snapshot.sites.iter().cloned().chain([other]).collect();
        snapshot.processes = [process(100), process(101)].into();
        let found = find(&snapshot, &Settings::default(), &|_| None);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].n, found[0].bytes), (2, Bytes(9 * MIB)));
        assert_eq!(found[0].processes, [100, 101]);
        assert_eq!(found[0].sites, [SiteId(1), SiteId(9)]);
    }

    #[test]
    fn a_line_of_a_library_is_only_worth_knowing() {
        let mut snapshot = snapshot(vec![redundant(9)]);
        let mut library = site(1, 1);
        library.is_user = false;
        snapshot.sites = [library].into();
        assert_eq!(kinds(&snapshot, None), ["info redundant-copy 1 9.00 MiB"]);
    }

    /// What is said when this file's function did it, called by the line; the stack of the copy
    /// itself may be known, or only those of the line.
    fn called(inner: &str, is_known: bool) -> Finding {
        let id = StackId(5);
        let mut snapshot =
            snapshot(vec![Pattern { stack: is_known.then_some(id), ..redundant(9) }]);
        let mut own = site(1, 1);
        let bytes = Bytes(9 * MIB);
        let count = StackCount { stack: id, n: 1, bytes, live: bytes, at_high_water: bytes };
        own.stacks = [count].into();
        let inner = Frame { file: inner.into(), line: 9, function: "g".into() };
        let frames = [inner, own.frame.clone()].into();
        snapshot.sites = [own].into();
        snapshot.stacks = [CallStack { id, frames }].into();
        let line = |_: &Frame| Some("model.fit(options.copy())".to_owned());
        find(&snapshot, &Settings::default(), &line).remove(0)
    }

    #[test]
    fn what_a_library_did_is_not_blamed_on_an_expression_of_the_line() {
        for is_known in [false, true] {
            let fix = |inner| called(inner, is_known).fix;
            for numpys in ["/lib/site-packages/numpy/lib/x.py", "<__array_function__ internals>"] {
                assert!(fix(numpys).starts_with("Use `options` itself"));
            }
            assert!(fix("/lib/python3.12/copy.py").starts_with("Leave the copy out"));
        }
        let fix = called("/lib/site-packages/sklearn/x.py", false).fix;
        assert!(fix.starts_with("Leave the copy out"));
    }

    #[test]
    fn what_a_library_did_is_told_to_its_caller() {
        let told = called("/lib/site-packages/sklearn/x.py", true);
        assert!(
            told.message.ends_with("; this is inside of `sklearn/x.py:9 g`"),
            "{}",
            told.message
        );
        assert!(told.fix.starts_with("It is sklearn that copies"), "{}", told.fix);
        assert!(told.evidence.contains(&("package", "sklearn".into())));
    }

    #[test]
    fn a_comment_on_the_line_silences() {
        let snapshot = snapshot(vec![redundant(9)]);
        assert_eq!(kinds(&snapshot, Some("y = x.copy()  # npprof: ignore")), [""; 0]);
        assert_eq!(
            kinds(&snapshot, Some("y = x.copy()  # npprof: ignore[redundant-copy]")),
            [""; 0]
        );
        assert_eq!(kinds(&snapshot, Some("y = x.copy()  # npprof: ignore[layout-copy]")).len(), 1);
    }

    #[test]
    fn settings_choose_kinds() {
        let snapshot = snapshot(vec![redundant(9)]);
        let mut settings = Settings::default();
        settings.ignore(["redundant-copy"]).unwrap();
        assert_eq!(find(&snapshot, &settings, &|_| None), []);
        let mut settings = Settings::default();
        settings.set_pair("redundant-copy.bytes=10 MiB").unwrap();
        assert_eq!(find(&snapshot, &settings, &|_| None), []);
    }

    #[test]
    fn what_is_known_to_save_nothing_comes_last() {
        let nothing = Saves { high_water: Some(Bytes(0)), ..Saves::default() };
        let some = Saves { allocated: Some(Bytes(20 * MIB)), ..nothing };
        let large = Pattern { site: SiteId(1), saves: nothing, ..redundant(90) };
        let small = Pattern { site: SiteId(2), saves: some, ..redundant(20) };
        let found = find(&snapshot(vec![large, small]), &Settings::default(), &|_| None);
        assert_eq!(found.iter().map(|it| it.site.line).collect::<Vec<_>>(), [2, 1]);
    }

    #[test]
    fn what_saves_most_comes_first() {
        let saving = |site, mib: u64| Pattern {
            site: SiteId(site),
            saves: Saves { high_water: Some(Bytes(mib * MIB)), ..Saves::default() },
            ..redundant(20)
        };
        let large = Pattern { site: SiteId(3), ..redundant(900) };
        let snapshot = snapshot(vec![saving(1, 5), saving(2, 10), large]);
        let lines: Vec<u32> = find(&snapshot, &Settings::default(), &|_| None)
            .iter()
            .map(|it| it.site.line)
            .collect();
        assert_eq!(lines, [2, 1, 3]);
    }

    #[test]
    fn one_cause_is_one_finding() {
        let array = layout(&[32, 1 << 17], "float64");
        let same = |detail| Pattern {
            operation: "getitem".into(),
            result: Some(array.clone()),
            ..pattern(detail, 1, 32 * MIB)
        };
        let fancy =
            Detail::FancyIndexCopy { start: 0, count: 32, step: 1, axis: 0, is_mask: false };
        let both = snapshot(vec![same(Detail::RedundantCopy), same(fancy)]);
        assert_eq!(kinds(&both, None), ["warning fancy-index-copy 1 32.0 MiB"]);
    }
}
