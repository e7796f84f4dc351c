package warehouse

import (
	"cmp"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/tracking/tally"
)

// Study is what is counted.
type Study struct {
	Plan tally.Plan
	// Experiment is the key that exposures name it by.
	Experiment string
	// From is when the phase began; Until is the time that is looked back from:
	// what came then or later does not count.
	From, Until time.Time
	// Excluded are the members of the segments that the plan leaves out.
	Excluded []string
}

// statement is text and arguments, of which the text has only places.
type statement struct {
	strings.Builder
	args []any
}

func (s *statement) add(format string, args ...any) { fmt.Fprintf(&s.Builder, format, args...) }

// arg is the place of one more argument, of a type.
func (s *statement) arg(value any, sqlType string) string {
	s.args = append(s.args, value)
	return fmt.Sprintf("cast($%d as %s)", len(s.args), sqlType)
}

const (
	microsPerHour = 3_600_000_000
	microsPerDay  = 24 * microsPerHour
)

// query makes the statements of one study.
type query struct {
	*Source
	Study
	bots   []string
	bounds []int64
}

// events appends a common table of the events of a name: unit, at, and value in
// whole millionths, half to even.
func (q *query) events(s *statement, table, name string) error {
	e, ok := q.Events[name]
	field := "events." + name
	if !ok {
		return domain.Invalid(field, "must say where these events are: metrics count them")
	}
	unit, err := e.unit(field, q.Plan.UnitType)
	if err != nil {
		return err
	}
	value := "cast(null as numeric)"
	if e.Value != "" {
		value = fmt.Sprintf("cast(%s as numeric)", quote(e.Value))
	}
	s.add(`,
%s as (
	select unit, at, value
	from (
		select unit, at, down + case when rest > 0.5 or rest = 0.5 and mod(down, 2) <> 0 then 1 else 0 end as value
		from (select unit, at, floor(exact) as down, exact - floor(exact) as rest
			from (select %s as unit, %s as at, %s * 1000000 as exact from %s) e
			where unit is not null and at < %s) e
	) e
	where value is null or abs(value) <= 1000000000000000000
)`, table, text(unit), micros(e.At), value, e.from(), s.arg(q.Until.UnixMicro(), "bigint"))
	return nil
}

// counted begins a statement with the units: when first exposed, to which
// variation, on which day they crossed over, and why they are left out.
func (q *query) counted() (*statement, error) {
	x := &q.Exposures
	unit, err := x.unit("exposures", q.Plan.UnitType)
	if err != nil {
		return nil, err
	}
	id := "''"
	if x.ID != "" {
		id = text(quote(x.ID))
	}
	dimensions, names := "", ""
	for i, name := range q.Plan.Dimensions {
		column, ok := x.Dimensions[name]
		if !ok {
			return nil, domain.Invalid("exposures.dimensions", "must name the column of %s", name)
		}
		dimensions += fmt.Sprintf(", %s as d%d", text(quote(column)), i)
		names += fmt.Sprintf(", d%d", i)
	}
	s := &statement{}
	s.add(`with shown as (
	select *, row_number() over earliest as place, first_value(variation) over earliest as decided
	from (select %s as unit, %s as at, %s as variation, %s as id%s
		from %s where %s = %s) e
	where unit is not null and variation is not null and at >= %s and at < %s
	window earliest as (partition by unit order by at, id collate "C", variation collate "C")
),
units as (
	select unit, at, at / %d as day, %s as variation, crossed / %[11]d as crossed%[13]s,
		case when unit = any(%s) then 'excluded' when unit = any(%s) then 'bots' end as left_out
	from (select *, min(case when variation <> decided then at end) over (partition by unit) as crossed from shown) e
	where place = 1
),
counted as (
	select * from units where left_out is null and (crossed is null or crossed > day)
)`, text(unit), micros(x.At), text(quote(x.Variation)), id, dimensions, x.from(),
		text(quote(x.Experiment)), s.arg(q.Experiment, "text"),
		s.arg(q.From.UnixMicro(), "bigint"), s.arg(q.Until.UnixMicro(), "bigint"),
		int64(microsPerDay), q.variation(s), names,
		s.arg(q.Excluded, "text[]"), s.arg(q.bots, "text[]"))
	return s, nil
}

// variation is the place of a variation in the plan, -1 without.
func (q *query) variation(s *statement) string {
	if len(q.Plan.Variations) == 0 {
		return "-1"
	}
	places := "case variation"
	for i, key := range q.Plan.Variations {
		places += fmt.Sprintf(" when %s then %d", s.arg(key, "text"), i)
	}
	return places + " else -1 end"
}

