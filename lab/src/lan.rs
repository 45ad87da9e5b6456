//! A small LAN, ready to use: hosts behind a switch, a watcher at its mirror port, a collector's host, and a second
//! network for management, so that the LAN itself can come to rest while the sensors report.
//!
//! ```text
//!   anna   ben   carl      watch (mirror port)
//!    |      |      |         :
//!   =+======+======+=========+=   lan    10.77.1.0/24  fd77:1::/64   interface eth0
//!   =+======+======+=========+==+= mgmt  10.77.2.0/24  fd77:2::/64   interface mgmt0
//!                               |
//!                             tower (the collector)
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::counters::Counters;
use crate::host::{Host, Interface};
use crate::namespaces::Namespaces;
use crate::process::Process;
use crate::switch::Switch;
use crate::wait::{Deadline, Probe, at_rest, eventually};

/// The interface of a host on the LAN.
pub const ETH: &str = "eth0";
/// The interface of a host on the management network.
pub const MGMT: &str = "mgmt0";
/// The host of the collector.
pub const TOWER: &str = "tower";
/// The host at the mirror port.
pub const WATCH: &str = "watch";
/// Longest silence between two unasked frames of a kernel: a repeated report of multicast membership.
const STILL: Duration = Duration::from_millis(2500);

/// Hosts, two switches, a mirror port.
#[derive(Debug)]
pub struct Lan {
    /// The ordinary hosts, in the order they were named.
    pub hosts: Vec<Host>,
    /// Where each is plugged into the LAN, in the same order.
    pub interfaces: Vec<Interface>,
    /// The collector's machine; only on the management network.
    pub tower: Host,
    /// The machine at the mirror port.
    pub watch: Host,
    /// The switch of the LAN.
    pub lan: Switch,
    /// The switch of the management network.
    pub mgmt: Switch,
    /// Logs, data and whatever else the lab writes.
    pub folder: PathBuf,
    namespaces: Arc<Namespaces>,
    _folder: Option<tempfile::TempDir>,
}

impl Lan {
    /// A LAN of these hosts that goes when it is dropped.
    ///
    /// # Errors
    /// When the machine allows no lab, with what is missing.
    pub fn new(names: &[&str]) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("traf-lab-").tempdir().context("making a folder for the lab")?;
        let namespaces = Arc::new(Namespaces::new()?);
        eprintln!("lab: runs under {}", namespaces.privilege());
        let mut lan = Self::build(namespaces, names, folder.path())?;
        lan._folder = Some(folder);
        Ok(lan)
    }

    /// A LAN in a realm of the caller's.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn build(namespaces: Arc<Namespaces>, names: &[&str], folder: &Path) -> Result<Self> {
        let lan = Switch::new(&namespaces, "lan", 1, folder)?;
        let mgmt = Switch::new(&namespaces, "mgmt", 2, folder)?;
        let (mut hosts, mut interfaces) = (Vec::new(), Vec::new());
        for (number, name) in (1..).zip(names) {
            let host = Host::new(&namespaces, name, folder)?;
            interfaces.push(host.plug(ETH, &lan, number)?);
            host.plug(MGMT, &mgmt, number)?;
            hosts.push(host);
        }
        let tower = Host::new(&namespaces, TOWER, folder)?;
        tower.plug(MGMT, &mgmt, 250)?;
        let watch = Host::new(&namespaces, WATCH, folder)?;
        watch.plug(MGMT, &mgmt, 251)?;
        lan.mirror(&watch, "mon0")?;
        Ok(Self { hosts, interfaces, tower, watch, lan, mgmt, folder: folder.to_owned(), namespaces, _folder: None })
    }

    /// The realm it stands in.
    #[must_use]
    pub fn namespaces(&self) -> &Arc<Namespaces> {
        &self.namespaces
    }

    /// The address of the collector's machine.
    #[must_use]
    pub fn tower_address(&self) -> String {
        self.mgmt.ipv4(250).to_string()
    }

    /// Starts `traf-lab traffic serve` on a host; returns when it serves, with where: by IPv4, by IPv6.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn serve(&self, host: usize, port: u16) -> Result<(Process, String, String)> {
        let plug = &self.interfaces[host];
        let (v4, v6) = (format!("{}:{port}", plug.ipv4), format!("[{}]:{port}", plug.ipv6));
        let server = self.hosts[host].start_traffic(&["serve", &v4, &v6])?;
        eventually("a server", Deadline::seconds(10), || {
            let log = server.log();
            Ok(Probe::at(log.contains("serving").then_some(()), || log))
        })?;
        Ok((server, v4, v6))
    }

    /// Waits until nothing moves on the LAN, and gives every host's counters of its interface there.
    ///
    /// # Errors
    /// When it does not come to rest in time.
    pub fn rest(&self) -> Result<BTreeMap<String, Counters>> {
        at_rest("the LAN", STILL, Deadline::seconds(60), || {
            let watch = (WATCH.to_owned(), self.watch.counters()?.remove("mon0").unwrap_or_default());
            let mut all = BTreeMap::from([watch]);
            for host in &self.hosts {
                all.insert(host.name().to_owned(), host.counters()?.remove(ETH).unwrap_or_default());
            }
            Ok(all)
        })
    }
}
