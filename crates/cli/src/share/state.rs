//! The report of the moment: what viewers get while the program runs.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use npprof_findings::{Finding, Settings, find};
use npprof_model::{Frame, Snapshot};
use npprof_report::json::Limits;
use npprof_report::{Report, SourceLookup};
use npprof_tui::has_what_findings_need;

use crate::watch::keep_sources;

/// Much less than in a file: it is made several times a second.
const LIMITS: Limits = Limits {
    site_bytes: 1_000_000,
    stack_bytes: 500_000,
    operation_bytes: 300_000,
    finding_bytes: 200_000,
    n_points: 2_000,
    n_threads: 1_000,
};
/// Findings are looked for no more often.
const FINDINGS_INTERVAL: Duration = Duration::from_secs(1);
/// Nobody has looked for so long: the snapshot at hand is old.
const IDLE_TIME: Duration = Duration::from_millis(500);
/// For a new snapshot to be made.
const MAKING_TIME: Duration = Duration::from_millis(30);

/// Makes the report of the moment.
#[derive(Debug)]
pub(crate) struct Moments {
    settings: Settings,
    sources: Option<SourceLookup>,
    findings: Vec<Finding>,
    found_at: Option<Instant>,
    asked_at: Option<Instant>,
}

impl Moments {
    /// With the findings that these settings ask for.
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings, sources: None, findings: Vec::new(), found_at: None, asked_at: None }
    }

    /// The report as JSON. `latest` gives the latest snapshot, and asks for a newer one; `want_stacks`
    /// asks for call stacks in that one.
    pub(crate) fn next(
        &mut self,
        latest: impl Fn() -> Arc<Snapshot>,
        want_stacks: impl Fn(),
    ) -> String {
        let mut snapshot = latest();
        if self.asked_at.is_none_or(|asked_at| asked_at.elapsed() > IDLE_TIME) {
            thread::sleep(MAKING_TIME);
            snapshot = latest();
        }
        self.asked_at = Some(Instant::now());
        let is_due = self.found_at.is_none_or(|found_at| found_at.elapsed() >= FINDINGS_INTERVAL);
        if is_due && !has_what_findings_need(&snapshot) {
            want_stacks();
        }
        let sources = keep_sources(&mut self.sources, &snapshot);
        if is_due && has_what_findings_need(&snapshot) {
            let line = |frame: &Frame| sources.whole_line(&frame.file, frame.line);
            self.findings = find(&snapshot, &self.settings, &line);
            self.found_at = Some(Instant::now());
        }
        Report::with_limits(&snapshot, &self.findings, sources, &LIMITS).to_json_string()
    }
}
