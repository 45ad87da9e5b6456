//! Starting in a facility, with IPTraf's letters: `traf -d eth0`.

use clap::{Arg, ArgAction, ArgMatches, Args, FromArgMatches};
use traf_model::{Fleet, Point, Scope, SensorState};

use crate::app::Screen;
use crate::facility;
use crate::facility::view::StartOption;
use crate::failure::Usage;

/// Title of these options in the help.
const HEADING: &str = "Starting in a facility";

/// The first screen, its interface, and the time after which the screens end.
#[derive(Clone, Debug, Default, Args)]
pub struct StartOptions {
    /// The first screen
    #[command(flatten)]
    pub first: FirstScreen,
    /// End the screens after so many minutes
    #[arg(
        short = 't',
        value_name = "MIN",
        help_heading = HEADING,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    pub minutes: Option<u32>,
}

/// The screen that was asked for, its interface, and whether it takes all.
#[derive(Clone, Debug, Default)]
pub struct FirstScreen(Option<(Screen, String, bool)>);

/// The screens that have an option.
fn options() -> impl Iterator<Item = (Screen, StartOption)> {
    let option = |letter, all, help| StartOption { letter, all, help };
    let traffic = option('i', true, "IP traffic monitor of an interface (or sensor/interface), or of all");
    let own = [
        (Screen::Traffic, traffic),
        (Screen::Interfaces, option('g', true, "General interface statistics")),
        (Screen::Detailed, option('d', false, "Detailed statistics of an interface")),
    ];
    let counted = facility::ALL.into_iter().filter_map(|view| Some((Screen::Counted(view), view.start?)));
    own.into_iter().chain(counted)
}

impl Args for FirstScreen {
    fn augment_args(command: clap::Command) -> clap::Command {
        options().fold(command, |command, (screen, option)| {
            let arg = Arg::new(screen.title()).short(option.letter).help(option.help);
            let arg = match (screen, option.all) {
                (Screen::Interfaces, _) => arg.action(ArgAction::Set).num_args(0).default_missing_value(ALL),
                (_, all) => arg.value_name(if all { "IF|all" } else { "IF" }),
            };
            command.arg(arg.group("facility").help_heading(HEADING))
        })
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for FirstScreen {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |screen: Screen| matches.get_one::<String>(screen.title()).cloned();
        Ok(Self(options().find_map(|(screen, option)| Some((screen, given(screen)?, option.all)))))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Every interface.
const ALL: &str = "all";

impl StartOptions {
    /// Nothing was asked for: the screens begin as they always do.
    pub const fn is_none(&self) -> bool {
        self.first.0.is_none() && self.minutes.is_none()
    }

    /// True if the interface must be looked up among those that are watched.
    pub fn names_interface(&self) -> bool {
        self.first.0.as_ref().is_some_and(|(_, name, all)| !(*all && name == ALL))
    }

    /// The screen and what it looks at; `None` when no facility was asked for.
    pub fn screen(&self, fleet: &Fleet) -> Result<Option<(Screen, Scope)>, Usage> {
        let Some((screen, name, all)) = &self.first.0 else { return Ok(None) };
        let scope = match (name == ALL, all) {
            (true, true) => Scope::default(),
            (true, false) if interface(fleet, name).is_err() => {
                return Err(Usage(format!("this facility is of one interface: name it; there are: {}", known(fleet))));
            }
            _ => Scope(vec![interface(fleet, name)?]),
        };
        Ok(Some((*screen, scope)))
    }
}

/// The interface that a name means: `sensor/interface`, or `interface` where only one sensor has one of this name.
pub fn interface(fleet: &Fleet, name: &str) -> Result<Point, Usage> {
    let found: Vec<Point> = fleet.sensors.iter().flat_map(up).filter(|point| point.is_called(name)).collect();
    match &found[..] {
        [point] => Ok(point.clone()),
        [] => Err(Usage(format!("no interface `{name}` is watched; there are: {}", known(fleet)))),
        several => {
            let names: Vec<String> = several.iter().map(ToString::to_string).collect();
            Err(Usage(format!("`{name}` is an interface of several sensors: write one of {}", names.join(", "))))
        }
    }
}

/// The interfaces of a sensor that are still there.
pub fn up(sensor: &SensorState) -> impl Iterator<Item = Point> {
    let there = sensor.interfaces.iter().filter(|state| !state.gone);
    there.map(|state| Point::new(&sensor.name, &state.interface.name))
}

fn known(fleet: &Fleet) -> String {
    let names: Vec<String> = fleet.sensors.iter().flat_map(up).map(|point| point.to_string()).collect();
    if names.is_empty() { "none; does a sensor report?".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use clap::Parser;
    use traf_model::{Interface, InterfaceState};

    use super::*;
    use crate::cli::Cli;

    fn fleet() -> Fleet {
        let state = |name: &str, gone| InterfaceState {
            interface: Interface { name: name.to_owned(), ..Interface::default() },
            gone,
            ..InterfaceState::default()
        };
        let sensor =
            |name: &str, interfaces| SensorState { name: name.to_owned(), interfaces, ..SensorState::default() };
        Fleet {
            sensors: vec![
                sensor("nas", vec![state("eth0", false), state("eth1", true)]),
                sensor("web1", vec![state("eth0", false), state("lo", false)]),
            ],
            ..Fleet::default()
        }
    }

    fn straight(words: &[&str]) -> Result<String, String> {
        let cli = Cli::try_parse_from(["traf"].iter().chain(words)).map_err(|error| error.to_string())?;
        let found = cli.start.screen(&fleet()).map_err(|error| error.to_string())?;
        Ok(found.map_or_else(|| "home".to_owned(), |(screen, scope)| format!("{screen:?} {scope}")))
    }

    #[test]
    fn iptrafs_letters_open_what_they_open_there() {
        for (words, opened) in [
            (&[][..], "home"),
            (&["-t", "5"], "home"),
            (&["-i", "all"], "Traffic all sensors"),
            (&["-i", "lo", "-t", "5"], "Traffic web1/lo"),
            (&["-g"], "Interfaces all sensors"),
            (&["-d", "nas/eth0"], "Detailed nas/eth0"),
            (&["-s", "lo"], "Counted(services) web1/lo"),
            (&["-z", "web1/eth0"], "Counted(sizes) web1/eth0"),
            (&["-l", "all"], "Counted(stations) all sensors"),
        ] {
            assert_eq!(straight(words).as_deref(), Ok(opened), "{words:?}");
        }
    }

    #[test]
    fn what_cannot_be_opened_is_told_with_what_can() {
        for (words, said) in [
            (&["-d", "eth9"][..], "no interface `eth9` is watched; there are: nas/eth0, web1/eth0, web1/lo"),
            (&["-d", "eth1"], "no interface `eth1`"),
            (&["-d", "eth0"], "of several sensors: write one of nas/eth0, web1/eth0"),
            (&["-z", "all"], "of one interface: name it"),
            (&["-d", "lo", "-g"], "cannot be used with"),
            (&["-t", "0"], "0 is not in 1.."),
        ] {
            let error = straight(words).unwrap_err();
            assert!(error.contains(said), "{words:?}: {error}");
        }
    }
}
