package request

import (
	"io"
	"net/http"
)

// KeepBodyOpen has nobody who handles r close its body: the server does that, and then reads what is left of it, or closes the
// connection where that is much. Caddy's requests have a body that net/http does not know as its own. If one of these is closed while
// there is much left, net/http takes it for read, and what is left for the next request: a caller could send one in another's name by a
// connection that somebody between them shares.
func KeepBodyOpen(r *http.Request) {
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = open{r.Body}
	}
}

// open is a body that is not closed.
type open struct{ io.Reader }

// Close does nothing.
func (open) Close() error { return nil }
