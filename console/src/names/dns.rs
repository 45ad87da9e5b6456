//! DNS, as far as a reverse look-up needs it (RFC 1035): one question for a PTR record, one answer. No sockets; simple-dns
//! reads and writes the messages.
//!
//! Answers come from anybody: whatever they hold, reading them ends, and a name is only ever text.

use std::net::IpAddr;

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, Question, RCODE, TYPE};

use super::host_names::Known;

/// The name that stands for an address: `3.0.0.10.in-addr.arpa`.
pub fn reverse(address: IpAddr) -> String {
    let labels: Vec<String> = match address {
        IpAddr::V4(v4) => v4.octets().iter().rev().map(u8::to_string).collect(),
        IpAddr::V6(v6) => v6.octets().iter().rev().map(|octet| format!("{:x}.{:x}", octet & 15, octet >> 4)).collect(),
    };
    labels.join(".") + if address.is_ipv4() { ".in-addr.arpa" } else { ".ip6.arpa" }
}

/// The question for the name of `address`.
pub fn question(id: u16, address: IpAddr) -> Vec<u8> {
    let name = reverse(address);
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    packet.questions.push(Question::new(Name::new_unchecked(&name), TYPE::PTR.into(), CLASS::IN.into(), false));
    packet.build_bytes_vec().unwrap_or_default()
}

/// Reads the answer to [`question`], or the code of a name server that cannot say (RFC 1035, 4.1.1); `None` when the message
/// is neither.
pub fn answer(message: &[u8], id: u16, address: IpAddr) -> Option<Result<Known, u8>> {
    let packet = Packet::parse(message).ok()?;
    let (asked, is_answer) = (reverse(address), packet.has_flags(PacketFlag::RESPONSE));
    let same =
        |question: &Question<'_>| question.qname == Name::new_unchecked(&asked) && question.qtype == TYPE::PTR.into();
    if packet.id() != id || !is_answer || !matches!(&packet.questions[..], [question] if same(question)) {
        return None;
    }
    match packet.rcode() {
        RCODE::NoError => {}
        RCODE::NameError => return Some(Ok(Known::NOBODY)),
        code => return Some(Err(code as u8)),
    }
    let mut ttl = u32::MAX;
    for record in packet.answers.iter().filter(|record| record.class == CLASS::IN) {
        match &record.rdata {
            RData::PTR(name) if name.0.get_labels().is_empty() => return None,
            RData::PTR(name) => return Some(Ok(Known::named(&name.0.to_string(), ttl.min(record.ttl)))),
            // Nets smaller than /24 are handed on by an alias (RFC 2317).
            RData::CNAME(_) => ttl = ttl.min(record.ttl),
            _ => {}
        }
    }
    Some(Ok(Known::NOBODY))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use proptest::prelude::*;

    use super::*;

    const PTR: u16 = 12;
    const CNAME: u16 = 5;
    const HOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 3));

    fn record(kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
        // A pointer to the name in the question.
        let mut record = vec![0xc0, 12];
        record.extend(kind.to_be_bytes());
        record.extend(1u16.to_be_bytes());
        record.extend(ttl.to_be_bytes());
        record.extend((data.len() as u16).to_be_bytes());
        record.extend(data);
        record
    }

    fn reply(code: u8, records: &[Vec<u8>]) -> Vec<u8> {
        let mut message = question(7, HOST);
        (message[2], message[3]) = (0x81, 0x80 | code);
        message[7] = records.len() as u8;
        message.extend(records.concat());
        message
    }

    #[test]
    fn addresses_are_written_backwards() {
        assert_eq!(reverse(HOST), "3.0.0.10.in-addr.arpa");
        let v6 = reverse("2001:db8::1".parse().unwrap());
        assert!(v6.starts_with("1.0.0.0.0") && v6.ends_with("8.b.d.0.1.0.0.2.ip6.arpa") && v6.len() == 72, "{v6}");
    }

    #[test]
    fn an_answer_gives_the_first_name_through_aliases() {
        let name = |text: &str| -> Vec<u8> {
            let labels = text.split('.').flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat());
            labels.chain([0]).collect()
        };
        let ptr = record(PTR, 300, &name("lionel-pc.lan"));
        let alias = record(CNAME, 60, &name("3.sub.10.in-addr.arpa"));
        for (message, expected) in [
            (reply(0, std::slice::from_ref(&ptr)), Some(Ok(Known::named("lionel-pc.lan", 300)))),
            (reply(0, &[alias, ptr.clone()]), Some(Ok(Known::named("lionel-pc.lan", 60)))),
            (reply(0, &[record(16, 1, b"\x04text")]), Some(Ok(Known::NOBODY))),
            (reply(0, &[]), Some(Ok(Known::NOBODY))),
            (reply(3, &[]), Some(Ok(Known::NOBODY))),
            (reply(2, &[]), Some(Err(2))),
            (reply(0, &[record(PTR, 1, &[0xc0, 12])]), Some(Ok(Known::named("3.0.0.10.in-addr.arpa", 1)))),
            (reply(0, &[record(PTR, 1, &[5, b'a'])]), None),
        ] {
            assert_eq!(answer(&message, 7, HOST), expected);
        }
        let ours = reply(0, &[ptr]);
        assert_eq!((answer(&ours, 8, HOST), answer(&ours, 7, [10, 0, 0, 4].into())), (None, None));
        assert_eq!(answer(&question(7, HOST), 7, HOST), None, "a question is no answer");
    }

    #[test]
    fn a_name_that_points_at_itself_has_an_end() {
        let mut message = reply(0, &[record(PTR, 1, &[0xc0, 0])]);
        let at = message.len() as u16 - 2;
        let [high, low] = (0xc000 | at).to_be_bytes();
        let end = message.len();
        (message[end - 2], message[end - 1]) = (high, low);
        assert_eq!(answer(&message, 7, HOST), None);
    }

    proptest! {
        #[test]
        fn no_answer_makes_the_reader_panic(tail in proptest::collection::vec(any::<u8>(), 0..200), count: u8) {
            let mut message = reply(0, &[]);
            message[7] = count;
            message.extend(tail);
            let _ = answer(&message, 7, HOST);
        }

        #[test]
        fn no_message_makes_the_reader_panic(message in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = answer(&message, 7, HOST);
        }
    }
}
