//! Companions of NumPy and of Python that look at the same things as npprof: all get along.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use npprof_tests::{
    built,
    count::{Until, assert_complete, assert_exact},
    matrix::{Pair, each_python, extras, on_each, one_pair, some_pythons},
    program::{LIMIT, Program, code_of, folder, npprof_run, output_within, prepare},
    report::{Report, number, sum, text},
    same::{Same, assert_sound},
};

/// The program is as without npprof, and what it counted is in the report.
fn check_program(pairs: &[Pair], program: &Program, code: i32) {
    on_each(pairs, |pair| {
        let same = Same::on(program, pair);
        assert_eq!(same.run.code(), code, "{}", same.run.stderr());
        assert_complete(&same.report);
        assert_exact(&same.report, &program.path(), &same.run.counted_once(), Until::TheCount);
    });
}

fn check(pairs: &[Pair], how: &str) {
    check_program(pairs, &Program::new(&format!("interplay.py {how}")), 0);
}

#[test]
fn trace_and_profile_functions_that_allocate() {
    check(&each_python(), "traced");
}

#[test]
fn monitoring() {
    check(&some_pythons(), "monitored");
}

#[test]
fn a_deterministic_profiler() {
    check(&some_pythons(), "profiled");
}

#[test]
fn a_debugger() {
    check(&some_pythons(), "debugged");
}

#[test]
fn the_fault_handler_speaks_as_without() {
    check_program(&some_pythons(), &Program::new("interplay.py faulthandled"), 139);
}

#[test]
fn signal_handlers_that_allocate() {
    on_each(&each_python(), |pair| {
        // How often the loop turns is not the same twice.
        let program = Program::new("interplay.py signals");
        let run = program.profiled(pair);
        assert_eq!(run.code(), 0, "{}", run.stderr());
        assert_exact(&run.report(), &program.path(), &run.counted_once(), Until::TheCount);
    });
}

#[test]
fn numpy_first_used_in_a_thread() {
    check(&some_pythons(), "imported_in_thread");
}

#[test]
fn numpy_reloaded_and_removed() {
    check(&some_pythons(), "reloaded");
    check(&some_pythons(), "removed_from_modules");
}

#[test]
fn finalizers_and_callbacks_of_the_collector_that_allocate() {
    check(&each_python(), "finalizers");
    check(&some_pythons(), "collector_callback");
}

#[test]
fn arrays_freed_by_another_thread() {
    check(&some_pythons(), "freed_by_another_thread");
}

#[test]
fn sources_and_names_that_are_no_text() {
    check(&each_python(), "latin_1");
}

#[test]
fn very_long_functions_and_lines() {
    on_each(&one_pair(), |pair| {
        let same = Same::on(&Program::new("interplay.py long_sources"), pair);
        // More call sites than a report lists; the totals have all of them.
        let reason = same.report.0["incomplete_because"].as_str().unwrap_or_default();
        assert!(reason.starts_with("to keep the file small"), "{reason}");
        assert!(!reason.contains("cannot be read"), "{reason}");
        assert!(number(&same.report.0["totals"], "n_allocations") >= 30_000);
    });
}

#[test]
fn another_interpreter_in_the_process() {
    check(&each_python(), "subinterpreter");
}

#[test]
fn tracemalloc() {
    check(&some_pythons(), "traced_memory");
}

#[test]
fn tasks() {
    check(&some_pythons(), "coroutines");
}

/// A part that wants a library, which the environment may lack.
fn check_with(library: &str, how: &str) {
    if has(library) {
        check(&[extras()], how);
    }
}

/// Whether the environment has this library; says so if not.
#[expect(clippy::print_stderr, reason = "what could not be tested is named")]
fn has(library: &str) -> bool {
    let asked = Command::new(extras().python).args(["-c", &format!("import {library}")]).output();
    let is_there = asked.is_ok_and(|asked| asked.status.success());
    if !is_there {
        eprintln!("missing: {library}, so npprof beside it is not tested");
    }
    is_there
}

