//! The processor time that control groups leave to a process (`cgroup-v1/cgroups.txt`, `cgroup-v2.txt`).
//!
//! ```text
//! /proc/self/cgroup                          0::/a/b                   the second version: one tree for everything
//! /sys/fs/cgroup/a/b/cpu.max                 200000 100000             microseconds of each period, or `max`
//!
//! /proc/self/cgroup                          4:cpu,cpuacct:/a/b        the first version: a tree for each controller
//! /sys/fs/cgroup/cpu/a/b/cpu.cfs_quota_us    200000                    or -1
//! /sys/fs/cgroup/cpu/a/b/cpu.cfs_period_us   100000
//! ```
//!
//! Each group above counts too. It is also what a container finds that is told its group's name outside of it, but has
//! its own group mounted as the root.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::num::NonZero;

/// A file's text, by its path.
type Text<'a> = dyn FnMut(&str) -> Option<String> + 'a;

/// Whole processors of the least quota, at least one; nothing where there is none. `read` gives a file.
pub(super) fn quota(mut read: impl FnMut(&str) -> Option<Vec<u8>>) -> Option<NonZero<usize>> {
    let text: &mut Text<'_> = &mut |path| String::from_utf8(read(path)?).ok();
    let groups = text("/proc/self/cgroup")?;
    let mut least = None;
    for line in groups.lines() {
        // A number, controllers, and a path that may have colons of its own.
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let limit = match controllers {
            "" => second_version,
            list if list.split(',').any(|name| name == "cpu") => first_version,
            _ => continue,
        };
        let quotas = folders(path).filter_map(|folder| limit(text, folder));
        least = quotas.chain(least).min();
    }
    least
}

/// A group's path and those of all above it, down to the root's, which is empty.
fn folders(path: &str) -> impl Iterator<Item = &str> {
    let path = path.trim_end_matches('/');
    path.match_indices('/').map(|(end, _)| end).chain([path.len()]).map(move |end| &path[..end])
}

fn second_version(text: &mut Text<'_>, folder: &str) -> Option<NonZero<usize>> {
    let limit = text(&format!("/sys/fs/cgroup{folder}/cpu.max"))?;
    let (time, period) = limit.trim().split_once(' ')?;
    processors(time, period)
}

fn first_version(text: &mut Text<'_>, folder: &str) -> Option<NonZero<usize>> {
    let mut file = |name| text(&format!("/sys/fs/cgroup/cpu{folder}/cpu.cfs_{name}_us"));
    processors(&file("quota")?, &file("period")?)
}

/// Nothing where the time is no number, as `max` and -1 are.
fn processors(time: &str, period: &str) -> Option<NonZero<usize>> {
    let (time, period): (usize, usize) = (time.trim().parse().ok()?, period.trim().parse().ok()?);
    NonZero::new(time.checked_div(period)?.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    /// The files of a folder as if it were the root.
    fn within(root: &Path) -> Option<usize> {
        quota(|path| fs::read(root.join(path.trim_start_matches('/'))).ok()).map(NonZero::get)
    }

    fn with(files: &[(&str, &[u8])]) -> Option<usize> {
        let name = format!("bakelite-quota-{}-{:?}", std::process::id(), std::thread::current().id());
        let root = std::env::temp_dir().join(name);
        for (path, bytes) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let found = within(&root);
        if root.exists() {
            fs::remove_dir_all(root).unwrap();
        }
        found
    }

    const SELF: &str = "proc/self/cgroup";

    #[test]
    fn the_least_group_limits() {
        const GROUP: (&str, &[u8]) = (SELF, b"3:memory:/old\n0::/a/b\n");
        let (root, a, b) = ("sys/fs/cgroup/cpu.max", "sys/fs/cgroup/a/cpu.max", "sys/fs/cgroup/a/b/cpu.max");
        assert_eq!(with(&[]), None);
        assert_eq!(with(&[GROUP]), None);
        assert_eq!(with(&[GROUP, (b, b"max 100000\n")]), None);
        assert_eq!(with(&[GROUP, (b, b"max 100000\n"), (a, b"250000 100000\n")]), Some(2));
        assert_eq!(with(&[GROUP, (b, b"50000 100000\n"), (root, b"400000 100000\n")]), Some(1));
        assert_eq!(with(&[GROUP, (root, b"400000 100000\n")]), Some(4));
        assert_eq!(with(&[(SELF, b"0::/\n"), (root, b"400000 100000\n")]), Some(4));
    }

    #[test]
    fn the_first_version_limits_too() {
        const GROUP: (&str, &[u8]) = (SELF, b"5:memory:/m\n4:cpu,cpuacct:/a:1/b\n3:cpuset:/a:1\n0::/c\n");
        let (quota, period) =
            ("sys/fs/cgroup/cpu/a:1/b/cpu.cfs_quota_us", "sys/fs/cgroup/cpu/a:1/b/cpu.cfs_period_us");
        let (root, roots) = ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "sys/fs/cgroup/cpu/cpu.cfs_period_us");
        assert_eq!(with(&[GROUP, (quota, b"-1\n"), (period, b"100000\n")]), None);
        assert_eq!(with(&[GROUP, (quota, b"350000\n"), (period, b"100000\n")]), Some(3));
        assert_eq!(with(&[GROUP, (quota, b"350000\n")]), None);
        // A container's own group, mounted as the root.
        assert_eq!(with(&[GROUP, (root, b"200000\n"), (roots, b"100000\n")]), Some(2));
        // Both versions: the lesser counts.
        let second = ("sys/fs/cgroup/c/cpu.max", &b"100000 100000\n"[..]);
        assert_eq!(with(&[GROUP, (quota, b"350000\n"), (period, b"100000\n"), second]), Some(1));
        assert_eq!(with(&[(SELF, b"3:cpuset:/\n"), (root, b"200000\n"), (roots, b"100000\n")]), None);
    }

    #[test]
    fn what_is_no_quota_limits_nothing() {
        let (max, quota) = ("sys/fs/cgroup/cpu.max", "sys/fs/cgroup/cpu/cpu.cfs_quota_us");
        let period = ("sys/fs/cgroup/cpu/cpu.cfs_period_us", &b"100000"[..]);
        let both = (SELF, &b"1:cpu:/\n0::/\n"[..]);
        let strange: [&[u8]; 8] =
            [b"", b"\n", b" ", b"-5", b"x y", b"99999999999999999999999", b"\xff\xfe", b"1e5 1e5"];
        for bytes in strange {
            assert_eq!(with(&[both, (max, bytes), (quota, bytes), period]), None, "{bytes:?}");
        }
        for bytes in [&b"1 0"[..], b"-1 100000", b"1 -1", b"100000", b"99999999999999999999999 1"] {
            assert_eq!(with(&[both, (max, bytes)]), None, "{bytes:?}");
        }
        let none: [&[u8]; 7] = [b"", b"\n", b"0", b"0:", b"::", b"cpu", b"\xff\xff0::/"];
        for bytes in none {
            assert!(with(&[(SELF, bytes), (max, b"max 1"), (quota, b"-1"), period]).is_none(), "{bytes:?}");
        }
        let many = with(&[both, (max, b"18446744073709551615 1")]);
        assert_eq!(many, usize::try_from(u64::MAX).ok());
    }
}
