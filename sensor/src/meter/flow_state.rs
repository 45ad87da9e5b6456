//! State of a flow beside its counts: initiator, TCP state, end.
//!
//! The words are IPTraf's: DONE, a FIN was sent; CLOS, it was acknowledged; RSET, an RST was sent; TMOU, silent for
//! longer than the idle timeout (the setting `IDLE`). A flow is over when an RST was seen, when an ICMP error said that
//! its other end cannot be reached, when both ends sent FIN and one was acknowledged, or when the only end that ever
//! spoke sent FIN.
//!
//! A packet begins a new flow of the same key when
//! * the flow was silent for longer than the idle timeout, or
//! * it is a SYN without ACK and the flow is over, unless it repeats the SYN that the flow began with, or
//! * it is a SYN without ACK and no SYN was seen, unless the flow began with the answer to it (packets out of order).

use traf_model::{Cast, FlowState, Word};
use zerocopy::FromZeros;

use super::slot::{Cold, Hot, Warm};
use crate::parse::packet::{Packet, flag};

/// An end sent FIN; shifted by the way.
const FIN: u16 = 1;
/// The FIN was acknowledged.
const ACKNOWLEDGED: u16 = 1 << 2;
/// An end sent RST.
const RESET: u16 = 1 << 4;
/// An end spoke.
const SPOKE: u16 = 1 << 6;
/// The key's second end is the initiator.
const SECOND_BEGAN: u16 = 1 << 8;
/// The beginning was seen.
const COMPLETE: u16 = 1 << 9;
/// The sensor's own connection.
pub(super) const OWN: u16 = 1 << 10;
/// Offload hid packets of it.
pub(super) const COALESCED: u16 = 1 << 11;
/// It began with a SYN and ACK.
const ANSWER_FIRST: u16 = 1 << 12;
/// To whom the first packet went; two bits.
const CAST: u16 = 13;
/// An ICMP error said that the other end cannot be reached, and nothing has come since.
const UNREACHABLE: u16 = 1 << 15;

/// An idle timeout that never comes.
pub(super) const NEVER: i64 = i64::MAX;

/// The state of a flow that begins with `packet`.
pub(super) fn begin(packet: &Packet, warm: &mut Warm, cold: &mut Cold) {
    let syn = packet.flags & flag::SYN != 0;
    let answer = syn && packet.flags & flag::ACK != 0;
    let tcp = packet.key.protocol() == 6;
    *warm = Warm { last: packet.at, ..Warm::new_zeroed() };
    *cold = Cold::new_zeroed();
    (cold.first, cold.isn) = (packet.at, packet.sequence);
    let mut state = (packet.class.cast as u16) << CAST;
    if packet.reverse != answer {
        state |= SECOND_BEGAN;
    }
    if !tcp || (syn && !answer) {
        state |= COMPLETE;
    }
    if answer {
        state |= ANSWER_FIRST;
    }
    warm.state = state;
}

/// True if `packet` begins a new flow instead of continuing this one.
#[inline(always)]
pub(super) fn begins_anew(packet: &Packet, hot: &Hot, warm: &Warm, cold: &Cold, idle: i64) -> bool {
    if packet.at.saturating_sub(warm.last) > idle {
        return true;
    }
    if packet.flags & (flag::SYN | flag::ACK) != flag::SYN || packet.key.protocol() != 6 {
        return false;
    }
    let seen = (hot.flags(0) | hot.flags(1)) & flag::SYN != 0;
    if is_over(warm) {
        let repeated = warm.state & COMPLETE != 0 && from_initiator(packet, warm) && cold.isn == packet.sequence;
        return !repeated;
    }
    // A late SYN belongs to the answer that overtook it.
    !seen && warm.state & COMPLETE == 0
}

/// Follows a packet of this flow.
#[inline(always)]
pub(super) fn follow(packet: &Packet, warm: &mut Warm, cold: &mut Cold) {
    let way = usize::from(packet.reverse);
    warm.last = warm.last.max(packet.at);
    warm.last_sizes[way] = u16::try_from(packet.octets).unwrap_or(u16::MAX);
    warm.last_flags[way] = packet.flags;
    if warm.state & SPOKE << way == 0 {
        warm.state |= SPOKE << way;
        let [a, b, c, d, e, f, source @ ..] = packet.macs;
        cold.macs[way] = source;
        let other = 1 - way;
        if warm.state & SPOKE << other == 0 {
            cold.macs[other] = [a, b, c, d, e, f];
        }
    }
    let waiting = warm.state & (FIN | FIN << 1) != 0;
    if packet.flags & (flag::SYN | flag::FIN | flag::RST) != 0 || waiting {
        turn(packet, warm, cold);
    }
    if warm.state & UNREACHABLE != 0 && packet.flags & (flag::SYN | flag::ACK) != flag::SYN {
        // Told to be unreachable, yet it goes on: the error was forged, or the path is back. Another try is no sign of life.
        warm.state &= !UNREACHABLE;
    }
}

