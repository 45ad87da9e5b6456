//! A real terminal of a given size: tmux, seen from outside.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::machine::{Machine, run};
use crate::process::Process;
use crate::wait::{Deadline, Probe, eventually};

/// A shell in a terminal; it goes when it is dropped.
#[derive(Debug)]
pub struct Terminal {
    machine: Machine,
    socket: String,
    _server: Process,
}

/// Modes of a terminal that a program may leave changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerminalModes {
    /// The other screen, the cursor, the mouse, the keypad: as tmux knows them.
    pub modes: String,
    /// Echo, line discipline and the rest.
    pub line: String,
}

impl Terminal {
    /// Opens a terminal of so many columns and rows on a machine, with a shell whose prompt is `$ `.
    pub fn open(machine: &Machine, folder: &Path, columns: u16, rows: u16) -> Result<Self> {
        let socket = folder.join(format!("tmux-{}-{columns}x{rows}", machine.name)).to_string_lossy().into_owned();
        // -D keeps the server our child, so that it dies with us.
        let server = machine.start("tmux", &["-S", &socket, "-f", "/dev/null", "-D"])?;
        let terminal = Self { machine: machine.clone(), socket, _server: server };
        eventually("tmux", Deadline::seconds(10), || {
            let (x, y) = (columns.to_string(), rows.to_string());
            let shell = "env PS1='$ ' LC_ALL=C.UTF-8 bash --norc --noprofile";
            let tried = terminal.tmux(&["new-session", "-d", "-x", &x, "-y", &y, shell]);
            Ok(tried.map_or_else(|error| Probe::NotYet(format!("{error:#}")), Probe::Done))
        })?;
        terminal.tmux(&["set", "-g", "status", "off"])?;
        // The status line's row is the window's again.
        terminal.resize(columns, rows)?;
        terminal
            .wait_for("the prompt", Deadline::seconds(10), |screen| screen.contains("$ ") || screen.trim() == "$")?;
        Ok(terminal)
    }

    /// The text on it now.
    pub fn screen(&self) -> Result<String> {
        self.tmux(&["capture-pane", "-p"])
    }

    /// Types text, without Enter.
    pub fn text(&self, text: &str) -> Result<()> {
        self.tmux(&["send-keys", "-l", "--", text]).map(drop)
    }

    /// Presses a key by tmux's name: `Enter`, `Escape`, `F1`, `C-c`, `q`.
    pub fn key(&self, key: &str) -> Result<()> {
        self.tmux(&["send-keys", key]).map(drop)
    }

    /// Types a line for the shell.
    pub fn line(&self, line: &str) -> Result<()> {
        self.text(line)?;
        self.key("Enter")
    }

    /// Changes its size.
    pub fn resize(&self, columns: u16, rows: u16) -> Result<()> {
        self.tmux(&["resize-window", "-x", &columns.to_string(), "-y", &rows.to_string()]).map(drop)
    }

    /// Waits until the screen satisfies `shows`; the error holds the last screen.
    pub fn wait_for(&self, what: &str, deadline: Deadline, shows: impl Fn(&str) -> bool) -> Result<String> {
        eventually(what, deadline, || {
            let screen = self.screen()?;
            Ok(if shows(&screen) { Probe::Done(screen) } else { Probe::NotYet(format!("\n{screen}")) })
        })
    }

    /// Its modes now.
    pub fn modes(&self) -> Result<TerminalModes> {
        let format = "alternate #{alternate_on} cursor #{cursor_flag} mouse #{mouse_any_flag} keypad #{keypad_flag}";
        let modes = self.tmux(&["display-message", "-p", format])?;
        let tty = self.tmux(&["display-message", "-p", "#{pane_tty}"])?;
        let line = run(Command::new("stty").args(["-a", "-F", tty.trim()])).context("asking the line discipline")?;
        Ok(TerminalModes { modes, line })
    }

    fn tmux(&self, words: &[&str]) -> Result<String> {
        // -N: before our server listens there is none, and no other is to be started.
        self.machine.run("tmux", &[&["-N", "-S", &self.socket][..], words].concat())
    }
}