#[test]
fn greenlets() {
    check_with("greenlet", "greenlets");
}

#[test]
fn coverage() {
    check_with("coverage", "covered");
}

#[test]
fn greenlets_of_gevents() {
    check_with("gevent", "gevents");
}

#[test]
fn another_memory_profiler() {
    // Its messages name no time and no process with `-q`; with `--native` it looks at C stacks, too.
    for options in
        ["run -q -f -o memray.bin", "run -q -f --native --trace-python-allocators -o memray.bin"]
    {
        if has("memray") {
            let program = Program::new("interplay.py finalizers")
                .with_python_args(&format!("-m memray {options}"));
            check_program(&[extras()], &program, 0);
        }
    }
}

#[test]
fn options_of_the_interpreter() {
    for options in ["-X importtime", "-OO", "-B -u", "-X faulthandler -X utf8"] {
        let program = Program::new("interplay.py finalizers").with_python_args(options);
        on_each(&some_pythons(), |pair| {
            let (bare, run) = (program.bare(pair), program.profiled(pair));
            assert_eq!((run.code(), run.stdout()), (bare.code(), bare.stdout()), "{options}");
            let lines = |text: String| text.lines().filter(|line| line.contains('|')).count();
            if options == "-X importtime" {
                assert_eq!(lines(run.stderr()), lines(bare.stderr()), "modules imported");
            }
            assert_exact(&run.report(), &program.path(), &run.counted_once(), Until::TheCount);
        });
    }
}

#[test]
fn allocators_of_pythons_own() {
    for allocator in ["debug", "malloc", "malloc_debug", "pymalloc"] {
        let program = Program::new("interplay.py finalizers").with_env("PYTHONMALLOC", allocator);
        check_program(&some_pythons(), &program, 0);
    }
}

/// Allocators that people put into `LD_PRELOAD`: those of the distribution, as far as they are
/// installed, one that a package brings along, and one of our own, which replaces everything.
#[expect(clippy::print_stderr, reason = "what could not be tested is named")]
fn preloaded_allocators() -> Vec<PathBuf> {
    let mut found = vec![built::own_malloc().to_owned()];
    let listed = Command::new("/sbin/ldconfig").arg("-p").output();
    let listed = listed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    for name in ["libjemalloc.so.2", "libtcmalloc_minimal.so.4", "libmimalloc.so.2"] {
        let is_it = |line: &&str| line.trim_start().starts_with(&format!("{name} "));
        let line = listed.as_deref().unwrap_or_default().lines().find(is_it).map(str::to_owned);
        match line.as_deref().and_then(|line| line.split_once("=> ")) {
            Some((_, path)) => found.push(PathBuf::from(path)),
            None => eprintln!("missing: {name}, so npprof beside it is not tested"),
        }
    }
    let libraries = Command::new(extras().python)
        .args(["-c", "import numpy, os; print(os.path.dirname(os.path.dirname(numpy.__file__)))"])
        .output()
        .expect("Python runs");
    let libraries = String::from_utf8_lossy(&libraries.stdout).into_owned();
    let packaged = Path::new(libraries.trim()).join("cmeel.prefix/lib/libmimalloc.so");
    if packaged.is_file() {
        found.push(packaged);
    }
    found
}

#[test]
fn allocators_in_the_c_librarys_place() {
    for library in preloaded_allocators() {
        let library = library.display().to_string();
        for way in ["preloaded", "finalizers", "freed_by_another_thread"] {
            let program = Program::new(&format!("interplay.py {way}"))
                .with_env("LD_PRELOAD", &library)
                .with_env("TEST_PRELOADED", &library);
            on_each(&one_pair(), |pair| {
                let same = Same::on(&program, pair);
                assert_eq!(same.run.code(), 0, "{library}: {}", same.run.stderr());
                assert_complete(&same.report);
                let counted = same.run.counted_once();
                assert_exact(&same.report, &program.path(), &counted, Until::TheCount);
                assert!(way != "preloaded" || same.run.stdout().starts_with("[True]"), "{library}");
            });
        }
    }
}

