//! Names of protocols and ports (IANA), as people write them.

/// Numbers of IP protocols and their keywords.
const PROTOCOLS: [(u8, &str); 26] = [
    (0, "hopopt"),
    (1, "icmp"),
    (2, "igmp"),
    (4, "ipip"),
    (6, "tcp"),
    (8, "egp"),
    (9, "igp"),
    (17, "udp"),
    (33, "dccp"),
    (41, "ipv6"),
    (46, "rsvp"),
    (47, "gre"),
    (50, "esp"),
    (51, "ah"),
    (58, "icmp6"),
    (59, "ipv6-nonxt"),
    (88, "eigrp"),
    (89, "ospf"),
    (103, "pim"),
    (108, "ipcomp"),
    (112, "vrrp"),
    (115, "l2tp"),
    (132, "sctp"),
    (135, "mobility"),
    (136, "udplite"),
    (137, "mpls"),
];

/// The keyword of an IP protocol, or its number.
pub fn protocol_name(protocol: u8) -> String {
    match PROTOCOLS.iter().find(|(number, _)| *number == protocol) {
        Some((_, name)) => (*name).to_owned(),
        None => protocol.to_string(),
    }
}

/// The number of a keyword.
pub fn protocol_number(name: &str) -> Option<u8> {
    PROTOCOLS.iter().find(|(_, known)| *known == name).map(|(number, _)| *number)
}

/// Ports by name, for `port http` and `app http`; `None` for a name that is not known here.
pub fn service_port(name: &str) -> Option<u16> {
    SERVICES.iter().find(|(known, _)| *known == name).map(|(_, port)| *port)
}

/// Names that people use for ports (IANA's service names).
pub const SERVICES: [(&str, u16); 30] = [
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("domain", 53),
    ("dns", 53),
    ("bootps", 67),
    ("bootpc", 68),
    ("tftp", 69),
    ("http", 80),
    ("kerberos", 88),
    ("pop3", 110),
    ("sunrpc", 111),
    ("ntp", 123),
    ("imap", 143),
    ("snmp", 161),
    ("bgp", 179),
    ("ldap", 389),
    ("https", 443),
    ("smb", 445),
    ("syslog", 514),
    ("ipp", 631),
    ("ldaps", 636),
    ("imaps", 993),
    ("pop3s", 995),
    ("nfs", 2049),
    ("mysql", 3306),
    ("rdp", 3389),
    ("postgresql", 5432),
    ("mdns", 5353),
];
