// Package decode turns the bytes of a backend's answer into a value: charset, format.
//
// A decoder tells the value as a stream of events to a Sink. Writer makes JSON text with the document's own key order
// and exact numbers, Tree makes the Go values that jq programs work on, Records does either for one record after the
// other. So a decoder is written once, an answer that no jq program touches never becomes a tree, and limits are
// enforced in one place.
package decode

import (
	"context"
	"fmt"
	"io"
	"net/url"

	"github.com/fairway-gateway/fairway/proxies/decode/charset"
)

// Decoder makes a value of one kind of text. Decoders are compiled once and used concurrently.
//
// Guest modules in the Caddy namespace fairway.decoders implement it.
type Decoder interface {
	// Decode reads the whole of in and tells exactly one value to out. It returns the sink's errors unchanged,
	// and its own as *SyntaxError where it knows the place. It must end soon after ctx has ended.
	Decode(ctx context.Context, in *Input, out Sink) error
	// Factor says how many bytes of memory a byte of input takes as a tree; it is what the memory budget is
	// charged with. Measured in a test, rounded up.
	Factor() float64
}

// Input is what a decoder reads.
type Input struct {
	// Body is the whole body as UTF-8 without byte order mark. It belongs to the caller of Decode: a decoder
	// copies what it keeps and changes nothing.
	Body []byte
	// MediaType is the backend's Content-Type without parameters, in lower case; may be empty.
	MediaType string
	// ContentType is the whole header as the backend sent it; may be empty.
	ContentType string
	// URL is where the body came from, absolute, for links that are relative to it; may be nil.
	URL *url.URL
	// Charset is what is known of the charset; only decoders of bytes need it, for the text inside.
	Charset charset.Options
	// Found, where not nil, is where a decoder that chooses by itself says what it found.
	Found *Found
}

// Found is what was decided about a body, for those who ask why its value is what it is.
type Found struct {
	// Format is the format that auto chose; empty for decoders that do not choose.
	Format string
	// Charset is how the bytes were read as text; zero where they were not.
	Charset charset.Choice
}

// Binary is a Decoder of bytes that are not one text: Input.Body is then the body as it was received, after content
// decoding.
type Binary interface {
	Decoder
	// Binary only marks the type.
	Binary()
}

// Declarer is a Decoder of documents that may declare their own charset.
type Declarer interface {
	Decoder
	// DeclaredCharset finds the label that the first bytes of a document declare, "" if none.
	DeclaredCharset(prefix []byte) string
}

// Streamer is a Decoder of records, whose value is an array: it can tell the items while the text is still coming.
type Streamer interface {
	Decoder
	// Stream tells what Decode would tell, each item as soon as its text is there. In has no Body. It keeps no more than
	// one item in memory, and gives a *LimitError where that is longer than MaxRecord. Errors of text and of out come
	// back unchanged.
	Stream(ctx context.Context, text io.Reader, in *Input, out Sink) error
}

// MaxRecord is how many bytes of text one record of a stream may have.
const MaxRecord = 1 << 20

// Sink receives a value as events, in the order of the text. After an error nothing more may be told.
type Sink interface {
	BeginObject() error
	// Key tells the name of the next member. Names may repeat only if the sink allows it; both of ours refuse.
	Key(name string) error
	EndObject() error
	BeginArray() error
	EndArray() error
	// String tells a string of valid UTF-8.
	String(s string) error
	// Number tells a number as a literal of RFC 8259, kept exact.
	Number(literal string) error
	Bool(b bool) error
	Null() error
}

// Limits bound what a sink accepts, against bodies that are small as text and huge as a value.
type Limits struct {
	// Nodes is how many values and keys one document may have. 0: DefaultNodes.
	Nodes int
	// Depth is how deep objects and arrays may nest. 0: DefaultDepth.
	Depth int
}

// Default limits of a sink.
const (
	DefaultNodes = 1 << 20
	DefaultDepth = 512
)

// SyntaxError says that the body is not of the format, and where.
type SyntaxError struct {
	Format string // as in the Caddyfile: "json"
	Offset int64  // in bytes of the decoded text, from 0
	Msg    string // without credentials and without more than a few bytes of the body
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s: %s at byte %d", e.Format, e.Msg, e.Offset)
}

// LimitError says that the document is larger as a value than the limits allow.
type LimitError struct {
	What  string // "nodes", "depth", "bytes in a number", "bytes in a record" or "columns"
	Limit int
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("the document has more than %d %s", e.Limit, e.What)
}

// Settler is a Declarer that also knows when there is nothing to wait for, for documents that are read while they come.
type Settler interface {
	Declarer
	// CharsetSettled says of a prefix in which DeclaredCharset finds nothing that more of the document changes nothing.
	CharsetSettled(prefix []byte) bool
}
