package fold_test

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/assaylabs/assay/internal/ledgertest"
)

// distributed are the tables that grow with events, and the column by which they
// are spread over nodes, as docs/scale.md has it.
func distributed(t *testing.T) (by map[string]string, local []string) {
	t.Helper()
	doc, err := os.ReadFile("../../docs/scale.md")
	if err != nil {
		t.Fatal(err)
	}
	by = map[string]string{}
	for _, m := range regexp.MustCompile(`create_distributed_table\('(\w+)', '(\w+)'`).FindAllStringSubmatch(string(doc), -1) {
		by[m[1]] = m[2]
	}
	for line := range strings.Lines(string(doc)) {
		if names, rest, ok := strings.Cut(strings.TrimPrefix(line, "| "), " | "); ok && strings.HasPrefix(rest, "local") {
			for _, m := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(names, -1) {
				local = append(local, m[1])
			}
		}
	}
	return by, local
}

// TestDistribution holds the schema to what a sharded Postgres asks of it.
func TestDistribution(t *testing.T) {
	b := newBench(t)
	by, local := distributed(t)
	if len(by) != 3 || len(local) == 0 {
		t.Fatalf("docs/scale.md distributes %v and keeps %v", by, local)
	}
	tables := columns(t, b, `select relname from pg_class where relnamespace = current_schema::regnamespace and relkind in ('r', 'p')
		and not relispartition and (relname like 'track%' or relname = 'readouts')`)
	for _, table := range tables {
		if _, ok := by[table]; !ok && !slices.Contains(local, table) {
			t.Errorf("docs/scale.md does not say where %s is", table)
		}
	}
	for table, column := range by {
		if !slices.Contains(tables, table) {
			t.Errorf("there is no table %s", table)
		}
		without := columns(t, b, `select i.indexrelid::regclass::text from pg_index i where i.indisunique
			and (i.indrelid = $1::regclass or i.indrelid in (select inhrelid from pg_inherits where inhparent = $1::regclass))
			and not exists (select from pg_attribute a where a.attrelid = i.indrelid and a.attnum = any (i.indkey) and a.attname = $2)`, table, column)
		if len(without) > 0 {
			t.Errorf("%s: unique without %s: %v", table, column, without)
		}
		foreign := columns(t, b, `select conname from pg_constraint where contype = 'f' and $1::regclass in (conrelid, confrelid)`, table)
		if len(foreign) > 0 {
			t.Errorf("%s has foreign keys: %v", table, foreign)
		}
	}
}

func columns(t *testing.T, b *bench, sql string, args ...any) []string {
	t.Helper()
	rows, err := b.pool.Query(t.Context(), sql, args...)
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestStatementsCanBeDistributed looks for what Citus refuses on distributed tables.
func TestStatementsCanBeDistributed(t *testing.T) {
	var files []string
	for _, room := range []string{".", "../intake", "../jetstream"} {
		found, err := filepath.Glob(filepath.Join(room, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	refused := regexp.MustCompile(`(?i)\b(ctid|lateral)\b`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if word := refused.Find(text); word != nil && !strings.HasSuffix(file, "_test.go") {
			t.Errorf("%s: %s", file, word)
		}
	}
}

// spread puts the tables that grow with events into partitions by what docs/scale.md
// distributes them by: the nearest to shards on nodes that Postgres has. A unique
// index without that column would be refused.
func (b *bench) spread(t *testing.T) {
	t.Helper()
	by, _ := distributed(t)
	app, err := url.Parse(b.ledger.App)
	if err != nil {
		t.Fatal(err)
	}
	parts := func(table string) {
		for i := range 4 {
			b.execute(t, fmt.Sprintf(`create table %[1]s_part%[2]d partition of %[1]s for values with (modulus 4, remainder %[2]d)`, table, i))
		}
	}
	for _, table := range []string{"track_units", "tracked_ids"} {
		b.execute(t, fmt.Sprintf(`alter table %[1]s rename to whole; alter table whole rename constraint %[1]s_pkey to whole_pkey;
			create table %[1]s (like whole including all) partition by hash (%[2]s);
			drop table whole; grant select, insert, update, delete on %[1]s to %[3]s`, table, by[table], pgx.Identifier{app.User.Username()}.Sanitize()))
		parts(table)
	}
	for _, day := range columns(t, b, `select inhrelid::regclass::text from pg_inherits where inhparent = 'tracked'::regclass`) {
		bounds := b.rows(t, `select pg_get_expr(relpartbound, oid) from pg_class where oid = '`+day+`'::regclass`)
		b.execute(t, fmt.Sprintf(`drop table %[1]s; create table %[1]s partition of tracked %[2]s partition by hash (%[3]s)`,
			day, strings.Trim(strings.ReplaceAll(bounds, `""`, `"`), `()"`)+")", by["tracked"]))
		parts(day)
	}
}

// TestAGenerationIsClearedPieceByPiece deletes more histories than go at once.
func TestAGenerationIsClearedPieceByPiece(t *testing.T) {
	b := newBench(t)
	b.execute(t, `insert into track_rounds (generation, state, round, batch, target, size, since, day)
		values (0, 'retired', 0, 0, 0, 0, '0001-01-01', '0001-01-01')`)
	b.execute(t, `insert into track_units (generation, shard, unit_type, unit_id, history)
		select g, n % 8, 'user_id', n, '' from generate_series(0, 1) g, generate_series(1, 45000) n`)
	ledgertest.Run(t, b.folder(t).Run)
	deadline := time.Now().Add(30 * time.Second)
	for b.rows(t, `select generation from track_rounds where state = 'retired'`) != "" {
		if time.Now().After(deadline) {
			t.Fatal("the generation is still there")
		}
		time.Sleep(10 * time.Millisecond)
	}
	if left := b.rows(t, `select generation, count(*) from track_units group by generation`); left != "(1,45000)" {
		t.Errorf("left are %s", left)
	}
}
