package eventstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/trace"

	"github.com/assaylabs/assay/domain"
)

// transactTimeout bounds one append transaction.
const transactTimeout = 10 * time.Second

// tailPage is how many records of other processes are read at once.
const tailPage = 2_000

// errBehind says that the catalog and the ledger's head disagree: history was
// rewritten, by a restore or a fail-over.
var errBehind = errors.New("the catalog is not the ledger's")

// group is one append transaction under way.
type group struct {
	store    *Store
	conn     *pgxpool.Conn
	requests []*request
	outcomes []outcome
	now      time.Time
	// slack is by how much now may be behind the ledger's clock: nil where now was
	// read under the lock, and is the ledger's time whatever the clock does next.
	slack *time.Duration
	// before is the chain's hash before this group.
	before domain.Hash
	// answers are those of this group's idempotency keys, and of earlier ones.
	answers map[[2]string]stored
	records []Record
	fresh   []storedKey
	// meanwhile is what commands want done while Postgres writes.
	meanwhile []func()
}

// stored is an answer kept under an idempotency key.
type stored struct {
	hash     []byte
	answer   []byte
	position int64
}

type storedKey struct {
	actor, key string
	stored
}

// transact runs the requests in one transaction. On error nobody was answered,
// and the catalog is forgotten.
func (s *Store) transact(ctx context.Context, requests []*request) (err error) {
	ctx, cancel := context.WithTimeout(ctx, transactTimeout)
	defer cancel()
	// In traces the transaction is part of its first command's request.
	if span := trace.SpanFromContext(requests[0].ctx); span.IsRecording() {
		ctx = trace.ContextWithSpan(ctx, span)
	}
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	g := &group{store: s, conn: conn, requests: requests, answers: map[[2]string]stored{}}
	defer func() {
		if err != nil {
			s.catalog = nil
			s.expect(0)
			g.rollback(ctx)
		}
	}()
	if err := g.append(ctx); err != nil {
		return err
	}
	if len(g.records) > 0 {
		s.metrics.records.Add(float64(len(g.records)))
		if s.cfg.OnCommit != nil {
			s.cfg.OnCommit(g.records)
		}
		s.advance(g.records[len(g.records)-1].Position)
	}
	for i, r := range requests {
		r.done <- g.outcomes[i]
	}
	return nil
}

// append decides and appends: in one round trip if nobody came between, else in
// two, one to take the lock and read what is new, one to write and commit.
func (g *group) append(ctx context.Context) error {
	if g.mayGoAhead() {
		if done, err := g.goAhead(ctx); done || err != nil {
			return err
		}
	}
	if err := g.lock(ctx); err != nil {
		return err
	}
	g.decide()
	return g.write(ctx)
}

var commit = NewStatement("commit")

// write appends the records with all that goes with them, and commits.
func (g *group) write(ctx context.Context) error {
	p, err := g.store.pipeline(ctx, g.conn.Conn())
	if err != nil {
		return err
	}
	if len(g.records) > 0 {
		g.store.expect(g.records[len(g.records)-1].Position)
		g.sendRecords(p)
		p.flush()
		if err := g.store.cfg.Inline.Write(p, g.store.catalog, g.records); err != nil {
			p.err = errors.Join(p.err, err)
		}
	}
	g.sendFresh(p)
	// What goes ahead is within one pipeline: a transaction that commits at its end.
	if !g.ahead() {
		p.Send(commit)
	}
	return p.finish(g.meanwhile, g.scanClock)
}

// ahead says that the group was decided before it has the lock.
func (g *group) ahead() bool { return g.slack != nil }

func (g *group) rollback(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if _, err := g.conn.Exec(ctx, "rollback"); err != nil {
		_ = g.conn.Conn().Close(ctx) // the pool discards closed connections
	}
}

// lock begins the transaction, takes the append lock and brings the catalog to
// the ledger's head.
func (g *group) lock(ctx context.Context) error {
	var head Head
	b := &pgx.Batch{}
	b.Queue("begin")
	// A clock read before the wait for the lock does no harm: time never falls
	// below the head's, which is read after the wait.
	b.Queue("select position, recorded_at, hash, ledger_clock(), began_at from event_head for update").
		QueryRow(func(row pgx.Row) error {
			var hash []byte
			err := row.Scan(&head.Position, &head.RecordedAt, &hash, &head.Now, &head.BeganAt)
			copy(head.Hash[:], hash)
			return err
		})
	g.queueAnswers(b)
	if err := g.conn.SendBatch(ctx, b).Close(); err != nil {
		return err
	}
	g.store.heard(head.Position)
	g.store.clock = reading{head.Now.UTC(), time.Now()}
	g.slack = nil
	g.now = head.Time().UTC()
	return g.catchUp(ctx, head)
}

