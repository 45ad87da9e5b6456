-- The secret that all sensors share: packets are digested with it, so that two observation points can prove that they saw the same
-- ones, and nobody else can make digests that agree.

create table digest_key (
    -- the first is 1; digests of two generations cannot be compared
    generation integer primary key,
    -- 48 octets
    key blob not null
) strict;
