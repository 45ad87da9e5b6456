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

-- Settings of sensors, by the names of the table in `traf-model`. A sensor of which nothing was ever changed has no row. The
-- key is the certificate's identifier, because a sensor may be told before it has delivered anything.
create table setting (
    uuid text not null,
    name text not null,
    -- As people write it: `on`, `1h30m`, `8080, 9000-9100`; null where the sensor's own file decides.
    value text,
    -- Grows with each change; the same in all rows of a sensor.
    revision integer not null,
    changed integer not null,
    changed_by text not null,
    primary key (uuid, name)
) strict, without rowid;
