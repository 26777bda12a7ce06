package try

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/charset"
	"github.com/fairway-gateway/fairway/proxies/reply"
	"github.com/fairway-gateway/fairway/proxies/upstream"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// transcript collects what a request's trace tells, each fetch apart: they run in parallel.
type transcript struct {
	saved map[string]*saved

	mu      sync.Mutex
	route   string // as in "GET /{a}"; empty: none was found
	fetches map[string]*fetch
	after   bytes.Buffer // what the route itself does once the fetches are done
	secrets []string     // not to be shown; the credentials that were sent are added
}

// fetch is what is known of one fetch, and of the attempt that is under way.
type fetch struct {
	text  bytes.Buffer
	of    *transcript
	body  []byte // of the answer that was received last; nil: none, or shown already
	label string // charset parameter of its content type
}

func newTranscript(files map[string]*saved, secrets []string) *transcript {
	return &transcript{saved: files, secrets: secrets, fetches: map[string]*fetch{}}
}

// on runs do with the fetch's state, alone.
func (t *transcript) on(name string, do func(f *fetch)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.fetches[name]
	if f == nil {
		f = &fetch{of: t}
		t.fetches[name] = f
	}
	do(f)
}

// file gives what answers a fetch in its backend's place; nil: nothing does.
func (t *transcript) file(name string) *saved {
	if s := t.saved[name]; s != nil {
		return s
	}
	return t.saved[""]
}

func (t *transcript) trace() *wrap.Trace {
	return &wrap.Trace{
		Route: func(method, pattern string) { t.route = method + " " + pattern },
		Transport: func(name string) http.RoundTripper {
			if s := t.file(name); s != nil {
				return s
			}
			return nil
		},
		Fetch: t.attempts,
		Charset: func(name string, c charset.Choice) {
			t.on(name, func(f *fetch) {
				fmt.Fprintf(&f.text, "  charset   %s (%s)\n", c.Name, why(c.Source))
				f.showBody(charset.Options{Option: c.Name})
			})
		},
		Found: func(name, format string) {
			t.on(name, func(f *fetch) { fmt.Fprintf(&f.text, "  found     %s\n", format) })
		},
		Decoded: func(name string, json []byte, tree any) {
			t.on(name, func(f *fetch) {
				if json == nil {
					json = marshal(tree)
				}
				block(&f.text, "decoded", pretty(json))
			})
		},
		Program: t.program,
	}
}

// attempts gives what listens to the attempts of one fetch.
func (t *transcript) attempts(name string) *upstream.Trace {
	return &upstream.Trace{
		Sent: func(n int, req *http.Request) {
			t.on(name, func(f *fetch) {
				t.secrets = append(t.secrets, credentialsOf(req.Header)...)
				fmt.Fprintf(&f.text, "attempt %d\n", n)
				f.showRequest(req)
			})
		},
		Received: func(_ int, a *upstream.Answer) {
			t.on(name, func(f *fetch) {
				from := a.Address
				if s := t.file(name); s != nil {
					from = "file " + s.file
				}
				fmt.Fprintf(&f.text, "  received  %d %s from %s\n", a.Status, printable(a.Reason), from)
				contentType := a.Header.Get("Content-Type")
				_, f.label = decode.ContentType(contentType)
				if contentType == "" {
					contentType = "no content type"
				}
				undone := ""
				if a.Encoding != "" {
					undone = ", " + a.Encoding + " undone"
				}
				fmt.Fprintf(&f.text, "            %s, %d bytes%s\n", printable(contentType), len(a.Body), undone)
				f.body = bytes.Clone(a.Body)
			})
		},
		Ended: func(n int, err error) {
			t.on(name, func(f *fetch) { f.verdict(n, err) })
		},
	}
}

