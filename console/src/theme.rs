//! Colours by meaning. A theme is a row of data; IPTraf's own scheme comes first.

use ratatui::style::{Color, Modifier, Style};
use traf_model::PacketKind;

/// Roles of text on the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Names, addresses, plain words.
    #[default]
    Text,
    /// Counts and rates.
    Number,
    /// Lines around things, and their titles.
    Border,
    /// Brackets, bars, and the pane that has the keys.
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
    /// The line that sums up a table.
    Summary,
    /// A value in it.
    SummaryValue,
    /// A packet of the lower window.
    Packet(PacketKind),
}

/// Styles of all roles, of the bar and of a screen without collector.
#[derive(Debug, PartialEq, Eq)]
pub struct Palette {
    /// As the configuration names it.
    pub name: &'static str,
    /// In a few words, for whoever chooses.
    pub words: &'static str,
    text: Style,
    number: Style,
    border: Style,
    mark: Style,
    hot: Style,
    desktop: Style,
    good: Style,
    warn: Style,
    alarm: Style,
    dim: Style,
    dialog: Style,
    dialog_hot: Style,
    summary: Style,
    summary_value: Style,
    udp: Style,
    icmp: Style,
    ospf: Style,
    igmp: Style,
    igp: Style,
    igrp: Style,
    gre: Style,
    arp: Style,
    other_ip: Style,
    tunnel: Style,
    non_ip: Style,
    /// Over the row with the bar.
    bar: Style,
    /// Over a screen whose collector is away.
    away: Style,
}

/// The palette in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme(pub &'static Palette);

impl Default for Theme {
    fn default() -> Self {
        Self(&IPTRAF)
    }
}

impl Theme {
    /// All there are, the default first.
    pub const ALL: [Self; 3] = [Self(&IPTRAF), Self(&MODERN), Self(&MONO)];

    /// No colours: what `NO_COLOR` asks for.
    pub const MONO: Self = Self(&MONO);

    /// By name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.0.name == name)
    }

    /// The look of a role.
    pub const fn style(self, role: Role) -> Style {
        let palette = self.0;
        match role {
            Role::Text => palette.text,
            Role::Number => palette.number,
            Role::Border => palette.border,
            Role::Mark => palette.mark,
            Role::Hot => palette.hot,
            Role::Desktop => palette.desktop,
            Role::Good => palette.good,
            Role::Warn => palette.warn,
            Role::Alarm => palette.alarm,
            Role::Dim => palette.dim,
            Role::Dialog => palette.dialog,
            Role::DialogHot => palette.dialog_hot,
            Role::Summary => palette.summary,
            Role::SummaryValue => palette.summary_value,
            Role::Packet(PacketKind::Udp) => palette.udp,
            Role::Packet(PacketKind::Icmp) => palette.icmp,
            Role::Packet(PacketKind::Ospf) => palette.ospf,
            Role::Packet(PacketKind::Igmp) => palette.igmp,
            Role::Packet(PacketKind::Igp) => palette.igp,
            Role::Packet(PacketKind::Igrp) => palette.igrp,
            Role::Packet(PacketKind::Gre) => palette.gre,
            Role::Packet(PacketKind::Arp | PacketKind::Rarp) => palette.arp,
            Role::Packet(PacketKind::Icmpv6 | PacketKind::OtherIp) => palette.other_ip,
            Role::Packet(PacketKind::Ipv6Tunnel) => palette.tunnel,
            Role::Packet(PacketKind::NonIp) => palette.non_ip,
        }
    }

    /// Style of the bar.
    pub const fn bar(self) -> Style {
        self.0.bar
    }

    /// Style over a screen whose collector is away.
    pub const fn away(self) -> Style {
        self.0.away
    }
}

const fn on(front: Color, back: Color) -> Style {
    Style::new().fg(front).bg(back)
}

const fn bold(front: Color, back: Color) -> Style {
    on(front, back).add_modifier(Modifier::BOLD)
}

const PLAIN: Style = Style::new();
const BOLD: Style = PLAIN.add_modifier(Modifier::BOLD);
const REVERSED: Style = PLAIN.add_modifier(Modifier::REVERSED);

