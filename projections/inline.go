package projections

import (
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
)

// Inline writes the SQL read models in the transaction that appends.
type Inline struct{}

var _ eventstore.Inline = Inline{}

func (Inline) Statements() []eventstore.Statement { return serving.all() }

// Write sends what the records changed.
func (Inline) Write(to eventstore.Sender, c *domain.Catalog, records []eventstore.Record) error {
	r, err := render(c, records)
	if err != nil {
		return err
	}
	serving.write(to, &r)
	return nil
}

// tables are the statements that write the read models.
type tables struct {
	experiments, resources, enter, leave, reports eventstore.Statement
}

// serving are those of the tables that serve, staged of those that replay fills.
var serving, staged = tablesNamed(""), tablesNamed(staging)

func (t tables) all() []eventstore.Statement {
	return []eventstore.Statement{t.experiments, t.resources, t.enter, t.leave, t.reports}
}

// tablesNamed makes the statements for tables whose names end in suffix. What a
// command on experiments changes is written by one statement: most of a
// statement's cost is that it is one.
func tablesNamed(suffix string) tables {
	return tables{
		experiments: eventstore.NewStatement(`with experiment as (
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
			from_position = excluded.from_position, to_position = excluded.to_position, hash = excluded.hash`),
		resources: eventstore.NewStatement(`insert into resources` + suffix + ` (kind, id, key, doc, version, position, deleted)
			select unnest($1::text[]), unnest($2::uuid[]), unnest($3::text[]), unnest($4::json[]), unnest($5::int[]),
				unnest($6::bigint[]), unnest($7::bool[])
			on conflict (kind, id) do update set doc = excluded.doc, version = excluded.version,
				position = excluded.position, deleted = excluded.deleted`),
		enter: eventstore.NewStatement(`insert into segment_members` + suffix + ` (segment_id, member)
			select unnest($1::uuid[]), unnest($2::text[]) on conflict do nothing`),
		leave: eventstore.NewStatement(`delete from segment_members` + suffix + ` where (segment_id, member) in
			(select unnest($1::uuid[]), unnest($2::text[]))`),
		reports: eventstore.NewStatement(`insert into daily_reports` + suffix + ` (date, report, position)
			select unnest($1::text[])::date, unnest($2::json[]), unnest($3::bigint[])`),
	}
}

// write upserts the rows. Every record has a day, so there is always something of
// experiments and days to write.
func (t tables) write(to eventstore.Sender, r *rows) {
	to.Send(t.experiments, slices.Concat(
		experimentColumns(r.experiments), statusColumns(r.statuses), changeColumns(r.changes), dayColumns(r.days))...)
	if len(r.resources) > 0 {
		to.Send(t.resources, resourceColumns(r.resources)...)
	}
	if len(r.entered) > 0 {
		to.Send(t.enter, memberColumns(r.entered)...)
	}
	if len(r.left) > 0 {
		to.Send(t.leave, memberColumns(r.left)...)
	}
	if len(r.reports) > 0 {
		to.Send(t.reports, reportColumns(r.reports)...)
	}
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

func resourceColumns(rows []resourceRow) []any {
	return []any{
		column(rows, func(r resourceRow) string { return r.Kind }),
		ids(rows, func(r resourceRow) uuid.UUID { return r.ID }),
		column(rows, func(r resourceRow) string { return r.Key }),
		column(rows, func(r resourceRow) string { return r.Doc }),
		column(rows, func(r resourceRow) int32 { return r.Version }),
		column(rows, func(r resourceRow) int64 { return r.Position }),
		column(rows, func(r resourceRow) bool { return r.Deleted }),
	}
}

func memberColumns(rows []memberRow) []any {
	return []any{
		ids(rows, func(r memberRow) uuid.UUID { return r.Segment }),
		column(rows, func(r memberRow) string { return r.Member }),
	}
}

func reportColumns(rows []reportRow) []any {
	return []any{
		column(rows, func(r reportRow) string { return r.Date }),
		column(rows, func(r reportRow) string { return r.Report }),
		column(rows, func(r reportRow) int64 { return r.Position }),
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
