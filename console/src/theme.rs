//! Colours by meaning. IPTraf's own scheme where there is colour; bold and reverse where there is none.

use ratatui::style::{Color, Modifier, Style};

/// What a piece of the screen means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Names, addresses, plain words.
    #[default]
    Text,
    /// Counts and rates.
    Number,
    /// Lines around things, and their titles.
    Border,
    /// Brackets, and the pane that has the keys.
    Mark,
    /// Keys, in the keys line and in dialogs.
    Hot,
    /// Words on the desktop: first and last line.
    Desktop,
    /// All is well.
    Good,
    /// Late, partial, folded.
    Warn,
    /// Blind, lost, away.
    Alarm,
    /// Known, but not to be used now.
    Dim,
    /// Dialogs and menus.
    Dialog,
    /// A key in a dialog.
    DialogHot,
    /// Lines of UDP.
    Udp,
    /// Lines of OSPF.
    Ospf,
    /// Lines of GRE.
    Gre,
    /// Lines of ICMPv6 and of other IP protocols.
    OtherIp,
}

/// How roles look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Theme {
    /// No colours: `NO_COLOR`, or `colour = false`.
    pub mono: bool,
}

impl Theme {
    /// The look of a role.
    #[must_use]
    pub fn style(self, role: Role) -> Style {
        if self.mono {
            return mono(role);
        }
        let on = |front: Color, back: Color| Style::new().fg(front).bg(back);
        match role {
            Role::Text => on(Color::LightYellow, Color::Blue),
            Role::Number => on(Color::LightCyan, Color::Blue),
            Role::Border => on(Color::Cyan, Color::Blue),
            Role::Mark | Role::Good => on(Color::LightGreen, Color::Blue),
            Role::Warn => on(Color::LightYellow, Color::Blue).add_modifier(Modifier::BOLD),
            Role::Alarm => on(Color::White, Color::Red).add_modifier(Modifier::BOLD),
            Role::Dim => on(Color::Gray, Color::Blue),
            Role::Desktop => on(Color::Black, Color::Cyan),
            Role::Hot => on(Color::Red, Color::Cyan),
            Role::Dialog => on(Color::Black, Color::Cyan),
            Role::DialogHot => on(Color::Red, Color::Cyan),
            Role::Udp => on(Color::Red, Color::Gray),
            Role::Ospf => on(Color::Black, Color::Cyan),
            Role::Gre => on(Color::Blue, Color::Gray),
            Role::OtherIp => on(Color::White, Color::Blue),
        }
    }

    /// What the bar puts over the row it is on.
    #[must_use]
    pub fn bar(self) -> Style {
        if self.mono { Style::new().add_modifier(Modifier::REVERSED) } else { Style::new().bg(Color::Black) }
    }

    /// What is put over a screen whose collector is away.
    #[must_use]
    pub fn away(self) -> Style {
        if self.mono {
            Style::new().add_modifier(Modifier::DIM)
        } else {
            Style::new().fg(Color::DarkGray).bg(Color::Black)
        }
    }
}

fn mono(role: Role) -> Style {
    let style = Style::new();
    match role {
        Role::Mark | Role::Warn | Role::Hot | Role::DialogHot => style.add_modifier(Modifier::BOLD),
        Role::Alarm => style.add_modifier(Modifier::BOLD | Modifier::REVERSED),
        Role::Desktop => style.add_modifier(Modifier::REVERSED),
        Role::Dim => style.add_modifier(Modifier::DIM),
        _ => style,
    }
}