/// IPTraf's colours. Its `bold yellow` is the bright one of sixteen.
static IPTRAF: Palette = Palette {
    name: "iptraf",
    words: "IPTraf's colours, on blue",
    text: on(Color::LightYellow, Color::Blue),
    number: on(Color::LightCyan, Color::Blue),
    border: on(Color::Cyan, Color::Blue),
    mark: on(Color::LightGreen, Color::Blue),
    hot: on(Color::Red, Color::Cyan),
    desktop: on(Color::Black, Color::Cyan),
    good: on(Color::LightGreen, Color::Blue),
    warn: bold(Color::LightYellow, Color::Blue),
    alarm: bold(Color::White, Color::Red),
    dim: on(Color::Gray, Color::Blue),
    dialog: on(Color::Black, Color::Cyan),
    dialog_hot: on(Color::Red, Color::Cyan),
    summary: on(Color::Black, Color::Cyan),
    summary_value: on(Color::Red, Color::Cyan),
    udp: on(Color::Red, Color::Gray),
    icmp: on(Color::LightYellow, Color::Blue),
    ospf: on(Color::Black, Color::Cyan),
    igmp: on(Color::LightGreen, Color::Blue),
    igp: on(Color::Red, Color::Cyan),
    igrp: bold(Color::White, Color::Cyan),
    gre: on(Color::Blue, Color::Gray),
    arp: bold(Color::White, Color::Red),
    other_ip: bold(Color::White, Color::Blue),
    tunnel: on(Color::Gray, Color::Blue),
    non_ip: on(Color::LightYellow, Color::Red),
    bar: PLAIN.bg(Color::Black),
    away: on(Color::DarkGray, Color::Black),
};

/// The terminal's own colours, few of them.
static MODERN: Palette = Palette {
    name: "modern",
    words: "the terminal's own background, few colours",
    text: on(Color::Reset, Color::Reset),
    number: on(Color::Cyan, Color::Reset),
    border: on(Color::DarkGray, Color::Reset),
    mark: on(Color::Green, Color::Reset),
    hot: bold(Color::Cyan, Color::Reset),
    desktop: on(Color::Reset, Color::Reset),
    good: on(Color::Green, Color::Reset),
    warn: on(Color::Yellow, Color::Reset),
    alarm: bold(Color::Red, Color::Reset),
    dim: on(Color::DarkGray, Color::Reset),
    dialog: on(Color::White, Color::DarkGray),
    dialog_hot: bold(Color::LightCyan, Color::DarkGray),
    summary: on(Color::Reset, Color::Reset),
    summary_value: bold(Color::Cyan, Color::Reset),
    udp: on(Color::Green, Color::Reset),
    icmp: on(Color::Yellow, Color::Reset),
    ospf: on(Color::Blue, Color::Reset),
    igmp: on(Color::Blue, Color::Reset),
    igp: on(Color::Blue, Color::Reset),
    igrp: on(Color::Blue, Color::Reset),
    gre: on(Color::Blue, Color::Reset),
    arp: on(Color::Magenta, Color::Reset),
    other_ip: on(Color::Reset, Color::Reset),
    tunnel: on(Color::Blue, Color::Reset),
    non_ip: on(Color::Magenta, Color::Reset),
    bar: REVERSED,
    away: on(Color::DarkGray, Color::Reset),
};

/// No colours: bold, dim and reversed.
static MONO: Palette = Palette {
    name: "mono",
    words: "no colours: bold and reversed",
    text: PLAIN,
    number: PLAIN,
    border: PLAIN,
    mark: BOLD,
    hot: BOLD,
    desktop: REVERSED,
    good: PLAIN,
    warn: BOLD,
    alarm: BOLD.add_modifier(Modifier::REVERSED),
    dim: PLAIN.add_modifier(Modifier::DIM),
    dialog: PLAIN,
    dialog_hot: BOLD,
    summary: PLAIN,
    summary_value: BOLD,
    udp: PLAIN,
    icmp: PLAIN,
    ospf: PLAIN,
    igmp: PLAIN,
    igp: PLAIN,
    igrp: PLAIN,
    gre: PLAIN,
    arp: BOLD,
    other_ip: PLAIN,
    tunnel: PLAIN,
    non_ip: BOLD,
    bar: REVERSED,
    away: PLAIN.add_modifier(Modifier::DIM),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_theme_is_found_by_its_name_and_mono_has_no_colour() {
        for theme in Theme::ALL {
            assert_eq!(Theme::named(theme.0.name), Some(theme));
        }
        let roles = [Role::Text, Role::Alarm, Role::Hot, Role::Packet(PacketKind::Arp), Role::Summary];
        for style in
            roles.map(|role| Theme::MONO.style(role)).into_iter().chain([Theme::MONO.bar(), Theme::MONO.away()])
        {
            assert_eq!((style.fg, style.bg), (None, None));
        }
    }

    #[test]
    fn packets_are_painted_as_in_iptraf() {
        let look = |kind| Theme::default().style(Role::Packet(kind));
        assert_eq!(look(PacketKind::Udp), on(Color::Red, Color::Gray));
        assert_eq!(look(PacketKind::Rarp), bold(Color::White, Color::Red));
        assert_eq!(look(PacketKind::Icmpv6), look(PacketKind::OtherIp));
    }
}
