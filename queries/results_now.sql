-- An experiment by key or id, the last position of the ledger that its results
-- depend on, and what is counted of the phase $3 (0: its newest).
select x.id, phase.number,
    greatest(x.position, (
        select max(m.position) from resources m, json_array_elements(x.doc -> 'metrics') used
        where m.kind = 'metric' and not m.deleted and m.key = used ->> 'metric'
    )),
    round.batch, coalesce(plan.position, 0)
from experiments x
cross join lateral (select coalesce(nullif($3::int, 0), (x.doc ->> 'phase')::int) as number) phase
cross join track_rounds round
left join track_plans plan on plan.generation = round.generation and plan.experiment_id = x.id
    and plan.phase = phase.number and plan.state = 'serving'
where not x.deleted and (x.key = $1 or x.id = $2) and round.state = 'serving'
order by x.key = $1 desc limit 1
