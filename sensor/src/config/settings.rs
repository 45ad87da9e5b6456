//! Settings as flags of `run` and as keys of a TOML file, both by the table of the model.

use clap::builder::ValueParser;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};
use traf_model::settings::{SETTINGS, Value};
use traf_model::{Setting, Settings};

/// Settings that are given as flags or in the environment.
#[derive(Clone, Debug, Default)]
pub struct SettingFlags(pub Settings);

impl Args for SettingFlags {
    fn augment_args(command: Command) -> Command {
        command.args(SETTINGS.map(flag))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut settings = Settings::default();
        for setting in SETTINGS {
            let text = match setting.default {
                Value::Switch(_) if !matches.get_flag(setting.flag) => None,
                Value::Switch(_) => Some(if setting.flag.starts_with("no-") { "off" } else { "on" }.to_owned()),
                _ => matches.get_many(setting.flag).map(|texts| texts.cloned().collect::<Vec<String>>().join(" ")),
            };
            if let Some(text) = text {
                let wrong = |words| clap::Error::raw(ErrorKind::ValueValidation, format!("{words}\n"));
                settings.set(setting, &text).map_err(wrong)?;
            }
        }
        Ok(Self(settings))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn flag(setting: &'static Setting) -> Arg {
    let arg = Arg::new(setting.flag).long(setting.flag).env(setting.environment).help(setting.flag_help);
    if let Value::Switch(_) = setting.default {
        return arg.action(ArgAction::SetTrue);
    }
    let checked = |text: &str| Settings::default().set(setting, text).map(|()| text.to_owned());
    let arg = arg
        .value_name(setting.unit)
        .value_parser(ValueParser::new(checked))
        .help(format!("{} [default: {}]", setting.flag_help, setting.default));
    match setting.default {
        Value::Ports(_) => arg.action(ArgAction::Append).value_delimiter(','),
        _ => arg,
    }
}

/// Reads a TOML file: the settings of the table, and `T` from all other keys.
///
/// # Errors
/// A sentence with line and column.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<(Settings, T), String> {
    let words = |mut error: toml::de::Error| {
        error.set_input(Some(text));
        error.to_string().trim_end().to_owned()
    };
    let mut table = DeTable::parse(text).map_err(words)?;
    expand_level(table.get_mut());
    let mut settings = Settings::default();
    for setting in SETTINGS {
        let Some(value) = remove(table.get_mut(), setting.key) else { continue };
        let read = plain(value.get_ref()).ok_or_else(|| format!("{} has a value of another kind", setting.key));
        read.and_then(|text| settings.set(setting, &text)).map_err(|error| {
            let before = &text[..value.span().start];
            let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
            format!("line {}, column {column}: {error}", before.matches('\n').count() + 1)
        })?;
    }
    Ok((settings, T::deserialize(Deserializer::from(table)).map_err(words)?))
}

/// Puts a level in the place of the table `log` into that table: `log = "debug"` is short for `log.level = "debug"`.
fn expand_level(table: &mut DeTable<'_>) {
    if let Some(log) = table.get_mut("log").filter(|log| log.get_ref().is_str()) {
        let (key, mut within) = (Spanned::new(log.span(), "level".into()), DeTable::new());
        let level = std::mem::replace(log.get_mut(), DeValue::Boolean(true));
        within.insert(key, Spanned::new(log.span(), level));
        *log.get_mut() = DeValue::Table(within);
    }
}

/// Takes a key out of a table, and with it the table that holds nothing else.
fn remove<'a>(table: &mut DeTable<'a>, key: &str) -> Option<Spanned<DeValue<'a>>> {
    let Some((outer, inner)) = key.split_once('.') else { return table.remove(key) };
    let DeValue::Table(within) = table.get_mut(outer)?.get_mut() else { return None };
    let value = remove(within, inner);
    if within.is_empty() {
        table.remove(outer);
    }
    value
}

/// Returns a value as a person writes it on the command line.
fn plain(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Boolean(on) => Some(on.to_string()),
        DeValue::Integer(number) => Some(number.as_str().to_owned()),
        DeValue::Array(items) => {
            items.iter().map(|item| plain(item.get_ref())).collect::<Option<Vec<_>>>().map(|items| items.join(" "))
        }
        _ => None,
    }
}

/// Prints settings as [`read`] reads them.
pub fn print(settings: &Settings) -> String {
    let line = |setting: &Setting| match settings.get(setting)? {
        Value::Switch(on) => Some(format!("{} = {on}\n", setting.key)),
        value => Some(format!("{} = {}\n", setting.key, toml::Value::String(value.to_string()))),
    };
    SETTINGS.into_iter().filter_map(line).collect()
}
