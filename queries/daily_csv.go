package queries

import (
	"encoding/csv"
	"io"
	"strconv"

	"github.com/assaylabs/assay/domain"
)

// WriteDailyCSV writes reports as one table (RFC 4180): a row for each
// experiment that changed on a day, one row without an experiment for every
// other day.
func WriteDailyCSV(out io.Writer, reports []domain.DailyReport) error {
	w := csv.NewWriter(out)
	w.UseCRLF = true
	rows := [][]string{{
		"date", "final", "active", "inactive", "changed_experiments", "total_changes",
		"from_position", "to_position", "checkpoint", "experiment_id", "key", "name", "changes",
	}}
	for _, r := range reports {
		day := []string{
			r.Date.String(), strconv.FormatBool(r.Final), strconv.Itoa(r.Active), strconv.Itoa(r.Inactive),
			strconv.Itoa(r.ChangedExperiments), strconv.Itoa(r.TotalChanges),
			strconv.FormatInt(r.FromPosition, 10), strconv.FormatInt(r.ToPosition, 10), r.Checkpoint,
		}
		if len(r.Experiments) == 0 {
			rows = append(rows, append(day, "", "", "", ""))
		}
		for _, e := range r.Experiments {
			rows = append(rows, append(day[:len(day):len(day)],
				e.ExperimentID.String(), plain(e.Key), plain(e.Name), strconv.Itoa(e.Changes)))
		}
	}
	return w.WriteAll(rows)
}

// plain keeps spreadsheets from running a cell as a formula.
func plain(cell string) string {
	if cell != "" {
		switch cell[0] {
		case '=', '+', '-', '@', '\t', '\r':
			return "'" + cell
		}
	}
	return cell
}
