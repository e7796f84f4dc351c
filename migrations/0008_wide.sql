-- +goose Up

-- The SHA-256 of doc: what is one plan, in whatever generation.
alter table track_plans add column hash bytea;
update track_plans set hash = sha256(convert_to(doc::text, 'UTF8'));
alter table track_plans alter column hash set not null;

-- Dimensions that had too many values to be counted by: from this batch on they
-- are not, in this plan. Facts, of which rebuilding and counting anew take account:
-- which batch it was depends on how counting went. Nothing here is ever changed.
create table track_wide (
    plan      bytea  not null,
    dimension text collate "C" not null,
    batch     bigint not null,
    primary key (plan, dimension)
);

-- +goose Down
drop table track_wide;
alter table track_plans drop column hash;
