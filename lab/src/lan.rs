//! A small LAN: machines behind a switch, one at its mirror port, the collector's, and a second network for management, so
//! that the LAN itself can come to rest while the sensors report.
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
use traf_model::Traffic;

use crate::collector::Collector;
use crate::machine::Machine;
use crate::namespaces::Namespaces;
use crate::process::Process;
use crate::switch::{Interface, Switch};
use crate::wait::{Deadline, at_rest};

/// Longer than any silence between two frames of one event. Kernels of the lab repeat reports of multicast membership after
/// 100 ms at most, ask for a neighbour at once, and acknowledge or resend after 200 ms.
const STILL: Duration = Duration::from_millis(750);
/// The number of the collector's machine in its addresses.
const TOWER: u8 = 250;

/// Machines, two switches, a mirror port.
#[derive(Debug)]
pub struct Lan {
    /// The ordinary machines, in the order they were named.
    pub machines: Vec<Machine>,
    /// The interface of each on the LAN, in the same order.
    pub interfaces: Vec<Interface>,
    /// The collector's machine; only on the management network.
    pub tower: Machine,
    /// The machine at the mirror port.
    pub watch: Machine,
    /// The switch of the LAN.
    pub lan: Switch,
    /// The switch of the management network.
    pub mgmt: Switch,
    /// Logs, data and whatever else the lab writes.
    pub folder: PathBuf,
    _folder: Option<tempfile::TempDir>,
}

impl Lan {
    /// Builds a LAN of these machines that goes when it is dropped.
    pub fn new(names: &[&str]) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("traf-lab-").tempdir().context("making a folder for the lab")?;
        let namespaces = Arc::new(Namespaces::new()?);
        eprintln!("lab: runs under {}", namespaces.privilege);
        let lan = Self::build(&namespaces, names, folder.path())?;
        Ok(Self { _folder: Some(folder), ..lan })
    }

    /// Builds a LAN in the caller's namespaces.
    pub fn build(namespaces: &Arc<Namespaces>, names: &[&str], folder: &Path) -> Result<Self> {
        let lan = Switch::new(namespaces, "lan", 1, folder)?;
        let mgmt = Switch::new(namespaces, "mgmt", 2, folder)?;
        let (mut machines, mut interfaces) = (Vec::new(), Vec::new());
        for (number, name) in (1..).zip(names) {
            let machine = Machine::new(namespaces, name, folder)?;
            interfaces.push(lan.connect(&machine, "eth0", number)?);
            mgmt.connect(&machine, "mgmt0", number)?;
            machines.push(machine);
        }
        let tower = Machine::new(namespaces, "tower", folder)?;
        mgmt.connect(&tower, "mgmt0", TOWER)?;
        let watch = Machine::new(namespaces, "watch", folder)?;
        mgmt.connect(&watch, "mgmt0", TOWER + 1)?;
        lan.mirror(&watch, "mon0")?;
        Ok(Self { machines, interfaces, tower, watch, lan, mgmt, folder: folder.to_owned(), _folder: None })
    }

    /// Starts a collector on the tower; returns when it listens.
    pub fn start_collector(&self) -> Result<Collector> {
        self.start_collector_on(&self.folder.join("collector"))
    }

    /// Starts a collector with this data folder on the tower; returns when it listens.
    pub fn start_collector_on(&self, data: &Path) -> Result<Collector> {
        Collector::start(&self.tower, &self.mgmt.ipv4(TOWER).to_string(), data)
    }

    /// Starts `traf-lab traffic serve` on a machine; returns when it serves, with its IPv4 and its IPv6 end point.
    pub fn serve(&self, machine: usize, port: u16) -> Result<(Process, String, String)> {
        let Interface { ipv4, ipv6, .. } = &self.interfaces[machine];
        let (v4, v6) = (format!("{ipv4}:{port}"), format!("[{ipv6}]:{port}"));
        Ok((self.machines[machine].serve(&[&v4, &v6])?, v4, v6))
    }

    /// Waits until nothing moves on the LAN; returns each machine's counters of its interface there.
    pub fn rest(&self) -> Result<BTreeMap<String, Traffic>> {
        let points = self.machines.iter().map(|machine| (machine, "eth0")).chain([(&self.watch, "mon0")]);
        at_rest("the LAN", STILL, Deadline::seconds(60), || {
            let counters = |(machine, interface): (&Machine, &str)| {
                Ok((machine.name.clone(), machine.counters()?.remove(interface).unwrap_or_default()))
            };
            points.clone().map(counters).collect()
        })
    }
}
