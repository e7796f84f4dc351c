package queries

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
)

// WriteResultsCSV writes results as one table (RFC 4180): a row for each metric
// and variation, then one for each value of the breakdown's dimension.
func WriteResultsCSV(out io.Writer, doc *Results) error {
	w := csv.NewWriter(out)
	w.UseCRLF = true
	rows := [][]string{{
		"as_of", "experiment", "phase", "dimension", "value", "metric", "role", "goal", "variation", "units", "mean", "std_error",
		"effect", "effect_low", "effect_high", "lift", "lift_low", "lift_high", "p_value", "p_adjusted", "chance_to_win",
		"expected_loss", "significant", "status", "flags", "verdict",
	}}
	head := []string{doc.AsOf, plain(doc.Experiment.Key), strconv.Itoa(doc.Phase)}
	add := func(dimension, value string, metrics []MetricResult) {
		for _, m := range metrics {
			for _, v := range m.Variations {
				row := append(head[:len(head):len(head)], plain(dimension), plain(value), plain(m.Metric), m.Role, m.Goal)
				rows = append(rows, append(append(row, v.columns()...), doc.Verdict.Code))
			}
		}
	}
	add("", "", doc.Metrics)
	if doc.Breakdown != nil {
		for _, value := range doc.Breakdown.Values {
			add(doc.Breakdown.Dimension, value.Value, value.Metrics)
		}
	}
	return w.WriteAll(rows)
}

func (v *VariationResult) columns() []string {
	return []string{
		plain(v.Variation), strconv.FormatInt(v.Units, 10), cell(v.Mean), cell(v.StdError),
		cell(v.Effect), v.EffectCI.end(0), v.EffectCI.end(1), cell(v.Lift), v.LiftCI.end(0), v.LiftCI.end(1),
		cell(v.PValue), cell(v.PAdjusted), cell(v.ChanceToWin), cell(v.ExpectedLoss),
		strconv.FormatBool(v.Significant), v.Status, strings.Join(v.Flags, " "),
	}
}

// cell is a number, or nothing.
func cell(x *float64) string {
	if x == nil {
		return ""
	}
	return strconv.FormatFloat(*x, 'g', -1, 64)
}

func (i *Interval) end(end int) string {
	if i == nil {
		return ""
	}
	return cell(i[end])
}
