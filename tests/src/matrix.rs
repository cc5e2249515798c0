//! The pairs of Python and NumPy that `scripts/python-matrix` has made.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    process::Command,
    sync::OnceLock,
};

use crate::built::repository;

/// One virtual environment.
#[derive(Clone, Debug)]
pub struct Pair {
    /// `cp311-numpy2.2`; `debian311-…` for the system's own Python.
    pub name: String,
    pub python: PathBuf,
    /// `3.11.7`
    pub python_version: String,
    /// `2.2.6`
    pub numpy_version: String,
}

impl Pair {
    /// `(3, 11)`
    pub fn python_minor(&self) -> (u32, u32) {
        minor(&self.python_version)
    }

    /// `(2, 2)`
    pub fn numpy_minor(&self) -> (u32, u32) {
        minor(&self.numpy_version)
    }
}

/// Every pair that is ready, the oldest versions first. With `NPPROF_TEST_PAIRS=quick`, only the
/// newest NumPy of each Python.
pub fn every_pair() -> &'static [Pair] {
    static PAIRS: OnceLock<Vec<Pair>> = OnceLock::new();
    PAIRS.get_or_init(|| {
        let ready = ready();
        assert!(!ready.is_empty(), "no pair of Python and NumPy: run scripts/python-matrix");
        match std::env::var("NPPROF_TEST_PAIRS") {
            Ok(wish) if wish == "quick" => newest_of_each_python(&ready),
            _ => ready,
        }
    })
}

/// The newest NumPy of each Python.
pub fn each_python() -> Vec<Pair> {
    newest_of_each_python(every_pair())
}

/// The oldest Python, one in the middle and the newest, for facts that depend little on the version.
pub fn some_pythons() -> Vec<Pair> {
    let mut pythons = each_python();
    pythons.retain(|pair| !pair.name.starts_with("debian"));
    let middle = pythons.len() / 2;
    let last = pythons.len().saturating_sub(1);
    let mut chosen = vec![0, middle, last];
    chosen.dedup();
    chosen.into_iter().filter_map(|index| pythons.get(index).cloned()).collect()
}

/// One pair that is neither the oldest nor the newest, for facts that no version can change.
pub fn one_pair() -> Vec<Pair> {
    let all = every_pair();
    vec![all[all.len() / 2].clone()]
}

/// The environment with SciPy, pandas, scikit-learn, matplotlib and pytest.
///
/// # Panics
///
/// If it was not made; so does [`too_old`].
pub fn extras() -> Pair {
    special("extras")
}

/// A NumPy before 1.22, which has no data handlers to hook.
pub fn too_old() -> Pair {
    special("too-old")
}

fn special(name: &str) -> Pair {
    let found = listed().into_iter().find(|pair| pair.name == name);
    found.unwrap_or_else(|| panic!("no environment `{name}`: run scripts/python-matrix"))
}

/// States a fact for each of the pairs, and names all of those for which it does not hold.
///
/// # Panics
///
/// After the last pair, if the fact failed for any of them.
pub fn on_each(pairs: &[Pair], fact: impl Fn(&Pair)) {
    let mut failed = Vec::new();
    for pair in pairs {
        if let Err(cause) = catch_unwind(AssertUnwindSafe(|| fact(pair))) {
            let said = cause
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| cause.downcast_ref::<&str>().copied())
                .unwrap_or("a panic");
            let said: Vec<&str> = said.lines().map(str::trim).collect();
            failed.push(format!("  {}: {}", pair.name, said.join(" ")));
        }
    }
    assert!(
        failed.is_empty(),
        "fails on {} of {} pairs:\n{}",
        failed.len(),
        pairs.len(),
        failed.join("\n")
    );
}

fn newest_of_each_python(pairs: &[Pair]) -> Vec<Pair> {
    let mut newest: Vec<Pair> = Vec::new();
    for pair in pairs {
        let python = |pair: &Pair| pair.name.split('-').next().map(str::to_owned);
        match newest.last_mut() {
            Some(last) if python(last) == python(pair) => *last = pair.clone(),
            _ => newest.push(pair.clone()),
        }
    }
    newest
}

fn ready() -> Vec<Pair> {
    let mut pairs: Vec<Pair> =
        listed().into_iter().filter(|pair| pair.name.contains("-numpy")).collect();
    pairs.sort_by_key(|pair| {
        let is_system = pair.name.starts_with("debian");
        (is_system, pair.python_minor(), pair.numpy_minor())
    });
    pairs
}

fn listed() -> Vec<Pair> {
    let script = repository().join("scripts").join("python-matrix");
    let listed = Command::new(script).arg("--list").output().expect("scripts/python-matrix runs");
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    String::from_utf8_lossy(&listed.stdout).lines().filter_map(pair_of).collect()
}

fn pair_of(line: &str) -> Option<Pair> {
    let mut columns = line.split('\t').map(str::to_owned);
    Some(Pair {
        name: columns.next()?,
        python: columns.next()?.into(),
        python_version: columns.next()?,
        numpy_version: columns.next()?,
    })
}

fn minor(version: &str) -> (u32, u32) {
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}