/// A turning point of TCP.
fn turn(packet: &Packet, warm: &mut Warm, cold: &mut Cold) {
    let (way, other) = (usize::from(packet.reverse), usize::from(!packet.reverse));
    if packet.flags & flag::SYN != 0 {
        if warm.state & FIN << way == 0 && packet.mss != 0 {
            warm.marks[way] = u32::from(packet.mss);
        }
        if packet.flags & flag::ACK == 0 && warm.state & ANSWER_FIRST != 0 && from_initiator(packet, warm) {
            warm.state = warm.state & !ANSWER_FIRST | COMPLETE;
            cold.isn = packet.sequence;
        }
    }
    if packet.flags & flag::FIN != 0 {
        warm.state |= FIN << way;
        warm.marks[way] = packet.sequence.wrapping_add(packet.payload).wrapping_add(1);
    }
    if packet.flags & flag::RST != 0 {
        warm.state |= RESET << way;
    }
    let fin_of_other = warm.state & FIN << other != 0;
    if fin_of_other && packet.flags & flag::ACK != 0 {
        let beyond = packet.acknowledgement.wrapping_sub(warm.marks[other]) as i32 >= 0;
        if beyond {
            warm.state |= ACKNOWLEDGED << other;
        }
    }
}

/// An ICMP error says that the other end cannot be reached. TCP that was answered may know better (RFC 5927, 5.2): then it
/// goes on, and the next packet takes this back.
pub(super) fn unreachable(warm: &mut Warm) {
    if !is_over(warm) {
        warm.state |= UNREACHABLE;
    }
}

/// The segment size that the receiver of `packet` announced, if it is known.
pub(super) fn segment_size(packet: &Packet, warm: &Warm) -> Option<u32> {
    let other = usize::from(!packet.reverse);
    (warm.state & FIN << other == 0 && warm.marks[other] != 0).then(|| warm.marks[other])
}

/// Nothing more is expected.
#[inline(always)]
pub(super) fn is_over(warm: &Warm) -> bool {
    let state = warm.state;
    let fins = state & (FIN | FIN << 1);
    if fins == 0 {
        return state & (RESET | RESET << 1 | UNREACHABLE) != 0;
    }
    let both = fins == FIN | FIN << 1 && state & (ACKNOWLEDGED | ACKNOWLEDGED << 1) != 0;
    let alone = fins != FIN | FIN << 1 && state & (SPOKE | SPOKE << 1) == fins / FIN * SPOKE;
    both || alone || state & (RESET | RESET << 1 | UNREACHABLE) != 0
}

/// Both ends spoke, and nobody refused.
#[inline(always)]
pub(super) fn is_answered(warm: &Warm) -> bool {
    warm.state & (SPOKE | SPOKE << 1) == SPOKE | SPOKE << 1 && warm.state & (RESET | RESET << 1) == 0
}

/// State of the flow at `now`.
pub(super) fn state(hot: &Hot, warm: &Warm, now: i64, idle: i64) -> FlowState {
    let silent = now.saturating_sub(warm.last) > idle;
    let tcp = hot.key.protocol() == 6;
    let (fins, resets) = (warm.state & (FIN | FIN << 1), warm.state & (RESET | RESET << 1 | UNREACHABLE));
    let syn = (hot.flags(0) | hot.flags(1)) & flag::SYN != 0;
    let both = warm.state & (SPOKE | SPOKE << 1) == SPOKE | SPOKE << 1;
    match () {
        () if resets != 0 => FlowState::Reset,
        () if is_over(warm) => FlowState::Closed,
        () if silent => FlowState::TimedOut,
        () if fins != 0 => FlowState::Closing,
        () if tcp && syn && !both && warm.state & ANSWER_FIRST == 0 => FlowState::Opening,
        () if tcp => FlowState::Established,
        () => FlowState::Active,
    }
}

/// IPTraf's word for one direction of a flow that is in `state`.
pub(super) fn word(warm: &Warm, way: usize, state: FlowState) -> Option<Word> {
    let has = |bit: u16| warm.state & bit << way != 0;
    match () {
        () if state == FlowState::TimedOut => Some(Word::TimedOut),
        () if has(ACKNOWLEDGED) => Some(Word::Closed),
        () if has(FIN) => Some(Word::Done),
        () if has(RESET) || warm.state & UNREACHABLE != 0 => Some(Word::Reset),
        () => None,
    }
}

/// The key's second end is the initiator.
#[inline(always)]
pub(super) fn second_began(warm: &Warm) -> bool {
    warm.state & SECOND_BEGAN != 0
}

