//! Unusual ends of a process: the same as without npprof, and the report has what can be known.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use npprof_tests::{
    count::assert_complete,
    matrix::{Pair, each_python, on_each, one_pair, some_pythons},
    program::Program,
    report::{Report, sum},
    same::Same,
};
use serde_json::{Value, json};

/// What the report says of the line with a mark: allocations and bytes.
type Figures<'a> = (&'a str, u64, u64);

/// The program ends in this way, with this status, and the report has these figures.
fn check(pairs: &[Pair], how: &str, code: i32, figures: &[Figures<'_>]) {
    let program = Program::new(&format!("endings.py {how}"));
    on_each(pairs, |pair| {
        let same = Same::on(&program, pair);
        assert_eq!(same.run.code(), code, "{}", same.run.stderr());
        assert_complete(&same.report);
        assert_eq!(same.report.0["exit"], exit_of(code));
        assert_figures(&same.report, &program, figures);
    });
}

fn assert_figures(report: &Report, program: &Program, figures: &[Figures<'_>]) {
    for &(mark, n, bytes) in figures {
        let sites = report.sites_with_mark(&program.path(), mark);
        let found = (sum(&sites, "n_allocations"), sum(&sites, "allocated_bytes"));
        assert_eq!(found, (n, bytes), "allocations and bytes at `{mark}`");
    }
}

fn exit_of(code: i32) -> Value {
    match code {
        134 => json!({"signal": 6, "name": "SIGABRT"}),
        137 => json!({"signal": 9, "name": "SIGKILL"}),
        139 => json!({"signal": 11, "name": "SIGSEGV"}),
        142 => json!({"signal": 14, "name": "SIGALRM"}),
        code => json!({ "code": code }),
    }
}

#[test]
fn compiled_code_that_crashes_in_an_operation() {
    check(&each_python(), "crash_in_operation", 139, &[("kept", 1, 8000)]);
}

#[test]
fn compiled_code_that_crashes_in_a_thread() {
    check(&some_pythons(), "crash_in_thread", 139, &[("kept", 1, 8000), ("doomed", 1, 400)]);
}

#[test]
fn a_stack_overflow_of_compiled_code() {
    check(&some_pythons(), "stack_overflow", 139, &[("kept", 1, 8000)]);
}

#[test]
fn the_limit_of_recursion() {
    check(&each_python(), "recursion", 0, &[]);
}

#[test]
fn recursion_deeper_than_any_stack_that_is_kept() {
    check(&each_python(), "deep_recursion", 0, &[("deep", 5000, 5000 * 24)]);
}

#[test]
fn an_address_space_that_is_full() {
    check(&each_python(), "no_address_space", 0, &[("after", 1, 800)]);
}

#[test]
fn memory_that_is_refused_altogether() {
    check(&some_pythons(), "no_memory_at_all", 1, &[("kept", 1, 8000)]);
}

#[test]
fn an_exception_at_exit() {
    check(&some_pythons(), "exception_at_exit", 3, &[("at_exit", 1, 2400)]);
}

#[test]
fn finalizers_that_allocate_at_shutdown() {
    check(&each_python(), "finalizer_at_shutdown", 0, &[("finalizer", 1, 560)]);
}

#[test]
fn finalizers_that_fail_at_shutdown() {
    check(&some_pythons(), "finalizer_fails", 0, &[("finalizer", 1, 160)]);
}

#[test]
fn daemon_threads_that_allocate_at_exit() {
    check(&each_python(), "daemons_at_exit", 0, &[("kept", 1, 4000)]);
}

#[test]
fn daemon_threads_without_the_interpreter_lock_at_exit() {
    check(&some_pythons(), "daemon_in_calloc", 0, &[]);
}

#[test]
fn an_alarm_that_nobody_handles() {
    check(&some_pythons(), "killed_by_alarm", 142, &[]);
}

#[test]
fn a_program_that_is_stopped_for_a_while() {
    check(&some_pythons(), "stopped_and_continued", 0, &[("before", 1, 800), ("after", 1, 1600)]);
}

#[test]
fn an_output_that_is_gone_at_exit() {
    check(&some_pythons(), "closed_output", 120, &[("kept", 1, 800)]);
}

#[test]
fn descriptors_that_are_all_closed() {
    let figures = [("before", 1, 800), ("in_child", 1, 2400), ("after", 1, 1600)];
    check(&each_python(), "closed_descriptors", 2, &figures);
}

#[test]
fn a_program_that_kills_its_own_group() {
    check(&one_pair(), "kill_group", 137, &[("kept", 1, 800)]);
}

#[test]
fn another_program_in_its_place_from_a_thread() {
    check(&each_python(), "replaced_from_thread", 0, &[("kept", 1, 3200)]);
}

#[test]
fn an_exec_that_fails() {
    check(&some_pythons(), "failing_exec", 0, &[("before", 1, 800), ("after", 1, 1600)]);
}

#[test]
fn programs_started_by_vfork() {
    check(&some_pythons(), "vfork_and_exit", 1, &[("kept", 1, 800)]);
}

/// A group of processes with a limit of its own on memory. Removed when dropped.
struct MemoryGroup(PathBuf);

impl MemoryGroup {
    /// `None` where there is no cgroup v2 with a memory controller that may be divided: in most containers,
    /// and for users without a session of systemd's.
    fn with_limit(max_bytes: u64) -> Option<Self> {
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let own = own.lines().find_map(|line| line.strip_prefix("0::"))?.trim_start_matches('/');
        let own = Path::new("/sys/fs/cgroup").join(own);
        // A group that has processes can't have limited groups in it, except for the outermost: so
        // beside this one, or in it.
        let places = [own.parent().map(Path::to_owned), Some(own)];
        places.into_iter().flatten().find_map(|place| Self::made_in(&place, max_bytes))
    }

    fn made_in(place: &Path, max_bytes: u64) -> Option<Self> {
        let controllers = fs::read_to_string(place.join("cgroup.subtree_control")).ok()?;
        if !controllers.split_whitespace().any(|name| name == "memory") {
            return None;
        }
        let folder = place.join(format!("npprof-test-{}", std::process::id()));
        fs::create_dir(&folder).ok()?;
        let group = Self(folder);
        fs::write(group.0.join("memory.max"), max_bytes.to_string()).ok()?;
        // Else the kernel swaps before it kills; where nothing is swapped, there is no such file.
        fs::write(group.0.join("memory.swap.max"), "0").ok();
        Some(group)
    }

    /// A line for a shell that enters the group and goes on as its arguments.
    fn entering(&self) -> String {
        format!("echo $$ > '{}' && exec \"$0\" \"$@\"", self.0.join("cgroup.procs").display())
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        // Its last process may still be on its way out.
        for _ in 0..50 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn a_program_that_runs_out_of_its_groups_memory() {
    let Some(group) = MemoryGroup::with_limit(192 << 20) else {
        eprintln!("missing: a cgroup v2 to be limited in memory, so nothing runs out of it");
        return;
    };
    let program = Program::new("endings.py group_memory");
    on_each(&one_pair(), |pair| {
        let run = program.profiled_in_shell(pair, &group.entering());
        assert_eq!(run.code(), 137, "{}", run.stderr());
        let report = run.report();
        assert_complete(&report);
        assert_eq!(report.0["exit"], exit_of(137));
        assert_figures(&report, &program, &[("kept", 1, 8000)]);
        // As many as it said it had made, and the one at which it was killed.
        let n_said = run.stdout().lines().count() as u64;
        let filled = sum(&report.sites_with_mark(&program.path(), "filled"), "n_allocations");
        assert!(n_said >= 10 && filled - n_said <= 1, "{filled} made, {n_said} said");
    });
}
