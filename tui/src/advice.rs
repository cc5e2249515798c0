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
const PAUSE: Duration = Duration::from_millis(500);
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

    /// The findings known, and a snapshot to work out the next ones from. Returns at once.
    #[must_use]
    pub fn findings(&self, snapshot: &Arc<Snapshot>) -> Arc<[Finding]> {
        // While the thread is busy or pauses, it wants none.
        self.snapshots.try_send(Arc::clone(snapshot)).ok();
        Arc::clone(&self.latest.lock().unwrap_or_else(PoisonError::into_inner))
    }
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
        thread::sleep(Duration::from_millis(600));
        assert!(Arc::ptr_eq(&advisor.findings(&other), &first));
    }
}
