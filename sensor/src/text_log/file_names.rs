//! Names of the text logs: IPTraf's, or those of the configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;

/// One of the logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogKind {
    /// Events of the IP traffic monitor.
    Traffic,
    /// General interface statistics.
    General,
    /// Detailed interface statistics.
    Detailed,
    /// TCP and UDP services.
    Services,
    /// Packet sizes.
    Sizes,
    /// LAN stations.
    Stations,
}

/// Stands for the interface in a name.
const INTERFACE: &str = "{interface}";

impl LogKind {
    /// All of them.
    pub(crate) const ALL: [Self; 6] =
        [Self::Traffic, Self::General, Self::Detailed, Self::Services, Self::Sizes, Self::Stations];

    /// As it is written in the configuration; as IPTraf's banners name it; IPTraf's name of its file.
    const fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Traffic => ("traffic", "IP traffic monitor", "ip_traffic.log"),
            Self::General => ("general", "General interface statistics", "iface_stats_general.log"),
            Self::Detailed => ("detailed", "Detailed interface statistics", "iface_stats_detailed-{interface}.log"),
            Self::Services => ("services", "TCP/UDP service monitor", "tcp_udp_services-{interface}.log"),
            Self::Sizes => ("sizes", "Packet size distribution facility", "packet_size-{interface}.log"),
            Self::Stations => ("stations", "LAN traffic monitor", "lan_statistics-{interface}.log"),
        }
    }

    /// As it is written in the configuration.
    pub(crate) const fn word(self) -> &'static str {
        self.names().0
    }

    /// As IPTraf's banners name it.
    pub(crate) const fn title(self) -> &'static str {
        self.names().1
    }

    /// There is one for each interface.
    pub(crate) const fn by_interface(self) -> bool {
        !matches!(self, Self::Traffic | Self::General)
    }
}

impl FromStr for LogKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|kind| kind.word() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::word).join(", ");
            format!("there is no text log `{text}`; there are: {known}")
        })
    }
}

/// The names of all logs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFileNames(BTreeMap<LogKind, String>);

impl LogFileNames {
    /// IPTraf's, but for these.
    pub(crate) fn new(others: impl IntoIterator<Item = (LogKind, String)>) -> Self {
        Self(others.into_iter().collect())
    }

    /// Checks that every file has a name of its own.
    pub(crate) fn check(&self) -> Result<(), String> {
        for kind in LogKind::ALL {
            let name = self.pattern(kind);
            if name.is_empty() || name.ends_with('/') {
                return Err(format!("the log `{}` needs the name of a file", kind.word()));
            }
            if kind.by_interface() && !name.contains(INTERFACE) {
                return Err(format!(
                    "`{name}`: there is a log `{}` for each interface, so write {INTERFACE} where its name stands",
                    kind.word()
                ));
            }
            if let Some(other) = LogKind::ALL.into_iter().find(|other| *other < kind && self.pattern(*other) == name) {
                return Err(format!("`{name}` cannot be both `{}` and `{}`", other.word(), kind.word()));
            }
        }
        Ok(())
    }

    /// The file of a log, of this interface where there is one for each: in `folder` unless its name is a path.
    pub(crate) fn path(&self, kind: LogKind, interface: &str, folder: &Path) -> PathBuf {
        // The kernel forbids `/` in names of interfaces, and little else.
        let plain = |c: char| if c.is_ascii_alphanumeric() || "._@-".contains(c) { c } else { '_' };
        folder.join(self.pattern(kind).replace(INTERFACE, &interface.chars().map(plain).collect::<String>()))
    }

    fn pattern(&self, kind: LogKind) -> &str {
        self.0.get(&kind).map_or(kind.names().2, String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_iptrafs_unless_others_are_asked_for() {
        let names = LogFileNames::new([(LogKind::Sizes, "/tmp/{interface}/sizes".to_owned())]);
        assert_eq!(names.check(), Ok(()));
        let path = |kind| names.path(kind, "eth0.7", Path::new("/log"));
        assert_eq!(path(LogKind::Traffic), Path::new("/log/ip_traffic.log"));
        assert_eq!(path(LogKind::Services), Path::new("/log/tcp_udp_services-eth0.7.log"));
        assert_eq!(path(LogKind::Sizes), Path::new("/tmp/eth0.7/sizes"));
        let strange = names.path(LogKind::Detailed, "a\x1b$b", Path::new("/log"));
        assert_eq!(strange, Path::new("/log/iface_stats_detailed-a__b.log"));
    }

    #[test]
    fn two_logs_never_share_a_file() {
        let wrong = |kind, name: &str| LogFileNames::new([(kind, name.to_owned())]).check();
        assert!(wrong(LogKind::General, "ip_traffic.log").is_err());
        assert!(wrong(LogKind::Services, "services.log").is_err());
        assert!(wrong(LogKind::Traffic, "").is_err());
    }
}
