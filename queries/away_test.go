package queries

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// TestAway holds which errors may be over later. TestRestart has those of a real server that is not there.
func TestAway(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"none":                 {nil, false},
		"no row":               {pgx.ErrNoRows, false},
		"of ours":              {errors.New("the address is taken"), false},
		"unavailable":          {fmt.Errorf("x: %w", &UnavailableError{io.EOF}), true},
		"it stops":             {fmt.Errorf("x: %w", &pgconn.PgError{Code: "57P01"}), true},
		"too many connections": {&pgconn.PgError{Code: "53300"}, true},
		"a constraint":         {&pgconn.PgError{Code: "23505"}, false},
		"a wrong statement":    {&pgconn.PgError{Code: "42601"}, false},
		"too slow":             {context.DeadlineExceeded, true},
		"the caller left":      {errors.Join(context.Canceled, io.EOF), false},
	} {
		if got := Away(c.err); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
