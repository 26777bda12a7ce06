package sqlpool

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/document"
)

type sink = decode.Sink

// cell tells a value of a column, of which it gets the text as the server writes it.
type cell func(s sink, text string) error

// types knows what the types of a database are made of. Those that every server has are known to pgx, those that somebody
// made are asked for once for each query.
type types struct {
	known *pgtype.Map // read only

	mu      sync.Mutex
	learned map[string]struct{} // queries
	arrays  map[uint32]element  // the types of arrays that somebody made
}

// element is what an array is made of.
type element struct {
	oid       uint32
	delimiter byte
}

func newTypes() *types {
	return &types{known: pgtype.NewMap(), learned: map[string]struct{}{}, arrays: map[uint32]element{}}
}

// firstOwn is the first OID of what somebody made.
const firstOwn = 16384

// learn asks for the types of a query's columns when it sees the query first.
func (t *types) learn(ctx context.Context, conn *pgx.Conn, query string) error {
	t.mu.Lock()
	_, known := t.learned[query]
	t.mu.Unlock()
	if known {
		return nil
	}
	sd, err := conn.PgConn().Prepare(ctx, "", query, nil)
	if err != nil {
		return err
	}
	var own []uint32
	for _, f := range sd.Fields {
		if f.DataTypeOID >= firstOwn {
			own = append(own, f.DataTypeOID)
		}
	}
	found := map[uint32]element{}
	if len(own) > 0 {
		// Its element is a type as it stands in values: of a domain, the one below.
		// Of which type numbers are is asked of the server, whatever the mode: the transaction stays at one, also behind a pooler.
		rows, err := conn.Query(ctx, `select a.oid, case when e.typtype = 'd' then e.typbasetype else e.oid end, e.typdelim::text
			from pg_catalog.pg_type a join pg_catalog.pg_type e on e.oid = a.typelem
			where a.typcategory = 'A' and a.oid = any($1)`, pgx.QueryExecModeDescribeExec, own)
		if err != nil {
			return err
		}
		var array uint32
		var e element
		var delimiter string
		_, err = pgx.ForEachRow(rows, []any{&array, &e.oid, &delimiter}, func() error {
			e.delimiter = delimiter[0]
			found[array] = e
			return nil
		})
		if err != nil {
			return err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.learned[query] = struct{}{}
	maps.Copy(t.arrays, found)
	return nil
}

// cell gives what tells the values of a type.
func (t *types) cell(oid uint32) cell {
	switch oid {
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.OIDOID, pgtype.Float4OID, pgtype.Float8OID, pgtype.NumericOID:
		return number
	case pgtype.BoolOID:
		return func(s sink, text string) error { return s.Bool(text == "t") }
	case pgtype.JSONOID:
		return asJSON(document.JSON{Duplicates: "last", Surrogates: document.SurrogatesReplace}) // as jsonb has it
	case pgtype.JSONBOID:
		return asJSON(document.JSON{})
	case pgtype.TimestampOID, pgtype.TimestamptzOID:
		return timestamp
	case pgtype.ByteaOID:
		return bytea
	}
	if e, ok := t.element(oid); ok {
		inner := t.cell(e.oid)
		return func(s sink, text string) error { return array(s, text, e.delimiter, inner) }
	}
	return func(s sink, text string) error { return s.String(text) }
}

// element says what an array is made of.
func (t *types) element(oid uint32) (element, bool) {
	if oid >= firstOwn {
		t.mu.Lock()
		defer t.mu.Unlock()
		e, ok := t.arrays[oid]
		return e, ok
	}
	if known, ok := t.known.TypeForOID(oid); ok {
		if codec, ok := known.Codec.(*pgtype.ArrayCodec); ok {
			e := element{oid: codec.ElementType.OID, delimiter: ','}
			if e.oid == pgtype.BoxOID {
				e.delimiter = ';'
			}
			return e, true
		}
	}
	return element{}, false
}

// asJSON tells JSON as it is.
func asJSON(d document.JSON) cell {
	return func(s sink, text string) error {
		return d.Decode(context.Background(), &decode.Input{Body: []byte(text)}, s)
	}
}

// bytea tells bytes as base64 (RFC 4648).
func bytea(s sink, text string) error {
	digits, ok := strings.CutPrefix(text, `\x`)
	raw, err := hex.DecodeString(digits)
	if !ok || err != nil {
		return errors.New("a bytea is not in hex")
	}
	return s.String(base64.StdEncoding.EncodeToString(raw))
}

// timestamp tells a point in time by RFC 3339 in UTC; one without a zone is taken to be in UTC. What RFC 3339 has no word
// for, infinity and years before 1 or after 9999, stays as the server writes it.
func timestamp(s sink, text string) error {
	for _, layout := range []string{"2006-01-02 15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999Z07:00:00"} {
		if v, err := time.Parse(layout, text); err == nil {
			if v = v.UTC(); v.Year() >= 1 && v.Year() <= 9999 {
				return s.String(v.Format(time.RFC3339Nano))
			}
		}
	}
	return s.String(text)
}

// array tells the text of an array: {1,NULL,"a \"b\""}, {{1,2},{3,4}}, [0:1]={1,2}.
func array(s sink, text string, delimiter byte, inner cell) error {
	if strings.HasPrefix(text, "[") {
		_, after, ok := strings.Cut(text, "=")
		if !ok {
			return errors.New("an array has bounds and nothing else")
		}
		text = after
	}
	p := arrayText{text: text, delimiter: delimiter, inner: inner}
	if err := p.array(s); err != nil {
		return err
	}
	if p.pos != len(p.text) {
		return errors.New("an array goes on after its end")
	}
	return nil
}

// arrayText is the text of an array while it is read.
type arrayText struct {
	text      string
	pos       int
	delimiter byte
	inner     cell
}

func (p *arrayText) array(s sink) error {
	if !p.next('{') {
		return errors.New("an array begins without its brace")
	}
	if err := s.BeginArray(); err != nil {
		return err
	}
	for first := true; !p.next('}'); first = false {
		if !first && !p.next(p.delimiter) {
			return fmt.Errorf("an array has no delimiter at byte %d", p.pos)
		}
		if err := p.value(s); err != nil {
			return err
		}
	}
	return s.EndArray()
}

func (p *arrayText) next(c byte) bool {
	if p.pos < len(p.text) && p.text[p.pos] == c {
		p.pos++
		return true
	}
	return false
}

func (p *arrayText) value(s sink) error {
	rest := p.text[p.pos:]
	switch {
	case strings.HasPrefix(rest, "{"):
		return p.array(s)
	case strings.HasPrefix(rest, `"`):
		var b strings.Builder
		for i := 1; i < len(rest); i++ {
			switch rest[i] {
			case '\\':
				if i++; i < len(rest) {
					b.WriteByte(rest[i])
				}
			case '"':
				p.pos += i + 1
				return p.inner(s, b.String())
			default:
				b.WriteByte(rest[i])
			}
		}
		return errors.New("an array has a quote without an end")
	}
	end := strings.IndexAny(rest, string(p.delimiter)+"}")
	if end <= 0 {
		return fmt.Errorf("an array lacks a value at byte %d", p.pos)
	}
	p.pos += end
	if rest[:end] == "NULL" {
		return s.Null()
	}
	return p.inner(s, rest[:end])
}
