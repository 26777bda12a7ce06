package markup

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
)

// xmlStreamed decodes in pieces of n bytes and gives the text and the error.
func xmlStreamed(t *testing.T, d *XML, body []byte, n int) (string, error) {
	t.Helper()
	w := decode.NewWriter(nil, decode.Limits{})
	err := d.Stream(t.Context(), &decodetest.Pieces{R: bytes.NewReader(body), N: n}, &decode.Input{}, w)
	return string(w.Bytes()), err
}

// xmlAgrees holds a stream to what the whole document gives. Of several errors it may find another one first.
func xmlAgrees(t *testing.T, d *XML, body []byte) {
	t.Helper()
	w := decode.NewWriter(nil, decode.Limits{})
	err := d.Decode(t.Context(), &decode.Input{Body: body}, w)
	for _, n := range []int{1, 7, 1 << 20} {
		got, streamErr := xmlStreamed(t, d, body, n)
		if got != string(w.Bytes()) || (err == nil) != (streamErr == nil) {
			t.Fatalf("in pieces of %d: %s (%v)\nas a whole: %s (%v)\nof %q", n, got, streamErr, w.Bytes(), err, body)
		}
	}
}

func TestXMLStream(t *testing.T) {
	t.Parallel()
	bodies := []string{
		"", " ", "<a/>", "\ufeff<a><r>1</r></a>", "<a>x<r b='&lt;'>1 &amp; 2</r><!-- < --><r><![CDATA[x]]></r>\n</a>\n<!-- -->", "<a><r>", "<a><r>1</r></b>", "x<r/>",
		"<a><r>1</r><r>&x;</r></a>", "<a><r>1 < 2</r></a>", "<a><r x=1/><r y>2</a>", "<!DOCTYPE a [<!-- ]> -->]><r>1</r>x", "<a><r>a</r", "<a><r>a</", "<a><r>a<", "<r><r/></r>", "<a><r/><r/></a>",
		"<a xmlns:p='u' xmlns:q='v'><r><p:x/><q:x/></r></a>", "<!-", "<!D", "<![CDA", "<r>a<!", "<r>\x01</r>", "<a>\x01<r/></a>", "<r", "<r ", "<r a", "<r a=", "<r a='", "<r /", "<r/x", "</", "</r", "<?", "<a b='\r",
	}
	for _, o := range []XMLOptions{{}, {Records: "r"}, {Select: "r"}, {Records: "r", Lenient: true}, {Lenient: true}, {Records: "r/*", Root: "keep", Namespaces: "keep"}} {
		for _, body := range bodies {
			xmlAgrees(t, xmlWith(o), []byte(body))
		}
	}
}

func TestXMLStreamOfLargeRecords(t *testing.T) {
	t.Parallel()
	d := xmlWith(XMLOptions{Records: "r"})
	long := strings.Repeat("x", decode.MaxRecord)
	for name, body := range map[string]string{
		"text": "<a><r>" + long + "</r></a>", "elements": "<a><r>" + strings.Repeat("<b/>", decode.MaxRecord/4) + "</r></a>", "comment": "<a><!--" + long + long + "--></a>", "attribute": "<a><r x='" + long + "'/></a>",
		"whole": "<r>" + strings.Repeat("<b/>", decode.MaxRecord/4) + "</r>",
	} {
		_, err := xmlStreamed(t, d, []byte(body), 1<<20)
		if limit, ok := errors.AsType[*decode.LimitError](err); !ok || limit.Limit != decode.MaxRecord {
			t.Errorf("%s: %v", name, err)
		}
	}
	body := "<a>" + long + long + "<r>" + long[:decode.MaxRecord-100] + "</r>" + long + "</a>"
	if got, err := xmlStreamed(t, d, []byte(body), 5000); err != nil || len(got) != decode.MaxRecord-100+4 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	broken := io.MultiReader(strings.NewReader("<a><r>1</r>"), iotest.ErrReader(io.ErrUnexpectedEOF))
	if err := d.Stream(t.Context(), broken, &decode.Input{}, decode.NewWriter(nil, decode.Limits{})); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
}

// TestXMLStreamTellsAtOnce reads no further than the end of a record before it tells it.
func TestXMLStreamTellsAtOnce(t *testing.T) {
	t.Parallel()
	r, w := io.Pipe()
	told := make(chan string)
	out := &recordSink{Writer: decode.NewWriter(nil, decode.Limits{}), told: told}
	done := make(chan error, 1)
	go func() { done <- xmlWith(XMLOptions{Records: "r"}).Stream(t.Context(), r, &decode.Input{}, out) }()
	_, _ = io.WriteString(w, "<a>\n")
	for i := range 3 {
		text := fmt.Sprint(i)
		_, _ = io.WriteString(w, "<r>"+text+"</r>")
		if got := <-told; got != text {
			t.Errorf("got %s, want %s", got, text)
		}
	}
	_, _ = io.WriteString(w, "</a>")
	_ = w.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

type recordSink struct {
	*decode.Writer
	told chan string
}

func (s *recordSink) String(text string) error {
	err := s.Writer.String(text)
	s.told <- text
	return err
}

// nowhere is a sink that keeps nothing.
type nowhere struct{}

func (nowhere) BeginObject() error  { return nil }
func (nowhere) Key(string) error    { return nil }
func (nowhere) EndObject() error    { return nil }
func (nowhere) BeginArray() error   { return nil }
func (nowhere) EndArray() error     { return nil }
func (nowhere) String(string) error { return nil }
func (nowhere) Number(string) error { return nil }
func (nowhere) Bool(bool) error     { return nil }
func (nowhere) Null() error         { return nil }

// repeating is a text that goes on for a long time.
type repeating struct {
	text  string
	at, n int
	peak  *uint64
}

func (r *repeating) Read(b []byte) (int, error) {
	if r.n == 0 {
		return 0, io.EOF
	}
	n := copy(b, r.text[r.at:])
	if r.at += n; r.at == len(r.text) {
		r.at = 0
		r.n--
		if r.n%1000 == 0 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			*r.peak = max(*r.peak, m.HeapAlloc)
		}
	}
	return n, nil
}

// TestStreamXMLMemory is not parallel: it measures the memory of the process.
func TestStreamXMLMemory(t *testing.T) { //nolint:paralleltest // see above
	if decodetest.RaceDetector {
		t.Skip("memory is measured without the race detector")
	}
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var peak uint64
	record := "<r id='1'><name>Müller &amp; Söhne</name><x/><y>" + strings.Repeat("1234567890", 50) + "</y></r>\n"
	text := io.MultiReader(strings.NewReader("<a>"), &repeating{text: record, n: 40_000, peak: &peak}, strings.NewReader("</a>"))
	if err := xmlWith(XMLOptions{Records: "r"}).Stream(t.Context(), text, &decode.Input{}, nowhere{}); err != nil {
		t.Fatal(err)
	}
	if used := int64(peak) - int64(before.HeapAlloc); used > 12<<20 {
		t.Errorf("%d MiB of memory for a document of %d MiB", used>>20, len(record)*40_000>>20)
	}
}
