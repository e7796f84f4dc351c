package warehouse_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"github.com/assaylabs/assay/internal/pgtest"
	"github.com/assaylabs/assay/internal/tallymodel"
	"github.com/assaylabs/assay/tracking"
	"github.com/assaylabs/assay/tracking/tally"
	"github.com/assaylabs/assay/tracking/warehouse"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const source = `{
	"exposures": {
		"table": "shop.Shown to", "units": {"user_id": "User \"id\"", "device": "device"}, "at": "at", "id": "id",
		"experiment": "experiment", "variation": "arm", "dimensions": {"country": "geo", "beta": "beta"}
	},
	"events": {
		"buy": {"table": "shop.orders", "units": {"user_id": "buyer", "device": "device"}, "at": "paid at", "value": "total"},
		"view": {"sql": "select * from shop.clicks where kind = 'view' -- and no other", "units": {"user_id": "who", "device": "device"}, "at": "at", "value": "worth"},
		"err": {"sql": "select who, device, at from shop.clicks where kind = 'err';\n", "units": {"user_id": "who", "device": "device"}, "at": "at"}
	}
}`

// shop is a warehouse: a database that Assay knows nothing of.
func shop(t testing.TB) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	_, err = conn.Exec(t.Context(), `create schema shop;
		create table shop."Shown to" (id uuid, "User ""id""" text, device text, at timestamptz, experiment text, arm text, geo text, beta text);
		create table shop.orders (buyer text, device text, "paid at" timestamptz, total numeric);
		create table shop.clicks (kind text, who text, device text, at timestamp, worth numeric)`)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func parsed(t testing.TB) warehouse.Source {
	t.Helper()
	s, err := warehouse.Parse([]byte(source))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// attribute is a scalar as text, nil without.
func attribute(f tallymodel.Fact, name string) *string {
	var all map[string]json.RawMessage
	if json.Unmarshal(f.Attributes, &all) != nil {
		return nil
	}
	value := string(all[name])
	switch {
	case value == "", value == "null", strings.ContainsRune("[{", rune(value[0])):
		return nil
	case value[0] == '"':
		_ = json.Unmarshal(all[name], &value)
	}
	return &value
}

// fill makes facts the content of the shop.
func fill(t testing.TB, conn *pgx.Conn, facts []tallymodel.Fact) {
	t.Helper()
	b := &pgx.Batch{}
	for _, table := range []string{`"Shown to"`, "orders", "clicks"} {
		b.Queue("delete from shop." + table)
	}
	for _, f := range facts {
		user, device := &f.Unit, (*string)(nil)
		if f.UnitType == "device" {
			user, device = device, user
		}
		var value *string
		if f.Value != nil {
			value = new(new(big.Rat).SetFrac64(*f.Value, 1e6).FloatString(6))
		}
		switch f.Name {
		case "":
			b.Queue(`insert into shop."Shown to" values ($1, $2, $3, $4, $5, $6, $7, $8)`, f.ID, user, device, f.At,
				f.Verdict.Experiment.String(), f.Variation, attribute(f, "country"), attribute(f, "beta"))
		case "buy":
			b.Queue(`insert into shop.orders values ($1, $2, $3, $4::text::numeric)`, user, device, f.At, value)
		default:
			b.Queue(`insert into shop.clicks values ($1, $2, $3, $4 at time zone 'UTC', $5::text::numeric)`, f.Name, user, device, f.At, value)
		}
	}
	if err := conn.SendBatch(t.Context(), b).Close(); err != nil {
		t.Fatal(err)
	}
}

func differ(want, got map[tally.CellKey]tally.Cell) string {
	return cmp.Diff(want, got, cmp.Comparer(func(a, b *big.Int) bool {
		return a == b || a != nil && b != nil && a.Cmp(b) == 0
	}))
}

// The warehouse counts what is counted by hand of the same facts, to the last bit.
func TestCountsWhatTheModelCounts(t *testing.T) {
	conn := shop(t)
	s := parsed(t)
	kinds := map[string]int{}
	rapid.Check(t, func(r *rapid.T) {
		experiments := []uuid.UUID{{1}, {2}}
		plan := tallymodel.DrawPlan(r, experiments[0], 1)
		for _, m := range plan.Metrics {
			kinds[m.Kind]++
		}
		facts := make([]tallymodel.Fact, rapid.IntRange(1, 60).Draw(r, "facts"))
		for i := range facts {
			f := tallymodel.DrawFact(r, experiments)
			f.Verdict.Ruling, f.Verdict.Phase, f.Verdict.Epoch = tracking.Agrees, 1, 0 // nobody derives them here
			if f.Name == "err" {
				f.Value = nil
			}
			facts[i] = f
		}
		from := tallymodel.Epoch().Add(time.Duration(rapid.IntRange(-15, 5).Draw(r, "from")) * 24 * time.Hour)
		until := tallymodel.Epoch().Add(time.Duration(rapid.IntRange(0, 15).Draw(r, "until")) * 24 * time.Hour)
		fill(t, conn, facts)
		var known []tallymodel.Fact
		for _, f := range facts {
			if f.At.Before(until) && (f.Name != "" || !f.At.Before(from)) {
				known = append(known, f)
			}
		}
		got, err := warehouse.Count(t.Context(), conn, s, warehouse.Study{
			Plan: plan, Experiment: experiments[0].String(), From: from, Until: until, Excluded: []string{"u5", "u9"},
		})
		if err != nil {
			r.Fatal(err)
		}
		if diff := differ(tallymodel.Cells(plan, known, func(unit string) bool { return unit == "u5" }), got); diff != "" {
			r.Fatalf("the model has, the warehouse has (-, +):\n%s", diff)
		}
	})
	if len(kinds) != 7 {
		t.Errorf("kinds of metrics: %v", kinds)
	}
}

func facts(n int) []tallymodel.Fact {
	all := []tallymodel.Fact{{
		UnitType: "user_id", Unit: "u1", At: tallymodel.Epoch(), ID: uuid.UUID{1}, Variation: "treatment",
		Verdict:    tracking.Verdict{Ruling: tracking.Agrees, Experiment: uuid.UUID{1}, Phase: 1},
		Attributes: json.RawMessage(`{"country":"` + strings.Repeat("Ünterwalden ", 12) + `"}`),
	}}
	for i := range n {
		all = append(all, tallymodel.Fact{
			UnitType: "user_id", Unit: "u1", At: tallymodel.Epoch().Add(time.Duration(i) * time.Second), Name: []string{"buy", "view"}[i%2],
		})
	}
	return all
}

func plan(metrics ...tally.Metric) tally.Plan {
	return tally.Plan{
		Experiment: uuid.UUID{1}, Phase: 1, UnitType: "user_id", Variations: []string{"control", "treatment"},
		Dimensions: []string{"country"}, Metrics: metrics,
	}
}

func study(plan tally.Plan) warehouse.Study {
	return warehouse.Study{
		Plan: plan, Experiment: uuid.UUID{1}.String(), From: tallymodel.Epoch(), Until: tallymodel.Epoch().AddDate(0, 0, 30),
	}
}

// A unit with too many events, of whatever names, is a bot; a dimension's value is
// cut as elsewhere.
func TestBotsAndLongValues(t *testing.T) {
	conn := shop(t)
	p := plan(tally.Metric{Key: "buys", Kind: "count", Event: "buy"})
	for _, n := range []int{tally.MaxEvents, tally.MaxEvents + 1} {
		fill(t, conn, facts(n))
		got, err := warehouse.Count(t.Context(), conn, parsed(t), study(p))
		if err != nil {
			t.Fatal(err)
		}
		if diff := differ(tallymodel.Cells(p, facts(n), nil), got); diff != "" {
			t.Errorf("with %d events (-, +):\n%s", n, diff)
		}
		_, bot := got[tally.CellKey{Metric: tally.Bots, Variation: 1, Day: tallymodel.Epoch().Truncate(24 * time.Hour)}]
		if bot != (n > tally.MaxEvents) {
			t.Errorf("with %d events: %v", n, got)
		}
	}
}

// Values are rounded to millionths as intake rounds them, and what it refuses does
// not count.
func TestValuesAreRoundedAsIntakeRounds(t *testing.T) {
	conn := shop(t)
	fill(t, conn, facts(0))
	values := []string{
		"0.0000005", "0.0000015", "-0.0000005", "-0.0000015", "0.00000050000001", "-2.4999995", "1e12", "-1e12",
		"1000000000000.0000001", "1e13", "NaN", "3", "999999999999.9999995",
	}
	sum, count := int64(0), int64(0)
	for _, v := range values {
		if _, err := conn.Exec(t.Context(), `insert into shop.orders values ('u1', null, $1, $2::text::numeric)`, tallymodel.Epoch(), v); err != nil {
			t.Fatal(err)
		}
		if amount, err := tracking.ParseAmount(v); err == nil {
			sum, count = sum+int64(amount), count+1
		}
	}
	p := plan(tally.Metric{Key: "m", Kind: "mean", Event: "buy"})
	got, err := warehouse.Count(t.Context(), conn, parsed(t), study(p))
	if err != nil {
		t.Fatal(err)
	}
	cell := got[tally.CellKey{Metric: "m", Variation: 1, Day: tallymodel.Epoch().Truncate(24 * time.Hour)}]
	if have := fmt.Sprint(cell.Sums[tally.Num], cell.Sums[tally.Den]); have != fmt.Sprint(sum, count*1e6) {
		t.Errorf("sum and count are %s, want %d %d", have, sum, count*1e6)
	}
}

// Nothing is written, whatever the source's queries call.
func TestNothingIsWritten(t *testing.T) {
	conn := shop(t)
	_, err := conn.Exec(t.Context(), `create function shop.spoil() returns int language sql as 'insert into shop.orders values (''x'') returning 1'`)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, conn, facts(1))
	s := parsed(t)
	for name, sql := range map[string]string{
		"a function":     `select * from shop.orders where shop.spoil() = 1`,
		"a second":       `select * from shop.orders) e); drop table shop.orders; select * from (select 1`,
		"not a query":    `delete from shop.orders returning *`,
		"a second begun": `select * from shop.orders; drop table shop.orders`,
	} {
		s.Events = maps.Clone(s.Events)
		buy := s.Events["buy"]
		buy.Table, buy.SQL = "", sql
		s.Events["buy"] = buy
		if got, err := warehouse.Count(t.Context(), conn, s, study(plan())); err == nil {
			t.Errorf("%s: %v", name, got)
		}
	}
	var orders int
	if err := conn.QueryRow(t.Context(), `select count(*) from shop.orders`).Scan(&orders); err != nil || orders != 1 {
		t.Errorf("%d orders are left, %v", orders, err)
	}
}

