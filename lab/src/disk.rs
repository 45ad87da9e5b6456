//! A small disk that can be filled.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};

use crate::machine::run;
use crate::namespaces::Namespaces;

/// A file system in memory, of a fixed size, that only the lab's programs see.
#[derive(Debug)]
pub struct Disk {
    /// Its mount point.
    pub folder: PathBuf,
    namespaces: Arc<Namespaces>,
}

impl Disk {
    /// Mounts a disk of so many octets at `folder`, which is made.
    pub fn new(namespaces: &Arc<Namespaces>, folder: &Path, octets: u64) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        let options = format!("size={octets},mode=777");
        run(namespaces.command("mount").args(["-t", "tmpfs", "-o", &options, "lab"]).arg(folder))?;
        Ok(Self { folder: folder.to_owned(), namespaces: Arc::clone(namespaces) })
    }

    /// Fills it to the last octet.
    pub fn fill(&self) -> Result<()> {
        // dd fails by design: it ends when no room is left.
        let _ = run(self.namespaces.command("dd").args(["if=/dev/zero", "bs=4k", &format!("of={}", self.filler())]));
        let free = run(self.namespaces.command("stat").args(["-f", "-c", "%a"]).arg(&self.folder))?;
        ensure!(free.trim() == "0", "{} is not full", self.folder.display());
        Ok(())
    }

    /// Removes the file that fills it.
    pub fn clear(&self) -> Result<()> {
        run(self.namespaces.command("rm").args(["-f", &self.filler()])).map(drop)
    }

    fn filler(&self) -> String {
        self.folder.join("filler").to_string_lossy().into_owned()
    }
}
