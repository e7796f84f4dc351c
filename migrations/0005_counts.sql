-- +goose Up

-- The fold goes in rounds: all shards count on to the same batch, each in a
-- transaction of its own, then one transaction adds up what they found. So the
-- cells are always those of one batch. A generation is a count from the first
-- batch on; while one serves, another may be built beside it.
create table track_rounds (
    generation integer primary key,
    state      text    not null check (state in ('building', 'serving', 'retired')),
    round      bigint  not null,
    -- the cells hold what was tracked up to here: the tracking position
    batch      bigint  not null,
    -- and will when the round is over
    target     bigint  not null check (target >= batch),
    -- about how many tracked rows that is
    size       bigint  not null,
    -- no row after batch is of a day before since, none after target before day
    since      date    not null,
    day        date    not null
) with (fillfactor = 10);
create unique index track_rounds_one on track_rounds (state) where state <> 'retired';
insert into track_rounds (generation, state, round, batch, target, size, since, day)
values (1, 'serving', 0, 0, 0, 0, '0001-01-01', '0001-01-01');

-- The last round that each shard of the units has done, and what it adds to the
-- cells, in the form of tracking/tally. Locking the row is the right to count.
create table track_folds (
    generation integer  not null references track_rounds on delete cascade,
    shard      smallint not null,
    round      bigint   not null,
    deltas     bytea,
    primary key (generation, shard)
) with (fillfactor = 10);
insert into track_folds (generation, shard, round) select 1, shard, 0 from generate_series(0, 7) shard;

-- The history of each unit: what it was exposed to and what it did, in the
-- form of tracking/tally.
create table track_units (
    generation integer  not null,
    shard      smallint not null,
    unit_type  text collate "C" not null,
    unit_id    text collate "C" not null,
    history    bytea    not null,
    primary key (generation, shard, unit_type, unit_id)
) with (fillfactor = 70);

-- How the units of a phase of an experiment are counted.
create table track_plans (
    plan          bigint  generated always as identity primary key,
    generation    integer not null references track_rounds on delete cascade,
    experiment_id uuid    not null,
    phase         integer not null,
    -- the ledger's position that it was made from
    position      bigint  not null,
    made_at       timestamptz not null default clock_timestamp(),
    doc           json    not null,
    -- building: some units are not in its cells yet; serving: results are read
    -- from it
    state         text    not null check (state in ('building', 'serving'))
);
create unique index track_plans_one on track_plans (generation, experiment_id, phase, state);

-- How far a plan that is building has come in each shard: units up to this one
-- are in its cells. done: all are.
create table track_builds (
    plan    bigint   not null references track_plans on delete cascade,
    shard   smallint not null,
    unit_id text collate "C" not null,
    done    boolean  not null,
    primary key (plan, shard)
) with (fillfactor = 10);

-- Sums over units. A row whose numbers are all 0 does not exist.
create table track_cells (
    plan      bigint   not null references track_plans on delete cascade,
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
    -- in the order of the places in tally.Cell, zeros at the end left out
    sums      numeric[] not null,
    sketch    bytea,
    primary key (plan, dimension, metric, variation, epoch, value, day)
) with (fillfactor = 80);

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
drop table readouts, track_cells, track_builds, track_plans, track_units, track_folds, track_rounds;
