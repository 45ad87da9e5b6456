//! The namespaces that hold a lab: a mount namespace of its own, and a user namespace for somebody who is not root.
//!
//! One holder process keeps them; every command of the lab enters them with `nsenter`. Network namespaces are named below a
//! `/run` that only the lab sees, so two labs never meet, and all of them vanish with the holder, even after SIGKILL.
//! No set-uid helper is used: an unprivileged lab is root only within its own user namespace.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

/// Environment variable of every process of a lab: the process that built the lab, so that `down` finds the remains of a
/// killed run.
pub const OWNER: &str = "TRAF_LAB";

/// Mount, network and user namespace, kept by a process that only waits.
#[derive(Debug)]
pub struct Namespaces {
    /// The process that keeps them.
    pub holder: u32,
    /// The rights with which they run.
    pub privilege: Privilege,
    child: Option<Child>,
}

/// The rights with which a lab runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privilege {
    /// As the machine's root.
    Root,
    /// As root of a user namespace only.
    UserNamespace {
        /// The user outside of it.
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
    /// Makes namespaces that go when they are dropped, or this process dies.
    pub fn new() -> Result<Self> {
        Self::start(&["setpriv", "--pdeathsig", "KILL", "--"])
    }

    /// Makes namespaces that stay until their holder is killed.
    pub fn persistent() -> Result<Self> {
        let mut namespaces = Self::start(&["setsid", "--"])?;
        namespaces.child = None;
        Ok(namespaces)
    }

    /// Namespaces that another process made.
    pub fn existing(holder: u32, privilege: Privilege) -> Self {
        Self { holder, privilege, child: None }
    }

    /// A command within them. Its working directory is `/`; it dies with the thread that starts it.
    pub fn command(&self, program: &str) -> Command {
        self.enter(&["setpriv", "--pdeathsig", "KILL", "--", program])
    }

    /// A command in one of the network namespaces, with a `/sys` that shows that namespace's interfaces.
    pub fn command_in(&self, namespace: &str, program: &str) -> Command {
        self.enter(&["ip", "netns", "exec", namespace, "setpriv", "--pdeathsig", "KILL", "--", program])
    }

    fn enter(&self, words: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.holder.to_string(), "--mount", "--net"]);
        if self.privilege != Privilege::Root {
            command.args(["--user", "--preserve-credentials"]);
        }
        mark(&mut command).arg("--").args(words);
        command
    }

    fn start(wrapper: &[&str]) -> Result<Self> {
        let uid = nix::unistd::geteuid().as_raw();
        let mut refused = Vec::new();
        let root = (uid == 0).then_some(Privilege::Root);
        for privilege in root.into_iter().chain([Privilege::UserNamespace { uid }]) {
            match Self::hold(privilege, wrapper) {
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

    fn hold(privilege: Privilege, wrapper: &[&str]) -> Result<Self> {
        let mut command = Command::new("unshare");
        // This network namespace stays empty: `ip netns` must be able to come back to it.
        command.args(["--mount", "--net"]);
        if privilege != Privilege::Root {
            command.args(["--user", "--map-root-user"]);
        }
        let hold =
            "mount -t tmpfs -o mode=755 tmpfs /run && mkdir /run/netns && echo ready && exec sleep infinity >&- 2>&-";
        mark(&mut command).arg("--").args(wrapper).args(["sh", "-c", hold]);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("starting unshare (package util-linux)")?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line).context("reading the holder's output")?;
        }
        if line.trim() != "ready" {
            let output = child.wait_with_output().context("waiting for the holder")?;
            bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(Self { holder: child.id(), privilege, child: Some(child) })
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

/// Marks a process of the lab. `ip`, `tc` and `nft` live in sbin, which an ordinary user's path leaves out.
fn mark(command: &mut Command) -> &mut Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{path}:/usr/sbin:/sbin:/usr/bin:/bin");
    command.env(OWNER, std::process::id().to_string()).env("PATH", path).stdin(Stdio::null())
}
