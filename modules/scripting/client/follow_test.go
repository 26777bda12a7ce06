package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// quick is a Following without pauses.
func quick() Following { return Following{Poll: time.Millisecond, Back: time.Millisecond} }

// followed gives what is told of an execution, in short.
func followed(t *testing.T, f *fake, how Following) (told []string, end *Execution, err error) {
	t.Helper()
	c := made(t, Options{URL: f.URL, Credentials: Fixed{Value: "access-1", Origin: f.URL}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	end, err = c.Follow(ctx, "x", how, func(e Event) error {
		switch e.Kind {
		case KindStatus:
			told = append(told, e.Status)
		case KindProgress:
			told = append(told, fmt.Sprint(e.Progress))
		case KindLog:
			told = append(told, fmt.Sprintf("%d:%s", e.Line.ID, e.Line.Text))
		}
		return nil
	})
	return told, end, err
}

func event(id, name, data string) string {
	return "id: " + id + "\nevent: " + name + "\ndata: " + data + "\n\n"
}

const ended = `{"data":{"id":"x","status":"FINISHED","progress":100,"results":{"a":1}}}`

// TestFollowStream holds that a stream which breaks is gone on with where it broke, and that nothing is told twice.
func TestFollowStream(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	var from []string
	f := newFake(t, map[string]http.HandlerFunc{
		"GET /api/v1/execution/x/events": func(w http.ResponseWriter, r *http.Request) {
			from = append(from, r.Header.Get("Last-Event-ID"))
			n := asked.Add(1)
			if n == 2 {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
			if n == 1 {
				fmt.Fprint(w, ": hello\nretry: 5\n\n", event("s1", "status", `{"from":"READY","to":"RUNNING"}`), event("l1", "log", `[{"id":1,"level":"INFO","text":"one\u0000"}]`),
					event("p1", "progress", `{"progress":50}`), event("l2", "log", `[{"id":2,"text":"two"}]`), "id: l9\nevent: log\ndata: [{\"id\":9,\"te")
				return
			}
			fmt.Fprint(w, event("l2", "log", `[{"id":2,"text":"two"}]`), event("l3", "log", `[{"id":2,"text":"two"},{"id":3,"text":"three"}]`), event("z", "later", "not JSON"), event("p2", "progress", `{"progress":50}`),
				event("e", "end", `{"status":"FINISHED","reason":"","at":""}`))
		},
		"GET /api/v1/execution/x/log": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"data":[]}`) },
		"GET /api/v1/execution/x":     func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, ended) },
	})
	told, end, err := followed(t, f, quick())
	must(t, err)
	if want := []string{"RUNNING", "1:one\x00", "50", "2:two", "3:three", "100", "FINISHED"}; !cmp.Equal(want, told) || end.Status != Finished || !end.HasResults() {
		t.Errorf("%s %+v", cmp.Diff(want, told), end)
	}
	if want := []string{"", "l2", "l2"}; !cmp.Equal(want, from) {
		t.Error(cmp.Diff(want, from))
	}
}

// TestFollowWithoutStream holds that who has no stream asks: where there is none, where something answers in its place, and where a proxy keeps it back.
func TestFollowWithoutStream(t *testing.T) {
	t.Parallel()
	for what, events := range map[string]http.HandlerFunc{
		"none":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) },
		"other": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") },
		"kept back": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush() // the client notices
			<-r.Context().Done()
		},
		"cut": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "text/event-stream") },
		"endless": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, "data: ", strings.Repeat("x", mostEvent+1))
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int64
			f := newFake(t, map[string]http.HandlerFunc{
				"GET /api/v1/execution/x/events": events,
				"GET /api/v1/execution/x/log": func(w http.ResponseWriter, r *http.Request) {
					switch r.URL.Query().Get("last-id") {
					case "":
						fmt.Fprint(w, `{"data":[{"id":1,"text":"one"},{"id":2,"text":"two"}]}`)
					case "2":
						fmt.Fprint(w, `{"data":[{"id":3,"text":"three"}]}`)
					default:
						fmt.Fprint(w, `{"data":[]}`)
					}
				},
				"GET /api/v1/execution/x": func(w http.ResponseWriter, _ *http.Request) {
					switch asked.Add(1) {
					case 1:
						fmt.Fprint(w, `{"data":{"id":"x","status":"RUNNING","progress":10}}`)
					case 2:
						w.WriteHeader(http.StatusServiceUnavailable)
					default:
						fmt.Fprint(w, ended)
					}
				},
			})
			how := quick()
			how.Silence = 3 * time.Second // longer than any answer takes, but for the one that is kept back
			told, end, err := followed(t, f, how)
			must(t, err)
			if want := []string{"1:one", "2:two", "3:three", "10", "RUNNING", "100", "FINISHED"}; !cmp.Equal(want, told) || end.Status != Finished {
				t.Errorf("%s %+v", cmp.Diff(want, told), end)
			}
		})
	}
}

// TestFollowEnds holds what ends the following beside the end of the execution.
func TestFollowEnds(t *testing.T) {
	t.Parallel()
	missing := func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"detail":"Ticket Not Found"}`)
	}
	f := newFake(t, map[string]http.HandlerFunc{"GET /api/v1/execution/{id}/events": missing, "GET /api/v1/execution/{id}": missing})
	if _, _, err := followed(t, f, quick()); err == nil || err.Error() != "Ticket Not Found (404)" {
		t.Errorf("%v", err)
	}
	f = newFake(t, map[string]http.HandlerFunc{"GET /api/v1/execution/{id}/events": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, event("1", "log", `[{"id":1,"text":"one"}]`))
		_ = http.NewResponseController(w).Flush() // the client notices
		<-r.Context().Done()
	}})
	c := made(t, Options{URL: f.URL, Credentials: Fixed{Value: "access-1", Origin: f.URL}})
	broken := errors.New("the pipe is broken")
	if _, err := c.Follow(t.Context(), "x", quick(), func(Event) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := c.Follow(ctx, "x", quick(), func(Event) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	gone := made(t, Options{URL: "http://127.0.0.1:1"})
	how := quick()
	how.Patience = 20 * time.Millisecond
	if _, err := gone.Follow(t.Context(), "x", how, func(Event) error { return nil }); err == nil || !strings.Contains(err.Error(), "cannot be reached") {
		t.Errorf("%v", err)
	}
}

func TestFollowBuild(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	f := newFake(t, map[string]http.HandlerFunc{
		"GET /api/v1/script/x": func(w http.ResponseWriter, _ *http.Request) {
			status := map[int64]string{1: "PENDING", 2: "BUILDING"}[asked.Add(1)]
			if status == "" {
				status = "FAIL"
			}
			fmt.Fprintf(w, `{"data":{"id":"x","status":%q,"build_error":"no"}}`, status)
		},
		"GET /api/v1/script/x/log": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("last-id") == "7" && asked.Load() > 1 {
				fmt.Fprint(w, `{"data":[{"id":8,"text":"eight"}]}`)
				return
			}
			fmt.Fprint(w, `{"data":[]}`)
		},
	})
	c := made(t, Options{URL: f.URL, Credentials: Fixed{Value: "access-1", Origin: f.URL}})
	how, lines := quick(), 0
	how.Last = 7
	s, err := c.FollowBuild(t.Context(), "x", how, func(ScriptLine) error { lines++; return nil })
	must(t, err)
	if s.Status != "FAIL" || s.BuildError != "no" || lines != 1 {
		t.Errorf("%+v after %d lines", s, lines)
	}
}

// FuzzStream holds that whatever comes is read the same in one piece and byte by byte, and never longer than it may be.
func FuzzStream(f *testing.F) {
	for _, seed := range []string{"", "data: a\n\n", "\ufeffdata: a\r\ndata\rdata:b\n\n", ": x\n\nid: 1\nevent: log\ndata: {}\n\n", "id: a\x00b\ndata:x\n\n", "data", "event: a\n\ndata: b\n\n", "\r\n\r\r\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		read := func(r io.Reader) (out []sent, err error) {
			s := newStream(r)
			for {
				e, err := s.next()
				if err != nil {
					return out, err
				}
				if len(e.data) > mostEvent || len(e.id) > 200 {
					t.Fatalf("%d bytes", len(e.data))
				}
				e.data = bytes.Clone(e.data)
				out = append(out, e)
			}
		}
		if len(text) > 4096 {
			text = text[:4096]
		}
		whole, err := read(bytes.NewReader(text))
		pieces, err2 := read(iotest.OneByteReader(bytes.NewReader(text)))
		if fmt.Sprint(whole) != fmt.Sprint(pieces) || (err == nil) != (err2 == nil) {
			t.Errorf("%q and %q", whole, pieces)
		}
	})
}
