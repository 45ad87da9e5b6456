//! The command line.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Args, FromArgMatches, Parser, Subcommand};
use jiff::tz::TimeZone;
use traf_model::settings::{DEFAULT, SETTINGS};
use traf_model::time::length;
use traf_model::{Facility, Group, Interval, Order, OrderBy, Query, Timestamp, Window};

use crate::facility;
use crate::failure::Usage;
use crate::moment;
use crate::output::{Format, Subject};
use crate::start::StartOptions;

const AFTER: &str = "\
Without a command: the screens. Data goes to standard output, messages to standard error.

Exit codes: 0 done, 1 failed, 2 usage, 69 collector unavailable, 77 no permission, 78 bad configuration.

Files, in $XDG_CONFIG_HOME/traf: console/ holds the credentials that `traf join` gets; console.toml is what the screen
Configure changes (rates = \"bits\"|\"bytes\", colour = true|false, time_zone = \"Europe/Berlin\", reverse_dns = true, …);
ethers gives MAC addresses a description each (ethers(5)).";

/// IPTraf for the whole network: the console.
#[derive(Debug, Parser)]
#[command(name = "traf", version, after_help = AFTER, disable_help_subcommand = true)]
pub struct Cli {
    /// Folder with the credentials
    #[arg(long, env = "TRAF_CREDENTIALS", value_name = "DIR", global = true)]
    pub credentials: Option<PathBuf>,
    /// Configuration file
    #[arg(long, env = "TRAF_CONSOLE_CONFIG", value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// The first screen
    #[command(flatten)]
    pub start: StartOptions,
    /// The command; the screens if there is none
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch this machine alone: a private collector and a sensor, gone with the screens
    Local(Local),
    /// A table
    #[command(flatten)]
    Table(TableCommand),
    /// Sensors: connection, delay and losses
    Sensors(SensorsOptions),
    /// Filters under a name, shared by all consoles of the collector
    #[command(subcommand)]
    Filters(FilterCommand),
    /// Get credentials from a collector, with a token
    Join(Join),
}

/// Commands on named filters.
#[derive(Clone, Debug, Subcommand)]
pub enum FilterCommand {
    /// All of them, each as one filter
    List,
    /// The rules of one
    Show {
        /// Its name
        name: String,
    },
    /// Keep the rules on standard input, one a line: include FILTER or exclude FILTER; the first that matches decides
    Save {
        /// Its name: 1 to 40 letters, digits, spaces and signs
        name: String,
    },
    /// Delete one, for all consoles
    Delete {
        /// Its name
        name: String,
    },
}

/// Commands on sensors, beside the list.
#[derive(Clone, Debug, Subcommand)]
pub enum SensorCommand {
    /// Change settings of a sensor, or show them when none is given
    Set {
        /// The sensor
        name: String,
        /// Settings and their values
        #[arg(value_name = "KEY=VALUE", help = changes_help())]
        changes: Vec<String>,
    },
}

fn changes_help() -> String {
    let examples = SETTINGS.map(|setting| format!("{}={}", setting.name, setting.example)).join(" ");
    format!("{examples}; `{DEFAULT}` for what the sensor's own file says")
}

/// The command of a table.
#[derive(Clone, Debug)]
pub struct TableCommand {
    /// The subject.
    pub subject: Subject,
    /// Rows and format.
    pub table: TableOptions,
}

/// The argument that names an interface.
const NAME: &str = "name";
/// The option that groups flows.
const GROUP: &str = "group";

/// The subject of each command, and its help.
fn tables() -> impl Iterator<Item = (Subject, &'static str)> {
    let own = [
        (Facility::Traffic.into(), "Flows: who talks to whom"),
        (Facility::Packets.into(), "The latest packets that belong to no TCP connection, one by one; live only"),
        (Facility::Interfaces.into(), "Interface statistics"),
        (Subject { detailed: true, ..Facility::Interfaces.into() }, "Detailed statistics of an interface"),
    ];
    own.into_iter().chain(facility::ALL.map(|view| (Facility::from(view.facility).into(), view.help)))
}

impl Subcommand for TableCommand {
    fn augment_subcommands(command: clap::Command) -> clap::Command {
        let interface = "The interface; those of all sensors where several have one of this name; by default all";
        let groups = "A row for each: flow, address (who was asked), port, pair (who asked whom), sensor";
        let interface = Arg::new(NAME).value_name("IF").help(interface);
        let groups =
            Arg::new(GROUP).long(GROUP).value_name("BY").help(groups).default_value("flow").value_parser(group);
        tables().fold(command, |command, (subject, help)| {
            let one = clap::Command::new(subject.name());
            let one = if subject.one_interface() { one.arg(&interface) } else { one };
            let one = if subject.facility == Facility::Traffic { one.arg(&groups) } else { one };
            command.subcommand(TableOptions::augment_args(one).about(help).long_about(None))
        })
    }

    fn augment_subcommands_for_update(command: clap::Command) -> clap::Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        tables().any(|(subject, _)| subject.name() == name)
    }
}

