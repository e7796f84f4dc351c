-- The metric definitions with the keys $2 as they stood at position $1.
select e.position, e.version, e.type, e.schema_version, e.recorded_at, e.data
from resources r
cross join lateral (
    select position, version, type, schema_version, recorded_at, data from events
    where stream_id = 'metric/' || r.id and position <= $1
    order by version desc limit 1
) e
where r.kind = 'metric' and r.key = any ($2) and not (r.deleted and r.position <= $1)
