package projections

import (
	"context"
	"fmt"
	"reflect"

	"github.com/assaylabs/assay/eventstore"
)

// compare lists where the read models differ from the replay.
func (v *verifier) compare(ctx context.Context, q eventstore.Querier) error {
	r, err := v.all()
	if err != nil {
		return err
	}
	for _, compare := range []func() error{
		func() error { return compareTable(ctx, q, v, "experiments", selectExperiments, r.experiments) },
		func() error { return compareTable(ctx, q, v, "resources", selectResources, r.resources) },
		func() error { return compareTable(ctx, q, v, "segment_members", selectMembers, r.entered) },
		func() error { return compareTable(ctx, q, v, "status_history", selectStatuses, r.statuses) },
		func() error { return compareTable(ctx, q, v, "daily_state", selectDays, r.days) },
		func() error { return compareTable(ctx, q, v, "daily_changes", selectChanges, r.changes) },
		func() error { return compareTable(ctx, q, v, "daily_reports", selectReports, r.reports) },
	} {
		if err := compare(); err != nil {
			return err
		}
	}
	return nil
}

// The columns of each row type, in the order in which rows are sorted.
const (
	selectExperiments = `select id, key, name, status, doc::text, version, position, created_at, updated_at, deleted
		from experiments order by id`
	selectResources = `select kind, id, key, doc::text, version, position, deleted
		from resources order by kind collate "C", id`
	selectMembers  = `select segment_id, member from segment_members order by segment_id, member collate "C"`
	selectStatuses = `select id, experiment_id, old_status, new_status, "timestamp" from status_history order by id`
	selectDays     = `select date::text, active, inactive, changed_experiments, total_changes, from_position, to_position, hash
		from daily_state order by date`
	selectChanges = `select date::text, experiment_id, key, name, changes from daily_changes order by date, experiment_id`
	selectReports = `select date::text, report::text, position from daily_reports order by date`
)

// stored is a row of a read model as it is read and compared.
type stored[R any] interface {
	*R
	// columns are where the columns go that are selected.
	columns() []any
	same(*R) bool
}

func (r *experimentRow) columns() []any {
	return []any{&r.ID, &r.Key, &r.Name, &r.Status, &r.Doc, &r.Version, &r.Position, &r.CreatedAt, &r.UpdatedAt, &r.Deleted}
}

func (r *experimentRow) same(o *experimentRow) bool {
	a, b := *r, *o
	a.CreatedAt, a.UpdatedAt = b.CreatedAt, b.UpdatedAt
	return a == b && r.CreatedAt.Equal(o.CreatedAt) && r.UpdatedAt.Equal(o.UpdatedAt)
}

func (r *resourceRow) columns() []any {
	return []any{&r.Kind, &r.ID, &r.Key, &r.Doc, &r.Version, &r.Position, &r.Deleted}
}

func (r *resourceRow) same(o *resourceRow) bool { return *r == *o }

func (r *memberRow) columns() []any { return []any{&r.Segment, &r.Member} }

func (r *memberRow) same(o *memberRow) bool { return *r == *o }

func (r *statusRow) columns() []any { return []any{&r.ID, &r.Experiment, &r.Old, &r.New, &r.At} }

func (r *statusRow) same(o *statusRow) bool {
	a, b := *r, *o
	a.At = b.At
	return a == b && r.At.Equal(o.At)
}

func (r *dayRow) columns() []any {
	return []any{&r.Date, &r.Active, &r.Inactive, &r.Changed, &r.Total, &r.From, &r.To, &r.Hash}
}

func (r *dayRow) same(o *dayRow) bool { return reflect.DeepEqual(r, o) }

func (r *changeRow) columns() []any {
	return []any{&r.Date, &r.Experiment, &r.Key, &r.Name, &r.Changes}
}

func (r *changeRow) same(o *changeRow) bool { return *r == *o }

func (r *reportRow) columns() []any { return []any{&r.Date, &r.Report, &r.Position} }

func (r *reportRow) same(o *reportRow) bool { return *r == *o }

// compareTable compares a table with the rows that it should hold, in order.
func compareTable[R any, P stored[R]](ctx context.Context, q eventstore.Querier, v *verifier, table, sql string, want []R) error {
	rows, err := q.Query(ctx, sql)
	if err != nil {
		return fmt.Errorf("read %s: %w", table, err)
	}
	defer rows.Close()
	n := 0
	have := P(new(R))
	columns := have.columns()
	for rows.Next() {
		*have = *new(R) // a null may leave what it is scanned into as it was
		if err := rows.Scan(columns...); err != nil {
			v.mismatch("%s: row %d cannot be read: %v", table, n+1, err)
			return nil
		}
		if n >= len(want) {
			v.mismatch("%s: a row too many: %.200v", table, *have)
			return rows.Err()
		}
		if !have.same(&want[n]) {
			v.mismatch("%s: row %d is %.200v and should be %.200v", table, n+1, *have, want[n])
		}
		n++
	}
	if n < len(want) {
		v.mismatch("%s: %d rows are missing, the first: %.200v", table, len(want)-n, want[n])
	}
	return rows.Err()
}

func (v *verifier) mismatch(format string, args ...any) {
	if len(v.Mismatches) < maxMismatches {
		v.Mismatches = append(v.Mismatches, fmt.Sprintf(format, args...))
	}
}
