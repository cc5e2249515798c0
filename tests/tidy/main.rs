//! The structure of the repository: who depends on whom, how large files are, what they may name.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use npprof_tests::built::repository;
use serde_json::Value;

/// What each package may depend on, of ours. A package that is not here may depend on nothing.
const DEPENDENCIES: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("wire", &[]),
    ("abi", &[]),
    ("shm", &["wire"]),
    ("shim", &["abi", "shm", "wire"]),
    ("collect", &["model", "shm", "wire"]),
    ("findings", &["model"]),
    ("report", &["findings", "model"]),
    ("tui", &["findings", "model"]),
    ("cli", &["collect", "findings", "model", "report", "tui"]),
    ("tests", &["abi", "model"]),
];

const MAX_LINES: usize = 800;

/// Names of places that only one machine or one registry has.
const PLACES: &[&str] = &[
    concat!("/ro", "ot/"),
    concat!("/wo", "rk/"),
    concat!("pypi", ".org"),
    concat!("python", "hosted.org"),
    concat!("static.", "crates.io"),
    concat!("index.", "crates.io"),
    concat!("npm", "js.org"),
    concat!("deb.", "debian.org"),
    concat!("10.", "0.0."),
];

/// All files of the project: not what is built, nor what belongs to git, nor locks.
fn files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![repository().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder can be read") {
            let path = entry.expect("an entry can be read").path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_symlink() || ["target", ".git", "__pycache__", "Cargo.lock"].contains(&name)
            {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found
}

/// Files with their text; what is not text is left out.
fn texts() -> impl Iterator<Item = (String, String)> {
    files().into_iter().filter_map(|path| {
        let text = fs::read_to_string(&path).ok()?;
        let name = path.strip_prefix(repository()).unwrap_or(&path).display().to_string();
        let is_report = name.starts_with("npprof-") && has_extension(&path, &["json"]);
        (!is_report).then_some((name, text))
    })
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension().and_then(|own| own.to_str()).is_some_and(|own| extensions.contains(&own))
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .current_dir(repository())
        .args(["metadata", "--format-version", "1", "--no-deps", "--locked", "--offline"])
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON")
}

#[test]
fn packages_depend_in_one_direction() {
    let metadata = metadata();
    let allowed: BTreeMap<&str, &[&str]> = DEPENDENCIES.iter().copied().collect();
    let mut wrong = Vec::new();
    for package in metadata["packages"].as_array().expect("packages") {
        let name = package["name"].as_str().expect("a name");
        let short = name.strip_prefix("npprof-").unwrap_or(name);
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let on = dependency["name"].as_str().expect("a name");
            // Tests of a package may use what they like.
            let is_for_tests = dependency["kind"] == "dev";
            let Some(on) = on.strip_prefix("npprof-").filter(|_| !is_for_tests) else { continue };
            if !allowed.get(short).is_some_and(|allowed| allowed.contains(&on)) {
                wrong.push(format!("{short} depends on {on}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn a_package_is_named_after_its_folder() {
    for package in metadata()["packages"].as_array().expect("packages") {
        let manifest = Path::new(package["manifest_path"].as_str().expect("a path"));
        let folder = manifest.parent().and_then(Path::file_name).and_then(|name| name.to_str());
        assert_eq!(package["name"], format!("npprof-{}", folder.unwrap_or_default()));
    }
}

#[test]
fn every_package_takes_the_lints_of_the_workspace() {
    for package in metadata()["packages"].as_array().expect("packages") {
        let manifest = package["manifest_path"].as_str().expect("a path");
        let text = fs::read_to_string(manifest).expect("a manifest can be read");
        assert!(text.contains("[lints]\nworkspace = true"), "{manifest}");
    }
}

#[test]
fn only_known_folders_stand_at_the_top() {
    let expected = BTreeSet::from(["crates", "scripts", "shim", "tests", "tui"]);
    let is_of_the_project = |name: &String| !name.starts_with('.') && name != "target";
    let found: Vec<String> = fs::read_dir(repository())
        .expect("the repository can be read")
        .filter_map(Result::ok)
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(is_of_the_project)
        .collect();
    assert_eq!(found.iter().map(String::as_str).collect::<BTreeSet<_>>(), expected);
}

#[test]
fn no_source_file_is_longer_than_800_lines() {
    let long: Vec<String> = files()
        .into_iter()
        .filter(|path| has_extension(path, &["rs", "py", "c", "h", "sh"]))
        .filter_map(|path| {
            let lines = fs::read_to_string(&path).ok()?.lines().count();
            (lines > MAX_LINES).then(|| format!("{}: {lines} lines", path.display()))
        })
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn no_file_names_a_place_of_one_machine() {
    let mut found = Vec::new();
    for (name, text) in texts() {
        for (number, line) in (1..).zip(text.lines()) {
            for place in PLACES {
                if line.contains(place) {
                    found.push(format!("{name}:{number}: {place}"));
                }
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn files_end_with_a_newline_and_have_no_tabs() {
    let mut wrong = Vec::new();
    for (name, text) in texts() {
        if !has_extension(Path::new(&name), &["rs", "py", "c", "toml", "md"]) {
            continue;
        }
        if !text.is_empty() && !text.ends_with('\n') {
            wrong.push(format!("{name}: no newline at the end"));
        }
        if text.contains('\t') {
            wrong.push(format!("{name}: a tab"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
