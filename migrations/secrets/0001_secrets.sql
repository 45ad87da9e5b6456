-- Who may speak to the collector. A file of its own, so that a query over the history can never reach it. Of a token only
-- the hash of its secret is kept, of a peer only the hash of its public key.

create table token (
    -- six octets: what lists show
    id blob primary key,
    -- SHA-256 of the secret
    secret blob not null,
    role text not null,
    -- seconds since 1970
    created integer not null,
    expires integer not null,
    uses_left integer not null,
    revoked integer
) strict, without rowid;

create table peer (
    -- SHA-256 of the SubjectPublicKeyInfo: the key, not the certificate, is what is admitted
    key blob primary key,
    -- the certificate's identifier
    id text not null unique,
    role text not null,
    -- unique among all peers
    name text not null unique,
    -- seconds since 1970
    admitted integer not null,
    -- the token that let it in
    token blob not null,
    -- what it was given, DER: the same key with the same token gets the same answer
    certificate blob not null,
    revoked integer
) strict, without rowid;

-- Who did what: joins, refusals, tokens made and revoked.
create table audit (
    id integer primary key,
    at integer not null,
    who text not null,
    what text not null
) strict;
