//! The dashboard as its users meet it: keys in, screens and actions out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use npprof_model::{Bytes, Exit, Nanos, RunState, Snapshot};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEventKind};
use ratatui::layout::{Position, Size};

use crate::app::{Action, App, Event, Focus, Popup};
use crate::table::Sort;
use crate::{Left, Options, ProgramEvent, Stop, fixtures, theme};

const PLAIN: Options = Options { colour: true, ascii: false, mouse: true };
const OUTPUT: &str = "reading \x1b[32mblock 7\x1b[0m\r\n\x1b[1mdone\x1b[0m 漢字\r\n$ ";

/// A dashboard and a clock.
struct Tester {
    app: App,
    now: Instant,
    size: Size,
}

impl Tester {
    fn new(snapshot: Snapshot, columns: u16, rows: u16) -> Self {
        let size = Size::new(columns, rows);
        let now = Instant::now();
        Self { app: App::new(Arc::new(snapshot), size, now), now, size }
    }

    fn running() -> Self {
        Self::new(fixtures::running(), 80, 24)
    }

    fn update(&mut self, event: Event) -> Option<Action> {
        self.app.update(event, self.now)
    }

    fn snapshot(&mut self, snapshot: Snapshot) -> Option<Action> {
        self.update(Event::Snapshot(Arc::new(snapshot)))
    }

    fn output(&mut self, text: &str) -> Option<Action> {
        self.update(Event::Program(ProgramEvent::Output(text.as_bytes().to_vec())))
    }

    fn end(&mut self, exit: Exit) -> Option<Action> {
        self.update(Event::Program(ProgramEvent::Ended(exit)))
    }

    /// Presses keys; `^c` is Ctrl-C, the names of other keys stand in angle brackets. Returns the
    /// actions.
    fn keys(&mut self, keys: &str) -> Vec<Action> {
        let mut actions = Vec::new();
        let mut rest = keys;
        while let Some(first) = rest.chars().next() {
            let (code, modifiers, length) = if let Some(name) = rest.strip_prefix('<') {
                let (name, _) = name.split_once('>').unwrap();
                (named(name), KeyModifiers::NONE, name.len() + 2)
            } else if rest.starts_with('^') {
                let c = rest.chars().nth(1).unwrap();
                (KeyCode::Char(c), KeyModifiers::CONTROL, 2)
            } else {
                (KeyCode::Char(first), KeyModifiers::NONE, first.len_utf8())
            };
            actions.extend(self.update(Event::Key(KeyEvent::new(code, modifiers))));
            rest = &rest[length..];
        }
        actions
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        self.update(Event::Tick);
    }

    fn screen(&self, options: Options) -> Terminal<TestBackend> {
        let backend = TestBackend::new(self.size.width, self.size.height);
        let mut terminal = Terminal::new(backend).unwrap();
        terminal
            .draw(|frame| {
                self.app.render(frame);
                theme::adapt(frame.buffer_mut(), options);
            })
            .unwrap();
        terminal
    }

    fn shown(&self) -> String {
        self.screen(PLAIN).backend().to_string()
    }
}

fn named(name: &str) -> KeyCode {
    match name {
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "tab" => KeyCode::Tab,
        "up" => KeyCode::Up,
        "down" => KeyCode::Down,
        "right" => KeyCode::Right,
        "pgup" => KeyCode::PageUp,
        "pgdn" => KeyCode::PageDown,
        "end" => KeyCode::End,
        "f12" => KeyCode::F(12),
        _ => panic!("no key {name}"),
    }
}

/// Presses keys on a running program's dashboard; expects these actions.
fn check_keys(keys: &str, expected: &[Action]) {
    assert_eq!(Tester::running().keys(keys), expected, "{keys}");
}

fn input(bytes: &str) -> Action {
    Action::SendInput(bytes.as_bytes().to_vec())
}

