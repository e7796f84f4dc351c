-- +goose Up

-- Takes the append lock for a writer that has decided already, on the ledger as
-- it stood at a position and hash and for a moment not long past. Where any of
-- that no longer holds it fails, and with it all that the writer sent behind.
-- Returns the ledger's clock.
-- +goose StatementBegin
create function take_head(at_position bigint, at_hash bytea, at timestamptz) returns timestamptz
    language plpgsql as $$
declare
    head event_head;
    clock timestamptz;
begin
    select * into head from event_head for update;
    clock := ledger_clock();
    if head.position <> at_position or head.hash <> at_hash
        or at < head.recorded_at or at > greatest(clock, head.recorded_at) or at < clock - interval '20 milliseconds' then
        raise exception 'the ledger has moved on' using errcode = 'AS001';
    end if;
    return clock;
end
$$;
-- +goose StatementEnd

-- +goose Down
drop function take_head(bigint, bytea, timestamptz);