impl FromArgMatches for TableCommand {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let unknown = || clap::Error::new(clap::error::ErrorKind::InvalidSubcommand);
        let (name, matches) = matches.subcommand().ok_or_else(unknown)?;
        let (mut subject, _) = tables().find(|(subject, _)| subject.name() == name).ok_or_else(unknown)?;
        let mut table = TableOptions::from_arg_matches(matches)?;
        if subject.one_interface() {
            table.interface.extend(matches.get_one::<String>(NAME).cloned());
        }
        if subject.facility == Facility::Traffic {
            subject.group = matches.get_one(GROUP).copied().unwrap_or_default();
        }
        Ok(Self { subject, table })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Rows, time and format of a table.
#[derive(Clone, Debug, Default, Args)]
pub struct TableOptions {
    /// The ten seconds that hold this moment: -2h, 14:00, "yesterday 14:00", 2026-11-22T05:20:00Z
    #[arg(long, value_name = "TIME", conflicts_with_all = ["from", "to", "last"], allow_hyphen_values = true)]
    pub at: Option<String>,
    /// From this moment on, up to --to
    #[arg(long, value_name = "TIME", conflicts_with = "last", allow_hyphen_values = true)]
    pub from: Option<String>,
    /// Up to this moment; now when only --from is given
    #[arg(long, value_name = "TIME", requires = "from", allow_hyphen_values = true)]
    pub to: Option<String>,
    /// The last stretch of this length: 90s, 5m, 1h30m
    #[arg(long, value_name = "LENGTH")]
    pub last: Option<String>,
    /// Only this sensor (may be given again)
    #[arg(long, value_name = "NAME")]
    pub sensor: Vec<String>,
    /// Only interfaces of this name (may be given again)
    #[arg(long, value_name = "IF")]
    pub interface: Vec<String>,
    /// Only traffic that this filter selects: tcpdump's words, or @NAME of a named one
    #[arg(long, value_name = "FILTER", default_value = "", hide_default_value = true)]
    pub filter: String,
    /// Order of the rows: octets, packets, rate, first, last, key, packets_in, octets_in, packets_out, octets_out, ip_in,
    /// ip_out, peers, flows; by default the first that the facility has
    #[arg(long, value_name = "BY", value_parser = order)]
    pub order: Option<Order>,
    /// At most so many rows
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=i64::from(Query::LIMIT)))]
    pub limit: u32,
    /// A new table each second, until ended
    #[arg(long, conflicts_with_all = ["at", "from", "to"])]
    pub watch: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Options of the list of sensors.
#[derive(Clone, Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct SensorsOptions {
    /// Something else than the list
    #[command(subcommand)]
    pub command: Option<SensorCommand>,
    /// Only this sensor (may be given again)
    #[arg(long, value_name = "NAME")]
    pub sensor: Vec<String>,
    /// A new list each second, until ended
    #[arg(long)]
    pub watch: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Options of joining.
#[derive(Clone, Debug, Args)]
pub struct Join {
    /// The collector's join service: https://HOST:7441
    pub url: String,
    /// File with the token that `traf-collector token create --role viewer` printed; - reads standard input
    #[arg(long, value_name = "FILE")]
    pub token_file: PathBuf,
    /// Name to be known by; by default the host name
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}

/// Options of `traf local`.
#[derive(Clone, Debug, Args)]
pub struct Local {
    /// Interface to watch; by default all that are up
    pub interface: Option<String>,
    /// The first screen
    #[command(flatten)]
    pub start: StartOptions,
    /// Leave collector and sensor running
    #[arg(long)]
    pub keep: bool,
    /// Folder for everything that is kept; by default $XDG_STATE_HOME/traf/local
    #[arg(long, value_name = "DIR", env = "TRAF_LOCAL_DATA")]
    pub data: Option<PathBuf>,
    /// Wait for traffic, print interfaces and traffic as tables, stop everything, and end
    #[arg(long, conflicts_with = "keep")]
    pub once: bool,
}

fn group(text: &str) -> Result<Group, String> {
    one_of(&Group::ALL, Group::name, text)
}

fn order(text: &str) -> Result<Order, String> {
    let by = one_of(&OrderBy::ALL, OrderBy::name, text)?;
    Ok(Order { by, ascending: by == OrderBy::Key })
}

fn one_of<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str, text: &str) -> Result<T, String> {
    let names = || all.iter().map(|one| name(*one)).collect::<Vec<_>>().join(", ");
    all.iter().find(|one| name(**one) == text).copied().ok_or_else(|| format!("choose one of {}", names()))
}

