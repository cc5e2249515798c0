//! What the screens show: a moment of the run, what was found, and what the user wants to see of it.

use std::collections::HashMap;
use std::sync::Arc;

use npprof_findings::Finding;
use npprof_model::{CallStack, Nanos, ProcessIndex, RunState, Site, SiteDetail, SiteId, Snapshot};

use crate::history::History;
use crate::list::Column;
use crate::rates::Rate;

/// All that lists and charts are made of.
#[derive(Debug, Default)]
pub(crate) struct Data {
    /// The latest one unless the view is frozen.
    pub(crate) snapshot: Arc<Snapshot>,
    /// What is to be said about it; may be half a second older.
    pub(crate) findings: Arc<[Finding]>,
    /// The latest one that had call stacks.
    pub(crate) with_stacks: Option<Arc<Snapshot>>,
    pub(crate) rate: Rate,
    pub(crate) history: History,
    /// A moment that the user marked.
    pub(crate) mark: Option<Arc<Snapshot>>,
    /// Figures are those since the mark.
    pub(crate) is_since_mark: bool,
    pub(crate) is_user_only: bool,
    /// Only this process.
    pub(crate) process: Option<ProcessIndex>,
    pub(crate) has_threads: bool,
    /// Text of source files that were asked for; `None` where it can't be read.
    pub(crate) sources: HashMap<Arc<str>, Option<Arc<str>>>,
}

impl Data {
    /// Sites that the user wants to see.
    pub(crate) fn sites(&self) -> impl Iterator<Item = &Site> {
        self.snapshot.sites.iter().filter(|site| self.wants(site))
    }

    /// Whether the user wants to see this site.
    pub(crate) fn wants(&self, site: &Site) -> bool {
        (site.is_user || !self.is_user_only)
            && self.process.is_none_or(|process| process == site.process)
    }

    /// Whether the run that is shown is over.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.snapshot.state, RunState::Ended(_))
    }

    pub(crate) fn sites_by_id(&self) -> HashMap<SiteId, &Site> {
        self.snapshot.sites.iter().map(|site| (site.id, site)).collect()
    }

    /// Sites at the mark, if figures are to be those since then.
    pub(crate) fn marked_sites(&self) -> Option<HashMap<SiteId, &Site>> {
        let mark = self.mark.as_ref().filter(|_| self.is_since_mark)?;
        Some(mark.sites.iter().map(|site| (site.id, site)).collect())
    }

    /// A site of the latest snapshot with call stacks, and those stacks.
    pub(crate) fn stacks_of(&self, site: SiteId) -> Option<(&Site, &[CallStack])> {
        let snapshot = self.with_stacks.as_ref()?;
        let site = snapshot.sites.iter().find(|other| other.id == site)?;
        Some((site, &snapshot.stacks))
    }

    /// How many columns of a list are of use: the last one, for the process, only with several.
    pub(crate) fn n_columns(&self, columns: &[Column]) -> usize {
        columns.len() - usize::from(self.snapshot.processes.len() < 2)
    }

    /// The process id of a site, as text.
    pub(crate) fn pid_of(&self, site: &Site) -> String {
        self.snapshot.process_of(site).map_or_else(String::new, |process| process.pid.to_string())
    }

    /// What full snapshots tell of a site, and when the latest one was made.
    pub(crate) fn detail_of(&self, site: SiteId) -> Option<(&SiteDetail, Nanos)> {
        let snapshot = self.with_stacks.as_ref()?;
        let site = snapshot.sites.iter().find(|other| other.id == site)?;
        Some((site.detail.as_ref()?, snapshot.elapsed))
    }

    /// Says what the user has left out, for the title of a list.
    pub(crate) fn filters(&self) -> String {
        let mut parts = Vec::new();
        if self.is_user_only {
            parts.push("your code".to_owned());
        }
        if let Some(process) = self.process {
            let pid = self.snapshot.processes.get(process.0 as usize).map_or(0, |it| it.pid);
            parts.push(format!("process {pid}"));
        }
        if let Some(mark) = self.mark.as_ref().filter(|_| self.is_since_mark) {
            parts.push(format!("since {}", mark.elapsed));
        }
        parts.join(", ")
    }

    /// The process after this one, then all again.
    pub(crate) fn next_process(&self) -> Option<ProcessIndex> {
        let n = u32::try_from(self.snapshot.processes.len()).unwrap_or(u32::MAX);
        let next = self.process.map_or(0, |process| process.0 + 1);
        (next < n).then_some(ProcessIndex(next))
    }
}
