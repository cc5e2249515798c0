//! The command line: its types and its help, nothing else.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use npprof_report::{GroupBy, SortKey};

/// Everything that `npprof` can be asked.
#[derive(Debug, Parser)]
#[command(
    name = "npprof",
    version,
    about = "Shows what a NumPy program does with memory, line by line, and what to write instead",
    after_help = "\
Examples:
  npprof run python app.py              watch a program, then get a summary and a report
  npprof report npprof-app.4711.json    show the summary of a report again
  npprof view                           watch the newest run from another terminal
  npprof rules python-loop              explain a kind of finding
  npprof doctor                         find out why nothing is seen

The program needs no change and no import. See 'npprof COMMAND --help' for more.",
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a command and say where the memory of its NumPy arrays goes.
    ///
    /// COMMAND is whatever you would type without npprof; a bare `app.py` means `python3 app.py`. Its
    /// output, results and exit status stay its own, and so do its child processes, which are profiled
    /// too.
    ///
    /// In a terminal there is a dashboard while COMMAND runs, with the output of COMMAND in it.
    /// Without one (output redirected, CI set, or --no-tui) standard input, output and error belong to
    /// COMMAND alone until it ends.
    Run(RunArguments),
    /// Show a report again: its summary, or a table with --by or --sort.
    Report(ReportArguments),
    /// Show a run or a report in the dashboard: from another terminal, or later.
    ///
    /// WHAT is a report; or the process id of an `npprof run`, or of its program. Without it, the
    /// newest run of yours is shown. Any number of viewers may look at a run, and none changes it.
    /// When npprof is started again for the same program, the viewer goes on with the new run.
    ///
    /// Exit status: 0, or 2 if there is nothing to show.
    View(ViewArguments),
    /// List the kinds of findings, or explain one.
    Rules(RulesArguments),
    /// Find out whether a command can be profiled, and what to do if not.
    ///
    /// Runs a few lines of NumPy under npprof with the interpreter of COMMAND and says what was found.
    ///
    /// Exit status: 0 if that interpreter can be profiled, 1 if not.
    Doctor(DoctorArguments),
    /// Print the completions for a shell.
    Completions(CompletionsArguments),
    /// Make standard output the controlling terminal and execute a program: for npprof's own use.
    #[command(name = crate::pty::TRAMPOLINE, hide = true)]
    InTerminal(InTerminalArguments),
    /// Keep a program's terminal open if npprof is killed: for npprof's own use.
    #[command(name = crate::keeper::KEEPER, hide = true)]
    KeepTerminal,
}

/// What `npprof run` is asked.
#[derive(Args, Debug)]
#[command(after_help = "\
Exit status: that of COMMAND, or 128 plus the signal that killed it. When COMMAND was not started:
125 for a failure of npprof itself, 126 if COMMAND cannot be executed, 127 if it was not found.

Signals sent to npprof are passed on to COMMAND. In the dashboard Ctrl-C goes to COMMAND first, and
Ctrl-Z stops npprof and COMMAND together, like any job of the shell: `fg` or `bg` lets both go on.

Examples:
  npprof run python app.py --epochs 3
  npprof run app.py                            the same as: npprof run python3 app.py
  npprof run -o report.json -f python -m pkg   name the report, overwrite an old one
  npprof run --no-tui pytest -q tests
  npprof run -o 'run-%h-%t.json' -- ./script.sh -x")]
pub(crate) struct RunArguments {
    /// Write the report to FILE instead of npprof-SCRIPT.PID.json; `-` is standard output.
    ///
    /// In the name, %p stands for the process id, %h for the name of the machine, %t for the time
    /// of the start and %% for a percent sign.
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<String>,
    /// Overwrite the report if it exists.
    #[arg(short, long)]
    pub force: bool,
    /// No dashboard, even in a terminal.
    #[arg(long)]
    pub no_tui: bool,
    /// Lose events rather than make the program wait when npprof cannot keep up.
    ///
    /// Figures are exact without it. With it, lost events are counted, and the report says so.
    #[arg(long)]
    pub lossy: bool,
    /// Leave alone what a profiled process starts: forks, workers, other programs.
    ///
    /// They run as without npprof, with nothing of it in their environment. The Python that COMMAND
    /// ends up in is profiled all the same, be it through a shell script or a wrapper.
    #[arg(long)]
    pub no_follow: bool,
    /// What to watch: `allocations` leaves out what operations read, write and copy.
    ///
    /// Without operations there are no findings, and npprof costs less time.
    #[arg(long, value_name = "LEVEL", default_value = "operations")]
    pub level: Level,
    #[command(flatten)]
    pub kinds: KindArguments,
    /// From when on there is a finding: `large=32MiB`, `python-loop.elements=50_000`.
    ///
    /// NAME is `large` (bytes that matter, 8 MiB), `min-array` (bytes of a single array that is
    /// looked at, 1 MiB) or KIND.NAME, as 'npprof rules KIND' lists them. Can be given several
    /// times.
    #[arg(long = "threshold", value_name = "NAME=VALUE")]
    pub thresholds: Vec<String>,
    /// Call sites in the summary.
    #[arg(short = 'n', long = "sites", value_name = "N", default_value_t = npprof_report::text::DEFAULT_SITES)]
    pub n_sites: usize,
    #[command(flatten)]
    pub look: Look,
    /// No summary at the end; the report is written all the same.
    #[arg(short, long)]
    pub quiet: bool,
    /// The command to run, with its arguments.
    #[arg(
        required = true,
        trailing_var_arg = true,
        value_name = "COMMAND",
        value_hint = ValueHint::CommandWithArguments
    )]
    pub command: Vec<OsString>,
}

