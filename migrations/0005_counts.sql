-- +goose Up

-- How far each shard of the units is counted. Locking its row is the right to
-- count on.
create table track_folds (
    shard smallint primary key,
    batch bigint   not null
);
insert into track_folds (shard, batch) select shard, 0 from generate_series(0, 7) shard;

-- The history of each unit: what it was exposed to and what it did, in the
-- form of tracking/tally.
create table track_units (
    shard     smallint not null,
    unit_type text collate "C" not null,
    unit_id   text collate "C" not null,
    history   bytea    not null,
    primary key (shard, unit_type, unit_id)
);

-- How the units of a phase of an experiment are counted.
create table track_plans (
    plan          bigint  generated always as identity primary key,
    experiment_id uuid    not null,
    phase         integer not null,
    -- the ledger's position that it was made from
    position      bigint  not null,
    doc           json    not null,
    -- building: some shards have units that are not in its cells yet; serving:
    -- results are read from it, one for each phase.
    state         text    not null check (state in ('building', 'serving'))
);
create index track_plans_experiment on track_plans (experiment_id, phase);

-- How far a plan that is building has come in each shard: units up to this one
-- are in its cells. done: all are.
create table track_builds (
    plan      bigint   not null references track_plans on delete cascade,
    shard     smallint not null,
    unit_type text collate "C" not null,
    unit_id   text collate "C" not null,
    done      boolean  not null,
    primary key (plan, shard)
);

-- Sums over the units of one shard. Names of fields: docs/tracking.md.
create table track_cells (
    plan      bigint   not null references track_plans on delete cascade,
    shard     smallint not null,
    -- '' for the units themselves
    metric    text collate "C" not null,
    -- place in the plan's variations; -1 where there is none
    variation smallint not null,
    epoch     integer  not null,
    -- '' for all units together
    dimension text collate "C" not null,
    value     text collate "C" not null,
    -- 0001-01-01 for dimensions, which have no days
    day       date     not null,
    n         bigint   not null,
    -- in the order of tally.Sum
    sums      numeric[] not null,
    sketch    bytea,
    primary key (plan, shard, metric, variation, epoch, dimension, value, day)
);

-- Readouts that somebody has asked for by their position: they stay as they are.
create table readouts (
    experiment_id uuid   not null,
    phase         integer not null,
    position      bigint not null,
    batch         bigint not null,
    query         text   not null,
    body          bytea  not null,
    primary key (experiment_id, phase, position, batch, query)
);

-- +goose Down
drop table readouts, track_cells, track_builds, track_plans, track_units, track_folds;
