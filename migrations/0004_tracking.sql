-- +goose Up

-- One row: the number of the last batch of tracked events. Taking it, when the
-- ids are in and before the rows go, makes batches dense and in commit order.
create table track_head (
    one   boolean primary key default true check (one),
    batch bigint  not null check (batch >= 0),
    -- on which the last batch was stored, or the latest before: of what is stored
    -- after a batch no row is of an earlier day, even when the clock steps back
    day   date    not null default '0001-01-01'
) with (fillfactor = 10);
insert into track_head (batch) values (0);

-- Every id of an event that was ever stored.
create table tracked_ids (
    id uuid primary key
);

-- What was tracked, as it came: a row for each event and unit, by the day on
-- which it was stored. Nothing here is ever changed.
create table tracked (
    day        date     not null,
    batch      bigint   not null,
    -- of the unit: which of the folds reads it
    shard      smallint not null,
    id         uuid     not null,
    unit_type  text collate "C" not null,
    unit_id    text collate "C" not null,
    at         timestamptz not null,
    -- of an event: its name, else empty; in millionths, null without a value
    name       text collate "C" not null,
    value      bigint,
    -- of an exposure, else empty and 0; a position below 0 is not known, and not
    -- after that one, where the ledger was
    experiment text collate "C" not null,
    variation  text collate "C" not null,
    position   bigint   not null,
    attributes json
) partition by range (day);
create index tracked_batch on tracked (shard, batch);

-- +goose StatementBegin
-- The partitions of today and tomorrow, made where they are missing, by whoever
-- serves: it could not make them itself. Attached, not created in place, since
-- that would wait for every reader.
create function track_partitions() returns void
    language plpgsql security definer set search_path from current as $$
declare
    -- Every name has its schema: a temporary table comes first otherwise.
    schema text := current_schema();
    first  date := (ledger_clock() at time zone 'UTC')::date;
    day    date;
    part   text;
begin
    for day in select first + i from generate_series(0, 1) i loop
        part := 'tracked_' || to_char(day, 'YYYYMMDD');
        -- Not to_regclass: it may not know yet what another has just made.
        continue when exists (select from pg_tables where schemaname = schema and tablename = part);
        perform pg_advisory_xact_lock(hashtextextended('tracked ' || schema, 0));
        continue when exists (select from pg_tables where schemaname = schema and tablename = part);
        execute format('create table %1$I.%2$I (like %1$I.tracked including defaults including constraints)', schema, part);
        execute format('alter table %1$I.tracked attach partition %1$I.%2$I for values from (%3$L) to (%4$L)',
            schema, part, day, day + 1);
    end loop;
end
$$;
-- +goose StatementEnd
revoke execute on function track_partitions() from public;

-- +goose Down
drop function track_partitions();
drop table tracked, tracked_ids, track_head;