// botQuery finds the exposed units that have too many events.
func (q *query) botQuery() (*statement, error) {
	s, err := q.counted()
	if err != nil || len(q.Events) == 0 {
		return nil, err
	}
	var tables []string
	for name, e := range q.Events {
		if _, ok := e.Units[q.Plan.UnitType]; !ok {
			continue
		}
		table := fmt.Sprint("events", len(tables))
		if err := q.events(s, table, name); err != nil {
			return nil, err
		}
		tables = append(tables, "select unit from "+table)
	}
	if len(tables) == 0 {
		return nil, nil
	}
	s.add("\nselect unit from (%s) e where unit in (select unit from units) group by unit having count(*) > %s",
		strings.Join(tables, " union all "), s.arg(tally.MaxEvents, "bigint"))
	return s, nil
}

// unitQuery counts units and what is left out: why, dimension and its value, day
// and variation.
func (q *query) unitQuery() (*statement, error) {
	s, err := q.counted()
	if err != nil {
		return nil, err
	}
	s.add(`
select metric, dimension, value, day, variation, sum(n)
from (
	select '' as metric, '' as dimension, '' as value, day, variation, 1 as n from counted
	union all select '', '', '', crossed, variation, -1 from counted where crossed is not null
	union all select %s, '', '', crossed, variation, 1 from units where left_out is null and crossed is not null
	union all select %s, '', '', day, variation, 1 from units where left_out = 'excluded'
	union all select %s, '', '', day, variation, 1 from units where left_out = 'bots'`,
		s.arg(tally.Crossovers, "text"), s.arg(tally.Excluded, "text"), s.arg(tally.Bots, "text"))
	for i, name := range q.Plan.Dimensions {
		s.add("\n\tunion all select '', %s, coalesce(d%d, %s), null, variation, 1 from counted where crossed is null",
			s.arg(name, "text"), i, s.arg(tally.None, "text"))
	}
	s.add("\n) e\ngroup by metric, dimension, value, day, variation")
	return s, nil
}

// measure is how a metric's numbers come of events, in SQL.
type measure struct{ num, den string }

func measureOf(kind string) measure {
	switch kind {
	case "sum":
		return measure{"coalesce(e.value, 0)", "0"}
	case "mean":
		return measure{"coalesce(e.value, 0)", "case when e.value is null then 0 else 1000000 end"}
	case "ratio":
		return measure{"coalesce(e.value, 1000000)", "0"}
	}
	return measure{"1000000", "0"}
}

// facts appends the events of a metric that count, before the first exposure or
// after it.
func (q *query) facts(s *statement, m *tally.Metric) error {
	if err := q.events(s, "above", m.Event); err != nil {
		return err
	}
	lookback, start, window := int64(0), int64(0), int64(math.MaxInt32)*microsPerHour
	if m.CUPED {
		lookback = int64(cmp.Or(m.LookbackDays, tally.DefaultLookback)) * microsPerDay
	}
	if m.WindowHours > 0 {
		window = int64(m.WindowHours) * microsPerHour
	}
	if m.Kind == "retention" {
		start = microsPerDay
	}
	counts := fmt.Sprintf(`e.at >= c.at - %s and (e.at < c.at or e.at >= c.at + %s) and e.at < c.at + %s
		and (c.crossed is null or e.at / %d < c.crossed)`,
		s.arg(lookback, "bigint"), s.arg(start, "bigint"), s.arg(window, "bigint"), int64(microsPerDay))
	of := measureOf(m.Kind)
	if m.Kind == "ratio" {
		if err := q.events(s, "below", m.Denominator); err != nil {
			return err
		}
	}
	s.add(`,
facts as (
	select c.unit, e.at, e.at >= c.at as exposed, e.value, %s as num, %s as den
	from counted c join above e on e.unit = c.unit where %s`, of.num, of.den, counts)
	if m.Kind == "ratio" {
		s.add(`
	union all select c.unit, e.at, e.at >= c.at, e.value, 0, coalesce(e.value, 1000000)
	from counted c join below e on e.unit = c.unit where %s`, counts)
	}
	s.add("\n)")
	return nil
}

