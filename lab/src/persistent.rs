//! A lab that stays after the program that built it: where it is written down, and how it is cleared away.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::host::{Host, run};
use crate::lan::Lan;
use crate::namespaces::{Namespaces, OWNER, Privilege};
use crate::wait::{Deadline, Probe, eventually};

/// The lab that `traf-lab up` left.
#[derive(Debug)]
pub struct PersistentLab {
    namespaces: Arc<Namespaces>,
    folder: PathBuf,
}

impl PersistentLab {
    /// Builds a LAN of these hosts, to stay.
    ///
    /// # Errors
    /// When one stands already, or the machine allows none.
    pub fn up(names: &[&str]) -> Result<Self> {
        ensure!(Self::find().is_err(), "a lab stands already; `traf-lab down` clears it away");
        let folder = folder();
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let namespaces = Arc::new(Namespaces::persistent()?);
        let note = json!({ "holder": namespaces.holder(), "root": namespaces.privilege() == Privilege::Root });
        fs::write(folder.join("realm.json"), note.to_string()).context("writing down where the lab is")?;
        Lan::build(Arc::clone(&namespaces), names, &folder)?;
        Ok(Self { namespaces, folder })
    }

    /// The lab that stands.
    ///
    /// # Errors
    /// When there is none.
    pub fn find() -> Result<Self> {
        let folder = folder();
        let text = fs::read_to_string(folder.join("realm.json")).context("no lab stands; `traf-lab up` builds one")?;
        let note: Value = serde_json::from_str(&text).context("reading where the lab is")?;
        let holder =
            note["holder"].as_u64().and_then(|pid| u32::try_from(pid).ok()).context("no holder written down")?;
        let Some(_) = mark_of(holder) else { bail!("the lab's holder is gone; `traf-lab up` builds a new one") };
        let uid = nix::unistd::geteuid().as_raw();
        let privilege = if note["root"] == true { Privilege::Root } else { Privilege::UserNamespace { uid } };
        Ok(Self { namespaces: Arc::new(Namespaces::join(holder, privilege)), folder })
    }

    /// With what rights it stands.
    #[must_use]
    pub fn privilege(&self) -> Privilege {
        self.namespaces.privilege()
    }

    /// One of its hosts.
    #[must_use]
    pub fn host(&self, name: &str) -> Host {
        Host::join(&self.namespaces, name, &self.folder)
    }

    /// The names of its hosts.
    ///
    /// # Errors
    /// When `ip` fails.
    pub fn names(&self) -> Result<Vec<String>> {
        let output = run(self.namespaces.command("ip").args(["netns", "list"]))?;
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect())
    }

    fn clear(&self) -> Result<()> {
        for name in self.names()? {
            let output = run(self.namespaces.command("ip").args(["netns", "pids", &name]))?;
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            text.split_whitespace().filter_map(|pid| pid.parse().ok()).for_each(end);
        }
        end(self.namespaces.holder());
        Ok(())
    }
}

/// Clears away the lab that stands, and what killed runs of this user left behind. Says how many processes it ended.
///
/// # Errors
/// When one of them does not end.
pub fn down() -> Result<usize> {
    let stands = PersistentLab::find();
    let left: Vec<u32> = marked().into_iter().filter(|(_, owner)| !alive(*owner)).map(|(pid, _)| pid).collect();
    if let Ok(lab) = &stands {
        lab.clear()?;
    }
    left.iter().copied().for_each(end);
    eventually("the lab's processes to end", Deadline::after(Duration::from_secs(10)), || {
        let still: Vec<_> = left.iter().filter(|&&pid| mark_of(pid).is_some()).collect();
        Ok(Probe::at(still.is_empty().then_some(()), || format!("{still:?}")))
    })?;
    let folder = folder();
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))?;
    }
    Ok(left.len())
}

/// One standing lab for each user.
fn folder() -> PathBuf {
    std::env::temp_dir().join(format!("traf-lab-{}", nix::unistd::geteuid()))
}

fn end(pid: u32) {
    // It may have ended by itself in the meantime.
    let _ = i32::try_from(pid).map(|pid| kill(Pid::from_raw(pid), Signal::SIGKILL));
}

/// Processes of labs, each with the process that built the lab.
fn marked() -> Vec<(u32, u32)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| Some((pid, mark_of(pid)?))).collect()
}

/// The builder of the lab that a process belongs to; its environment tells, and only its own user may read that.
fn mark_of(pid: u32) -> Option<u32> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let mut words = environment.split(|&octet| octet == 0).filter_map(|word| std::str::from_utf8(word).ok());
    words.find_map(|word| word.strip_prefix(OWNER)?.strip_prefix('=')?.parse().ok())
}

fn alive(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}