/// The key's second end, or its first, is the initiator.
pub(super) fn set_initiator(warm: &mut Warm, second_began: bool) {
    warm.state = warm.state & !SECOND_BEGAN | if second_began { SECOND_BEGAN } else { 0 };
}

/// The beginning was seen.
pub(super) fn is_complete(warm: &Warm) -> bool {
    warm.state & COMPLETE != 0
}

/// An end spoke, by the state of then or now: its MAC address is known.
pub(super) fn spoke(state: u16, way: usize) -> bool {
    state & SPOKE << way != 0
}

/// State changes caused by a packet.
pub(super) struct Transitions {
    /// Its source has sent its FIN.
    pub(super) fin: bool,
    /// It acknowledged the other end's.
    pub(super) acknowledged: bool,
    /// Its source has ended the connection.
    pub(super) reset: bool,
}

/// Changes that a packet of this direction made to the state `before`.
pub(super) fn turned(before: u16, warm: &Warm, way: usize) -> Transitions {
    let new = warm.state & !before;
    Transitions {
        fin: new & FIN << way != 0,
        acknowledged: new & ACKNOWLEDGED << (1 - way) != 0,
        reset: new & RESET << way != 0,
    }
}

/// An end may still send: neither it nor the connection is over.
pub(super) fn may_send(warm: &Warm, way: usize) -> bool {
    !is_over(warm) && warm.state & FIN << way == 0
}

/// To whom the first packet went.
pub(super) fn cast(warm: &Warm) -> Cast {
    match warm.state >> CAST & 3 {
        1 => Cast::Broadcast,
        2 => Cast::Multicast,
        _ => Cast::Unicast,
    }
}

fn from_initiator(packet: &Packet, warm: &Warm) -> bool {
    packet.reverse == second_began(warm)
}

#[cfg(test)]
mod tests {
    use traf_model::Transport;

    use super::*;
    use crate::parse::packet::NO_VLAN;

    const MINUTE: i64 = 60 * traf_model::time::SECOND;

    /// A TCP packet from one end (`false`) or the other.
    fn tcp(at: i64, reverse: bool, flags: u8, sequence: u32, acknowledgement: u32) -> Packet {
        let mut packet = Packet::new(60);
        let ends = ((1, 40000), (2, 22));
        let (from, to) = if reverse { (ends.1, ends.0) } else { ends };
        packet.set_flow(4, 6, NO_VLAN, from, to);
        (packet.at, packet.flags, packet.sequence, packet.acknowledgement) = (at, flags, sequence, acknowledgement);
        packet.octets = 40;
        packet
    }

    /// Lines of a flow after its packets; none of them may begin another.
    fn lines(packets: &[Packet]) -> (Hot, Warm, Cold) {
        let mut hot = Hot::new(packets[0].key);
        let mut warm =
            Warm { last: 0, marks: [0; 2], evidence: [0; 2], last_sizes: [0; 2], last_flags: [0; 2], state: 0 };
        let mut cold = Cold::new_zeroed();
        begin(&packets[0], &mut warm, &mut cold);
        for (place, packet) in packets.iter().enumerate() {
            assert!(place == 0 || !begins_anew(packet, &hot, &warm, &cold, 15 * MINUTE), "{place}");
            let _ = hot.count(usize::from(packet.reverse), packet.octets, packet.flags, packet.window);
            follow(packet, &mut warm, &mut cold);
        }
        (hot, warm, cold)
    }

    fn state_after(packets: &[Packet]) -> FlowState {
        let (hot, warm, _) = lines(packets);
        state(&hot, &warm, warm.last, 15 * MINUTE)
    }

    fn conversation() -> Vec<Packet> {
        vec![
            tcp(0, false, flag::SYN, 100, 0),
            tcp(1, true, flag::SYN | flag::ACK, 500, 101),
            tcp(2, false, flag::ACK, 101, 501),
            tcp(3, false, flag::FIN | flag::ACK, 101, 501),
            tcp(4, true, flag::ACK, 501, 102),
            tcp(5, true, flag::FIN | flag::ACK, 501, 102),
            tcp(6, false, flag::ACK, 102, 502),
        ]
    }

    #[test]
    fn a_connection_opens_is_established_closes_and_is_closed() {
        use FlowState::{Closed, Closing, Established, Opening};
        let states: Vec<FlowState> = (1..=7).map(|count| state_after(&conversation()[..count])).collect();
        assert_eq!(states, [Opening, Established, Established, Closing, Closing, Closed, Closed]);
        let (_, warm, _) = lines(&conversation()[..5]);
        assert_eq!([word(&warm, 0, Closing), word(&warm, 1, Closing)], [Some(Word::Closed), None]);
        let (_, warm, _) = lines(&conversation()[..6]);
        assert_eq!(word(&warm, 1, Closed), Some(Word::Done));
        assert!(is_complete(&warm) && !second_began(&warm));
    }

