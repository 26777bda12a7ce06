package executions_test

import (
	"testing"

	"github.com/google/uuid"
)

// TestWhoseItIs is about the resolver: owners and administrators see an execution, for others there is none.
func TestWhoseItIs(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		e := w.ran(t, "ann", w.script(t, "ann", "slow", "", "").ID)
		for _, who := range []string{"ann:", "boss:", "root:"} {
			w.Want(t, as(who), "GET", path(e, ""), "", 200)
			w.Want(t, as(who), "GET", path(e, "/"), "", 200)
		}
		for _, target := range []string{path(e, ""), base + uuid.NewString()} {
			a := w.Want(t, "ben:", "GET", target, "", 404)
			var told struct{ Detail string }
			if a.JSON(t, &told); told.Detail != "Ticket Not Found" {
				t.Error(a.Body)
			}
		}
		for _, id := range []string{"1", "null", "0195f3c4", "%00", "%ff", "{" + e.ID.String() + "}", "urn:uuid:" + e.ID.String(), e.ID.String() + "x"} {
			w.Want(t, "boss:", "GET", base+id, "", 404)
		}
	})
}
