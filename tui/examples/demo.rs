//! The dashboard with a made-up program, for looking at it: `cargo run -p npprof-tui --example
//! demo`. Arguments: `--ascii`, `--no-color`, `--dropped`, `--panic` (after three seconds),
//! `--flood` (output without end), and the seconds that the program runs.

use std::cell::Cell;
use std::error::Error;
use std::io::{self, Write};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use npprof_model::{
    ArrayLayout, Bytes, Exit, Frame, LayoutCount, Nanos, Order, Process, ProcessIndex, Quantiles,
    RunState, Site, SiteId, Snapshot, TimelinePoint, Totals,
};
use npprof_tui::{Options, ProgramEvent, Session, Stop, run};

const MIB: u64 = 1 << 20;
/// NumPy is "imported" after this time.
const IMPORT: Duration = Duration::from_millis(1500);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let seconds = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(30);
    let options =
        Options { colour: !has("--no-color"), ascii: has("--ascii"), ..Options::default() };
    let (sender, events) = bounded(64);
    let (stop, stopped) = bounded(64);
    let program = thread::spawn({
        let sender = sender.clone();
        let is_flood = has("--flood");
        move || {
            if is_flood {
                flood(&sender, Duration::from_secs(seconds));
            }
            play(&sender, &stopped, Duration::from_secs(seconds));
        }
    });
    let mut session = Demo {
        started: Instant::now(),
        seconds,
        has_to_panic: has("--panic"),
        n_dropped: if has("--dropped") { 1234 } else { 0 },
        stop,
        output: sender,
        ended: Cell::new(None),
    };
    let left = run(&mut session, events, options)?;
    writeln!(io::stdout(), "left: {left:?}")?;
    drop(session);
    program.join().map_err(|_| "the program's thread panicked")?;
    Ok(())
}

struct Demo {
    started: Instant,
    seconds: u64,
    has_to_panic: bool,
    n_dropped: u64,
    stop: Sender<Stop>,
    output: Sender<ProgramEvent>,
    ended: Cell<Option<Duration>>,
}

impl Session for Demo {
    fn snapshot(&self) -> Arc<Snapshot> {
        let end = Duration::from_secs(self.seconds);
        let elapsed = self.ended.get().unwrap_or_else(|| self.started.elapsed()).min(end);
        assert!(!self.has_to_panic || elapsed < Duration::from_secs(3), "asked to panic");
        Arc::new(snapshot_at(elapsed, elapsed == end, self.n_dropped))
    }

    fn findings(&self) -> Arc<[npprof_findings::Finding]> {
        Arc::default()
    }

    fn want_stacks(&self) {}

    fn source(&self, _: &str) -> Option<Arc<str>> {
        None
    }

    fn report_path(&self) -> Option<String> {
        None
    }

    fn report_writer(&self) -> npprof_tui::ReportWriter {
        Box::new(|| "a made-up run has no report".to_owned())
    }

    fn export(&mut self, _: &str, _: &str) -> String {
        "a made-up run is not exported".to_owned()
    }

    fn edit(&mut self, _: &str, _: u32) -> Option<String> {
        Some("a made-up program has no source".to_owned())
    }

    fn send_input(&mut self, bytes: &[u8]) {
        // Echo, as a terminal does.
        let text = bytes.escape_ascii().to_string().replace("\\r", "\r\n");
        // The channel may be full, and this thread is the one that empties it.
        self.output.try_send(ProgramEvent::Output(text.into_bytes())).ok();
    }

    fn resize_program(&mut self, columns: u16, rows: u16) {
        let text = format!("\x1b[2m(the terminal is now {columns} × {rows})\x1b[0m\r\n");
        // The channel may be full, and this thread is the one that empties it.
        self.output.try_send(ProgramEvent::Output(text.into_bytes())).ok();
    }

    fn can_be_suspended(&self) -> bool {
        false
    }

    fn suspend(&mut self) {}

    fn has_terminal(&self) -> bool {
        true
    }

    fn stop_program(&mut self, how: Stop) {
        self.stop.try_send(how).ok();
        if how != Stop::Interrupt {
            self.ended.set(Some(self.started.elapsed()));
        }
    }
}

