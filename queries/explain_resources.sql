-- Layers and holdouts as they stood at position $1: none of their events is less
-- than the whole, but the last.
select e.position, e.version, e.type, e.schema_version, e.recorded_at, e.data
from resources r
cross join lateral (
    select position, version, type, schema_version, recorded_at, data from events
    where stream_id = r.kind || '/' || r.id and position <= $1
    order by version desc limit 1
) e
where r.kind in ('layer', 'holdout') and not (r.deleted and r.position <= $1)
order by r.kind, r.id
