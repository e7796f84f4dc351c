package projections

import (
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
)

// Inline writes the SQL read models in the transaction that appends.
type Inline struct{}

var _ eventstore.Inline = Inline{}

// Queue writes what the records changed.
func (Inline) Queue(b *pgx.Batch, c *domain.Catalog, records []eventstore.Record) error {
	r, err := render(c, records)
	if err != nil {
		return err
	}
	r.queue(b, "")
	return nil
}

// queue upserts the rows into the tables whose names end in suffix.
func (r *rows) queue(b *pgx.Batch, suffix string) {
	queueExperiments(b, suffix, r)
	queueResources(b, suffix, r.resources)
	queueMembers(b, suffix, r.entered, r.left)
	queueReports(b, suffix, r.reports)
}

// upsertExperiments writes what a command on experiments changes in one statement:
// most of a statement's cost is that it is one. It is of the tables that serve, and
// made once: every append uses it.
var upsertExperiments = experimentsUpsert("")

func experimentsUpsert(suffix string) eventstore.Statement {
	return eventstore.NewStatement(`with experiment as (
		insert into experiments` + suffix + ` (id, key, name, status, doc, version, position, created_at, updated_at, deleted)
		select unnest($1::uuid[]), unnest($2::text[]), unnest($3::text[]), unnest($4::text[]), unnest($5::json[]),
			unnest($6::int[]), unnest($7::bigint[]), unnest($8::timestamptz[]), unnest($9::timestamptz[]), unnest($10::bool[])
		on conflict (id) do update set name = excluded.name, status = excluded.status, doc = excluded.doc,
			version = excluded.version, position = excluded.position, updated_at = excluded.updated_at,
			deleted = excluded.deleted
	), status as (
		insert into status_history` + suffix + ` (id, experiment_id, old_status, new_status, "timestamp")
		select unnest($11::bigint[]), unnest($12::uuid[]), unnest($13::text[]), unnest($14::text[]), unnest($15::timestamptz[])
	), change as (
		insert into daily_changes` + suffix + ` (date, experiment_id, key, name, changes)
		select unnest($16::text[])::date, unnest($17::uuid[]), unnest($18::text[]), unnest($19::text[]), unnest($20::int[])
		on conflict (date, experiment_id) do update set name = excluded.name, changes = excluded.changes
	)
	insert into daily_state` + suffix + ` (date, active, inactive, changed_experiments, total_changes, from_position, to_position, hash)
	select unnest($21::text[])::date, unnest($22::int[]), unnest($23::int[]), unnest($24::int[]), unnest($25::int[]),
		unnest($26::bigint[]), unnest($27::bigint[]), unnest($28::bytea[])
	on conflict (date) do update set active = excluded.active, inactive = excluded.inactive,
		changed_experiments = excluded.changed_experiments, total_changes = excluded.total_changes,
		from_position = excluded.from_position, to_position = excluded.to_position, hash = excluded.hash`)
}

// queueExperiments writes the rows of experiments and of days. Every record has a
// day, so there is always something to write.
func queueExperiments(b *pgx.Batch, suffix string, r *rows) {
	upsert := upsertExperiments
	if suffix != "" {
		upsert = experimentsUpsert(suffix)
	}
	upsert.Queue(b, slices.Concat(
		experimentColumns(r.experiments), statusColumns(r.statuses), changeColumns(r.changes), dayColumns(r.days))...)
}

func experimentColumns(rows []experimentRow) []any {
	return []any{
		ids(rows, func(r experimentRow) uuid.UUID { return r.ID }),
		column(rows, func(r experimentRow) string { return r.Key }),
		column(rows, func(r experimentRow) string { return r.Name }),
		column(rows, func(r experimentRow) string { return r.Status }),
		column(rows, func(r experimentRow) string { return r.Doc }),
		column(rows, func(r experimentRow) int32 { return r.Version }),
		column(rows, func(r experimentRow) int64 { return r.Position }),
		column(rows, func(r experimentRow) time.Time { return r.CreatedAt }),
		column(rows, func(r experimentRow) time.Time { return r.UpdatedAt }),
		column(rows, func(r experimentRow) bool { return r.Deleted }),
	}
}