/// Which kinds of findings are wanted.
#[derive(Args, Debug)]
pub(crate) struct KindArguments {
    /// Only findings of these kinds; 'npprof rules' lists them.
    #[arg(long, value_name = "KIND,…", value_delimiter = ',')]
    pub only: Vec<String>,
    /// No findings of these kinds.
    #[arg(long, value_name = "KIND,…", value_delimiter = ',')]
    pub ignore: Vec<String>,
    /// Read settings from FILE instead of the next npprof.toml from the current folder up.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
}

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Level {
    /// Allocations and their layout.
    Allocations,
    /// Operations too.
    Operations,
}

/// What `npprof report` is asked.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  npprof report npprof-app.4711.json                   the summary
  npprof report app.json --findings                    what to change, with the evidence
  npprof report app.json --by function                 who was alive at the high-water mark
  npprof report app.json --by dtype --sort allocated
  npprof report app.json --by line --sort copied       where bytes are copied
  npprof report app.json --folded | flamegraph.pl      a flame graph of bytes
  ssh box cat app.json | npprof report -")]
pub(crate) struct ReportArguments {
    /// The report; `-` is standard input.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Show all findings with their evidence.
    #[arg(long, conflicts_with_all = ["by", "folded", "json", "n", "sort"])]
    pub findings: bool,
    #[command(flatten)]
    pub kinds: KindArguments,
    /// Show a table, sorted by KEY.
    #[arg(short, long, value_name = "KEY", value_parser = sort_keys())]
    pub sort: Option<SortKey>,
    /// Show a table with a row for each of these.
    #[arg(short, long, value_name = "WHAT", value_parser = groups())]
    pub by: Option<GroupBy>,
    /// Rows of the table, or call sites in the summary.
    #[arg(short, value_name = "N")]
    pub n: Option<usize>,
    /// Print the report itself, as JSON.
    #[arg(long, conflicts_with_all = ["by", "n", "folded", "sort", "ascii"])]
    pub json: bool,
    /// Print call stacks with their bytes, one a line, as flame graph tools read them.
    #[arg(long, conflicts_with_all = ["by", "n", "ascii"])]
    pub folded: bool,
    /// Use ASCII characters only.
    #[arg(long)]
    pub ascii: bool,
}

/// What `npprof view` is asked.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  npprof view npprof-app.4711.json    explore a report
  npprof view                         the newest run
  npprof view 4711                    the run of this process
  npprof view --list                  which runs there are

For a program that uses the terminal itself, say `npprof run --no-tui` there and `npprof view`
in another terminal.")]
pub(crate) struct ViewArguments {
    /// A report, or a process id.
    #[arg(value_name = "WHAT", value_hint = ValueHint::FilePath)]
    pub what: Option<PathBuf>,
    /// List the runs that can be viewed.
    #[arg(long, conflicts_with_all = ["what", "ascii", "theme"])]
    pub list: bool,
    #[command(flatten)]
    pub look: Look,
}

/// How the dashboard looks.
#[derive(Args, Debug)]
pub(crate) struct Look {
    /// Use ASCII characters only.
    #[arg(long)]
    pub ascii: bool,
    /// Colours of the dashboard; NO_COLOR takes them away.
    #[arg(long, value_enum, default_value = "terminal")]
    pub theme: Theme,
}

/// Colours of the dashboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Theme {
    /// The terminal's own sixteen.
    Terminal,
    /// For a dark background, safe for colour-blind people.
    Dark,
    /// For a light background, safe for colour-blind people.
    Light,
}

/// What `npprof rules` is asked.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  npprof rules
  npprof rules redundant-copy

A comment on a line of the program silences findings there:
  y = x.copy()    # npprof: ignore[redundant-copy]")]
pub(crate) struct RulesArguments {
    /// The kind to explain.
    #[arg(value_name = "KIND")]
    pub kind: Option<String>,
    /// Use ASCII characters only.
    #[arg(long)]
    pub ascii: bool,
}

/// What `npprof doctor` is asked.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  npprof doctor
  npprof doctor .venv/bin/python
  npprof doctor -- pytest -q tests")]
pub(crate) struct DoctorArguments {
    /// The command to look at; python3 if there is none. It is not run, only its interpreter is.
    #[arg(
        trailing_var_arg = true,
        value_name = "COMMAND",
        value_hint = ValueHint::CommandWithArguments
    )]
    pub command: Vec<OsString>,
    /// Use ASCII characters only.
    #[arg(long)]
    pub ascii: bool,
}

/// What `npprof completions` is asked.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  npprof completions bash > ~/.local/share/bash-completion/completions/npprof
  npprof completions zsh > ~/.zfunc/_npprof
  npprof completions fish > ~/.config/fish/completions/npprof.fish")]
pub(crate) struct CompletionsArguments {
    /// The shell.
    pub shell: Shell,
}

/// What [`crate::pty`] tells itself across an `exec`.
#[derive(Args, Debug)]
pub(crate) struct InTerminalArguments {
    /// The program's `LD_PRELOAD`.
    pub preload: OsString,
    /// The file to execute.
    pub path: PathBuf,
    /// Its arguments, its name first.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub argv: Vec<OsString>,
}

fn sort_keys() -> impl TypedValueParser<Value = SortKey> {
    let words = SortKey::ALL.iter().map(|key| key.as_str());
    PossibleValuesParser::new(words).try_map(|word| word.parse::<SortKey>())
}

fn groups() -> impl TypedValueParser<Value = GroupBy> {
    let words = GroupBy::ALL.iter().map(|group| group.as_str());
    PossibleValuesParser::new(words).try_map(|word| word.parse::<GroupBy>())
}
