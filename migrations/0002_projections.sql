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
);
create unique index experiments_key on experiments (key) where not deleted;
create index experiments_position on experiments (position);

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
    id            bigint      primary key,
    experiment_id uuid        not null,
    old_status    text        not null,
    new_status    text        not null,
    "timestamp"   timestamptz not null
);
create index status_history_experiment on status_history (experiment_id, id);
create index status_history_timestamp on status_history ("timestamp");

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
);

create table daily_changes (
    date          date    not null,
    experiment_id uuid    not null,
    key           text    not null,
    name          text    not null,
    changes       integer not null check (changes > 0),
    primary key (date, experiment_id)
);

-- Final reports, as day.closed recorded them.
create table daily_reports (
    date     date   primary key,
    report   json   not null,
    position bigint not null
);

-- +goose Down
drop table daily_reports, daily_changes, daily_state, status_history, segment_members, resources, experiments;