/// Writes like a program with a progress bar, until it is stopped or its time is over.
fn play(to: &Sender<ProgramEvent>, stop: &Receiver<Stop>, time: Duration) {
    let started = Instant::now();
    let say = |text: String| drop(to.send(ProgramEvent::Output(text.into_bytes())));
    say("\x1b[1mloading\x1b[0m 12 blocks of \x1b[33mraw/漢字.npy\x1b[0m\r\n".to_owned());
    let mut epoch = 0;
    while started.elapsed() < time {
        let per_mille = started.elapsed().as_millis() * 1000 / time.as_millis().max(1);
        let n = usize::try_from(per_mille / 25).unwrap_or(0);
        let bar = "█".repeat(n);
        say(format!("\r\x1b[32m{:>3} %\x1b[0m |{bar:<40}|", per_mille / 10));
        if per_mille / 100 > epoch {
            epoch = per_mille / 100;
            say(format!(
                "\r\x1b[Kepoch {epoch:>2}  loss \x1b[36m{:.4}\x1b[0m\r\n",
                1.0 / (epoch + 1) as f64
            ));
        }
        match stop.recv_timeout(Duration::from_millis(80)) {
            Ok(Stop::Interrupt) => say("\r\n^CKeyboardInterrupt caught, going on\r\n".to_owned()),
            Ok(Stop::Terminate) => return drop(to.send(ProgramEvent::Ended(Exit::Signal(15)))),
            Ok(Stop::Kill) => return drop(to.send(ProgramEvent::Ended(Exit::Signal(9)))),
            Err(_) => {}
        }
    }
    say("\r\ndone\r\n".to_owned());
    drop(to.send(ProgramEvent::Ended(Exit::Code(0))));
}

/// Writes as fast as it is read.
fn flood(to: &Sender<ProgramEvent>, time: Duration) {
    let started = Instant::now();
    let line = "a line of text, \x1b[32mgreen\x1b[0m and plain\r\n";
    while started.elapsed() < time {
        if to.send(ProgramEvent::Output(line.repeat(200).into_bytes())).is_err() {
            return;
        }
    }
}

