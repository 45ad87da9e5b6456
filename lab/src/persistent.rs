//! A lab that stays after the program that built it: the record of it, and its end.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::lan::Lan;
use crate::machine::{Machine, run};
use crate::namespaces::{Namespaces, OWNER, Privilege};
use crate::wait::{Deadline, Probe, eventually};

/// The lab that `traf-lab up` left.
#[derive(Debug)]
pub struct PersistentLab {
    /// Its namespaces.
    pub namespaces: Arc<Namespaces>,
    folder: PathBuf,
}

impl PersistentLab {
    /// Builds a LAN of these machines, to stay. It is an error if there is such a lab already.
    pub fn up(names: &[&str]) -> Result<Self> {
        ensure!(Self::find().is_err(), "a lab stands already; `traf-lab down` clears it away");
        let folder = folder();
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let namespaces = Arc::new(Namespaces::persistent()?);
        let record = format!("{} {}", namespaces.holder, namespaces.privilege == Privilege::Root);
        fs::write(folder.join("namespaces"), record).context("recording the lab")?;
        Lan::build(&namespaces, names, &folder)?;
        Ok(Self { namespaces, folder })
    }

    /// The lab that `up` built. It is an error if there is none.
    pub fn find() -> Result<Self> {
        let folder = folder();
        let text = fs::read_to_string(folder.join("namespaces")).context("no lab stands; `traf-lab up` builds one")?;
        let (holder, root) = text.split_once(' ').context("reading the record of the lab")?;
        let holder = holder.parse().context("reading the record of the lab")?;
        ensure!(owner_of(holder).is_some(), "the lab's holder is gone; `traf-lab up` builds a new one");
        let uid = nix::unistd::geteuid().as_raw();
        let privilege = if root == "true" { Privilege::Root } else { Privilege::UserNamespace { uid } };
        Ok(Self { namespaces: Arc::new(Namespaces::existing(holder, privilege)), folder })
    }

    /// One of its machines.
    pub fn machine(&self, name: &str) -> Machine {
        Machine::existing(&self.namespaces, name, &self.folder)
    }

    /// The names of its machines.
    pub fn names(&self) -> Result<Vec<String>> {
        let text = run(self.namespaces.command("ip").args(["netns", "list"]))?;
        Ok(text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect())
    }

    fn clear(&self) -> Result<()> {
        for name in self.names()? {
            let text = run(self.namespaces.command("ip").args(["netns", "pids", &name]))?;
            text.split_whitespace().filter_map(|pid| pid.parse().ok()).for_each(end);
        }
        end(self.namespaces.holder);
        Ok(())
    }
}

/// Ends the lab that `up` built, and the remains of killed runs of this user. Returns the number of processes that it ended.
pub fn down() -> Result<usize> {
    let left: Vec<u32> = processes().into_iter().filter(|(_, owner)| !alive(*owner)).map(|(pid, _)| pid).collect();
    if let Ok(lab) = PersistentLab::find() {
        lab.clear()?;
    }
    left.iter().copied().for_each(end);
    eventually("the lab's processes to end", Deadline::seconds(10), || {
        let still: Vec<_> = left.iter().filter(|&&pid| owner_of(pid).is_some()).collect();
        Ok(Probe::when(still.is_empty(), || format!("{still:?}")))
    })?;
    let folder = folder();
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))?;
    }
    Ok(left.len())
}

/// One persistent lab for each user.
fn folder() -> PathBuf {
    std::env::temp_dir().join(format!("traf-lab-{}", nix::unistd::geteuid()))
}

fn end(pid: u32) {
    // It may have ended by itself in the meantime.
    let _ = i32::try_from(pid).map(|pid| kill(Pid::from_raw(pid), Signal::SIGKILL));
}

/// Processes of labs, each with the process that built the lab.
fn processes() -> Vec<(u32, u32)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| Some((pid, owner_of(pid)?))).collect()
}

/// The builder of the lab that a process belongs to; it stands in the environment, which only the same user may read.
fn owner_of(pid: u32) -> Option<u32> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let mut words = environment.split(|&octet| octet == 0).filter_map(|word| std::str::from_utf8(word).ok());
    words.find_map(|word| word.strip_prefix(OWNER)?.strip_prefix('=')?.parse().ok())
}

fn alive(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}
