//! Works out findings beside the dashboard, in a thread of its own and not too often.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use npprof_findings::Finding;
use npprof_model::Snapshot;

/// At least this long between two looks.
const PAUSE: Duration = Duration::from_secs(1);
/// A pause is at least so many times as long as the work before it.
const REST: u32 = 4;

/// Keeps findings up to date. Losing it ends its thread.
pub struct Advisor {
    snapshots: Sender<Arc<Snapshot>>,
    latest: Arc<Mutex<Arc<[Finding]>>>,
}

impl Advisor {
    /// Starts the thread; `find` works out the findings of a snapshot.
    ///
    /// # Errors
    ///
    /// If the system gives no thread.
    pub fn start(find: impl Fn(&Snapshot) -> Vec<Finding> + Send + 'static) -> io::Result<Self> {
        let (snapshots, received) = bounded(1);
        let latest = Arc::new(Mutex::new(Arc::default()));
        let to = Arc::clone(&latest);
        thread::Builder::new()
            .name("npprof-advice".to_owned())
            .spawn(move || advise(&received, &to, &find))?;
        Ok(Self { snapshots, latest })
    }

    /// Whether the thread has no snapshot before it, and would take one with call stacks.
    #[must_use]
    pub fn wants_snapshot(&self) -> bool {
        self.snapshots.is_empty()
    }

    /// The findings known, and a snapshot to work out the next ones from. Returns at once.
    #[must_use]
    pub fn findings(&self, snapshot: &Arc<Snapshot>) -> Arc<[Finding]> {
        if has_what_findings_need(snapshot) {
            // While the thread is busy or pauses, it wants none.
            self.snapshots.try_send(Arc::clone(snapshot)).ok();
        }
        Arc::clone(&self.latest.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether findings can be worked out from a snapshot. Without its call stacks they would not tell
/// what a package does from what the user's own line does.
#[must_use]
pub fn has_what_findings_need(snapshot: &Snapshot) -> bool {
    !snapshot.stacks.is_empty() || snapshot.patterns.is_empty()
}

impl fmt::Debug for Advisor {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Advisor").finish_non_exhaustive()
    }
}

fn advise(
    snapshots: &Receiver<Arc<Snapshot>>,
    to: &Mutex<Arc<[Finding]>>,
    find: &dyn Fn(&Snapshot) -> Vec<Finding>,
) {
    let mut last: Option<Arc<Snapshot>> = None;
    for snapshot in snapshots {
        if last.as_ref().is_some_and(|last| Arc::ptr_eq(last, &snapshot)) {
            thread::sleep(PAUSE / 10);
            continue;
        }
        let start = Instant::now();
        let found: Arc<[Finding]> = find(&snapshot).into();
        let took = start.elapsed();
        {
            let mut known = to.lock().unwrap_or_else(PoisonError::into_inner);
            if *known != found {
                *known = found;
            }
        }
        last = Some(snapshot);
        thread::sleep(PAUSE.max(took * REST));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    #[test]
    fn findings_come_later_and_stay_the_same_while_nothing_changes() {
        let advisor = Advisor::start(|_| vec![fixtures::finding()]).unwrap();
        let snapshot = Arc::new(fixtures::running());
        assert!(advisor.findings(&snapshot).is_empty());
        let start = Instant::now();
        while advisor.findings(&snapshot).is_empty() && start.elapsed() < Duration::from_secs(20) {
            thread::sleep(Duration::from_millis(1));
        }
        let first = advisor.findings(&snapshot);
        assert_eq!(first.len(), 1);
        let other = Arc::new(fixtures::running());
        thread::sleep(PAUSE + PAUSE / 5);
        assert!(Arc::ptr_eq(&advisor.findings(&other), &first));
    }

    #[test]
    fn patterns_without_call_stacks_are_not_looked_at() {
        let snapshot = fixtures::running();
        assert!(!snapshot.patterns.is_empty());
        let without = Snapshot { stacks: Arc::default(), ..snapshot.clone() };
        assert!(!has_what_findings_need(&without));
        let advisor = Advisor::start(|_| vec![fixtures::finding()]).unwrap();
        let _ = advisor.findings(&Arc::new(without));
        assert!(advisor.wants_snapshot());
    }
}
