-- The history. One row per (slice, interface, key), both directions in it, so that sums over any stretch of time are sums
-- of rows. Every fact begins with the number of its slice, and `slice` says which sensor and time that is: one number costs
-- each row less than (ts, sensor, seq) would. A window is one range of slices, and each leads to a range of facts. There is
-- no index on addresses, because it would cost ten times the insert. What people read are the views.
--
-- Packets and octets are counts; `*_coalesced` are packets that offload hid beyond those captured. A key of 0 (address,
-- mac, protocol) is `other`: what a table of the sensor had no place for.

create table sensor (
    id integer primary key,
    -- the certificate's identifier
    uuid text not null unique,
    name text not null,
    -- where it stands: addresses of different sites have nothing in common
    site text not null default '',
    version text not null default '',
    -- highest start number that said hello: an older one is fenced off
    epoch integer not null default 0,
    -- everything up to and including this is stored
    mark_epoch integer not null default 0,
    mark_seq integer not null default 0,
    -- sequence numbers stored, and those declared lost; together they make mark_seq
    stored_records integer not null default 0,
    lost_records integer not null default 0,
    -- nanoseconds of the longest slice: how far before a window its first slice may begin
    longest integer not null default 0,
    -- nanoseconds since 1970: end of its newest slice, of one with a suspect clock the collector's time; null without any
    stored_ns integer,
    -- nanoseconds by which its last slice ended after the collector's time, if its clock was suspect; deliveries with such a clock
    clock_ahead integer not null default 0,
    suspect_slices integer not null default 0
) strict;

create table interface (
    sensor integer not null,
    id integer not null,
    name text not null,
    kernel_index integer not null,
    mac text,
    addresses text not null,
    mtu integer,
    speed integer,
    link text not null,
    loopback integer not null,
    mirror integer not null,
    -- since it was first seen; never trimmed
    in_packets integer not null default 0,
    in_octets integer not null default 0,
    out_packets integer not null default 0,
    out_octets integer not null default 0,
    received integer not null default 0,
    dropped integer not null default 0,
    -- nanoseconds since 1970: start of its first and end of its last slice; null when it never had one
    first_ns integer,
    last_ns integer,
    primary key (sensor, id),
    unique (sensor, name)
) strict, without rowid;

create table address (
    id integer primary key,
    ip text not null unique
) strict;

create table mac (
    id integer primary key,
    mac text not null unique
) strict;

-- What was delivered: the ledger of deliveries, written with the rows they brought.
create table slice (
    -- in the order of arrival
    id integer primary key,
    -- start of the slice in seconds since 1970
    ts integer not null,
    sensor integer not null,
    -- sequence number of the delivery
    seq integer not null,
    -- first sequence number that this delivery stands for
    from_seq integer not null,
    epoch integer not null,
    -- nanoseconds since 1970, half-open
    from_ns integer not null,
    to_ns integer not null,
    sealed_ns integer not null,
    stored_ns integer not null,
    -- of the sequence numbers from from_seq to seq, how many are declared lost
    lost integer not null default 0,
    -- 1 until these rows of the slice are retired: flows and counted facilities; seconds
    has_flows integer not null default 1,
    has_seconds integer not null default 1,
    -- 1: it ended so long after the collector's time that the sensor's clock cannot be right; its flows count for its sensor only
    clock_suspect integer not null default 0,
    -- octets of flows that count in their LAN beside other observation points' flows of equal ends, without proof that the
    -- packets are the same
    doubtful_octets integer not null default 0,
    -- octets of its row of `mark`; 0 when it is retired
    mark_octets integer not null default 0,
    unique (ts, sensor, seq)
) strict;

-- What proves, for a late slice, that a flow was counted already: a record of 16 octets for each flow row of the slice, in the
-- order of the rows, behind a list of observers (`collector/src/report/primary/run.rs`). `run` is the number of the slice.
create table mark (
    run integer primary key,
    records blob not null
) strict;

create index slice_marks on slice (ts, mark_octets) where mark_octets > 0;
create index slice_suspect on slice (stored_ns) where clock_suspect;
create index slice_flows on slice (ts) where has_flows;
create index slice_seconds on slice (ts) where has_seconds;

-- Where every frame went: received = parsed + malformed + unsupported + dropped.
create table slice_ledger (
    slice integer not null,
    interface integer not null,
    received integer not null,
    parsed integer not null,
    malformed integer not null,
    unsupported integer not null,
    dropped integer not null,
    bad_checksum integer not null,
    unparsed_octets integer not null,
    -- the interface's own counters, cumulative; null for a file
    nic_rx_packets integer,
    nic_rx_octets integer,
    nic_tx_packets integer,
    nic_tx_octets integer,
    nic_rx_dropped integer,
    nic_tx_dropped integer,
    -- the capture socket's count, cumulative; null for a file
    kernel_received integer,
    -- nanoseconds by which the wall clock moved against the monotonic one
    clock_step integer not null,
    -- our own stream to the collector, inside all other counts
    own_in_packets integer not null,
    own_in_octets integer not null,
    own_out_packets integer not null,
    own_out_octets integer not null,
    largest_in integer not null,
    largest_out integer not null,
    primary key (slice, interface)
) strict, without rowid;