// metricQuery sums a metric's numbers: of each unit the state that it has from one
// day on, until the next one or until it crosses over.
func (q *query) metricQuery(m *tally.Metric) (*statement, error) {
	s, err := q.counted()
	if err == nil {
		err = q.facts(s, m)
	}
	if err != nil {
		return nil, err
	}
	bounded := func(number string) string {
		switch {
		case m.Kind == "conversion", m.Kind == "retention":
			return "least(" + number + ", 1000000)"
		case m.Cap != nil:
			return fmt.Sprintf("least(%s, %s)", number, s.arg(*m.Cap, "numeric"))
		}
		return number
	}
	s.add(`,
before as (
	select unit, sum(num) as num, sum(den) as den from facts where not exposed group by unit
),
days as (
	select unit, day, sum(num) as num, sum(den) as den
	from (
		select unit, at / %d as day, num, den from facts where exposed
		union all select unit, day, 0, 0 from counted
	) e
	group by unit, day
),
totals as (
	select unit, day, sum(num) over upwards as num, sum(den) over upwards as den, lead(day) over (partition by unit order by day) as next
	from days
	window upwards as (partition by unit order by day rows between unbounded preceding and current row)
),
states as (
	select c.*, t.day as since, coalesce(t.next, c.crossed) as until, %s as num, t.den as den,
		%s as pre, coalesce(b.den, 0) as pre_den
	from totals t join counted c on c.unit = t.unit left join before b on b.unit = t.unit
)`, int64(microsPerDay), bounded("t.num"), bounded("coalesce(b.num, 0)"))
	s.add("\nselect dimension, value, since, variation, sum(n)")
	for _, product := range products() {
		// What the metric has not is 0 in each row: no need to add it up.
		if !m.CUPED && strings.Contains(product, "pre") || m.Kind != "mean" && m.Kind != "ratio" && strings.Contains(product, "den") {
			s.add(", '0'")
			continue
		}
		s.add(", cast(sum(n * %s) as text)", product)
	}
	s.add("\nfrom (\n")
	q.signed(s, "num, den, pre, pre_den")
	s.add("\n) e\ngroup by dimension, value, since, variation")
	return s, nil
}

// products are what sums are of, in their order.
func products() []string {
	of := [tally.SumCount]string{
		tally.Num: "num", tally.NumNum: "num * num", tally.Den: "den", tally.DenDen: "den * den", tally.NumDen: "num * den",
		tally.Pre: "pre", tally.PrePre: "pre * pre", tally.NumPre: "num * pre",
		tally.PreDen: "pre_den", tally.PreDenPreDen: "pre_den * pre_den", tally.PrePreDen: "pre * pre_den",
		tally.DenPreDen: "den * pre_den", tally.NumPreDen: "num * pre_den", tally.PreNumDen: "pre * den",
	}
	return of[:]
}

// signed adds each state on its first day, and takes it away on the first day of
// the next; the last one that stays goes to the dimensions.
func (q *query) signed(s *statement, columns string) {
	s.add(`	select '' as dimension, '' as value, since, variation, 1 as n, %[1]s from states
	union all select '', '', until, variation, -1, %[1]s from states where until is not null`, columns)
	for i, name := range q.Plan.Dimensions {
		s.add("\n\tunion all select %s, coalesce(d%d, %s), null, variation, 1, %s from states where until is null",
			s.arg(name, "text"), i, s.arg(tally.None, "text"), columns)
	}
}

// quantileQuery counts what a quantile's buckets hold; rows without a bucket count
// units.
func (q *query) quantileQuery(m *tally.Metric) (*statement, error) {
	s, err := q.counted()
	if err == nil {
		err = q.facts(s, m)
	}
	if err != nil {
		return nil, err
	}
	s.add(`,
parts as (
	select unit, day, bucket, count(*) as events
	from (select unit, at / %[1]d as day,
			case when value < 0 then -width_bucket(cast(-value as bigint), %[2]s) else width_bucket(cast(value as bigint), %[2]s) end as bucket
		from facts where exposed and value is not null) e
	group by unit, day, bucket
),
days as (
	select unit, day from parts union select unit, day from counted
),
spans as (
	select d.unit, d.day as since, coalesce(lead(d.day) over (partition by d.unit order by d.day), c.crossed) as until
	from days d join counted c on c.unit = d.unit
),
held as (
	select s.unit, s.since, p.bucket, sum(p.events) as events
	from spans s join parts p on p.unit = s.unit and p.day <= s.since
	group by s.unit, s.since, p.bucket
),
ranked as (
	select unit, since, bucket, events, sum(events) over (partition by unit, since) as total,
		sum(events) over (partition by unit, since order by bucket rows between unbounded preceding and current row) as up
	from held
),
states as (
	select c.*, s.since, s.until, cast(null as bigint) as bucket, 0 as events, 0 as squares, 0 as products
	from spans s join counted c on c.unit = s.unit
	union all select c.*, s.since, s.until, r.bucket, r.events, r.up * r.up - (r.up - r.events) * (r.up - r.events), r.events * r.total
	from ranked r join spans s on s.unit = r.unit and s.since = r.since join counted c on c.unit = r.unit
)
select dimension, value, since, variation, sum(n), bucket,
	cast(sum(n * events) as bigint), cast(sum(n * squares) as bigint), cast(sum(n * products) as bigint)
from (
`, int64(microsPerDay), s.arg(q.bounds, "bigint[]"))
	q.signed(s, "bucket, events, squares, products")
	s.add("\n) e\ngroup by dimension, value, since, variation, bucket")
	return s, nil
}