// catchUp brings the catalog to the head, by what other processes appended or,
// failing that, from the read models.
func (g *group) catchUp(ctx context.Context, head Head) error {
	s := g.store
	remembered := s.catalog != nil
	s.alone = remembered && s.catalog.Position() == head.Position
	for s.catalog != nil && s.catalog.Position() < head.Position {
		tail, err := readAll(ctx, g.conn, s.catalog.Position(), tailPage)
		if err != nil {
			return err
		}
		if len(tail) == 0 {
			break
		}
		for i := range tail {
			// Only what follows from the catalog's own history belongs to it.
			if tail[i].Chain(s.catalog.Hash()) != tail[i].Hash {
				s.catalog = nil
				break
			}
			s.catalog.Apply(tail[i].Stamp(), tail[i].Stream, tail[i].Event)
		}
	}
	if remembered {
		if s.catalog != nil && s.catalog.Position() == head.Position && s.catalog.Hash() == head.Hash {
			return nil
		}
		s.cfg.Log.WarnContext(ctx, "the ledger was rewritten; reloading", "position", head.Position)
	}
	catalog, err := s.cfg.Inline.Load(ctx, g.conn)
	if err != nil {
		return fmt.Errorf("load the catalog: %w", err)
	}
	if catalog.Position() != head.Position || catalog.Hash() != head.Hash {
		return fmt.Errorf("%w: it stands at %d, the head at %d", errBehind, catalog.Position(), head.Position)
	}
	s.catalog = catalog
	return nil
}

// queueAnswers asks for the answers that the group's idempotency keys have.
func (g *group) queueAnswers(b *pgx.Batch) {
	var actors, keys []string
	for _, r := range g.requests {
		if m := r.cmd.Meta; m.IdempotencyKey != "" {
			actors, keys = append(actors, m.Actor), append(keys, m.IdempotencyKey)
		}
	}
	if len(keys) == 0 {
		return
	}
	b.Queue(`select actor, key, request_hash, answer, position
		from unnest($1::text[], $2::text[]) asked (a, k)
		join lateral (select * from idempotency_keys where actor = a and key = k) found on true`, actors, keys).
		Query(func(rows pgx.Rows) error {
			defer rows.Close()
			for rows.Next() {
				var k storedKey
				if err := rows.Scan(&k.actor, &k.key, &k.hash, &k.answer, &k.position); err != nil {
					return err
				}
				g.answers[[2]string{k.actor, k.key}] = k.stored
			}
			return rows.Err()
		})
}

// decide runs each command on the catalog. One that fails leaves no trace.
func (g *group) decide() {
	g.outcomes, g.records, g.fresh, g.meanwhile = make([]outcome, len(g.requests)), make([]Record, 0, len(g.requests)), nil, nil
	g.before = g.store.catalog.Hash()
	for i, r := range g.requests {
		g.outcomes[i] = g.decideOne(r)
	}
}

func (g *group) decideOne(r *request) outcome {
	m := r.cmd.Meta
	at := [2]string{m.Actor, m.IdempotencyKey}
	if before, ok := g.answers[at]; ok && m.IdempotencyKey != "" {
		if string(before.hash) != string(m.RequestHash[:]) {
			return outcome{err: domain.Invalid("Idempotency-Key", "was used before with another request")}
		}
		return outcome{committed: Committed{Kept: before.answer, Position: before.position, Replayed: true}}
	}
	catalog := g.store.catalog
	tx := &Tx{Catalog: catalog, Now: g.now, meta: m, command: uuid.New()}
	catalog.Begin()
	answer, err := r.cmd.Decide(tx)
	var kept []byte
	if err == nil && m.IdempotencyKey != "" {
		kept, err = domain.Encode(answer)
	}
	if err != nil {
		catalog.Rollback()
		return outcome{err: err}
	}
	catalog.Keep()
	g.records = append(g.records, tx.records...)
	if tx.meanwhile != nil {
		g.meanwhile = append(g.meanwhile, tx.meanwhile)
	}
	if m.IdempotencyKey != "" {
		first := stored{hash: m.RequestHash[:], answer: kept, position: catalog.Position()}
		g.answers[at] = first
		g.fresh = append(g.fresh, storedKey{m.Actor, m.IdempotencyKey, first})
	}
	return outcome{committed: Committed{Records: tx.records, Answer: answer, Position: catalog.Position()}}
}

