package projections

import (
	"context"
	"fmt"
	"reflect"

	"github.com/jackc/pgx/v5"

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

// compareTable compares a table with the rows that it should hold, in order.
func compareTable[R any](ctx context.Context, q eventstore.Querier, v *verifier, table, sql string, want []R) error {
	rows, err := q.Query(ctx, sql)
	if err != nil {
		return fmt.Errorf("read %s: %w", table, err)
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		have, err := pgx.RowToStructByPos[R](rows)
		if err != nil {
			v.mismatch("%s: row %d cannot be read: %v", table, n+1, err)
			return nil
		}
		if n >= len(want) {
			v.mismatch("%s: a row too many: %.200v", table, have)
			return rows.Err()
		}
		if !sameRow(have, want[n]) {
			v.mismatch("%s: row %d is %.200v and should be %.200v", table, n+1, have, want[n])
		}
		n++
	}
	if n < len(want) {
		v.mismatch("%s: %d rows are missing, the first: %.200v", table, len(want)-n, want[n])
	}
	return rows.Err()
}

func sameRow[R any](a, b R) bool {
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	for i := range x.NumField() {
		if !sameValue(x.Field(i).Interface(), y.Field(i).Interface()) {
			return false
		}
	}
	return true
}

func sameValue(a, b any) bool {
	if t, ok := a.(interface{ UnixMicro() int64 }); ok {
		return t.UnixMicro() == b.(interface{ UnixMicro() int64 }).UnixMicro()
	}
	return reflect.DeepEqual(a, b)
}

func (v *verifier) mismatch(format string, args ...any) {
	if len(v.Mismatches) < maxMismatches {
		v.Mismatches = append(v.Mismatches, fmt.Sprintf(format, args...))
	}
}
