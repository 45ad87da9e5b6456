//! The ground that a lab stands on: a mount namespace of its own, and a user namespace where we are not root.
//!
//! One holder process keeps it; every command of the lab enters it with `nsenter`. Network namespaces are named below a
//! `/run` that only the realm sees, so two labs never meet, and all of them vanish with the holder, even after SIGKILL.
//! No set-uid helper is used: an unprivileged lab is root only within its own user namespace.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

/// Set in every process of a lab: the holder's owner, so that `down` finds what a killed run left behind.
pub const OWNER: &str = "TRAF_LAB";

/// Mount (and user) namespace, kept by a process that only waits.
#[derive(Debug)]
pub struct Namespaces {
    holder: u32,
    child: Option<Child>,
    privilege: Privilege,
}

/// With what rights a lab runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privilege {
    /// As the machine's root.
    Root,
    /// As root of a user namespace only.
    UserNamespace {
        /// Who we are outside of it.
        uid: u32,
    },
}

impl fmt::Display for Privilege {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => write!(f, "root"),
            Self::UserNamespace { uid } => write!(f, "a user namespace of uid {uid}"),
        }
    }
}

impl Namespaces {
    /// Lays the ground; it goes when the realm is dropped, or its process dies.
    ///
    /// # Errors
    /// When the kernel allows neither root nor a user namespace to make one.
    pub fn new() -> Result<Self> {
        Self::start(true)
    }

    /// Like `new`, but it stays after us, until its holder is killed.
    ///
    /// # Errors
    /// As `new`.
    pub fn persistent() -> Result<Self> {
        let mut namespaces = Self::start(false)?;
        namespaces.child = None;
        Ok(namespaces)
    }

    /// Enters the realm that another process made.
    #[must_use]
    pub fn join(holder: u32, privilege: Privilege) -> Self {
        Self { holder, child: None, privilege }
    }

    /// The process that keeps it.
    #[must_use]
    pub fn holder(&self) -> u32 {
        self.holder
    }

    /// With what rights it runs.
    #[must_use]
    pub fn privilege(&self) -> Privilege {
        self.privilege
    }

    /// A command within the realm. Its working directory is `/`; it dies with the thread that starts it.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = self.enter();
        command.args(["setpriv", "--pdeathsig", "KILL", "--", program]);
        command
    }

    /// A command in one of its network namespaces, with a `/sys` that shows that namespace's interfaces.
    #[must_use]
    pub fn command_in(&self, namespace: &str, program: &str) -> Command {
        let mut command = self.enter();
        command.args(["ip", "netns", "exec", namespace, "setpriv", "--pdeathsig", "KILL", "--", program]);
        command
    }

    fn enter(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.holder.to_string(), "--mount", "--net"]);
        if matches!(self.privilege, Privilege::UserNamespace { .. }) {
            command.args(["--user", "--preserve-credentials"]);
        }
        command.arg("--").env(OWNER, std::process::id().to_string()).env("PATH", search_path()).stdin(Stdio::null());
        command
    }

    fn start(dies_with_us: bool) -> Result<Self> {
        let uid = nix::unistd::geteuid().as_raw();
        let mut refused = Vec::new();
        for privilege in [Privilege::Root, Privilege::UserNamespace { uid }] {
            if privilege == Privilege::Root && uid != 0 {
                continue;
            }
            match Self::hold(privilege, dies_with_us) {
                Ok(namespaces) => return Ok(namespaces),
                Err(error) => refused.push(format!("as {privilege}: {error:#}")),
            }
        }
        bail!(
            "this machine allows no lab ({}); run it as root, or allow user namespaces \
             (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns=0)",
            refused.join("; ")
        )
    }

    fn hold(privilege: Privilege, dies_with_us: bool) -> Result<Self> {
        let mut command = Command::new("unshare");
        // The network of the realm itself stays empty: `ip netns` must be able to come back to it.
        command.args(["--mount", "--net"]);
        if matches!(privilege, Privilege::UserNamespace { .. }) {
            command.args(["--user", "--map-root-user"]);
        }
        command.arg("--");
        if dies_with_us {
            command.args(["setpriv", "--pdeathsig", "KILL", "--"]);
        } else {
            command.args(["setsid", "--"]);
        }
        let hold =
            "mount -t tmpfs -o mode=755 tmpfs /run && mkdir /run/netns && echo ready && exec sleep infinity >&- 2>&-";
        let mut child = command
            .args(["sh", "-c", hold])
            .env(OWNER, std::process::id().to_string())
            .env("PATH", search_path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("starting unshare (package util-linux)")?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line).context("reading what the holder says")?;
        }
        if line.trim() != "ready" {
            let output = child.wait_with_output().context("waiting for the holder")?;
            bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(Self { holder: child.id(), child: Some(child), privilege })
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // Its mounts, names and namespaces go with it; nothing is left to fail.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// `ip`, `tc` and `nft` live in sbin, which an ordinary user's path leaves out.
fn search_path() -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{path}:/usr/sbin:/sbin:/usr/bin:/bin")
}