func TestWhatASourceLacks(t *testing.T) {
	conn := shop(t)
	for want, p := range map[string]tally.Plan{
		"events.refund":        plan(tally.Metric{Key: "m", Kind: "count", Event: "refund"}),
		"exposures.dimensions": {UnitType: "user_id", Dimensions: []string{"age"}},
		"exposures.units":      {UnitType: "household"},
	} {
		if got, err := warehouse.Count(t.Context(), conn, parsed(t), study(p)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, %v, want a fault of %s", got, err, want)
		}
	}
	for want, doc := range map[string]string{
		"exposures: must have either": `{"exposures":{"units":{"user_id":"u"},"at":"at","experiment":"e","variation":"v"},"events":{}}`,
		"exposures: must name":        `{"exposures":{"table":"t","units":{"user_id":"u"},"at":"at"},"events":{}}`,
		"exposures.units":             `{"exposures":{"table":"t","at":"at","experiment":"e","variation":"v"},"events":{}}`,
		"events.buy.at":               `{"exposures":{"table":"t","units":{"user_id":"u"},"at":"at","experiment":"e","variation":"v"},"events":{"buy":{"sql":"select","units":{"u":"u"}}}}`,
		"tabel":                       `{"exposures":{"tabel":"t"}}`,
	} {
		if _, err := warehouse.Parse([]byte(doc)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", doc, err, want)
		}
	}
}
