-- +goose Up

-- Replicas of an older version, which run beside the new one for a while, make plans
-- too and know nothing of their hash.
-- +goose StatementBegin
create function hash_plan() returns trigger language plpgsql as $$
begin
    new.hash := sha256(convert_to(new.doc::text, 'UTF8'));
    return new;
end
$$;
-- +goose StatementEnd
create trigger hash_plan before insert on track_plans for each row execute function hash_plan();

-- +goose Down
drop trigger hash_plan on track_plans;
drop function hash_plan();