#[test]
fn before_numpy_is_imported_the_screen_says_what_it_waits_for() {
    let mut tester = Tester::new(fixtures::starting(), 80, 24);
    tester.output(OUTPUT);
    assert_snapshot!(tester.screen(PLAIN).backend(), @r#"
" npprof  python app.py --size large                        starting      300 ms "
" Live       High-water mark          RSS          Allocation rate               "
" 0 B        0 B                      0 B          0 B/s  0 allocs/s             "
"─ Array memory over time ───────────────────────────────────────────────────────"
"                                                                                "
"                                                                                "
"                                                                                "
"                        waiting for NumPy to be imported…                       "
"                                                                                "
"                                                                                "
"━ Call sites ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━"
" ▼High-water     Live Allocated Count Top layout           Call site            "
"                                                                                "
"                                                                                "
"                                                                                "
"                                                                                "
"                                                                                "
"                                                                                "
"                                                                                "
"─ Output ───────────────────────────────────────────────────────────────────────"
"reading block 7                                                                 "
"done 漢字                                                                       " Hidden by multi-width symbols: [(6, " "), (8, " ")]
"$                                                                               "
" q leave  Tab output  o enlarge  Space freeze  ? help  Enter details  s sort    "
"#);
}

#[test]
fn a_run_at_80_by_24() {
    let mut tester = Tester::running();
    tester.output(OUTPUT);
    assert_snapshot!(tester.screen(PLAIN).backend(), @r#"
" npprof  python app.py --size large                         running      12.0 s "
" Live       High-water mark          RSS          Allocation rate               "
" 210 MiB    400 MiB at 8.00 s        270 MiB      0 B/s  0 allocs/s             "
"─ Array memory over time ──────────────────────── █ live  ░ its highest  ─ RSS ─"
" 500 MiB ┤                                        ▁▁▁────                       "
"         │                              ▁▁▁────▁▂▃▄▄▅▆▇█░                       "
"         │                     ▁▁────▁▂▃▄▄▅▆▆▇██████████░     ▁▁▁▁▁▁▁───────────"
"         │           ▁▁▁────▁▂▃▄▅▆▆▇████████████████████▂▂▃▃▃▄▄▄▄▄▅▅▅▆▆▆▆▇▇▇████"
"         │▁▁▁▁▂▂▂▃▃▃▃▄▅▅▆▇██████████████████████████████████████████████████████"
"     0 B └─────────────────────────── 400 MiB at 8.00 s ▲──────────────── 12.0 s"
"━ Call sites ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 1 of 3 ━"
" ▼High-water     Live Allocated Count Top layout           Call site            "
"▸    240 MiB  160 MiB   480 MiB   120 float64 (1024, 512)  load.py:40 Loader.re…"
"     150 MiB 40.0 MiB  3.00 GiB 1.23M float64 (800,)       smooth.py:7 smooth   "
"    10.0 MiB 10.0 MiB  10.0 MiB     3                      _signaltools.py:1234 "
"                                                                                "
"                                                                                "
"                                                                                "
"                                                                                "
"─ Output ───────────────────────────────────────────────────────────────────────"
"reading block 7                                                                 "
"done 漢字                                                                       " Hidden by multi-width symbols: [(6, " "), (8, " ")]
"$                                                                               "
" q leave  Tab output  o enlarge  Space freeze  ? help  Enter details  s sort    "
"#);
}

#[test]
fn a_run_at_120_by_40() {
    let mut tester = Tester::new(fixtures::running(), 120, 40);
    tester.output(OUTPUT);
    assert_snapshot!(tester.screen(PLAIN).backend(), @r#"
" npprof  python app.py --size large                                                                 running      12.0 s "
" Live       High-water mark          RSS          Allocation rate             Allocated            Temporaries          "
" 210 MiB    400 MiB at 8.00 s        270 MiB      0 B/s  0 allocs/s           3.48 GiB in 1.23M    2.00 GiB  57 %       "
"─ Array memory over time ───────────────────────────────────────────── █ live  ░ its highest  ─ RSS  ▲ high-water mark ─"
" 500 MiB ┤                                                                       ▁▁                                     "
"         │                                                                ▁▁───▔▔                                       "
"         │                                                       ▁▁────▔▔▔ ░▂▃▄▅▆▇█░                                    "
"         │                                                ▁▁────▔  ░▁▂▃▄▅▆▇████████░                                    "
"         │                                         ▁▁───▔▔ ░░▁▂▃▄▆▇████████████████░                               ▁▁▁▁▁"
" 250 MiB ┤                                 ▁────▔▔▔ ░▁▃▄▅▆▇████████████████████████░        ▁▁▁▁▁▁───────────▔▔▔▔▔▔    ░"
"         │                         ▁▁────▔▔ ░▁▂▃▄▅▆▇███████████████████████████████───▔▔▔▔▔▔    ░░▁▁▂▂▂▃▃▃▄▄▄▅▅▆▆▆▇▇▇███"
"         │                  ▁▁───▔▔ ░░▁▂▃▄▅▇███████████████████████████████████████▄▄▄▅▅▆▆▆▇▇▇██████████████████████████"
"         │───────────▔▔▔▔▔▔▔ ░▁▂▄▅▆▇████████████████████████████████████████████████████████████████████████████████████"
"         │▁▁▁▂▂▂▃▃▃▄▄▅▅▅▆▆▆▇▇███████████████████████████████████████████████████████████████████████████████████████████"
"     0 B └─────────────────────────────────────────────────────────────────────────▲ 400 MiB at 8.00 s ────────── 12.0 s"
"━ Call sites ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 1 of 3 ━"
"          ▼High-water     Live Allocated Count Top layout                       Call site                               "
"▸ ████▊       240 MiB  160 MiB   480 MiB   120 float64 (1024, 512)              pipeline/load.py:40 Loader.read_block   "
"  ███         150 MiB 40.0 MiB  3.00 GiB 1.23M float64 (800,)                   pipeline/filters/smooth.py:7 smooth     "
"  ▎          10.0 MiB 10.0 MiB  10.0 MiB     3                                  /usr/…/_signaltools.py:1234 fftconvolve "
"                                                                                                                        "
"                                                                                                                        "
"                                                                                                                        "
"                                                                                                                        "
"                                                                                                                        "
"                                                                                                                        "
"                                                                                                                        "
"                                                                                                                        "
"                                                                                                                        "
"                                                                                                                        "
"                                                                                                                        "
"                                                                                                                        "
"─ Output ───────────────────────────────────────────────────────────────────────────────────────────────────────────────"
"reading block 7                                                                                                         "
"done 漢字                                                                                                               " Hidden by multi-width symbols: [(6, " "), (8, " ")]
"$                                                                                                                       "
"                                                                                                                        "
"                                                                                                                        "
"                                                                                                                        "
" q leave  Tab output  o enlarge  Space freeze  ? help  Enter details  s sort                                            "
"#);
}

#[test]
fn a_run_at_40_by_15() {
    let mut tester = Tester::new(fixtures::running(), 40, 15);
    tester.output(OUTPUT);
    assert_snapshot!(tester.screen(PLAIN).backend(), @r#"
" python app.py --s… running      12.0 s "
"Live       210 MiB  High-water 400 MiB  "
"RSS        270 MiB  Rate       0 B/s    "
"━ Call sites ━━━━━━━━━━━━━━━━━━ 1 of 3 ━"
" ▼High-water     Live Call site         "
"▸    240 MiB  160 MiB load.py:40 Loader…"
"     150 MiB 40.0 MiB smooth.py:7 smooth"
"    10.0 MiB 10.0 MiB _sig…tools.py:1234"
"                                        "
"                                        "
"                                        "
"─ Output ───────────────────────────────"
"done 漢字                               " Hidden by multi-width symbols: [(6, " "), (8, " ")]
"$                                       "
" q leave  Tab output  o enlarge         "
"#);
}

#[test]
fn a_run_at_20_by_10() {
    let tester = Tester::new(fixtures::running(), 20, 10);
    assert_snapshot!(tester.screen(PLAIN).backend(), @r#"
" python ap… running "
"Live       210 MiB  "
"High-water 400 MiB  "
"RSS        270 MiB  "
"Rate       0 B/s    "
"━ Call sites ━━━━━━━"
"  ▼High-w. Call site"
"▸  240 MiB lo….py:40"
"   150 MiB sm…h.py:7"
" q leave            "
"#);
}

#[test]
fn a_run_in_ascii() {
    let mut tester = Tester::running();
    tester.output(OUTPUT);
    let ascii = Options { ascii: true, ..PLAIN };
    assert_snapshot!(tester.screen(ascii).backend(), @r#"
" npprof  python app.py --size large                         running      12.0 s "
" Live       High-water mark          RSS          Allocation rate               "
" 210 MiB    400 MiB at 8.00 s        270 MiB      0 B/s  0 allocs/s             "
"- Array memory over time ------------------------ # live  : its highest  - RSS -"
" 500 MiB -                                        ___----                       "
"         |                              ___----_..oooo##:                       "
"         |                     __----_..ooooo###########:     _______-----------"
"         |           ___----_..oooo#####################.....oooooooooooo#######"
"         |____.......oooo#######################################################"
"     0 B +--------------------------- 400 MiB at 8.00 s ^---------------- 12.0 s"
"= Call sites ========================================================== 1 of 3 ="
" vHigh-water     Live Allocated Count Top layout           Call site            "
">    240 MiB  160 MiB   480 MiB   120 float64 (1024, 512)  load.py:40 Loader.re~"
"     150 MiB 40.0 MiB  3.00 GiB 1.23M float64 (800,)       smooth.py:7 smooth   "
"    10.0 MiB 10.0 MiB  10.0 MiB     3                      _signaltools.py:1234 "
"                                                                                "
"                                                                                "
"                                                                                "
"                                                                                "
"- Output -----------------------------------------------------------------------"
"reading block 7                                                                 "
"done ????                                                                       "
"$                                                                               "
" q leave  Tab output  o enlarge  Space freeze  ? help  Enter details  s sort    "
"#);
}

#[test]
fn a_wide_screen_shows_the_selected_site_beside_the_table() {
    let tester = Tester::new(fixtures::running(), 160, 50);
    assert_snapshot!(tester.screen(PLAIN).backend(), @r#"
" npprof  python app.py --size large                                                                                                         running      12.0 s "
" Live              High-water mark                 RSS                 Allocation rate                    Allocated                   Temporaries               "
" 210 MiB           400 MiB at 8.00 s               270 MiB             0 B/s  0 allocs/s                  3.48 GiB in 1.23M           2.00 GiB  57 %            "
"─ Array memory over time ───────────────────────────────────────────────────────────────────────────────────── █ live  ░ its highest  ─ RSS  ▲ high-water mark ─"
" 500 MiB ┤                                                                                                                                                      "
"         │                                                                                            ▁▁▁────                                                   "
"         │                                                                                     ▁▁────▔    ░░▁                                                   "
"         │                                                                             ▁▁▁───▔▔   ░░░▁▂▃▅▅▆▇█░░                                                 "
"         │                                                                      ▁▁────▔    ░░▁▂▂▃▅▆▇▇████████░░                                                 "
"         │                                                              ▁▁▁───▔▔   ░░░▁▂▃▅▅▆▇████████████████░░                                                 "
"         │                                                        ▁────▔    ░░░▂▂▃▅▆▇▇███████████████████████░░                                          ▁▁▁▁▁──"
" 250 MiB ┤                                                ▁▁───▔▔▔  ░░░░▂▃▄▄▆▇███████████████████████████████░░                    ▁▁▁▁▁───────────▔▔▔▔▔▔       "
"         │                                         ▁────▔▔   ░░░▂▂▃▄▆▇▇██████████████████████████████████████▁▁▁▁────────────▔▔▔▔▔▔          ░░░░░░▁▁▂▂▂▃▃▄▄▄▄▅▅"
"         │                                 ▁▁───▔▔▔    ░░▂▃▄▄▆▇██████████████████████████████████████████████░░         ░░░░▁▁▁▂▂▃▃▃▃▄▄▄▅▅▆▆▆▇▇▇████████████████"
"         │                          ▁────▔▔    ░░▂▂▃▄▆▇▇█████████████████████████████████████████████████████▃▃▄▄▅▅▅▆▆▇▇▇▇██████████████████████████████████████"
"         │      ▁▁▁▁▁▁───────────▔▔▔    ░░▂▃▄▄▆▇████████████████████████████████████████████████████████████████████████████████████████████████████████████████"
"         │─▔▔▔▔▔           ░░░░░▁▁▁▁▃▄▅▇▇███████████████████████████████████████████████████████████████████████████████████████████████████████████████████████"
"         │▁▁▁▂▂▂▃▃▄▄▄▅▅▅▆▆▆▇▇███████████████████████████████████████████████████████████████████████████████████████████████████████████████████████████████████"
"     0 B └────────────────────────────────────────────────────────────────────────────────────────────────────▲ 400 MiB at 8.00 s ─────────────────────── 12.0 s"
"━ Call sites ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 1 of 3 ━─ Selected site ──────────────────────────────────────────────────────"
"          ▼High-water     Live Allocated Count Top layout           Call site               pipeline/load.py:40                                                 "
"▸ ████▊       240 MiB  160 MiB   480 MiB   120 float64 (1024, 512)  load.py:40 Loader.rea…  in Loader.read_block                                                "
"  ███         150 MiB 40.0 MiB  3.00 GiB 1.23M float64 (800,)       smooth.py:7 smooth      first allocated at 2.00 s                                           "
"  ▎          10.0 MiB 10.0 MiB  10.0 MiB     3                      _signaltools.py:1234                                                                        "
"                                                                                            at high-water        240 MiB  60 % of the high-water mark           "
"                                                                                            live                 160 MiB  60×                                   "
"                                                                                            own peak             250 MiB                                        "
"                                                                                            allocated            480 MiB  120×                                  "
"                                                                                            freed                240 MiB  60×                                   "
"                                                                                            temporary                0 B  0×  0 %                               "
"                                                                                                                                                                "
"                                                                                                                  median      90 %      99 %   largest          "
"                                                                                            size                4.00 MiB  4.00 MiB  8.00 MiB  8.00 MiB          "
"                                                                                            lifetime             1.50 ms   40.0 ms    2.00 s    7.00 s          "
"                                                                                                                                                                "
"                                                                                            high-water  allocated   count  layout                               "
"                                                                                               200 MiB    400 MiB     100  float64 (1024, 512)                  "
"                                                                                              40.0 MiB   80.0 MiB      20  float64 (1024,…12) strides (8, 16384)"
"                                                                                                                                                                "
"                                                                                                                                                                "
"─ Output ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────"
"                                                                                                                                                                "
"                                                                                                                                                                "
"                                                                                                                                                                "
"                                                                                                                                                                "
"                                                                                                                                                                "
"                                                                                                                                                                "
"                                                                                                                                                                "
"                                                                                                                                                                "
" q leave  Tab output  o enlarge  Space freeze  ? help  Enter details  s sort                                                                                    "
"#);
}

#[test]
fn after_the_end_figures_stand_and_the_header_says_how_to_leave() {
    let mut tester = Tester::running();
    tester.output(OUTPUT);
    tester.snapshot(fixtures::finished());
    tester.end(Exit::Code(0));
    assert_snapshot!(tester.screen(PLAIN).backend(), @r#"
" python app.py -… finished: exit 0 — q leaves and writes the report      12.0 s "
" Live       High-water mark          Highest RSS  Mean allocation rate          "
" 210 MiB    400 MiB at 8.00 s        460 MiB      297 MiB/s  103k allocs/s      "
"─ Array memory over time ──────────────────────── █ live  ░ its highest  ─ RSS ─"
" 500 MiB ┤                                        ▁▁▁────                       "
"         │                              ▁▁▁────▁▂▃▄▄▅▆▇█░                       "
"         │                     ▁▁────▁▂▃▄▄▅▆▆▇██████████░     ▁▁▁▁▁▁▁───────────"
"         │           ▁▁▁────▁▂▃▄▅▆▆▇████████████████████▂▂▃▃▃▄▄▄▄▄▅▅▅▆▆▆▆▇▇▇████"
"         │▁▁▁▁▂▂▂▃▃▃▃▄▅▅▆▇██████████████████████████████████████████████████████"
"     0 B └─────────────────────────── 400 MiB at 8.00 s ▲──────────────── 12.0 s"
"━ Call sites ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 1 of 3 ━"
" ▼High-water     Live Allocated Count Top layout           Call site            "
"▸    240 MiB  160 MiB   480 MiB   120 float64 (1024, 512)  load.py:40 Loader.re…"
"     150 MiB 40.0 MiB  3.00 GiB 1.23M float64 (800,)       smooth.py:7 smooth   "
"    10.0 MiB 10.0 MiB  10.0 MiB     3                      _signaltools.py:1234 "
"                                                                                "
"                                                                                "
"                                                                                "
"                                                                                "
"─ Output (the program has ended) ───────────────────────────────────────────────"
"reading block 7                                                                 "
"done 漢字                                                                       " Hidden by multi-width symbols: [(6, " "), (8, " ")]
"$                                                                               "
" q leave  Tab output  o enlarge  Space freeze  ? help  Enter details  s sort    "
"#);
}

#[test]
fn leaving_a_running_program_is_asked_about() {
    let mut tester = Tester::running();
    tester.keys("q");
    assert_snapshot!(tester.screen(PLAIN).backend(), @r#"
" npprof  python app.py --size large                         running      12.0 s "
" Live       High-water mark          RSS          Allocation rate               "
" 210 MiB    400 MiB at 8.00 s        270 MiB      0 B/s  0 allocs/s             "
"─ Array memory over time ──────────────────────── █ live  ░ its highest  ─ RSS ─"
" 500 MiB ┤                                        ▁▁▁────                       "
"         │                              ▁▁▁────▁▂▃▄▄▅▆▇█░                       "
"         │                     ▁▁────▁▂▃▄▄▅▆▆▇██████████░     ▁▁▁▁▁▁▁───────────"
"         │           ▁▁▁────▁▂▃▄▅▆▆▇████████████████████▂▂▃▃▃▄▄▄▄▄▅▅▅▆▆▆▆▇▇▇████"
"         │▁▁▁▁▂▂▂▃▃▃▃▄▅▅▆▇██████████████████████████████████████████████████████"
"     0 B └───┌ Leave npprof? ─────────────────────────────────────┐────── 12.0 s"
"─ Call sites │ The program still runs:                            │──── 1 of 3 ─"
" ▼High-water │ [s]top it                                          │e            "
"▸    240 MiB │ [l]eave it running and write the report at its end │40 Loader.re…"
"     150 MiB │ [c]ancel                                           │y:7 smooth   "
"    10.0 MiB └────────────────────────────────────────────────────┘ools.py:1234 "
"                                                                                "
"                                                                                "
"                                                                                "
"                                                                                "
"─ Output ───────────────────────────────────────────────────────────────────────"
"                                                                                "
"                                                                                "
"                                                                                "
" q leave  Tab output  o enlarge  Space freeze  ? help  Enter details  s sort    "
"#);
}

#[test]
fn leaving_is_asked_about_on_a_small_screen() {
    let mut tester = Tester::new(fixtures::running(), 30, 12);
    tester.keys("q");
    assert_snapshot!(tester.screen(PLAIN).backend(), @r#"
" python app.py --siz… running "
"Live       210 MiB            "
"┌ Leave npprof? ─────────────┐"
"│ The program still runs:    │"
"│ [s]top it                  │"
"│ [l]eave it running and     │"
"│    write the report at its │"
"│    end                     │"
"│ [c]ancel                   │"
"└────────────────────────────┘"
"                              "
" q leave  Tab output          "
"#);
}

#[test]
fn help_is_made_from_the_key_map() {
    let mut tester = Tester::new(fixtures::running(), 80, 44);
    tester.keys("?");
    assert_snapshot!(tester.screen(PLAIN).backend(), @r#"
" npprof  python app.py --size large                         running      12.0 s "
" Live       High-water mark          RSS          Allocation rate               "
" 210 MiB    400 MiB at 8.00 s        270 MiB      0 B/s  0 allocs/s             "
"─ Array memo┌ Help ─────────────────────────────────────────────────┐st  ─ RSS ─"
" 500 MiB ┤  │ Call sites                                            │           "
"         │  │ ↑ k         one row up                                │           "
"         │  │ ↓ j         one row down                              │           "
"         │  │ PgUp        one page up                               │           "
"         │  │ PgDn        one page down                             │           "
"         │  │ gg Home     first row, and stay there                 │        ▁▁▁"
" 250 MiB ┤  │ G End       last row                                  │────▔▔▔▔   "
"         │  │ Enter       details of the site                       │░▁▂▂▃▃▄▅▅▆▇"
"         │  │ s           sort by the next column                   │███████████"
"         │  │ ← h         sort by the column before                 │███████████"
"         │──│ → l         sort by the column after                  │███████████"
"         │▁▂│ i           invert the order                          │███████████"
"     0 B └──│                                                       │──── 12.0 s"
"─ Call sites│ View                                                  │── 1 of 3 ─"
" ▼High-water│ Tab         to the program's output, to type into it  │           "
"▸    240 MiB│ o           enlarge the program's output, and back    │ Loader.re…"
"     150 MiB│ Space       freeze the figures, and go on             │7 smooth   "
"    10.0 MiB│ ?           this help                                 │ls.py:1234 "
"            │ Esc         close what is open                        │           "
"            │                                                       │           "
"            │ The program                                           │           "
"            │ Ctrl-C      interrupt the program; twice: leave       │           "
"            │ q           leave; asks while the program runs        │           "
"            │                                                       │           "
"            │ While typing into the program                         │           "
"            │ F12 Ctrl-]  back to the dashboard                     │           "
"            │ Shift-PgUp  earlier output                            │           "
"            │ Shift-PgDn  later output                              │           "
"            │                                                       │           "
"            │ Figures                                               │           "
"            │ live        array bytes allocated and not yet freed   │           "
"─ Output ───│ high-water  the largest live total so far             │───────────"
"            │ at h-water  what a site held at that moment           │           "
"            │ allocated   all bytes a site ever allocated           │           "
"            │ temporary   made and freed by one line, unnamed       │           "
"            │ RSS         the process's memory, arrays and all else │           "
"            └ Esc closes ───────────────────────────────────────────┘           "
"                                                                                "
"                                                                                "
" Esc close                                                                      "
"#);
}

#[test]
fn enter_shows_the_details_of_a_site() {
    let mut tester = Tester::new(fixtures::running(), 80, 26);
    tester.keys("<enter>");
    assert_snapshot!(tester.screen(PLAIN).backend(), @r#"
" npprof  python app.py --size large                         running      12.0 s "
" Live       High-water mark          RSS          Allocation rate               "
" 210 MiB    400 MiB at 8.00 s        270 MiB      0 B/s  0 allocs/s             "
"─ Ar┌ Call site ────────────────────────────────────────────────────────────┐S ─"
" 500│ pipeline/load.py:40                                                   │   "
"    │ in Loader.read_block                                                  │   "
"    │ first allocated at 2.00 s                                             │───"
"    │                                                                       │███"
"    │ at high-water        240 MiB  60 % of the high-water mark             │███"
"    │ live                 160 MiB  60×                                     │0 s"
"─ Ca│ own peak             250 MiB                                          │3 ─"
" ▼Hi│ allocated            480 MiB  120×                                    │   "
"▸   │ freed                240 MiB  60×                                     │re…"
"    │ temporary                0 B  0×  0 %                                 │   "
"    │                                                                       │34 "
"    │                       median      90 %      99 %   largest            │   "
"    │ size                4.00 MiB  4.00 MiB  8.00 MiB  8.00 MiB            │   "
"    │ lifetime             1.50 ms   40.0 ms    2.00 s    7.00 s            │   "
"    │                                                                       │   "
"    │ high-water  allocated   count  layout                                 │   "
"    │    200 MiB    400 MiB     100  float64 (1024, 512)                    │   "
"─ Ou│   40.0 MiB   80.0 MiB      20  float64 (1024, 512) strides (8, 16384) │───"
"    └ Esc closes · ←→ other sites ──────────────────────────────────────────┘   "
"                                                                                "
"                                                                                "
" Esc close                                                                      "
"#);
}

#[test]
fn names_cannot_harm_the_terminal() {
    let mut tester = Tester::new(fixtures::hostile(), 120, 30);
    tester.output("\u{9b}31m\x1b]0;title\x07e\u{301}\u{202e}漢\r\n");
    assert_snapshot!(tester.screen(PLAIN).backend(), @r#"
" npprof  a�[2Jb 漢字�漢字�漢字�漢字�漢字�漢字�漢字�漢… ! 18,446,744,073,709,551,615 events dropped  running      12.0 s " Hidden by multi-width symbols: [(17, " "), (19, " "), (22, " "), (24, " "), (27, " "), (29, " "), (32, " "), (34, " "), (37, " "), (39, " "), (42, " "), (44, " "), (47, " "), (49, " "), (52, " ")]
" Live       High-water mark          RSS          Allocation rate             Allocated            Temporaries          "
" 210 MiB    400 MiB at 8.00 s        270 MiB      0 B/s  0 allocs/s           16.0 EiB in 1.23M    2.00 GiB  0 %        "
" ! incomplete: �]0;title� 1 event was lost                                                                              "
" ! incomplete: two                                                                                                      "
" ! process 4711: a�b (and 3 more in the report)                                                                         "
"─ Array memory over time ───────────────────────────────────────────── █ live  ░ its highest  ─ RSS  ▲ high-water mark ─"
" 500 MiB ┤                                                                  ▁▁▁────                                     "
"         │                                                     ▁▁▁───────▁▁▂▃▃▄▅▅▆▆░                                    "
"         │                                         ▁▁▁──────▔▁▂▂▃▄▅▅▆▆▇▇███████████░                               ▁▁▁▁▁"
" 250 MiB ┤                            ▁▁▁──────▔▁▂▂▃▃▄▅▆▆▇▇████████████████████████▁▁▁───────────────────▁▁▁▁▂▂▂▂▂▃▃▃▃▃▄"
"         │          ▁▁▁▁▁▁▁▁──────▔▁▂▂▃▃▄▄▅▆▇▇█████████████████████████████████████▄▄▄▅▅▅▅▆▆▆▆▆▇▇▇▇▇████████████████████"
"         │▁▁▁▁▁▂▂▂▂▂▃▃▃▃▄▄▄▄▄▅▅▆▇███████████████████████████████████████████████████████████████████████████████████████"
"     0 B └─────────────────────────────────────────────────────────────────────────▲ 400 MiB at 8.00 s ────────── 12.0 s"
"━ Call sites ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 1 of 3 ━"
"          ▼High-water     Live Allocated Count Process Top layout                    Call site                          "
"▸ ████▊       240 MiB  160 MiB  16.0 EiB 18446744074G    4711 float64 (1024, 512)           é👩‍👩‍👧.py:4294967295 �31mnaïve�" Hidden by multi-width symbols: [(94, " ")]
"  ███         150 MiB 40.0 MiB  16.0 EiB 18446744074G    4711 float64 (800,)                é👩‍👩‍👧.py:4294967295 �31mnaïve�" Hidden by multi-width symbols: [(94, " ")]
"  ▎          10.0 MiB 10.0 MiB  16.0 EiB 18446744074G    4711                               é👩‍👩‍👧.py:4294967295 �31mnaïve�" Hidden by multi-width symbols: [(94, " ")]
"                                                                                                                        "
"                                                                                                                        "
"                                                                                                                        "
"                                                                                                                        "
"                                                                                                                        "
"                                                                                                                        "
"─ Output ───────────────────────────────────────────────────────────────────────────────────────────────────────────────"
"31m�漢                                                                                                                  " Hidden by multi-width symbols: [(5, " ")]
"                                                                                                                        "
"                                                                                                                        "
" q leave  Tab output  o enlarge  Space freeze  ? help  Enter details  s sort                                            "
"#);
    tester.keys("<enter>");
    for cell in &tester.screen(PLAIN).backend().buffer().content {
        assert!(!cell.symbol().contains(crate::text::is_harmful), "{:?}", cell.symbol());
    }
}

#[test]
fn no_size_makes_the_dashboard_panic() {
    const STATES: [&str; 6] = ["?", "<enter>", "q", "o", "<tab>", "<tab><f12>oG"];
    for snapshot in [fixtures::starting(), fixtures::hostile()] {
        let mut tester = Tester::new(snapshot, 80, 24);
        tester.output(OUTPUT);
        for columns in 0..=60 {
            for rows in 0..=30 {
                tester.size = Size::new(columns, rows);
                tester.update(Event::Resize(tester.size));
                tester.screen(PLAIN);
                // All states of neighbouring sizes are all states of about any size.
                tester.keys(STATES[usize::from(columns * 5 + rows) % STATES.len()]);
                tester.screen(PLAIN);
                tester.keys("<f12><esc><esc><esc>gg");
            }
        }
    }
}

#[test]
fn large_screens_are_used() {
    for (columns, rows) in [(300, 100), (500, 20), (20, 300)] {
        let mut tester = Tester::new(fixtures::hostile(), columns, rows);
        tester.output(OUTPUT);
        tester.screen(PLAIN);
    }
}

#[test]
fn s_goes_through_the_orders_and_i_inverts() {
    let mut tester = Tester::running();
    tester.keys("s");
    assert_eq!(tester.app.sites.sort, Sort::Live);
    assert!(tester.shown().contains("▼Live"), "{}", tester.shown());
    tester.keys("si");
    assert_eq!(tester.app.sites.sort, Sort::Allocated);
    assert!(tester.shown().contains("▲Allocated"), "{}", tester.shown());
    tester.keys("<right>h");
    assert_eq!(tester.app.sites.sort, Sort::Allocated);
}

#[test]
fn ctrl_c_goes_to_the_program_and_twice_asks() {
    let mut tester = Tester::running();
    assert_eq!(tester.keys("^c"), [Action::Stop(Stop::Interrupt)]);
    assert!(tester.shown().contains("sent Ctrl-C to the program"));
    tester.wait(Duration::from_millis(1999));
    assert_eq!(tester.keys("^c"), []);
    assert_eq!(tester.app.popup, Some(Popup::Leave));
}

#[test]
fn ctrl_c_after_a_while_goes_to_the_program_again() {
    let mut tester = Tester::running();
    tester.keys("^c");
    tester.wait(Duration::from_secs(2));
    assert_eq!(tester.keys("^c"), [Action::Stop(Stop::Interrupt)]);
}

#[test]
fn q_asks_and_each_answer_does_what_it_says() {
    check_keys("q", &[]);
    check_keys("ql", &[Action::Leave(Left::StillRunning)]);
    check_keys("qs", &[Action::Stop(Stop::Terminate)]);
    check_keys("qsqk", &[Action::Stop(Stop::Terminate), Action::Stop(Stop::Kill)]);
    check_keys("qk", &[]);
    check_keys("qcq<esc>", &[]);
    check_keys("q^c^l", &[]);
}

#[test]
fn a_program_that_was_asked_to_stop_is_left_when_it_has_ended() {
    let mut tester = Tester::running();
    tester.keys("qs");
    assert_eq!(tester.end(Exit::Signal(15)), Some(Action::Leave(Left::AfterEnd)));
}

#[test]
fn a_program_that_ends_while_the_question_stands_answers_it() {
    let mut tester = Tester::running();
    tester.keys("q");
    assert_eq!(tester.end(Exit::Code(3)), None);
    assert_eq!(tester.app.popup, None);
    assert!(tester.shown().contains("finished: exit 3"));
    assert_eq!(tester.keys("q"), [Action::Leave(Left::AfterEnd)]);
}

#[test]
fn cancelling_a_stop_means_to_stay() {
    let mut tester = Tester::running();
    tester.keys("qsqc");
    assert_eq!(tester.end(Exit::Signal(15)), None);
}

#[test]
fn after_the_end_ctrl_c_leaves_too() {
    let mut tester = Tester::running();
    tester.snapshot(fixtures::finished());
    assert_eq!(tester.keys("^c"), [Action::Leave(Left::AfterEnd)]);
}

#[test]
fn with_the_focus_on_the_output_keys_go_to_the_program() {
    check_keys("<tab>q\u{e9}<up>^c<tab>", &["q", "é", "\x1b[A", "\x03", "\t"].map(input));
    check_keys("<tab>a<f12>b<tab>c^]d", &["a", "c"].map(input));
    check_keys("<tab>^5q", &[]);
}

#[test]
fn pasted_text_goes_to_the_program_only_with_the_focus() {
    let mut tester = Tester::running();
    assert_eq!(tester.update(Event::Paste("qs".to_owned())), None);
    tester.output("\x1b[?2004h");
    tester.keys("<tab>");
    let pasted = tester.update(Event::Paste("a\nb".to_owned()));
    assert_eq!(pasted, Some(input("\x1b[200~a\rb\x1b[201~")));
}

#[test]
fn the_program_learns_where_its_cursor_is() {
    let mut tester = Tester::running();
    assert_eq!(tester.output("ab\x1b[6n"), Some(input("\x1b[1;3R")));
    tester.end(Exit::Code(0));
    assert_eq!(tester.output("\x1b[6n"), None);
}

#[test]
fn after_the_end_keys_scroll_the_output() {
    let mut tester = Tester::running();
    tester.output(&(0..50).map(|n| format!("line {n}\r\n")).collect::<String>());
    tester.end(Exit::Code(0));
    assert_eq!(tester.keys("<tab>gg"), []);
    assert!(tester.shown().contains("line 0 "), "{}", tester.shown());
    tester.keys("G");
    assert!(tester.shown().contains("line 49"));
    assert_eq!(tester.keys("q"), [Action::Leave(Left::AfterEnd)]);
}

#[test]
fn o_gives_the_output_the_screen_and_sends_the_program_no_change_of_size() {
    let mut tester = Tester::running();
    tester.output(&(0..50).map(|n| format!("line {n}\r\n")).collect::<String>());
    assert_eq!(tester.keys("o"), []);
    assert!(tester.shown().contains("line 30"));
    assert_eq!(tester.keys("k"), []);
    assert!(tester.shown().contains("earlier output"));
    tester.keys("<esc>");
    assert!(!tester.shown().contains("line 30"));
}

#[test]
fn the_program_is_told_of_a_new_size_once() {
    let mut tester = Tester::running();
    let resize = Some(Action::ResizeProgram { columns: 100, rows: 37 });
    assert_eq!(tester.update(Event::Resize(Size::new(100, 40))), resize);
    assert_eq!(tester.update(Event::Resize(Size::new(100, 40))), None);
    assert_eq!(crate::program_size(100, 40), (100, 37));
    assert_eq!(crate::program_size(1, 1), (20, 5));
}

#[test]
fn a_frozen_view_stays_as_it_is_until_it_goes_on() {
    let mut tester = Tester::running();
    tester.keys(" ");
    tester.snapshot(Snapshot { elapsed: Nanos(13_000_000_000), ..fixtures::running() });
    assert_eq!(tester.app.snapshot.elapsed, Nanos(12_000_000_000));
    assert!(tester.shown().contains("frozen"));
    tester.keys(" ");
    assert_eq!(tester.app.snapshot.elapsed, Nanos(13_000_000_000));
}

#[test]
fn rates_come_from_successive_snapshots() {
    let mut tester = Tester::running();
    let mut next = fixtures::running();
    next.elapsed = Nanos(next.elapsed.0 + 500_000_000);
    next.totals.allocated = Bytes(next.totals.allocated.0 + 50 * fixtures::MIB);
    next.totals.n_allocations += 6170;
    tester.snapshot(next);
    assert!(tester.shown().contains("100 MiB/s  12.3k allocs/s"), "{}", tester.shown());
}

#[test]
fn nothing_is_drawn_when_nothing_has_changed() {
    let mut tester = Tester::running();
    tester.app.needs_drawing = false;
    tester.snapshot(fixtures::running());
    tester.wait(Duration::from_secs(1));
    assert!(!tester.app.needs_drawing);
    tester.keys("^c");
    tester.app.needs_drawing = false;
    tester.wait(Duration::from_secs(4));
    assert!(tester.app.needs_drawing, "the message has gone");
}

#[test]
fn dropped_events_stand_in_the_header() {
    let mut snapshot = fixtures::running();
    snapshot.totals.n_dropped = 1234;
    for columns in [80, 40] {
        let tester = Tester::new(snapshot.clone(), columns, 24);
        assert!(tester.shown().contains("! 1,234 events dropped"), "{}", tester.shown());
    }
}

#[test]
fn a_program_without_numpy_is_told_so() {
    let mut tester = Tester::new(fixtures::starting(), 80, 24);
    let state = RunState::Ended(Exit::Code(0));
    tester.snapshot(Snapshot { state, ..fixtures::starting() });
    assert!(tester.shown().contains("ended without importing NumPy"));
}

#[test]
fn details_go_to_other_sites_and_scroll() {
    let mut tester = Tester::running();
    tester.keys("<enter><right>");
    assert!(tester.shown().contains("smooth.py:7"));
    tester.keys("h");
    assert!(tester.shown().contains("pipeline/load.py:40"));
    tester.keys("G");
    assert_eq!(tester.app.popup, Some(Popup::Site { scroll: 0 }));
    tester.update(Event::Resize(Size::new(80, 12)));
    tester.keys("G");
    assert_eq!(tester.app.popup, Some(Popup::Site { scroll: 8 }));
    tester.keys("gg<enter>");
    assert_eq!(tester.app.popup, None);
}

#[test]
fn clicks_select_and_the_wheel_scrolls() {
    let mut tester = Tester::running();
    let click = MouseEventKind::Down(MouseButton::Left);
    tester.update(Event::Mouse(click, Position::new(10, 14)));
    let sites = &tester.app.snapshot.sites;
    assert_eq!(tester.app.sites.selected_row(sites), 2);
    tester.update(Event::Mouse(MouseEventKind::ScrollUp, Position::new(10, 14)));
    assert_eq!(tester.app.sites.selected_row(&tester.app.snapshot.sites), 0);
    tester.update(Event::Mouse(click, Position::new(10, 21)));
    assert_eq!(tester.app.focus, Focus::Output);
}

#[test]
fn the_dashboard_leaves_when_it_is_told_to() {
    let leave = || Event::Program(ProgramEvent::Leave);
    let mut tester = Tester::running();
    assert_eq!(tester.update(leave()), Some(Action::Leave(Left::StillRunning)));
    tester.end(Exit::Code(0));
    assert_eq!(tester.update(leave()), Some(Action::Leave(Left::AfterEnd)));
}