fn nanos(time: Duration) -> Nanos {
    Nanos(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}

fn snapshot_at(elapsed: Duration, has_ended: bool, n_dropped: u64) -> Snapshot {
    let command = ["python", "examples/pipeline.py", "--blocks", "12"].map(str::to_owned);
    let mut snapshot = Snapshot {
        command: command.into(),
        cwd: "/home/ada/code".into(),
        elapsed: nanos(elapsed),
        ..Snapshot::default()
    };
    let Some(busy) = elapsed.checked_sub(IMPORT) else {
        return snapshot;
    };
    snapshot.state = if has_ended { RunState::Ended(Exit::Code(0)) } else { RunState::Running };
    let timeline: Vec<_> =
        (1..=busy.as_millis() / 50).filter_map(|n| u64::try_from(n).ok()).map(point).collect();
    let now = timeline.last().copied().unwrap_or_default();
    let highest = timeline.iter().copied().reduce(|a, b| if b.peak > a.peak { b } else { a });
    let highest = highest.unwrap_or_default();
    let n = u64::try_from(busy.as_micros()).unwrap_or(0);
    let sites = sites(now.live, highest.peak, n);
    snapshot.totals = Totals {
        n_allocations: sites.iter().map(|site| site.n_allocations).sum(),
        allocated: sites.iter().map(|site| site.allocated).sum(),
        live: now.live,
        high_water: highest.peak,
        high_water_at: highest.at,
        temporary: sites.iter().map(|site| site.temporary).sum(),
        rss: if has_ended { Bytes(0) } else { now.rss },
        rss_high_water: timeline.iter().map(|point| point.rss).max().unwrap_or_default(),
        n_dropped,
        ..Totals::default()
    };
    if n_dropped > 0 {
        snapshot.incomplete =
            ["the program ran with --lossy and its stream was full".to_owned()].into();
    }
    snapshot.timeline = timeline.into();
    snapshot.sites = sites.into();
    snapshot.processes = [process()].into();
    snapshot
}

/// Blocks are loaded and let go, and a cache grows.
fn point(n: u64) -> TimelinePoint {
    let live = 40 * MIB + n * MIB / 2 + (n % 80) * 5 * MIB / 2;
    let at = nanos(IMPORT).0 + n * 50_000_000;
    TimelinePoint {
        at: Nanos(at),
        live: Bytes(live),
        peak: Bytes(live + if n.is_multiple_of(7) { 60 * MIB } else { 10 * MIB }),
        rss: Bytes(live + 90 * MIB),
        allocated: Bytes(20 * MIB),
        copied: Bytes(5 * MIB),
    }
}

fn process() -> Process {
    Process {
        pid: 4711,
        parent_pid: 1,
        argv: Arc::default(),
        python: Some("3.12.1".into()),
        numpy: Some("2.2.0".into()),
        hooks: Arc::default(),
        notices: Arc::default(),
        started: Nanos(0),
        ended: None,
        exit: Exit::Running,
        totals: Totals::default(),
        timeline: Arc::default(),
        threads: Arc::default(),
    }
}

fn sites(live: Bytes, high_water: Bytes, n: u64) -> Vec<Site> {
    const PLACES: [(&str, u32, &str); 8] = [
        ("/home/ada/code/examples/pipeline.py", 40, "Loader.read_block"),
        ("/home/ada/code/examples/pipeline.py", 71, "normalize.<locals>.scale"),
        ("/home/ada/code/examples/filters/smooth.py", 7, "smooth"),
        (
            "/home/ada/code/.venv/lib/python3.12/site-packages/scipy/signal/_signaltools.py",
            1411,
            "fftconvolve",
        ),
        ("/home/ada/code/examples/資料/読み込み.py", 12, "読む"),
        ("<string>", 1, "<module>"),
        ("/home/ada/code/examples/pipeline.py", 102, "main"),
        ("/home/ada/code/examples/report.py", 33, "table"),
    ];
    let shapes: [&[u64]; 3] = [&[1024, 512], &[800], &[4, 1024, 1024]];
    let site = |(place, &(file, line, function)): (usize, &(&str, u32, &str))| {
        let part = 1 << (place + 1);
        let shape = shapes[place % 3];
        let order = if place % 4 == 1 { Order::F } else { Order::C };
        let layout = ArrayLayout {
            shape: shape.into(),
            dtype: if place % 2 == 0 { "float64".into() } else { "float32".into() },
            itemsize: 8,
            strides: ArrayLayout::dense_strides(shape, 8, order).into(),
            order,
        };
        let nbytes = shape.iter().product::<u64>() * 8;
        let n = n / 40 / part + 1;
        Site {
            id: SiteId(u32::try_from(place).unwrap_or(0)),
            process: ProcessIndex(0),
            frame: Frame { file: file.into(), line, function: function.into() },
            is_user: true,
            n_allocations: n,
            n_frees: n - 1,
            allocated: Bytes(n * nbytes),
            freed: Bytes((n - 1) * nbytes),
            live: Bytes(live.0 / part),
            at_high_water: Bytes(high_water.0 / (1 << ((place + 3) % 8 + 1))),
            own_peak: Bytes(high_water.0 / part),
            temporary: Bytes(n * nbytes / 3),
            n_temporaries: n / 3,
            copied: Bytes(n * nbytes / 4),
            n_copies: n / 4,
            n_operations: 3 * n,
            operation_time: Nanos(n * 2_000_000),
            lifetime: Some(Quantiles {
                p50: 1_200_000,
                p90: 35_000_000,
                p99: 800_000_000,
                max: 4_000_000_000,
            }),
            size: Some(Quantiles { p50: nbytes, p90: nbytes, p99: nbytes, max: 2 * nbytes }),
            layouts: [LayoutCount {
                layout,
                n,
                bytes: Bytes(n * nbytes),
                at_high_water: Bytes(high_water.0 / part),
            }]
            .into(),
            stacks: Arc::default(),
            first_at: nanos(IMPORT),
            detail: None,
        }
    };
    PLACES.iter().enumerate().map(site).collect()
}
