-- +goose Up

-- Finds the document that an entity had at a position. Toggles and changes of
-- members, which are most of a ledger, are not in it.
create index events_whole on events (stream_id, position) where type like '%.created' or type like '%.changed';

-- +goose Down
drop index events_whole;