-- Conversations. `status` holds, from the lowest bit: state 3, complete 1, own 1, word forward 3, word reverse 3, TCP flags
-- seen forward 8, reverse 8, TCP flags of the last packet forward 8, reverse 8. `windows` is forward * 65536 + reverse.
create table flow (
    -- slice * 2^20 + number of the flow in its slice: the row's own key, so that no slice number is stored beside it
    id integer primary key,
    interface integer not null,
    protocol integer not null,
    vlan integer,
    source integer not null,
    source_port integer not null,
    destination integer not null,
    destination_port integer not null,
    forward_packets integer not null,
    forward_octets integer not null,
    forward_coalesced integer not null,
    reverse_packets integer not null,
    reverse_octets integer not null,
    reverse_coalesced integer not null,
    -- microseconds after the slice's ts; the first packet may be long before it
    first_us integer not null,
    last_us integer not null,
    status integer not null,
    windows integer not null,
    forward_size integer not null,
    reverse_size integer not null,
    forward_mac integer not null,
    reverse_mac integer not null,
    -- 1: of all observation points of its site that saw the flow in this slice, this one counts
    prim integer not null
) strict;

-- By class, the conversations that the sensor's flow table folded. IP octets. class = (family * 4 + transport) * 3 + cast;
-- family: 0 IPv4, 1 IPv6, 2 no IP; transport: 0 TCP, 1 UDP, 2 ICMP, 3 other; cast: 0 unicast, 1 broadcast, 2 multicast.
create table flow_other (
    slice integer not null,
    interface integer not null,
    class integer not null,
    in_packets integer not null,
    in_octets integer not null,
    in_coalesced integer not null,
    out_packets integer not null,
    out_octets integer not null,
    out_coalesced integer not null,
    keys integer not null,
    primary key (slice, interface, class)
) strict, without rowid;

-- Parts of `flow_other` by their ends, whatever the source's port, as far as the sensor had room for them; a source that is
-- 0.0.0.0 or :: stands for any. IP octets.
create table flow_aggregated (
    slice integer not null,
    interface integer not null,
    protocol integer not null,
    source integer not null,
    destination integer not null,
    destination_port integer not null,
    forward_packets integer not null,
    forward_octets integer not null,
    forward_coalesced integer not null,
    reverse_packets integer not null,
    reverse_octets integer not null,
    reverse_coalesced integer not null,
    flows integer not null,
    primary key (slice, interface, protocol, source, destination, destination_port)
) strict, without rowid;

-- Counted facilities: traffic under a key. `facility` is its number (3 sizes, 4 services, 5 stations, 6 hosts; the views have
-- names); a negative number is the part of the same facility's traffic that carried no IP, of stations only. `key` is the number
-- of an address or a MAC in its dictionary, else the number that the facility defines: of a service protocol << 16 | port, of a
-- size its smallest octets << 32 | its largest. -1 is what found no place.
create table counted (
    slice integer not null,
    facility integer not null,
    interface integer not null,
    key integer not null,
    in_packets integer not null,
    in_octets integer not null,
    in_coalesced integer not null,
    out_packets integer not null,
    out_octets integer not null,
    out_coalesced integer not null,
    primary key (slice, facility, interface, key)
) strict, without rowid;

-- Which addresses were seen behind which MAC, and from when to when (nanoseconds since 1970).
create table identity (
    sensor integer not null,
    mac integer not null,
    address integer not null,
    first_ns integer not null,
    last_ns integer not null,
    primary key (sensor, mac, address)
) strict, without rowid;

create index identity_last on identity (last_ns);

-- Interfaces by the second (`at`) and class. Frame octets.
create table second (
    slice integer not null,
    interface integer not null,
    at integer not null,
    class integer not null,
    in_packets integer not null,
    in_octets integer not null,
    in_coalesced integer not null,
    out_packets integer not null,
    out_octets integer not null,
    out_coalesced integer not null,
    primary key (slice, interface, at, class)
) strict, without rowid;

-- The same by the minute, added up in the transaction that writes the seconds.
create table minute (
    ts integer not null,
    sensor integer not null,
    interface integer not null,
    class integer not null,
    in_packets integer not null,
    in_octets integer not null,
    in_coalesced integer not null,
    out_packets integer not null,
    out_octets integer not null,
    out_coalesced integer not null,
    primary key (ts, sensor, interface, class)
) strict, without rowid;

-- What is known to be missing. reason: 1 the sensor ended before it sealed the slice, 2 the spool was full, 3 a spooled
-- record was damaged, 4 an interface vanished, 5 the collector forgot what it had acknowledged.
create table loss (
    slice integer not null,
    n integer not null,
    reason integer not null,
    from_ns integer not null,
    to_ns integer not null,
    records integer not null,
    packets integer,
    octets integer,
    interface text,
    primary key (slice, n)
) strict, without rowid;

-- From when on (seconds since 1970) each tier is complete: what is older has been retired.
create table kept (
    tier text primary key,
    since integer not null default 0
) strict, without rowid;

insert into kept (tier) values ('flow'), ('second'), ('minute'), ('ledger');
