package problem

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// document is what encoding/json would make of a problem.
type document struct {
	Type          string  `json:"type"`
	Title         string  `json:"title"`
	Status        int     `json:"status"`
	Detail        string  `json:"detail,omitempty"`
	Instance      string  `json:"instance,omitempty"`
	RequestID     string  `json:"request_id,omitempty"`
	Reason        string  `json:"reason"`
	StatusCode    int     `json:"status_code"`
	ErrorContent  *string `json:"error_content"`
	BackendStatus int     `json:"backend_status,omitempty"`
	Backend       string  `json:"backend,omitempty"`
	Fetch         string  `json:"fetch,omitempty"`
	Parameter     string  `json:"parameter,omitempty"`
}

func documentOf(p *Problem, instance, id string) document {
	d := document{
		Type: p.Type(), Title: http.StatusText(p.Status), Status: p.Status, Detail: valid(p.Detail), Instance: valid(instance),
		RequestID: valid(id), Reason: valid(p.Reason), StatusCode: p.Status, BackendStatus: p.BackendStatus,
		Backend: valid(p.Backend), Fetch: valid(p.Fetch), Parameter: valid(p.Parameter),
	}
	if p.ErrorContent != nil {
		content := valid(*p.ErrorContent)
		d.ErrorContent = &content
	}
	if d.Reason == "" {
		d.Reason = d.Title
	}
	return d
}

// valid makes one U+FFFD of bytes that are no UTF-8, where encoding/json makes one of each.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// wantAsEncoded compares the document written by hand with the one that encoding/json writes: members, order, values.
func wantAsEncoded(t *testing.T, p *Problem, instance, id string) {
	t.Helper()
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(documentOf(p, instance, id)); err != nil {
		t.Fatal(err)
	}
	// Encoders differ in which characters they escape beyond need, so tokens are compared.
	want, got := normal(t, []byte(text.String())), normal(t, p.JSON(instance, id))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// normal gives the tokens of a document in their order.
func normal(t *testing.T, text []byte) []string {
	t.Helper()
	if !json.Valid(text) {
		t.Fatalf("no JSON: %q", text)
	}
	dec := json.NewDecoder(strings.NewReader(string(text)))
	dec.UseNumber()
	var tokens []string
	for dec.More() || len(tokens) == 0 || tokens[len(tokens)-1] != "json.Delim }" {
		tok, err := dec.Token()
		if err != nil {
			t.Fatalf("%v: %q", err, text)
		}
		tokens = append(tokens, fmt.Sprintf("%T %v", tok, tok))
	}
	return tokens
}

func TestDocumentIsWhatEncodingWouldMake(t *testing.T) {
	t.Parallel()
	odd, none := "a\"b\\c\n\t\x00\x1f\u2028<&>é\U0001F600", ""
	for _, p := range []*Problem{
		{Status: 404},
		{Status: 599},
		{Code: Internal, Status: 500, Detail: odd},
		{
			Code: BackendStatus, Status: 502, Detail: "d", Reason: odd, ErrorContent: &odd, BackendStatus: 503,
			Backend: odd, Fetch: "f", Parameter: "p", RetryAfter: time.Second, Cause: errors.New("hidden"),
		},
		{Code: BadParameter, Status: 400, ErrorContent: &none, Parameter: "\xff\xfe half \xc3"},
	} {
		wantAsEncoded(t, p, "/a/b%20c", "id-1")
		wantAsEncoded(t, p, "", "")
	}
}

func FuzzDocument(f *testing.F) {
	f.Add("detail", "reason", "content", true, 404)
	f.Add("\xff", "\u2028", "\x00", true, 502)
	f.Add("", "", "", false, 503)
	f.Fuzz(func(t *testing.T, detail, reason, content string, has bool, status int) {
		p := &Problem{Code: Undecodable, Status: status, Detail: detail, Reason: reason, Backend: content, BackendStatus: status}
		if has {
			p.ErrorContent = &content
		}
		wantAsEncoded(t, p, content, reason)
	})
}

func TestWrite(t *testing.T) {
	t.Parallel()
	p := &Problem{
		Code: BreakerOpen, Status: 503, Detail: "d", RetryAfter: 1500 * time.Millisecond,
		Header: http.Header{"Www-Authenticate": {"Basic"}}, Cause: errors.New("s3cret"),
	}
	w := httptest.NewRecorder()
	for _, name := range []string{"Content-Encoding", "Etag", "Last-Modified", "Cache-Control"} {
		w.Header().Set(name, "of a good answer")
	}
	w.Header().Set("X-Request-ID", "kept")
	p.Write(w, httptest.NewRequest(http.MethodGet, "/a%2Fb?secret=1", http.NoBody), "id-1")
	want := http.Header{
		"Content-Type": {ContentType}, "Content-Length": {strconv.Itoa(w.Body.Len())}, "Retry-After": {"2"},
		"Www-Authenticate": {"Basic"}, "X-Request-Id": {"kept"},
	}
	if diff := cmp.Diff(want, w.Header()); diff != "" {
		t.Error(diff)
	}
	if w.Code != 503 || w.Body.String() != string(p.JSON("/a%2Fb", "id-1")) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if strings.Contains(w.Body.String(), "s3cret") || strings.Contains(w.Body.String(), "secret=1") {
		t.Error("the document holds the cause or the query:", w.Body)
	}
}

func TestOf(t *testing.T) {
	t.Parallel()
	p := &Problem{Code: BadPath, Status: 400}
	if got := Of(fmt.Errorf("around: %w", p)); got != p {
		t.Errorf("%v is not the problem inside", got)
	}
	cause := errors.New("s3cret")
	got := Of(cause)
	if got.Status != 500 || got.Code != Internal || !errors.Is(got, cause) || strings.Contains(got.Detail, "s3cret") {
		t.Errorf("%+v", got)
	}
}
