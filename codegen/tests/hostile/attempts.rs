//! Thousands of damages, tried in a child process whose address space is limited, so that one wild allocation ends it.
use crate::random::Random;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::time::{Duration, Instant};

/// Address space of the child, in KiB.
const ADDRESS_SPACE: u32 = 4 << 20;
/// What one damaged file may take in a release build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs the named test, which calls this, once more in a child, and there the work.
pub(crate) fn limited(test: &str, work: impl FnOnce()) {
    if std::env::var_os("HOSTILE_CHILD").is_some() {
        return work();
    }
    let me = std::env::current_exe().expect("a test knows its own path");
    let limited = format!("ulimit -v {ADDRESS_SPACE} && exec \"$0\" \"$@\"");
    let child = Command::new("sh")
        .args(["-c", &limited])
        .arg(me)
        .args(["--exact", test, "--nocapture"])
        .env("HOSTILE_CHILD", "1")
        .output()
        .expect("sh runs");
    let [out, err] = [&child.stdout, &child.stderr].map(|b| String::from_utf8_lossy(b).into_owned());
    assert!(child.status.success(), "{}\n{out}\n{err}", child.status);
    assert!(out.contains("1 passed"), "no test is called {test}");
}

/// What an attempt with each seed gives, or with `HOSTILE_SEED` alone. Fails with all seeds whose attempt panicked or took
/// too long; an attempt says what it tries.
pub(crate) fn all<T>(
    seeds: u64,
    name: impl Fn(u64) -> String,
    attempt: impl Fn(u64, &mut Random) -> T,
) -> Vec<T> {
    let only: Option<u64> = std::env::var("HOSTILE_SEED").ok().and_then(|s| s.parse().ok());
    let (mut wrong, mut outcomes) = (vec![], vec![]);
    for seed in only.map_or(0..seeds, |s| s..s + 1) {
        let start = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| attempt(seed, &mut Random::new(seed))));
        if outcome.is_err() || start.elapsed() > PATIENCE {
            let what = if outcome.is_err() { "panicked" } else { "took too long" };
            wrong.push(format!("HOSTILE_SEED={seed} {what} after {:?}: {}", start.elapsed(), name(seed)));
        }
        outcomes.extend(outcome);
    }
    assert!(wrong.is_empty(), "{} of {seeds}:\n{}", wrong.len(), wrong.join("\n"));
    outcomes
}

/// Prints how many attempts came how far, and fails where too few did: damage that is always noticed at once would test
/// nothing behind.
pub(crate) fn came_far(outcomes: &[bool], least: usize) {
    let far = outcomes.iter().filter(|&&far| far).count();
    println!("{far} of {} came to the end", outcomes.len());
    assert!(outcomes.len() == 1 || far >= least, "{far} of {} came far, not {least}", outcomes.len());
}
