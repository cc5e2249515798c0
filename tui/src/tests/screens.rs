//! What each screen shows, from fixed snapshots.

use super::*;

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
