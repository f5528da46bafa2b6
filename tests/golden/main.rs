//! The library against reference values: outputs and gradients of operations and losses, the
//! parameters that optimizers arrive at, the rates of schedules, what large samples of initializers
//! come to and whole trainings, all computed in double precision by other frameworks.
//!
//! The cases are the JSON files in this folder, or those in the folder that the environment
//! variable `GRADTAPE_GOLDEN` names; README.md describes them. Nothing is ever skipped: a case,
//! an operation or a whole file that is not known here is a failure.

mod case;
mod compare;
mod initializers;
mod losses;
mod operations;
mod ops;
mod optimizers;
mod planted;
mod saved;
mod schedules;
mod training;

use std::any::Any;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

/// What checks one case; the error says which quantity is wrong, where and by how much.
type Check = fn(&Value) -> Result<(), String>;

#[derive(Deserialize)]
struct File {
    /// Read one by one, so that a case of an unknown form fails alone.
    cases: Vec<Value>,
}

fn folder() -> PathBuf {
    match std::env::var_os("GRADTAPE_GOLDEN") {
        Some(folder) => folder.into(),
        None => [env!("CARGO_MANIFEST_DIR"), "tests", "golden"].iter().collect(),
    }
}

/// Checks all cases of a file; what comes back is a line for each that fails.
///
/// # Panics
///
/// If there is no such file or no case in it, so that a mistyped folder does not pass.
fn failures(name: &str, check: Check) -> Vec<String> {
    let path = folder().join(name);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
    let file: File = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{} is not a file of cases: {error}", path.display()));
    assert!(!file.cases.is_empty(), "{} has no cases", path.display());
    let failure = |case: &Value| {
        let reason = outcome(check, case).err()?;
        Some(format!("{name}: {}: {reason}", case["name"].as_str().unwrap_or("a case of no name")))
    };
    let failures: Vec<String> = file.cases.iter().filter_map(failure).collect();
    let cases = file.cases.len();
    report(&format!("golden {name}: {cases} cases, {} passed, 0 skipped", cases - failures.len()));
    failures
}

/// The result of a check. A panic, as of shapes that do not fit, fails that case and not the rest.
fn outcome(check: Check, case: &Value) -> Result<(), String> {
    let said = |panic: Box<dyn Any + Send>| match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => panic.downcast_ref::<&str>().copied().unwrap_or("without a word").to_string(),
    };
    catch_unwind(AssertUnwindSafe(|| check(case)))
        .unwrap_or_else(|panic| Err(format!("panicked: {}", said(panic))))
}

/// Prints a line past the test runner, which holds back what passing tests print and may have
/// begun a line of its own.
fn report(line: &str) {
    // Whoever does not listen to the output still gets the result.
    let _ = std::io::stdout().write_all(format!("\n{line}\n").as_bytes());
}

/// Names the files that have to be there: each is a test and a module with the check of a case.
macro_rules! files {
    ($($file:ident),*) => {
        const FILES: &[&str] = &[$(concat!(stringify!($file), ".json")),*];

        mod agree {
            $(#[test]
            fn $file() {
                let failures = crate::failures(
                    concat!(stringify!($file), ".json"),
                    crate::$file::check,
                );
                assert!(failures.is_empty(), "\n{}", failures.join("\n"));
            })*
        }
    };
}

files!(ops, losses, optimizers, schedules, initializers, training);

#[test]
fn there_are_no_unknown_files() {
    let entries = std::fs::read_dir(folder()).expect("the folder of cases can be listed");
    let names = entries.map(|entry| entry.expect("and each entry read").file_name());
    let mut names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.retain(|name| name.ends_with(".json") && !FILES.contains(&&name[..]));
    names.sort();
    let unknown: Check = |_| Err("no check of this file's cases is known here".to_string());
    let failures: Vec<String> = names.iter().flat_map(|name| failures(name, unknown)).collect();
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}