var insertFresh = NewStatement(`insert into idempotency_keys (actor, key, request_hash, answer, position, created_at)
	select unnest($1::text[]), unnest($2::text[]), unnest($3::bytea[]), unnest($4::json[]), unnest($5::bigint[]), $6::timestamptz`)

func (g *group) sendFresh(p *pipeline) {
	if len(g.fresh) == 0 {
		return
	}
	var actors, keys, answers []string
	var hashes [][]byte
	var positions []int64
	for _, k := range g.fresh {
		actors, keys, answers = append(actors, k.actor), append(keys, k.key), append(answers, string(k.answer))
		hashes, positions = append(hashes, k.hash), append(positions, k.position)
	}
	p.Send(insertFresh, actors, keys, hashes, answers, positions, g.now)
}

// insertRecords takes the records' time from the head: they have none, which the
// table refuses, where the head is not the one that they follow from.
var insertRecords = NewStatement(`with head as (
		update event_head set position = $19, recorded_at = $15, hash = $20
		where position = $16 and hash = $17 and $15 >= recorded_at and ($18::interval is null
			or $15 <= greatest(ledger_clock(), recorded_at) and $15 >= ledger_clock() - $18)
		returning ledger_clock() as clock
	), appended as (
		insert into events (` + columns + `)
		select unnest($1::bigint[]), unnest($2::text[]), unnest($3::int[]), unnest($4::text[]), unnest($5::int[]),
			unnest($6::json[]), unnest($7::bytea[]), unnest($8::uuid[]), unnest($9::text[]), unnest($10::text[]),
			unnest($11::text[]), unnest($12::text[]), unnest($13::text[]), (select $15 from head), unnest($14::bytea[])
	)
	select clock, pg_notify($21, $19::bigint::text) from head`)

// sendRecords inserts the records, moves the head to the last of them and
// notifies the channel: one statement for any number. It fails where they do not
// follow from the head, or their time is not the ledger's.
func (g *group) sendRecords(p *pipeline) {
	n := len(g.records)
	first, last := &g.records[0], &g.records[n-1]
	var (
		positions = make([]int64, n)
		streams   = make([]string, n)
		versions  = make([]int32, n)
		types     = make([]string, n)
		schemas   = make([]int32, n)
		data      = make([]string, n)
		dataHash  = make([][]byte, n)
		commands  = make(pgtype.FlatArray[pgtype.UUID], n)
		actors    = make([]string, n)
		keyIDs    = make([]string, n)
		reasons   = make([]string, n)
		requests  = make([]string, n)
		cors      = make([]string, n)
		hashes    = make([][]byte, n)
	)
	for i := range g.records {
		r := &g.records[i]
		positions[i], streams[i], versions[i] = r.Position, string(r.Stream), int32(r.Version)
		types[i], schemas[i], data[i], dataHash[i] = r.Type, int32(r.SchemaVersion), string(r.Data), r.DataHash[:]
		commands[i] = pgtype.UUID{Bytes: r.CommandID, Valid: true}
		actors[i], keyIDs[i], reasons[i] = r.Actor, r.KeyID, r.Reason
		requests[i], cors[i], hashes[i] = r.RequestID, r.CorrelationID, r.Hash[:]
	}
	p.Send(insertRecords,
		positions, streams, versions, types, schemas, data, dataHash, commands,
		actors, keyIDs, reasons, requests, cors, hashes, last.RecordedAt,
		first.Position-1, g.before[:], g.slack, last.Position, last.Hash[:], g.store.channel())
}

// scanClock reads the ledger's clock from what inserting the records returned.
func (g *group) scanClock(row pgx.CollectableRow) error {
	var clock time.Time
	var notified any
	err := row.Scan(&clock, &notified)
	if err == nil {
		g.store.clock = reading{clock.UTC(), time.Now()}
	}
	return err
}
