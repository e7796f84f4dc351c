-- +goose Up

-- The ledger's only clock. Tests replace it to move time.
create function ledger_clock() returns timestamptz
    language sql volatile as 'select clock_timestamp()';

-- One row: the end of the ledger. Taking it is the append lock, which makes
-- positions dense, in commit order, and time monotonic.
create table event_head (
    one         boolean     primary key default true check (one),
    position    bigint      not null check (position >= 0),
    recorded_at timestamptz not null,
    hash        bytea       not null check (octet_length(hash) = 32),
    began_at    timestamptz not null
) with (fillfactor = 10);

insert into event_head (position, recorded_at, hash, began_at)
select 0, now_, decode(repeat('00', 32), 'hex'), now_ from (select ledger_clock() as now_) c;

create table events (
    position       bigint      primary key check (position > 0),
    -- "C": compared as bytes, the cheapest way to keep an index in order.
    stream_id      text collate "C" not null,
    version        integer     not null check (version > 0),
    type           text        not null,
    schema_version integer     not null,
    -- json, not jsonb: the bytes that were hashed are the bytes that are kept.
    data           json        not null,
    data_hash      bytea       not null,
    command_id     uuid        not null,
    actor          text        not null,
    key_id         text        not null,
    reason         text        not null,
    request_id     text        not null,
    correlation_id text        not null,
    recorded_at    timestamptz not null,
    hash           bytea       not null,
    unique (stream_id, version)
);
-- Time needs no index: it never falls as position grows, so a moment is found
-- by halving.

-- +goose StatementBegin
create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'the ledger is append-only: % on % is refused', tg_op, tg_table_name
        using errcode = 'insufficient_privilege';
end
$$;
-- +goose StatementEnd

create trigger append_only before update or delete or truncate on events
    for each statement execute function refuse_change();
-- Always: session_replication_role = replica does not switch it off.
alter table events enable always trigger append_only;

-- The answers of commands that came with an idempotency key, written with
-- their events.
create table idempotency_keys (
    actor        text collate "C" not null,
    key          text collate "C" not null,
    request_hash bytea       not null,
    answer       json        not null,
    position     bigint      not null,
    created_at   timestamptz not null,
    primary key (actor, key)
);

-- +goose Down
drop table idempotency_keys;
drop table events;
drop function refuse_change();
drop table event_head;
drop function ledger_clock();
