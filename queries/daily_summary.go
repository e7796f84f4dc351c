package queries

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/assaylabs/assay/domain"
)

// DailySummary is a domain.DailyReport without which experiments changed: their
// number has no bound, and who draws a year of days needs only how many.
type DailySummary struct {
	Date               domain.Date `json:"date"`
	Final              bool        `json:"final"`
	Active             int         `json:"active"`
	Inactive           int         `json:"inactive"`
	ChangedExperiments int         `json:"changed_experiments"`
	TotalChanges       int         `json:"total_changes"`
	FromPosition       int64       `json:"from_position"`
	ToPosition         int64       `json:"to_position"`
	Checkpoint         string      `json:"checkpoint"`
}

// DailySummaries is DailyReports in short. It reads a row for each day, however
// much happened.
func (s *Service) DailySummaries(ctx context.Context, from, to domain.Date) ([]DailySummary, error) {
	if err := checkDays(from, to); err != nil {
		return nil, err
	}
	var d days
	closed := map[domain.Date]bool{}
	err := s.postgres.snapshot(ctx, func(ctx context.Context, tx pgx.Tx) error {
		b := d.queue(from, to)
		b.Queue(`select date from daily_reports where date between $1 and $2`, from.Start(), to.Start()).Query(func(rows pgx.Rows) error {
			return eachDate(rows, func(date domain.Date) { closed[date] = true })
		})
		return tx.SendBatch(ctx, b).Close()
	})
	if err != nil {
		return nil, err
	}
	summaries := []DailySummary{}
	d.each(from, to, func(date domain.Date, last dayState) {
		summaries = append(summaries, last.summary(date, closed[date]))
	})
	return summaries, nil
}

// summary makes a day's summary out of the last state up to its end.
func (d dayState) summary(date domain.Date, final bool) DailySummary {
	r := d.report(date, nil)
	s := DailySummary{
		Date: date, Final: final, Active: r.Active, Inactive: r.Inactive, TotalChanges: r.TotalChanges,
		FromPosition: r.FromPosition, ToPosition: r.ToPosition, Checkpoint: r.Checkpoint,
	}
	if d.date != nil && domain.DateOf(*d.date) == date {
		s.ChangedExperiments = *d.changed
	}
	return s
}
