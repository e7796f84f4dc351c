package queries

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/domain"
)

// maxDays bounds the days of one query: a year, and the weeks that a calendar of
// it begins and ends with.
const maxDays = 400

// DailyReport reads the report of one day: the final one, or what it would be
// if the day ended now. A day to come, or before the ledger began, is an
// *domain.InvalidError.
func (s *Service) DailyReport(ctx context.Context, date domain.Date) (domain.DailyReport, error) {
	var report domain.DailyReport
	err := s.postgres.read(ctx, func(ctx context.Context, pool *pgxpool.Pool) (err error) {
		report, err = finalReport(ctx, pool, date)
		if errors.Is(err, pgx.ErrNoRows) {
			report, err = openReport(ctx, pool, date)
		}
		return err
	})
	return report, err
}

func finalReport(ctx context.Context, pool *pgxpool.Pool, date domain.Date) (domain.DailyReport, error) {
	var report []byte
	if err := pool.QueryRow(ctx, `select report from daily_reports where date = $1`, date.Start()).Scan(&report); err != nil {
		return domain.DailyReport{}, err
	}
	return parseReport(report)
}

func parseReport(data []byte) (report domain.DailyReport, err error) {
	err = json.Unmarshal(data, &report)
	return report, err
}

// openDaySQL reads in one snapshot what the report of an open day is made of:
// a row for each experiment that changed, one row at least.
const openDaySQL = `select h.recorded_at, ledger_clock(), h.began_at, r.report,
		s.date, s.active, s.inactive, s.total_changes, s.from_position, s.to_position, s.hash,
		c.experiment_id, c.key, c.name, c.changes
	from event_head h
	left join daily_reports r on r.date = $1
	left join (select * from daily_state where date <= $1 order by date desc limit 1) s on true
	left join daily_changes c on c.date = $1`

// openReport makes the report of a day that is not closed.
func openReport(ctx context.Context, pool *pgxpool.Pool, date domain.Date) (domain.DailyReport, error) {
	rows, err := pool.Query(ctx, openDaySQL, date.Start())
	if err != nil {
		return domain.DailyReport{}, err
	}
	defer rows.Close()
	var (
		span    span
		closed  []byte
		last    dayState
		changes []domain.DailyChange
	)
	for rows.Next() {
		var id *uuid.UUID
		var key, name *string
		var count *int
		if err := rows.Scan(&span.head, &span.now, &span.began, &closed,
			&last.date, &last.active, &last.inactive, &last.total, &last.from, &last.to, &last.hash,
			&id, &key, &name, &count); err != nil {
			return domain.DailyReport{}, err
		}
		if id != nil {
			changes = append(changes, domain.DailyChange{ExperimentID: *id, Key: *key, Name: *name, Changes: *count})
		}
	}
	if err := rows.Err(); err != nil {
		return domain.DailyReport{}, err
	}
	if closed != nil { // closed since it was looked for
		return parseReport(closed)
	}
	if err := span.check("date", date); err != nil {
		return domain.DailyReport{}, err
	}
	return last.report(date, changes), nil
}

// span is the time that the ledger knows.
type span struct{ began, head, now time.Time }

// first is the ledger's first day.
func (s span) first() domain.Date { return domain.DateOf(s.began) }

// today is the day that a record appended now would belong to: the ledger's
// time never falls, even when the clock does.
func (s span) today() domain.Date { return max(domain.DateOf(s.head), domain.DateOf(s.now)) }

func (s span) check(field string, date domain.Date) error {
	if date < s.first() || date > s.today() {
		return domain.Invalid(field, "must be from %s, when the ledger began, to %s, today (UTC)", s.first(), s.today())
	}
	return nil
}

// dayState is a row of daily_state; all are nil before the first.
type dayState struct {
	date                             *time.Time
	active, inactive, changed, total *int
	from, to                         *int64
	hash                             []byte
}

// report makes a day's report out of the last state up to its end.
func (d dayState) report(date domain.Date, changes []domain.DailyChange) domain.DailyReport {
	r := domain.DailyReport{Date: date, Experiments: []domain.DailyChange{}, FromPosition: 1}
	var hash domain.Hash
	if d.date != nil {
		copy(hash[:], d.hash)
		r.Active, r.Inactive = *d.active, *d.inactive
		r.FromPosition, r.ToPosition = *d.to+1, *d.to
		if domain.DateOf(*d.date) == date {
			r.FromPosition, r.TotalChanges = *d.from, *d.total
			r.ChangedExperiments = len(changes)
			r.Experiments = append(r.Experiments, changes...)
			slices.SortFunc(r.Experiments, func(a, b domain.DailyChange) int {
				return slices.Compare(a.ExperimentID[:], b.ExperimentID[:])
			})
		}
	}
	r.Checkpoint = domain.Checkpoint(r.ToPosition, hash)
	return r
}