    #[test]
    fn a_syn_after_the_close_begins_a_new_flow_but_a_repeated_one_does_not() {
        let (hot, warm, cold) = lines(&conversation());
        let anew = |packet: &Packet| begins_anew(packet, &hot, &warm, &cold, NEVER);
        assert!(anew(&tcp(7, false, flag::SYN, 9000, 0)));
        assert!(anew(&tcp(7, true, flag::SYN, 100, 0)));
        assert!(!anew(&tcp(7, false, flag::SYN, 100, 0)));
        assert!(!anew(&tcp(7, false, flag::ACK, 9000, 0)));
        let refused = [tcp(0, false, flag::SYN, 7, 0), tcp(1, true, flag::RST | flag::ACK, 0, 8)];
        let (hot, warm, cold) = lines(&refused);
        assert_eq!(state(&hot, &warm, 1, NEVER), FlowState::Reset);
        assert!(!begins_anew(&refused[0], &hot, &warm, &cold, NEVER));
        assert!(begins_anew(&tcp(2, false, flag::SYN, 8, 0), &hot, &warm, &cold, NEVER));
    }

    #[test]
    fn a_syn_on_an_open_flow_goes_on_with_it() {
        let (hot, warm, cold) = lines(&conversation()[..3]);
        assert!(!begins_anew(&tcp(7, false, flag::SYN, 9000, 0), &hot, &warm, &cold, NEVER));
    }

    #[test]
    fn the_answer_names_the_other_end_as_initiator_and_the_late_syn_joins_it() {
        let [syn, answer, ..] = conversation()[..] else { return };
        let (hot, warm, cold) = lines(&[answer]);
        assert!(!second_began(&warm) && !is_complete(&warm));
        assert_eq!(state(&hot, &warm, 1, NEVER), FlowState::Established);
        assert!(!begins_anew(&syn, &hot, &warm, &cold, NEVER));
        assert!(is_complete(&lines(&[answer, syn]).1));
    }

    #[test]
    fn a_syn_after_the_tail_of_an_old_connection_begins_a_new_flow() {
        let (hot, warm, cold) = lines(&[tcp(0, true, flag::ACK, 5, 5)]);
        assert!(second_began(&warm) && !is_complete(&warm));
        assert!(begins_anew(&tcp(1, false, flag::SYN, 100, 0), &hot, &warm, &cold, NEVER));
    }

    #[test]
    fn silence_is_over_exactly_after_the_idle_timeout() {
        let (hot, warm, cold) = lines(&conversation()[..3]);
        let end = 2 + 15 * MINUTE;
        assert_eq!(state(&hot, &warm, end, 15 * MINUTE), FlowState::Established);
        assert_eq!(state(&hot, &warm, end + 1, 15 * MINUTE), FlowState::TimedOut);
        assert!(!begins_anew(&tcp(end, false, flag::ACK, 1, 1), &hot, &warm, &cold, 15 * MINUTE));
        assert!(begins_anew(&tcp(end + 1, false, flag::ACK, 1, 1), &hot, &warm, &cold, 15 * MINUTE));
    }

    #[test]
    fn an_unreachable_ends_a_connection_and_whoever_goes_on_is_alive_again() {
        for count in [1, 3] {
            let packets = &conversation()[..count];
            let (hot, mut warm, mut cold) = lines(packets);
            unreachable(&mut warm);
            assert_eq!(state(&hot, &warm, 2, NEVER), FlowState::Reset);
            assert_eq!([0, 1].map(|way| word(&warm, way, FlowState::Reset)), [Some(Word::Reset); 2]);
            follow(&packets[0], &mut warm, &mut cold);
            assert_eq!(state(&hot, &warm, 2, NEVER), FlowState::Reset);
            follow(&tcp(3, true, flag::ACK | flag::SYN, 500, 101), &mut warm, &mut cold);
            assert_eq!(state(&hot, &warm, 2, NEVER), FlowState::Established);
            assert_eq!(word(&warm, 0, FlowState::Established), None);
        }
        let (hot, mut warm, _) = lines(&conversation());
        unreachable(&mut warm);
        assert_eq!(state(&hot, &warm, 2, NEVER), FlowState::Closed);
    }

    #[test]
    fn who_speaks_alone_and_ends_is_over() {
        let packets = [tcp(0, false, flag::ACK, 1, 1), tcp(1, false, flag::FIN | flag::ACK, 1, 1)];
        assert_eq!(state_after(&packets), FlowState::Closed);
    }

    #[test]
    fn the_cast_of_the_first_packet_is_kept() {
        let mut packet = tcp(0, false, flag::SYN, 1, 0);
        packet.class.cast = Cast::Multicast;
        assert_eq!((cast(&lines(&[packet]).1), packet.class.transport), (Cast::Multicast, Transport::Tcp));
    }
}
