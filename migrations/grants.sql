-- What the serving role may do: read everything, append to the ledger, and keep
-- the read models. It owns nothing.
-- A server that is up may be making a partition, which writes the same rows of
-- the catalogue: track_partitions takes this lock too.
select pg_advisory_xact_lock(hashtextextended('tracked ' || current_schema(), 0));
revoke all on all tables in schema {{schema}} from {{role}};
-- From public too: before Postgres 15 everybody may create in schema public.
revoke create on schema {{schema}} from {{role}}, public;
grant usage on schema {{schema}} to {{role}};
grant select on all tables in schema {{schema}} to {{role}};
grant insert on events, idempotency_keys, daily_reports, status_history to {{role}};
-- Not when the ledger began.
grant update (position, recorded_at, hash) on event_head to {{role}};
grant insert, update on experiments, resources, daily_state, daily_changes to {{role}};
grant insert, delete on segment_members to {{role}};
grant insert, update, delete on track_rounds, track_folds, track_units, track_plans, track_builds, track_cells to {{role}};
grant execute on function ledger_clock() to {{role}};
grant insert on tracked, tracked_ids, track_wide, readouts to {{role}};
grant update (batch, day) on track_head to {{role}};
grant execute on function track_partitions() to {{role}};
grant insert on verifications to {{role}};
grant execute on function sweep_verifications() to {{role}};
grant insert, update, delete on present to {{role}};
grant insert, update on key_uses to {{role}};
