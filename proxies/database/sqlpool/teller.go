package sqlpool

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/fairway-gateway/fairway/proxies/database"
	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

// chargeStep is how many bytes of the budget are taken at once.
const chargeStep = 64 << 10

// cellOverhead is the JSON text of a value beside its name and itself: quotes, colon, comma.
const cellOverhead = 6

// teller tells the rows of a query to its sinks, under the limits of the query and the budget.
type teller struct {
	q       *database.Query
	sinks   []decode.Sink
	memory  *upstream.Memory
	names   []string
	naming  int64 // bytes of the names of one row
	rows    int
	bytes   int64 // of values
	text    float64
	charged int64
}

func newTeller(q *database.Query, memory *upstream.Memory) *teller {
	return &teller{q: q, sinks: q.Sinks, memory: memory}
}

// release gives the memory back.
func (t *teller) release() {
	t.memory.Release(t.charged)
	t.charged = 0
}

// begin takes the names of the columns.
func (t *teller) begin(names []string) error {
	known := make(map[string]struct{}, len(names))
	for _, name := range names {
		if _, twice := known[name]; twice {
			return &upstream.Failure{
				Kind: upstream.Undecodable, Err: fmt.Errorf("two columns are called %.40q", name),
				Detail: "The query gives two columns of one name.",
			}
		}
		known[name] = struct{}{}
		t.naming += int64(len(name)) + cellOverhead
	}
	t.names = names
	return t.each(decode.Sink.BeginArray)
}

// row begins a row whose values have so many bytes together.
func (t *teller) row(size int64) error {
	if t.rows++; t.rows > t.q.Rows {
		return tooLarge(fmt.Sprintf("The query gives more than %d rows.", t.q.Rows))
	}
	if t.bytes += size; t.bytes > t.q.Limit {
		return tooLarge(fmt.Sprintf("The values of the query have more than %d bytes.", t.q.Limit))
	}
	t.text += float64(size + t.naming + 3)
	want := math.Ceil(t.text * max(1, t.q.Factor))
	if want >= math.MaxInt64/2 {
		return &upstream.Failure{Kind: upstream.MemorySpent}
	}
	if more := int64(want) - t.charged; more > 0 {
		more = (more + chargeStep - 1) / chargeStep * chargeStep
		if !t.memory.Acquire(more) {
			return &upstream.Failure{Kind: upstream.MemorySpent, Err: errors.New("the budget for buffered bytes is spent")}
		}
		t.charged += more
	}
	return nil
}

func tooLarge(detail string) *upstream.Failure {
	return &upstream.Failure{Kind: upstream.TooLarge, Detail: detail}
}

// affected is the value of a statement that gives no rows.
func (t *teller) affected(n int64) error {
	return t.each(func(s decode.Sink) error {
		if err := s.BeginObject(); err != nil {
			return err
		}
		if err := s.Key("rows_affected"); err != nil {
			return err
		}
		if err := s.Number(strconv.FormatInt(n, 10)); err != nil {
			return err
		}
		return s.EndObject()
	})
}

// end is after the last row.
func (t *teller) end() error { return t.each(decode.Sink.EndArray) }

// each tells all sinks.
func (t *teller) each(tell func(decode.Sink) error) error {
	for _, s := range t.sinks {
		if err := tell(s); err != nil {
			return untellable(err)
		}
	}
	return nil
}

// object tells a row; value tells the value of a column.
func (t *teller) object(value func(s decode.Sink, column int) error) error {
	return t.each(func(s decode.Sink) error {
		if err := s.BeginObject(); err != nil {
			return err
		}
		for i, name := range t.names {
			if err := s.Key(name); err != nil {
				return err
			}
			if err := value(s, i); err != nil {
				return err
			}
		}
		return s.EndObject()
	})
}

// untellable is the failure of a value that JSON cannot have, or of a document that is too large.
func untellable(err error) error {
	if f, ok := errors.AsType[*upstream.Failure](err); ok {
		return f
	}
	if _, ok := errors.AsType[*decode.LimitError](err); ok {
		return &upstream.Failure{Kind: upstream.TooLarge, Detail: "The query gives more values than one answer may have.", Err: err}
	}
	return &upstream.Failure{Kind: upstream.Undecodable, Err: err}
}

// number tells the text of a number as databases write it. What is none, NaN and the infinities among it, is null: JSON
// has no word for them, and a column keeps its type.
func number(s decode.Sink, text string) error {
	if len(text) <= decode.MaxNumber && json.Valid([]byte(text)) && (text[0] == '-' || text[0] >= '0' && text[0] <= '9') {
		return s.Number(text)
	}
	if len(text) > decode.MaxNumber && json.Valid([]byte(text)) {
		return s.String(text) // exact, and nobody computes with it
	}
	return s.Null()
}