/// One slice.
const SLICE: i64 = 10_000_000_000;

impl TableOptions {
    /// The window of the query.
    pub fn window(&self, now: Timestamp, zone: &TimeZone) -> Result<Window, Usage> {
        let moment = |option: &str, text: &str| {
            moment::parse(text, now, zone).map_err(|error| Usage(format!("--{option}: {error}")))
        };
        if let Some(text) = &self.last {
            let wrong = || Usage(format!("--last: `{text}` is no length of time: write 90s, 5m or 1h30m"));
            return Ok(Window::Last(length(text).filter(|length| !length.is_zero()).ok_or_else(wrong)?));
        }
        if let Some(text) = &self.at {
            let from = moment("at", text)?.floor(SLICE);
            return Ok(Window::Past(Interval::new(from, Timestamp(from.0.saturating_add(SLICE)))));
        }
        let Some(from) = &self.from else { return Ok(Window::Live) };
        let from = moment("from", from)?;
        let to = self.to.as_ref().map_or(Ok(now), |to| moment("to", to))?;
        if from < to {
            Ok(Window::Past(Interval::new(from, to)))
        } else {
            Err(Usage(format!("--from {from} is not before --to {to}")))
        }
    }

    /// The order of the query.
    pub fn order(&self, facility: Facility) -> Order {
        let by_key = facility::view(facility).is_some_and(|view| view.order == OrderBy::Key);
        self.order.unwrap_or(match facility {
            _ if by_key => Order { by: OrderBy::Key, ascending: true },
            Facility::Packets => Order { by: OrderBy::Last, ascending: false },
            _ => Order::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use clap::CommandFactory;
    use traf_model::facility::SIZES;

    use super::*;
    use crate::filter_option::check_filter;

    fn table(words: &[&str]) -> Result<TableOptions, clap::Error> {
        let cli = Cli::try_parse_from(["traf", "traffic"].iter().chain(words))?;
        let Some(Command::Table(TableCommand { table, .. })) = cli.command else { panic!("not traffic") };
        Ok(table)
    }

    fn window(words: &[&str]) -> String {
        let now = "2026-11-22T14:02:31Z".parse().unwrap();
        match table(words).unwrap().window(now, &TimeZone::UTC) {
            Ok(Window::Past(Interval { from, to })) => format!("{from} {to}").replace(".000000000", ""),
            Ok(window) => format!("{window:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_way_to_name_a_time_becomes_a_window() {
        for (words, meant) in [
            (vec![], "Live"),
            (vec!["--last", "5m"], "Last(300s)"),
            (vec!["--at", "-2h"], "2026-11-22T12:02:30Z 2026-11-22T12:02:40Z"),
            (vec!["--from", "05:20"], "2026-11-22T05:20:00Z 2026-11-22T14:02:31Z"),
            (vec!["--from", "yesterday", "--to", "today"], "2026-11-21T00:00:00Z 2026-11-22T00:00:00Z"),
        ] {
            assert_eq!(window(&words), meant, "{words:?}");
        }
        assert!(window(&["--from", "-1h", "--to", "-2h"]).contains("is not before"));
        assert!(window(&["--at", "soon"]).starts_with("--at: `soon` is no time"));
        assert!(window(&["--last", "0s"]).contains("is no length of time"));
    }

    #[test]
    fn every_order_and_every_group_has_a_name() {
        for by in OrderBy::ALL {
            let order = Order { by, ascending: by == OrderBy::Key };
            assert_eq!(table(&["--order", by.name()]).unwrap().order(Facility::Traffic), order);
        }
        assert_eq!(table(&[]).unwrap().order(Facility::Packets).by, OrderBy::Last);
        for group in Group::ALL {
            let cli = Cli::try_parse_from(["traf", "traffic", "--group", group.name()]).unwrap();
            assert!(matches!(cli.command, Some(Command::Table(traffic)) if traffic.subject.group == group));
        }
        let cli = Cli::try_parse_from(["traf", "sizes", "eth0", "--last", "5m"]).unwrap();
        let Some(Command::Table(sizes)) = cli.command else { panic!("not sizes") };
        let (facility, interface) = (sizes.subject.facility, &sizes.table.interface[..]);
        assert_eq!((facility, interface), (SIZES.into(), &["eth0".to_owned()][..]));
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for words in [
            &["--at", "-2h", "--last", "5m"][..],
            &["--to", "-2h"],
            &["--watch", "--at", "-2h"],
            &["--limit", "0"],
            &["--limit", "1001"],
            &["--order", "size"],
            &["--group", "colour"],
            &["--format", "xml"],
        ] {
            assert!(table(words).is_err(), "{words:?}");
        }
        let filter = table(&["--filter", "host"]).unwrap().filter;
        assert!(check_filter(&filter).unwrap_err().to_string().contains('^'));
    }
}
