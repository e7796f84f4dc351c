-- +goose Up

-- Who is there, as they announce themselves every few seconds: servers (replica)
-- and edges. Nothing here is of the ledger or derived from it.
create table present (
    kind    text        not null check (kind in ('replica', 'edge')),
    id      text collate "C" not null,
    seen_at timestamptz not null,
    doc     json        not null,
    primary key (kind, id)
) with (fillfactor = 50);

-- When each API key was used first and last, as far as anybody has told.
create table key_uses (
    key_id        uuid        primary key,
    first_seen_at timestamptz not null,
    last_seen_at  timestamptz not null,
    -- the program that saw it last: control or edge
    seen_by       text        not null check (seen_by in ('control', 'edge'))
) with (fillfactor = 50);

-- +goose Down
drop table key_uses, present;