#[test]
fn a_program_in_an_archive() {
    on_each(&one_pair(), |pair| {
        let place = folder();
        fs::create_dir(place.path().join("app")).expect("makes a folder");
        let source = "import numpy as np\nkept = np.empty(4321)\nprint(kept.size)\n";
        fs::write(place.path().join("app/__main__.py"), source).expect("writes");
        let mut archive = Command::new(&pair.python);
        archive.args(["-m", "zipapp", "app", "-o", "app.pyz"]);
        prepare(&mut archive, place.path());
        assert_eq!(code_of(&output_within(archive, LIMIT)), 0);
        let mut command = npprof_run(&place.path().join("report.json"));
        command.arg("--").arg(&pair.python).arg("app.pyz");
        prepare(&mut command, place.path());
        let output = output_within(command, LIMIT);
        assert_eq!(code_of(&output), 0, "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.stdout, b"4321\n");
        let report = Report::load(&place.path().join("report.json"));
        assert_sound(&report);
        let is_main =
            |site: &&serde_json::Value| text(site, "file").ends_with("app.pyz/__main__.py");
        let main: Vec<_> =
            report.sites().iter().filter(is_main).filter(|site| site["line"] == 2).collect();
        assert_eq!(sum(&main, "allocated_bytes"), 8 * 4321);
    });
}

const EMBEDDING: &str = r#"
#include <Python.h>
int main(void) {
    Py_InitializeEx(0);
    int failed = PyRun_SimpleString(
        "import sys; sys.path[:0] = sys.argv[1:] or []\n"
        "import os; sys.path.insert(0, os.environ['TEST_LIBRARIES'])\n"
        "import numpy as np\n"
        "kept = np.empty(777)\n"
        "print(kept.size, flush=True)\n");
    return failed || Py_FinalizeEx() < 0 ? 1 : 9;
}
"#;

#[test]
fn python_embedded_in_another_program() {
    on_each(&some_pythons(), |pair| {
        let place = folder();
        let ask = "import sysconfig as s, numpy, os; v = s.get_config_var; print(v('INCLUDEPY'), \
                   v('LIBDIR'), v('LDVERSION'), os.path.dirname(os.path.dirname(numpy.__file__)), v('prefix'))";
        let asked = Command::new(&pair.python).args(["-c", ask]).output().expect("Python runs");
        let said = String::from_utf8_lossy(&asked.stdout).into_owned();
        let [include, libraries, version, numpy, prefix] =
            said.split_whitespace().collect::<Vec<_>>()[..]
        else {
            panic!("five words: {said}");
        };
        fs::write(place.path().join("embed.c"), EMBEDDING).expect("writes");
        let compiled = Command::new("cc")
            .current_dir(place.path())
            .args(["-o", "embed", "embed.c", "-I", include, "-L", libraries])
            .args([&format!("-Wl,-rpath,{libraries}"), &format!("-lpython{version}"), "-lm"])
            .output()
            .expect("a C compiler runs");
        if !compiled.status.success() {
            eprintln!("missing: {}'s shared library, so it is not embedded", pair.name);
            return;
        }
        let mut command = npprof_run(&place.path().join("report.json"));
        command.args(["--", "./embed"]).env("TEST_LIBRARIES", numpy).env("PYTHONHOME", prefix);
        prepare(&mut command, place.path());
        let output = output_within(command, LIMIT);
        assert_eq!(code_of(&output), 9, "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.stdout, b"777\n");
        let report = Report::load(&place.path().join("report.json"));
        assert_sound(&report);
        let own: Vec<_> = report
            .sites()
            .iter()
            .filter(|site| site["file"] == "<string>" && site["line"] == 4)
            .collect();
        assert_eq!(sum(&own, "allocated_bytes"), 8 * 777, "{:?}", report.processes());
    });
}
