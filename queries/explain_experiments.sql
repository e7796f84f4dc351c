-- Experiments as they stood at position $1: those with the ids $2 or the keys $3,
-- all of them where both are null. Each by its last whole document, and the last
-- change of its status.
select d.position, d.version, d.type, d.schema_version, d.recorded_at, d.data, x.created_at,
    s.position, s.version, s.new_status, s.recorded_at
from experiments x
cross join lateral (
    select position, version, type, schema_version, recorded_at, data from events
    where stream_id = 'experiment/' || x.id and position <= $1 and (type like '%.created' or type like '%.changed')
    order by position desc limit 1
) d
left join lateral (
    select e.position, e.version, h.new_status, e.recorded_at
    from status_history h join events e on e.position = h.id
    where h.experiment_id = x.id and h.id <= $1
    order by h.id desc limit 1
) s on true
where not (x.deleted and x.position <= $1)
    and ($2::uuid[] is null and $3::text[] is null or x.id = any ($2) or x.key = any ($3))
order by x.id
