//! Colours by meaning. A theme is a column of one table; IPTraf's own scheme comes first.

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
    /// Over the row with the bar.
    Bar,
    /// Over a screen whose collector is away.
    Away,
}

/// A set of styles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// IPTraf's colours. Its `bold yellow` is the bright one of sixteen.
    #[default]
    Iptraf,
    /// The terminal's own colours, few of them.
    Modern,
    /// No colours, as `NO_COLOR` asks: bold, dim and reversed.
    Mono,
}

impl Theme {
    /// All there are, the default first.
    pub const ALL: [Self; 3] = [Self::Iptraf, Self::Modern, Self::Mono];

    /// As the configuration names it.
    pub const fn name(self) -> &'static str {
        ["iptraf", "modern", "mono"][self as usize]
    }

    /// By name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.name() == name)
    }

    /// The look of a role.
    pub const fn style(self, role: Role) -> Style {
        use Color::{
            Black, Blue, Cyan, DarkGray, Gray, Green, LightCyan, LightGreen, LightYellow, Magenta, Red, White, Yellow,
        };
        const DIM: Style = PLAIN.add_modifier(Modifier::DIM);
        const ALARM: Style = BOLD.add_modifier(Modifier::REVERSED);
        let styles = match role {
            Role::Text => [on(LightYellow, Blue), own(Color::Reset), PLAIN],
            Role::Number => [on(LightCyan, Blue), own(Cyan), PLAIN],
            Role::Border => [on(Cyan, Blue), own(DarkGray), PLAIN],
            Role::Mark => [on(LightGreen, Blue), own(Green), BOLD],
            Role::Hot => [on(Red, Cyan), bold(Cyan, Color::Reset), BOLD],
            Role::Desktop => [on(Black, Cyan), own(Color::Reset), REVERSED],
            Role::Good => [on(LightGreen, Blue), own(Green), PLAIN],
            Role::Warn => [bold(LightYellow, Blue), own(Yellow), BOLD],
            Role::Alarm => [bold(White, Red), bold(Red, Color::Reset), ALARM],
            Role::Dim => [on(Gray, Blue), own(DarkGray), DIM],
            Role::Dialog => [on(Black, Cyan), on(White, DarkGray), PLAIN],
            Role::DialogHot => [on(Red, Cyan), bold(LightCyan, DarkGray), BOLD],
            Role::Summary => [on(Black, Cyan), own(Color::Reset), PLAIN],
            Role::SummaryValue => [on(Red, Cyan), bold(Cyan, Color::Reset), BOLD],
            Role::Packet(PacketKind::Udp) => [on(Red, Gray), own(Green), PLAIN],
            Role::Packet(PacketKind::Icmp) => [on(LightYellow, Blue), own(Yellow), PLAIN],
            Role::Packet(PacketKind::Ospf) => [on(Black, Cyan), own(Blue), PLAIN],
            Role::Packet(PacketKind::Igmp) => [on(LightGreen, Blue), own(Blue), PLAIN],
            Role::Packet(PacketKind::Igp) => [on(Red, Cyan), own(Blue), PLAIN],
            Role::Packet(PacketKind::Igrp) => [bold(White, Cyan), own(Blue), PLAIN],
            Role::Packet(PacketKind::Gre) => [on(Blue, Gray), own(Blue), PLAIN],
            Role::Packet(PacketKind::Arp | PacketKind::Rarp) => [bold(White, Red), own(Magenta), BOLD],
            Role::Packet(PacketKind::Icmpv6 | PacketKind::OtherIp) => [bold(White, Blue), own(Color::Reset), PLAIN],
            Role::Packet(PacketKind::Ipv6Tunnel) => [on(Gray, Blue), own(Blue), PLAIN],
            Role::Packet(PacketKind::NonIp) => [on(LightYellow, Red), own(Magenta), BOLD],
            Role::Bar => [PLAIN.bg(Black), REVERSED, REVERSED],
            Role::Away => [on(DarkGray, Black), own(DarkGray), DIM],
        };
        styles[self as usize]
    }
}

const PLAIN: Style = Style::new();
const BOLD: Style = PLAIN.add_modifier(Modifier::BOLD);
const REVERSED: Style = PLAIN.add_modifier(Modifier::REVERSED);

const fn on(front: Color, back: Color) -> Style {
    PLAIN.fg(front).bg(back)
}

const fn bold(front: Color, back: Color) -> Style {
    on(front, back).add_modifier(Modifier::BOLD)
}

/// On the terminal's own background.
const fn own(front: Color) -> Style {
    on(front, Color::Reset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_theme_is_found_by_its_name_and_mono_has_no_colour() {
        for theme in Theme::ALL {
            assert_eq!(Theme::named(theme.name()), Some(theme));
        }
        let roles = [Role::Text, Role::Alarm, Role::Hot, Role::Packet(PacketKind::Arp), Role::Summary];
        for style in roles.into_iter().chain([Role::Bar, Role::Away]).map(|role| Theme::Mono.style(role)) {
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
