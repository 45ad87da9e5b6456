//! A small disk that can be filled.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};

use crate::host::run;
use crate::namespaces::Namespaces;

/// A file system in memory, of a fixed size, that only the realm's programs see.
#[derive(Debug)]
pub struct Disk {
    namespaces: Arc<Namespaces>,
    folder: PathBuf,
}

impl Disk {
    /// Mounts a disk of so many octets at `folder`, which is made.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn new(namespaces: &Arc<Namespaces>, folder: &Path, octets: u64) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        run(namespaces
            .command("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={octets},mode=777"), "lab"])
            .arg(folder))?;
        Ok(Self { namespaces: Arc::clone(namespaces), folder: folder.to_owned() })
    }

    /// Where it is mounted.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Fills it to the last octet.
    ///
    /// # Errors
    /// When something is left free.
    pub fn fill(&self) -> Result<()> {
        let filler = self.filler();
        // dd fails by design: it ends when no room is left.
        let _ = run(self.namespaces.command("dd").args(["if=/dev/zero", "bs=4k", &format!("of={filler}")]));
        ensure!(self.free()? == 0, "{} is not full", self.folder.display());
        Ok(())
    }

    /// Takes the ballast away again.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn clear(&self) -> Result<()> {
        run(self.namespaces.command("rm").args(["-f", &self.filler()])).map(drop)
    }

    /// Octets left.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub fn free(&self) -> Result<u64> {
        let output = run(self.namespaces.command("stat").args(["-f", "-c", "%a"]).arg(&self.folder))?;
        String::from_utf8_lossy(&output.stdout).trim().parse().context("reading stat -f")
    }

    fn filler(&self) -> String {
        self.folder.join("ballast").to_string_lossy().into_owned()
    }
}
