//! The processor time that control groups leave to a process (`cgroup-v2.txt`, `cpu.max`).
//!
//! ```text
//! /proc/self/cgroup                 0::/a/b
//! /sys/fs/cgroup/a/b/cpu.max        200000 100000     microseconds of each period, or `max`
//! ```
//!
//! Each group above counts too. The first version of control groups has no such line, and limits nothing here.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::num::NonZero;

/// Whole processors of the least quota, at least one; nothing where there is none. `read` gives a file.
pub(super) fn quota(mut read: impl FnMut(&str) -> Option<Vec<u8>>) -> Option<NonZero<usize>> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).ok();
    let groups = read("/proc/self/cgroup").and_then(text)?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::"))?.trim_end_matches('/');
    // From the process's own group to the root.
    let folders = path.match_indices('/').map(|(end, _)| end).chain([path.len()]).map(|end| &path[..end]);
    let quotas = folders.filter_map(|folder| {
        let limit = read(&format!("/sys/fs/cgroup{folder}/cpu.max")).and_then(text)?;
        let (time, period) = limit.trim().split_once(' ')?;
        let (time, period): (usize, usize) = (time.parse().ok()?, period.parse().ok()?);
        NonZero::new(time.checked_div(period)?.max(1))
    });
    quotas.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(files: &[(&str, &str)]) -> Option<usize> {
        let read = |path: &str| files.iter().find(|file| file.0 == path).map(|file| file.1.into());
        quota(read).map(NonZero::get)
    }

    #[test]
    fn the_least_group_limits() {
        const SELF: (&str, &str) = ("/proc/self/cgroup", "3:cpu:/old\n0::/a/b\n");
        let root = ("/sys/fs/cgroup/cpu.max", "400000 100000\n");
        let (a, b) = ("/sys/fs/cgroup/a/cpu.max", "/sys/fs/cgroup/a/b/cpu.max");
        assert_eq!(with(&[]), None);
        assert_eq!(with(&[SELF]), None);
        assert_eq!(with(&[SELF, (b, "max 100000\n")]), None);
        assert_eq!(with(&[SELF, (b, "max 100000\n"), (a, "250000 100000\n")]), Some(2));
        assert_eq!(with(&[SELF, (b, "50000 100000\n"), root]), Some(1));
        assert_eq!(with(&[SELF, root]), Some(4));
        assert_eq!(with(&[("/proc/self/cgroup", "0::/\n"), root]), Some(4));
        assert_eq!(with(&[SELF, (b, "1 0\n"), (a, "x y"), root]), Some(4));
    }
}