func (t *transcript) program(name, kind, source string, value any, err error) {
	show := func(w *bytes.Buffer) {
		block(w, kind, source)
		if err != nil {
			block(w, "  failed", err.Error())
			return
		}
		block(w, "  gives", pretty(marshal(value)))
	}
	if kind == "reply" || kind == "route fail_when" {
		t.mu.Lock()
		defer t.mu.Unlock()
		show(&t.after)
		return
	}
	t.on(name, func(f *fetch) { show(&f.text) })
}

// verdict ends an attempt.
func (f *fetch) verdict(n int, err error) {
	if err == nil {
		f.showBody(charset.Options{Header: f.label})
		fmt.Fprintf(&f.text, "  verdict   success\n")
		return
	}
	if bad, ok := errors.AsType[*charset.Error](err); ok && f.body != nil {
		block(&f.text, "bytes", hexdump(mask(f.body, f.of.secrets), int(bad.Offset)))
		f.body = nil
	}
	f.showBody(charset.Options{Header: f.label})
	failure, ok := errors.AsType[*upstream.Failure](err)
	if !ok {
		block(&f.text, "verdict", err.Error())
		return
	}
	text := failure.Kind.String()
	if failure.Detail != "" {
		text += ": " + failure.Detail
	}
	if failure.Verdict != 0 {
		text += fmt.Sprintf(" (status %d)", failure.Verdict)
	}
	if failure.Err != nil {
		text += "\n" + failure.Err.Error()
	}
	if failure.Kind == upstream.BreakerOpen {
		text += fmt.Sprintf("\nattempt %d was not made", n)
	}
	block(&f.text, "verdict", text)
}

// showRequest prints a request as it is sent. Credentials are not.
func (f *fetch) showRequest(req *http.Request) {
	fmt.Fprintf(&f.text, "  sent      %s %s\n", req.Method, printable(req.URL.RequestURI()))
	fmt.Fprintf(&f.text, "            Host: %s\n", req.Host)
	for _, name := range slices.Sorted(maps.Keys(req.Header)) {
		for _, v := range req.Header[name] {
			if secretHeader(name) {
				v = "***"
			}
			fmt.Fprintf(&f.text, "            %s: %s\n", name, printable(v))
		}
	}
	if req.GetBody == nil {
		if req.ContentLength > 0 {
			fmt.Fprintf(&f.text, "            a body of %d bytes\n", req.ContentLength)
		}
		return
	}
	body, err := req.GetBody()
	if err != nil {
		return
	}
	defer body.Close()
	if sent, err := io.ReadAll(body); err == nil { // it is in memory already
		block(&f.text, "  body", start(redactor(f.of.secrets).Replace(string(sent))))
	}
}

// showBody prints the first bytes of the body, once.
func (f *fetch) showBody(o charset.Options) {
	if f.body == nil {
		return
	}
	text, _, err := charset.Text(f.body, o)
	if err != nil {
		bad, ok := errors.AsType[*charset.Error](err)
		if !ok {
			return
		}
		block(&f.text, "bytes", hexdump(mask(f.body, f.of.secrets), int(bad.Offset)))
	} else if len(text) > 0 {
		// Before it is cut and split into lines, where a secret would not be found any more.
		block(&f.text, "body", start(redactor(f.of.secrets).Replace(string(text))))
	}
	f.body = nil
}

// write prints the fetches in the order of their names and then what came after them.
func (t *transcript) write(w *bytes.Buffer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.route != "" {
		fmt.Fprintf(w, "route %s\n", t.route)
	}
	for _, name := range slices.Sorted(maps.Keys(t.fetches)) {
		fmt.Fprintf(w, "\n%s\n", strings.TrimSpace("fetch "+name))
		w.Write(t.fetches[name].text.Bytes())
	}
	if t.after.Len() > 0 {
		w.WriteString("\nroute's programs\n")
		w.Write(t.after.Bytes())
	}
	if w.Len() > 0 {
		w.WriteString("\n")
	}
}

func marshal(v any) []byte {
	out, err := reply.Marshal(v)
	if err != nil {
		return []byte("(not JSON: " + err.Error() + ")")
	}
	return out
}