// DailyReports reads the reports of days, both included, oldest first: at most
// 400 days, of which those that the ledger knows nothing of are left out.
func (s *Service) DailyReports(ctx context.Context, from, to domain.Date) ([]domain.DailyReport, error) {
	if err := checkDays(from, to); err != nil {
		return nil, err
	}
	var d days
	err := s.postgres.snapshot(ctx, func(ctx context.Context, tx pgx.Tx) error {
		b := d.queue(from, to)
		d.queueExperiments(b, from, to)
		return tx.SendBatch(ctx, b).Close()
	})
	if err != nil {
		return nil, err
	}
	return d.reports(from, to)
}

func checkDays(from, to domain.Date) error {
	if from > to {
		return domain.Invalid("from", "must not be after to")
	}
	if to-from >= maxDays {
		return domain.Invalid("to", "must be less than %d days after from", maxDays)
	}
	return nil
}

// days is what reports of many days are made of.
type days struct {
	span    span
	final   map[domain.Date][]byte
	states  []dayState // in order, with the last before the first day
	changes map[domain.Date][]domain.DailyChange
}

// queue asks for all but which experiments changed.
func (d *days) queue(from, to domain.Date) *pgx.Batch {
	b := &pgx.Batch{}
	b.Queue(`select recorded_at, ledger_clock(), began_at from event_head`).QueryRow(func(row pgx.Row) error {
		return row.Scan(&d.span.head, &d.span.now, &d.span.began)
	})
	b.Queue(`select date, active, inactive, changed_experiments, total_changes, from_position, to_position, hash from daily_state
		where date between coalesce((select max(date) from daily_state where date < $1), $1) and $2 order by date`,
		from.Start(), to.Start()).Query(d.readStates)
	return b
}

// queueExperiments asks for the reports that are final and, for the others, which
// experiments changed.
func (d *days) queueExperiments(b *pgx.Batch, from, to domain.Date) {
	d.final, d.changes = map[domain.Date][]byte{}, map[domain.Date][]domain.DailyChange{}
	first, last := from.Start(), to.Start()
	b.Queue(`select date, report from daily_reports where date between $1 and $2`, first, last).Query(d.readFinal)
	b.Queue(`select date, experiment_id, key, name, changes from daily_changes c where date between $1 and $2
		and not exists (select from daily_reports r where r.date = c.date)`,
		first, last).Query(d.readChanges)
}

func (d *days) readFinal(rows pgx.Rows) error {
	var date time.Time
	var report []byte
	_, err := pgx.ForEachRow(rows, []any{&date, &report}, func() error {
		d.final[domain.DateOf(date)] = append([]byte(nil), report...)
		return nil
	})
	return err
}

func (d *days) readStates(rows pgx.Rows) (err error) {
	d.states, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (s dayState, err error) {
		err = row.Scan(&s.date, &s.active, &s.inactive, &s.changed, &s.total, &s.from, &s.to, &s.hash)
		return s, err
	})
	return err
}

func (d *days) readChanges(rows pgx.Rows) error {
	var date time.Time
	var ch domain.DailyChange
	_, err := pgx.ForEachRow(rows, []any{&date, &ch.ExperimentID, &ch.Key, &ch.Name, &ch.Changes}, func() error {
		d.changes[domain.DateOf(date)] = append(d.changes[domain.DateOf(date)], ch)
		return nil
	})
	return err
}

func (d *days) reports(from, to domain.Date) (reports []domain.DailyReport, err error) {
	reports = []domain.DailyReport{}
	d.each(from, to, func(date domain.Date, last dayState) {
		report := last.report(date, d.changes[date])
		if final, ok := d.final[date]; ok && err == nil {
			report, err = parseReport(final)
		}
		reports = append(reports, report)
	})
	return reports, err
}

// each calls f with each day that the ledger knows, in order, and the last state
// up to its end.
func (d *days) each(from, to domain.Date, f func(date domain.Date, last dayState)) {
	var last dayState
	states := d.states
	for date := max(from, d.span.first()); date <= min(to, d.span.today()); date++ {
		for len(states) > 0 && domain.DateOf(*states[0].date) <= date {
			last, states = states[0], states[1:]
		}
		f(date, last)
	}
}

// eachDate calls f with the date of each row.
func eachDate(rows pgx.Rows, f func(domain.Date)) error {
	var date time.Time
	_, err := pgx.ForEachRow(rows, []any{&date}, func() error {
		f(domain.DateOf(date))
		return nil
	})
	return err
}
