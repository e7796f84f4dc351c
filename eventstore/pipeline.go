package eventstore

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// pipeline sends a transaction's statements as they are made: Postgres works on
// the first while the next are encoded. A pgx.Batch sends all when the last is
// made, and grows its buffers anew each time.
type pipeline struct {
	ctx      context.Context
	conn     *pgx.Conn
	wire     *pgconn.Pipeline
	tracer   pgx.BatchTracer // nil for none
	prepared prepared
	sent     []*statement
	encoder  *encoder
	err      error
}

// prepared are the statements that a connection knows, by their SQL.
type prepared map[string]*statement

// statement is a prepared one. The pipeline keeps results until they have come.
type statement struct {
	*pgconn.StatementDescription
	results []int16 // their formats
}

// preparedKey is where a connection keeps them.
const preparedKey = "assay statements"

// pipeline begins one on the connection.
func (s *Store) pipeline(ctx context.Context, conn *pgx.Conn) (*pipeline, error) {
	known, err := s.prepare(ctx, conn)
	if err != nil {
		return nil, err
	}
	p := &pipeline{ctx: ctx, conn: conn, tracer: s.tracer, prepared: known, encoder: &s.encoder}
	if p.tracer != nil {
		p.ctx = p.tracer.TraceBatchStart(ctx, conn, pgx.TraceBatchStartData{Batch: &pgx.Batch{}})
	}
	p.wire = conn.PgConn().StartPipeline(p.ctx)
	return p, nil
}

// prepare has the connection know all statements that write, once.
func (s *Store) prepare(ctx context.Context, conn *pgx.Conn) (prepared, error) {
	kept := conn.PgConn().CustomData()
	if known, ok := kept[preparedKey].(prepared); ok {
		return known, nil
	}
	wire := conn.PgConn().StartPipeline(ctx)
	for i, sql := range s.statements {
		wire.SendPrepare(fmt.Sprint("assay_", i), sql, nil)
	}
	err := wire.Sync()
	known := prepared{}
	for i, sql := range s.statements {
		var got any
		if err == nil {
			got, err = wire.GetResults()
		}
		if described, ok := got.(*pgconn.StatementDescription); ok {
			described.Name, described.SQL = fmt.Sprint("assay_", i), sql
			known[sql] = &statement{described, formats(conn.TypeMap(), described.Fields)}
		}
	}
	if closed := wire.Close(); err == nil {
		err = closed
	}
	if err != nil {
		_ = conn.Close(ctx) // it knows some: another begins anew
		return nil, fmt.Errorf("prepare statements: %w", err)
	}
	kept[preparedKey] = known
	return known, nil
}

func formats(types *pgtype.Map, fields []pgconn.FieldDescription) (formats []int16) {
	for _, field := range fields {
		formats = append(formats, types.FormatCodeForOID(field.DataTypeOID))
	}
	return formats
}

var _ Sender = (*pipeline)(nil)

// Send encodes a statement; what was encoded is sent by flush and finish.
func (p *pipeline) Send(s Statement, args ...any) {
	if p.err != nil {
		return
	}
	sql, args := s.bind(args)
	known := p.prepared[sql]
	if known == nil {
		p.err = fmt.Errorf("a statement that was not prepared: %s", sql)
		return
	}
	if p.err = p.encoder.encode(p.conn.TypeMap(), known.ParamOIDs, args); p.err != nil {
		return
	}
	p.wire.SendQueryStatement(known.StatementDescription, p.encoder.values, p.encoder.formats, known.results)
	p.sent = append(p.sent, known)
}

// flush has Postgres begin with what was sent so far.
func (p *pipeline) flush() {
	if p.err == nil {
		p.err = p.wire.Flush()
	}
}

// finish ends the transaction, does meanwhile while Postgres works, and gives the
// row of the first statement to scan. After an error nothing was committed, or the
// connection is closed.
func (p *pipeline) finish(meanwhile []func(), scan func(pgx.CollectableRow) error) error {
	if p.err == nil {
		p.err = p.wire.Sync()
	}
	for _, f := range meanwhile {
		f()
	}
	for i, statement := range p.sent {
		if p.err != nil {
			break
		}
		p.err = p.result(statement, i == 0, scan)
	}
	// Without its end, Sync, it closes the connection: that rolls back.
	if err := p.wire.Close(); p.err == nil {
		p.err = err
	}
	if p.tracer != nil {
		p.tracer.TraceBatchEnd(p.ctx, p.conn, pgx.TraceBatchEndData{Err: p.err})
	}
	return p.err
}

// result reads what became of the next statement.
func (p *pipeline) result(of *statement, first bool, scan func(pgx.CollectableRow) error) error {
	got, err := p.wire.GetResults()
	if reader, ok := got.(*pgconn.ResultReader); ok {
		rows := pgx.RowsFromResultReader(p.conn.TypeMap(), reader)
		for rows.Next() {
			if first && err == nil {
				err = scan(rows)
			}
		}
		if failed := rows.Err(); err == nil {
			err = failed
		}
	}
	if p.tracer != nil {
		p.tracer.TraceBatchQuery(p.ctx, p.conn, pgx.TraceBatchQueryData{SQL: of.SQL, Err: err})
	}
	return err
}

// encoder encodes the arguments of one statement at a time in buffers that it
// keeps.
type encoder struct {
	values  [][]byte
	formats []int16
	bytes   []byte
}

// keptBytes is how much of a buffer is kept for the next statement.
const keptBytes = 1 << 20

func (e *encoder) encode(types *pgtype.Map, oids []uint32, args []any) error {
	if len(args) != len(oids) {
		return fmt.Errorf("%d arguments where %d are expected", len(args), len(oids))
	}
	e.values, e.formats, e.bytes = e.values[:0], e.formats[:0], e.bytes[:0]
	if cap(e.bytes) > keptBytes {
		e.bytes = nil
	}
	for i, oid := range oids {
		format := types.FormatCodeForOID(oid)
		if _, text := args[i].(string); text {
			format = pgx.TextFormatCode // whatever the type
		}
		from := len(e.bytes)
		encoded, err := types.Encode(oid, format, args[i], e.bytes)
		if err != nil {
			return fmt.Errorf("argument %d: %w", i+1, err)
		}
		var value []byte // nil is NULL
		if encoded != nil {
			e.bytes = encoded
			value = encoded[from:len(encoded):len(encoded)]
		}
		e.values, e.formats = append(e.values, value), append(e.formats, format)
	}
	return nil
}
