//! Programs that run in a folder, so that the next `traf local` opens what `--keep` left, ends what a killed one left behind, and
//! does not disturb one that is at work.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use super::child::{Child, signal};

/// Programs found in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing, or what is left of something.
    Nothing(Vec<u32>),
    /// Both programs, left running with `--keep`: their numbers, as `kill` takes them.
    Kept(String),
    /// Another `traf local`, of this process number.
    Busy(u32),
}

/// A line of process numbers: the owner (0 for none), then collector and sensor.
const FILE: &str = "running";

/// Looks into a folder. A number may since belong to another program: it counts only where that is one of ours.
pub(super) fn find(root: &Path) -> Found {
    let text = fs::read_to_string(root.join(FILE)).unwrap_or_default();
    let ids: Option<Vec<u32>> = text.split_whitespace().map(|id| id.parse().ok()).collect();
    let Some((owner, programs)) = ids.as_deref().and_then(<[u32]>::split_first) else {
        return Found::Nothing(Vec::new());
    };
    if *owner != 0 && *owner != std::process::id() && is(*owner, &["traf"]) {
        return Found::Busy(*owner);
    }
    let alive: Vec<u32> = programs.iter().copied().filter(|id| is(*id, &["traf-collector", "traf-sensor"])).collect();
    if *owner == 0 && alive.len() == 2 { Found::Kept(words(alive)) } else { Found::Nothing(alive) }
}

/// Notes what runs now, and whose it is; returns the numbers as `kill` takes them.
pub(super) fn note(root: &Path, owner: u32, children: &[Child]) -> Result<String> {
    let (path, ids) = (root.join(FILE), words(children.iter().filter_map(|child| child.process.id())));
    fs::write(&path, format!("{owner} {ids}\n")).with_context(|| format!("writing {}", path.display()))?;
    Ok(ids)
}

/// Nothing runs any more.
pub(super) fn forget(root: &Path) {
    let _ = fs::remove_file(root.join(FILE));
}

fn words(ids: impl IntoIterator<Item = u32>) -> String {
    ids.into_iter().map(|id| id.to_string()).collect::<Vec<_>>().join(" ")
}

/// Ends programs that nobody owns any more. True when all of them are gone.
pub(super) fn end_left_behind(programs: &[u32]) -> bool {
    programs.iter().for_each(|id| signal(Some(*id), Signal::SIGTERM));
    programs.iter().all(|id| !is(*id, &["traf-collector", "traf-sensor"]))
}

fn is(id: u32, names: &[&str]) -> bool {
    let name = fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
    names.contains(&name.trim())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn numbers_of_programs_that_are_gone_or_not_ours_count_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let me = std::process::id();
        for text in [format!("0 {me} {me}\n"), format!("{me} {me}\n"), "1 2 x".to_owned(), String::new()] {
            fs::write(folder.path().join(FILE), &text).unwrap();
            assert_eq!(find(folder.path()), Found::Nothing(Vec::new()), "{text:?}");
        }
        forget(folder.path());
        assert_eq!(find(folder.path()), Found::Nothing(Vec::new()));
    }
}
