-- +goose Up

-- One row: the number of the last batch of tracked events. Taking it, last of
-- all before the commit, makes batches dense and in commit order.
create table track_head (
    one   boolean primary key default true check (one),
    batch bigint  not null check (batch >= 0)
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
    -- of an exposure, else empty and 0
    experiment text collate "C" not null,
    variation  text collate "C" not null,
    position   bigint   not null,
    attributes json
) partition by range (day);
create index tracked_batch on tracked (shard, batch);

-- +goose Down
drop table tracked, tracked_ids, track_head;
