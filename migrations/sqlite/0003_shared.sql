-- Configuration that all consoles of the collector share: named filters, and the settings that each sensor shall have. Small, read whole
-- when the collector starts. `changed` is in seconds since 1970, `changed_by` the name of the console.

-- Filters that all consoles share.
create table filter (
    name text primary key,
    -- One rule a line: `include ...` or `exclude ...`; the first that matches decides.
    rules text not null,
    changed integer not null,
    changed_by text not null
) strict, without rowid;

-- One row for each sensor of which anything was ever changed; null stays as the sensor's own file says. The key is the
-- certificate's identifier, because a sensor may be told before it has delivered anything.
create table setting (
    uuid text primary key,
    -- Grows with each change.
    revision integer not null,
    promiscuous integer,
    -- libpcap's words; empty captures everything.
    capture text,
    -- `8080 8000-8100`.
    ports text,
    log integer,
    -- Seconds.
    log_interval integer,
    idle integer,
    changed integer not null,
    changed_by text not null
) strict, without rowid;
