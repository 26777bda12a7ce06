// Package database is how a service speaks to a database of SQL: statements with placeholders, and what one run of them
// is. The engines are in the package sqlpool.
package database

import (
	"sync"
	"time"

	"github.com/fairway-gateway/fairway/proxies/decode"
)

// Defaults of a Query.
const (
	DefaultTimeout = 10 * time.Second
	DefaultRows    = 1000
	DefaultLimit   = 10 << 20
)

// Query is one run of a statement.
type Query struct {
	// Text is what Statement.Text gave for the dialect of the database.
	Text string
	// Args are the parameters in their order: nil, string, bool, or json.Number.
	Args []any
	// Exec says that it may change data. It is then committed where all went well; else the transaction is read-only.
	Exec bool
	// Rows is how many rows it may give, Limit how many bytes their values may have, as the database writes them; more is a
	// failure. Both are above 0.
	Rows  int
	Limit int64
	// Factor is what a byte of JSON text takes in memory until Result.Release: the budget is charged with it. At least 1.
	Factor float64
	// Sinks are each told the rows, a list of objects, or {"rows_affected": n} where it gives none.
	Sinks []decode.Sink
}

// Result is what a Query gave. Its memory is charged to the budget until Release.
type Result struct {
	// Rows is how many rows were told.
	Rows int

	release func()
}

// NewResult makes a Result; release is called once.
func NewResult(rows int, release func()) *Result {
	return &Result{Rows: rows, release: sync.OnceFunc(release)}
}

// Release gives the memory back to the budget, once. It may be called on nil and twice.
func (r *Result) Release() {
	if r != nil {
		r.release()
	}
}

// ValueError says that a parameter is not of the type that the database wants where it stands.
type ValueError struct {
	Err error // for the log; it may hold the value
}

func (e *ValueError) Error() string { return "a parameter is not of its type: " + e.Err.Error() }

// Unwrap gives the cause.
func (e *ValueError) Unwrap() error { return e.Err }
