//! A host: a network namespace with its interfaces, and the programs that run in it.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::counters::Counters;
use crate::namespaces::Namespaces;
use crate::process::{Process, binary};
use crate::switch::Switch;

/// A machine of the lab.
#[derive(Clone, Debug)]
pub struct Host {
    name: String,
    namespaces: Arc<Namespaces>,
    folder: PathBuf,
}

/// A host's interface behind a switch.
#[derive(Clone, Debug)]
pub struct Interface {
    /// Its name in the host.
    pub interface: String,
    /// Its address there.
    pub mac: String,
    /// Its IPv4 address.
    pub ipv4: Ipv4Addr,
    /// Its IPv6 address.
    pub ipv6: Ipv6Addr,
}

impl Host {
    /// An empty machine: only a loopback, which is up. Logs go into `folder`.
    ///
    /// # Errors
    /// When the name is taken or the kernel refuses.
    pub fn new(namespaces: &Arc<Namespaces>, name: &str, folder: &Path) -> Result<Self> {
        ensure!(name.len() <= 12, "{name:?} is too long for the name of a host: 12 letters at most");
        let host = Self { name: name.to_owned(), namespaces: Arc::clone(namespaces), folder: folder.to_owned() };
        run(namespaces.command("ip").args(["netns", "add", name]))?;
        // Quiet and quick: nothing is sent that nobody asked for, and a static address works at once.
        host.sh(
            "ip link set lo up; \
             for c in all default; do \
               sysctl -qw net.ipv6.conf.$c.disable_ipv6=0 net.ipv6.conf.$c.accept_dad=0 net.ipv6.conf.$c.dad_transmits=0 \
                 net.ipv6.conf.$c.router_solicitations=0 net.ipv6.conf.$c.accept_ra=0 net.ipv6.conf.$c.addr_gen_mode=1 \
                 net.ipv4.conf.$c.rp_filter=0; \
             done",
        )?;
        Ok(host)
    }

    /// A machine of a realm that is there already.
    #[must_use]
    pub fn join(namespaces: &Arc<Namespaces>, name: &str, folder: &Path) -> Self {
        Self { name: name.to_owned(), namespaces: Arc::clone(namespaces), folder: folder.to_owned() }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The realm it lives in.
    #[must_use]
    pub fn namespaces(&self) -> &Arc<Namespaces> {
        &self.namespaces
    }

    /// A command in this host.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        self.namespaces.command_in(&self.name, program)
    }

    /// Runs a command to its end; its output, when it succeeded.
    ///
    /// # Errors
    /// With its own words when it fails.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let output = run(self.command(program).args(arguments))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs a line of shell to its end.
    ///
    /// # Errors
    /// With its own words when any part of it fails.
    pub fn sh(&self, line: &str) -> Result<String> {
        self.run("sh", &["-ec", line])
    }

    /// Starts a program; its words go to a log of the lab.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&self, program: &str, arguments: &[&str]) -> Result<Process> {
        let short = Path::new(program).file_name().map_or_else(|| program.into(), |name| name.to_string_lossy());
        let name = format!("{short}@{}", self.name);
        let mut command = self.command(program);
        command.args(arguments);
        Process::start(&name, command, self.folder.join(format!("{name}.log")))
    }

    /// Runs one of the lab's own generators (`traf-lab traffic …`) to its end.
    ///
    /// # Errors
    /// When it fails.
    pub fn traffic(&self, words: &[&str]) -> Result<String> {
        let lab = binary("traf-lab")?;
        run(self.command(&lab.to_string_lossy()).arg("traffic").args(words))
            .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Starts one of the lab's own generators and lets it run.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_traffic(&self, words: &[&str]) -> Result<Process> {
        let lab = binary("traf-lab")?;
        let name = format!("traffic-{}@{}", words.first().unwrap_or(&"none"), self.name);
        let mut command = self.command(&lab.to_string_lossy());
        command.arg("traffic").args(words);
        Process::start(&name, command, self.folder.join(format!("{name}.log")))
    }

    /// Connects it to a switch by an interface of this name, with these addresses.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn plug(&self, interface: &str, switch: &Switch, number: u8) -> Result<Interface> {
        let port = switch.port(self);
        let (ipv4, ipv6) = (switch.ipv4(number), switch.ipv6(number));
        let mac = format!("02:54:{:02x}:00:00:{number:02x}", switch.subnet());
        switch
            .host()
            .run("ip", &["link", "add", &port, "type", "veth", "peer", "name", interface, "netns", &self.name])?;
        self.sh(&format!(
            "ip link set {interface} address {mac}; \
             ethtool -K {interface} rxvlan off txvlan off; \
             sysctl -qw net.ipv4.neigh.{interface}.delay_first_probe_time=1 net.ipv6.neigh.{interface}.delay_first_probe_time=1; \
             ip link set {interface} up; \
             ip addr add {ipv4}/24 dev {interface}; \
             ip addr add {ipv6}/64 dev {interface} nodad"
        ))?;
        switch.attach(&port)?;
        Ok(Interface { interface: interface.to_owned(), mac, ipv4, ipv6 })
    }

    /// The kernel's counters of all its interfaces, by name.
    ///
    /// # Errors
    /// When `ip` fails.
    pub fn counters(&self) -> Result<BTreeMap<String, Counters>> {
        let text = self.run("ip", &["-s", "-j", "link", "show"])?;
        let links: Vec<Value> = serde_json::from_str(&text).context("reading ip -s -j link show")?;
        let named = links.iter().map(|link| {
            let name = link["ifname"].as_str().context("a link without a name")?;
            Ok((name.to_owned(), Counters::from_link(link)?))
        });
        named.collect()
    }
}

/// Runs a command to its end and gives its output, or its own words as the error.
pub(crate) fn run(command: &mut Command) -> Result<Output> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("starting {program}"))?;
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
    ensure!(
        output.status.success(),
        "`{}` failed ({}): {}{}",
        words.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stderr).trim(),
        String::from_utf8_lossy(&output.stdout).trim(),
    );
    Ok(output)
}
