//! House rules that a compiler does not check: the floors of `src/` and what each of them may not touch.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "a test says so by failing")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// From the ground up: each floor uses only those before it.
const FLOORS: &[&str] = &["wire", "sql", "gate", "mask", "audit", "session", "host"];

/// What a floor must not name, beside the floors above it.
const NEVER: &[(&str, &[&str])] = &[
    ("wire", &["tokio", "TcpStream", "UdpSocket", "UnixStream", "std::fs", "std::thread", "rusqlite", "Instant", "SystemTime"]),
    ("sql", &["tokio", "TcpStream", "UdpSocket", "UnixStream", "std::fs", "std::thread", "rusqlite", "Instant", "SystemTime"]),
    ("gate", &["tokio", "std::net::Tcp", "std::fs", "std::thread", "rusqlite", "Instant::now", "SystemTime::now"]),
    ("mask", &["tokio", "std::net::Tcp", "std::fs", "std::thread", "rusqlite", "Instant::now", "SystemTime::now"]),
    ("audit", &["tokio", "std::net", "std::fs", "rusqlite"]),
    ("session", &["tokio", "std::net", "std::fs", "std::thread", "rusqlite", "Instant::now", "SystemTime::now"]),
];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The program text without comments and without test modules at the end of a file.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn is_test(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str().to_string_lossy().contains("tests"))
}

/// Every name that follows `prefix` in the text.
fn names_after(text: &str, prefix: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in text.match_indices(prefix) {
        let rest = &text[at + prefix.len()..];
        let listed = rest.strip_prefix('{').map(|list| list.split('}').next().unwrap());
        for name in listed.map_or_else(|| vec![rest], |list| list.split(',').map(str::trim).collect()) {
            names.insert(name.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect());
        }
    }
    names
}

fn position(floor: &str) -> Option<usize> {
    FLOORS.iter().position(|known| *known == floor)
}

#[test]
fn each_floor_uses_only_floors_before_it() {
    let mut checked = 0;
    for (height, floor) in FLOORS.iter().enumerate() {
        let folder = source().join(floor);
        if !folder.exists() {
            continue;
        }
        for path in rust_files(&folder) {
            for name in names_after(&code(&path), "crate::") {
                if let Some(used) = position(&name) {
                    assert!(used <= height, "{} is on floor {floor} and uses {name}", path.display());
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 50, "the check found nothing to check");
}

#[test]
fn no_floor_names_what_it_must_not_know() {
    for (floor, words) in NEVER {
        let folder = source().join(floor);
        if !folder.exists() {
            continue;
        }
        for path in rust_files(&folder).into_iter().filter(|path| !is_test(path)) {
            let code = code(&path);
            for word in *words {
                assert!(!code.contains(word), "{} names {word}", path.display());
            }
        }
    }
}

#[test]
fn every_folder_is_a_floor() {
    for entry in fs::read_dir(source()).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_dir() {
            let name = entry.file_name().into_string().unwrap();
            assert!(position(&name).is_some(), "src/{name} is no floor: ARCHITECTURE.md has no place for it");
        }
    }
}

/// Modules of `host` in which each uses which. A circle would mean that two of them are one.
#[test]
fn the_modules_of_host_have_no_circles() {
    let host = source().join("host");
    let module = |path: &Path| {
        let first = path.strip_prefix(&host).unwrap().components().next().unwrap();
        first.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
    };
    let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let files: Vec<_> = rust_files(&host).into_iter().filter(|path| !is_test(path)).collect();
    let modules: BTreeSet<String> = files.iter().map(|path| module(path)).collect();
    for path in &files {
        let code = code(path);
        let mut names = names_after(&code, "crate::host::");
        // From a file that stands directly in host/, or the head of a folder there, `super` is host.
        let depth = path.strip_prefix(&host).unwrap().components().count();
        if depth == 1 || (depth == 2 && path.ends_with("mod.rs")) {
            names.extend(names_after(&code, "use super::"));
        }
        names.retain(|name| modules.contains(name) && *name != module(path));
        uses.entry(module(path)).or_default().extend(names);
    }
    assert!(uses.values().map(BTreeSet::len).sum::<usize>() > 10, "the check found nothing to check");
    for start in &modules {
        let mut seen = BTreeSet::new();
        let mut next: Vec<_> = uses.get(start).into_iter().flatten().cloned().collect();
        while let Some(name) = next.pop() {
            assert_ne!(name, *start, "host::{start} uses itself through others: {uses:?}");
            if seen.insert(name.clone()) {
                next.extend(uses.get(&name).into_iter().flatten().cloned());
            }
        }
    }
}

#[test]
fn the_map_names_every_floor_there_is() {
    let map = fs::read_to_string(source().join("ARCHITECTURE.md")).unwrap();
    for floor in FLOORS.iter().filter(|floor| source().join(floor).exists()) {
        assert!(map.contains(&format!("`{floor}/`")), "ARCHITECTURE.md does not tell of {floor}/");
    }
    for line in map.lines().filter(|line| line.starts_with("| ") && line.contains(".rs`")) {
        for named in line.split('`').filter(|word| word.ends_with(".rs")) {
            assert!(source().join(named).exists(), "ARCHITECTURE.md names {named}, which is not there");
        }
    }
}

#[test]
fn every_module_says_what_it_is_for() {
    for path in rust_files(&source()).into_iter().filter(|path| !is_test(path)) {
        let text = fs::read_to_string(&path).unwrap();
        let opens = text.starts_with("//!") || text.starts_with("#![doc");
        assert!(opens || path.ends_with("main.rs"), "{} opens without a word", path.display());
    }
}
