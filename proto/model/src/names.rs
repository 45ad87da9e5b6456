//! Names of protocol numbers and ports (IANA), as people write them.

/// IP protocol numbers and their keywords, in lower case (IANA, Assigned Internet Protocol Numbers); where people write
/// another name, as `ipip`, `icmp6` or `udplite`, that one.
#[rustfmt::skip]
const PROTOCOL_NAMES: [(u8, &str); 141] = [
    (0, "hopopt"), (1, "icmp"), (2, "igmp"), (3, "ggp"), (4, "ipip"), (5, "st"), (6, "tcp"), (7, "cbt"), (8, "egp"),
    (9, "igp"), (10, "bbn-rcc-mon"), (11, "nvp-ii"), (12, "pup"), (13, "argus"), (14, "emcon"), (15, "xnet"),
    (16, "chaos"), (17, "udp"), (18, "mux"), (19, "dcn-meas"), (20, "hmp"), (21, "prm"), (22, "xns-idp"),
    (23, "trunk-1"), (24, "trunk-2"), (25, "leaf-1"), (26, "leaf-2"), (27, "rdp"), (28, "irtp"), (29, "iso-tp4"),
    (30, "netblt"), (31, "mfe-nsp"), (32, "merit-inp"), (33, "dccp"), (34, "3pc"), (35, "idpr"), (36, "xtp"),
    (37, "ddp"), (38, "idpr-cmtp"), (39, "tp++"), (40, "il"), (41, "ipv6"), (42, "sdrp"), (43, "ipv6-route"),
    (44, "ipv6-frag"), (45, "idrp"), (46, "rsvp"), (47, "gre"), (48, "dsr"), (49, "bna"), (50, "esp"), (51, "ah"),
    (52, "i-nlsp"), (53, "swipe"), (54, "narp"), (55, "min-ipv4"), (56, "tlsp"), (57, "skip"), (58, "icmp6"),
    (59, "ipv6-nonxt"), (60, "ipv6-opts"), (62, "cftp"), (64, "sat-expak"), (65, "kryptolan"), (66, "rvd"),
    (67, "ippc"), (69, "sat-mon"), (70, "visa"), (71, "ipcv"), (72, "cpnx"), (73, "cphb"), (74, "wsn"), (75, "pvp"),
    (76, "br-sat-mon"), (77, "sun-nd"), (78, "wb-mon"), (79, "wb-expak"), (80, "iso-ip"), (81, "vmtp"),
    (82, "secure-vmtp"), (83, "vines"), (84, "iptm"), (85, "nsfnet-igp"), (86, "dgp"), (87, "tcf"), (88, "eigrp"),
    (89, "ospf"), (90, "sprite-rpc"), (91, "larp"), (92, "mtp"), (93, "ax.25"), (94, "ipip-ka9q"), (95, "micp"),
    (96, "scc-sp"), (97, "etherip"), (98, "encap"), (100, "gmtp"), (101, "ifmp"), (102, "pnni"), (103, "pim"),
    (104, "aris"), (105, "scps"), (106, "qnx"), (107, "a/n"), (108, "ipcomp"), (109, "snp"), (110, "compaq-peer"),
    (111, "ipx-in-ip"), (112, "vrrp"), (113, "pgm"), (115, "l2tp"), (116, "ddx"), (117, "iatp"), (118, "stp"),
    (119, "srp"), (120, "uti"), (121, "smp"), (122, "sm"), (123, "ptp"), (124, "isis"), (125, "fire"), (126, "crtp"),
    (127, "crudp"), (128, "sscopmce"), (129, "iplt"), (130, "sps"), (131, "pipe"), (132, "sctp"), (133, "fc"),
    (134, "rsvp-e2e-ignore"), (135, "mobility"), (136, "udplite"), (137, "mpls"), (138, "manet"), (139, "hip"),
    (140, "shim6"), (141, "wesp"), (142, "rohc"), (143, "ethernet"), (144, "aggfrag"), (145, "nsh"),
];

/// The keyword of an IP protocol, or its number.
pub fn protocol_name(protocol: u8) -> String {
    let known = PROTOCOL_NAMES.iter().find(|(number, _)| *number == protocol);
    known.map_or_else(|| protocol.to_string(), |(_, name)| (*name).to_owned())
}

/// The number of a keyword.
pub fn protocol_number(name: &str) -> Option<u8> {
    PROTOCOL_NAMES.iter().find(|(_, known)| *known == name).map(|(number, _)| *number)
}

/// Ports by name, for `port http` and `app http`; `None` for a name that is not known here.
pub fn service_port(name: &str) -> Option<u16> {
    PORT_NAMES.iter().find(|(known, _)| *known == name).map(|(_, port)| *port)
}

/// Names that people use for ports (IANA's service names).
pub const PORT_NAMES: [(&str, u16); 30] = [
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