func statusColumns(rows []statusRow) []any {
	return []any{
		column(rows, func(r statusRow) int64 { return r.ID }),
		ids(rows, func(r statusRow) uuid.UUID { return r.Experiment }),
		column(rows, func(r statusRow) string { return r.Old }),
		column(rows, func(r statusRow) string { return r.New }),
		column(rows, func(r statusRow) time.Time { return r.At }),
	}
}

func changeColumns(rows []changeRow) []any {
	return []any{
		column(rows, func(r changeRow) string { return r.Date }),
		ids(rows, func(r changeRow) uuid.UUID { return r.Experiment }),
		column(rows, func(r changeRow) string { return r.Key }),
		column(rows, func(r changeRow) string { return r.Name }),
		column(rows, func(r changeRow) int32 { return r.Changes }),
	}
}

func dayColumns(rows []dayRow) []any {
	return []any{
		column(rows, func(r dayRow) string { return r.Date }),
		column(rows, func(r dayRow) int32 { return r.Active }),
		column(rows, func(r dayRow) int32 { return r.Inactive }),
		column(rows, func(r dayRow) int32 { return r.Changed }),
		column(rows, func(r dayRow) int32 { return r.Total }),
		column(rows, func(r dayRow) int64 { return r.From }),
		column(rows, func(r dayRow) int64 { return r.To }),
		column(rows, func(r dayRow) []byte { return r.Hash }),
	}
}

func queueResources(b *pgx.Batch, suffix string, rows []resourceRow) {
	if len(rows) == 0 {
		return
	}
	b.Queue(`insert into resources`+suffix+` (kind, id, key, doc, version, position, deleted)
		select t, i, k, d, v, p, x
		from unnest($1::text[], $2::uuid[], $3::text[], $4::json[], $5::int[], $6::bigint[], $7::bool[]) r (t, i, k, d, v, p, x)
		on conflict (kind, id) do update set doc = excluded.doc, version = excluded.version,
			position = excluded.position, deleted = excluded.deleted`,
		column(rows, func(r resourceRow) string { return r.Kind }),
		ids(rows, func(r resourceRow) uuid.UUID { return r.ID }),
		column(rows, func(r resourceRow) string { return r.Key }),
		column(rows, func(r resourceRow) string { return r.Doc }),
		column(rows, func(r resourceRow) int32 { return r.Version }),
		column(rows, func(r resourceRow) int64 { return r.Position }),
		column(rows, func(r resourceRow) bool { return r.Deleted }))
}

func queueMembers(b *pgx.Batch, suffix string, entered, left []memberRow) {
	segment := func(r memberRow) uuid.UUID { return r.Segment }
	member := func(r memberRow) string { return r.Member }
	if len(entered) > 0 {
		b.Queue(`insert into segment_members`+suffix+` (segment_id, member)
			select * from unnest($1::uuid[], $2::text[]) on conflict do nothing`,
			ids(entered, segment), column(entered, member))
	}
	if len(left) > 0 {
		b.Queue(`delete from segment_members`+suffix+` where (segment_id, member) in
			(select * from unnest($1::uuid[], $2::text[]))`,
			ids(left, segment), column(left, member))
	}
}

func queueReports(b *pgx.Batch, suffix string, rows []reportRow) {
	for _, r := range rows {
		b.Queue(`insert into daily_reports`+suffix+` (date, report, position) values ($1::text::date, $2::text::json, $3)`,
			r.Date, r.Report, r.Position)
	}
}

// column takes one column out of rows.
func column[R, V any](rows []R, value func(R) V) []V {
	values := make([]V, len(rows))
	for i := range rows {
		values[i] = value(rows[i])
	}
	return values
}

// ids takes a column of ids in the form that pgx encodes at once: a uuid.UUID it
// would print and parse again.
func ids[R any](rows []R, value func(R) uuid.UUID) pgtype.FlatArray[pgtype.UUID] {
	values := make(pgtype.FlatArray[pgtype.UUID], len(rows))
	for i := range rows {
		values[i] = pgtype.UUID{Bytes: value(rows[i]), Valid: true}
	}
	return values
}
