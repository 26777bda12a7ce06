package wrap

import (
	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

// Trace holds functions that are told what a route does with one request; each may be nil. For `fairway try`.
// Fetches run in parallel: a function must cope with concurrent calls.
type Trace struct {
	// Fetch gives what is told of one fetch's attempts. Name is empty for the unnamed one.
	Fetch func(name string) *upstream.Trace
	// Charset is told how a body's bytes became text.
	Charset func(fetch string, c decode.Charset)
	// Decoded is told a fetch's value: JSON text, or a tree.
	Decoded func(fetch string, json []byte, tree any)
	// Program is told each run of a jq program: reply, fail_when or body.
	Program func(kind, source string, value any, err error)
}
