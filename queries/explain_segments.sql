-- The segments with the keys $2 that there were at position $1, and which of the
-- ids $3 are in them now.
select r.id, r.key, e.position, e.version,
    (select coalesce(array_agg(member), '{}') from segment_members where segment_id = r.id and member = any ($3))
from resources r
cross join lateral (
    select position, version from events
    where stream_id = 'segment/' || r.id and position <= $1
    order by version desc limit 1
) e
where r.kind = 'segment' and r.key = any ($2) and not (r.deleted and r.position <= $1)
order by r.id
