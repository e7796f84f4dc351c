-- +goose Up

-- What verifications of the ledger found. Whoever serves may add to it; what says
-- that something is wrong nobody but the owner can take away.
create table verifications (
    id         bigint generated always as identity primary key,
    -- full: assay verify, everything from the first record on. chain: the servers',
    -- all the time: what is new, and old records again in turn
    kind       text    not null check (kind in ('full', 'chain')),
    at         timestamptz not null default clock_timestamp(),
    seconds    double precision not null,
    -- checked up to here, where the record had this hash
    position   bigint  not null check (position >= 0),
    hash       bytea   not null check (octet_length(hash) = 32),
    -- of chain: up to here old records have been read again
    reread     bigint  not null,
    ok         boolean not null,
    -- the first record that is not what was appended, if any
    first_bad  bigint,
    problem    text    not null,
    -- rows of read models that differ from the ledger
    mismatches integer not null,
    -- records whose data was known not to be what was hashed
    redacted   bigint[] not null,
    made_by    text    not null
);
create index verifications_kind on verifications (kind, id);

-- +goose StatementBegin
-- Forgets what the servers found in order more than a week ago.
create function sweep_verifications() returns void
    language plpgsql security definer set search_path from current as $$
begin
    -- With its schema: a temporary table comes first otherwise.
    execute format('delete from %I.verifications where kind = ''chain'' and ok and at < clock_timestamp() - interval ''7 days''',
        current_schema());
end
$$;
-- +goose StatementEnd
revoke execute on function sweep_verifications() from public;

-- +goose Down
drop function sweep_verifications();
drop table verifications;
