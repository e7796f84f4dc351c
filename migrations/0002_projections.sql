-- +goose Up

-- Read models written in the appending transaction. Each can be rebuilt from
-- the ledger, to the same bytes.

create table experiments (
    id         uuid        primary key,
    key        text        not null,
    name       text        not null,
    status     text        not null check (status in ('active', 'inactive')),
    doc        json        not null,
    version    integer     not null,
    position   bigint      not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted    boolean     not null
-- Room in each page, no index on what changes, and documents kept in the row:
-- an update then touches one page and no index.
) with (fillfactor = 40, toast_tuple_target = 8160);
create unique index experiments_key on experiments (key) where not deleted;

-- Layers, segments, holdouts, metric definitions and API keys.
create table resources (
    kind     text    not null,
    id       uuid    not null,
    key      text    not null,
    doc      json    not null,
    version  integer not null,
    position bigint  not null,
    deleted  boolean not null,
    primary key (kind, id)
);
create unique index resources_key on resources (kind, key) where not deleted;

create table segment_members (
    segment_id uuid not null,
    member     text not null,
    primary key (segment_id, member)
);

create table status_history (
    -- the position of the record that made the transition
    id            bigint      not null,
    experiment_id uuid        not null,
    old_status    text        not null,
    new_status    text        not null,
    "timestamp"   timestamptz not null,
    primary key (experiment_id, id)
);
-- Rows come in order of time, which is what this kind of index is for.
create index status_history_timestamp on status_history using brin ("timestamp") with (pages_per_range = 16, autosummarize);

-- One row for each UTC day with records: the state at its end so far.
create table daily_state (
    date                date    primary key,
    active              integer not null check (active >= 0),
    inactive            integer not null check (inactive >= 0),
    changed_experiments integer not null,
    total_changes       integer not null,
    from_position       bigint  not null,
    to_position         bigint  not null,
    hash                bytea   not null
) with (fillfactor = 50);

create table daily_changes (
    date          date    not null,
    experiment_id uuid    not null,
    key           text    not null,
    name          text    not null,
    changes       integer not null check (changes > 0),
    primary key (date, experiment_id)
) with (fillfactor = 70);

-- Final reports, as day.closed recorded them.
create table daily_reports (
    date     date   primary key,
    report   json   not null,
    position bigint not null
);

-- +goose Down
drop table daily_reports, daily_changes, daily_state, status_history, segment_members, resources, experiments;
