package integration_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLeftoverIsNoRequest sends bodies that are refused before they end, and in them what would be another request: it is none.
func TestLeftoverIsNoRequest(t *testing.T) {
	t.Parallel()
	g := controlGateway(t, "sqlite:"+filepath.Join(t.TempDir(), "store.db"), "FAIRWAY_ADMIN_EMAIL=boss@example.org", "FAIRWAY_ADMIN_PASSWORD="+firstPassword)
	token := g.logsIn(t, "boss@example.org", firstPassword)
	leftover := requests("/ping")
	for _, operation := range []string{"PATCH /api/v1/user/me", "POST /api/v1/user", "POST /api/v1/teams/", "POST /auth", "POST /api/v1/script", "PATCH /api/v1/users/1", "POST /nothing"} {
		for _, header := range []string{"Content-Type: application/json", "Content-Type: application/json\r\nContent-Encoding: gzip", "Content-Type: multipart/form-data; boundary=x"} {
			t.Run(operation+" "+header, func(t *testing.T) {
				t.Parallel()
				nothingFollows(t, g.addr, operation, "Authorization: Bearer "+token+"\r\n"+header, leftover)
			})
		}
	}
}

// TestLeftoverOfBackends sends bodies to a backend that refuses them before they end, or that does not answer: what is left of one is no request either.
func TestLeftoverOfBackends(t *testing.T) {
	t.Parallel()
	backend := startBackend(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/cut") {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	})
	g := startGateway(t, site(fmt.Sprintf(`	health
	handle_path /pass/* {
		reverse_proxy %[1]s {
			transport session {
				name pass
				auth none
			}
		}
	}
	handle_path /basic/* {
		reverse_proxy %[1]s {
			transport session {
				name basic
				auth basic
			}
		}
	}
	service /service {
		version 1.0.0
		repository https://example.org
		description x
		backend %[1]s
		POST /refused {
			fetch POST /refused {
				decode json
			}
		}
		POST /cut {
			fetch POST /cut {
				decode json
			}
		}
	}`, backend.URL)))
	for _, path := range []string{"/pass/refused", "/pass/cut", "/basic/refused", "/basic/cut", "/service/refused", "/service/cut", "/service/none"} {
		for _, header := range []string{"X-Credentials: none", "Authorization: Basic YW5uOnNlY3JldA=="} {
			t.Run(path+" "+header, func(t *testing.T) {
				t.Parallel()
				nothingFollows(t, g.addr, "POST "+path, header, requests("/"))
			})
		}
	}
}

// requests are many for a path: wherever somebody stops reading, one begins soon after.
func requests(path string) string {
	another := "\r\n\r\nGET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n"
	return strings.Repeat(another, 4<<20/len(another))
}

// nothingFollows sends a request with a body, and wants one answer at most.
func nothingFollows(t *testing.T, addr, operation, header, body string) {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	sent := make(chan struct{})
	go func() { // ends when the connection does
		defer close(sent)
		_, _ = fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: %s\r\n%s\r\nContent-Length: %d\r\n\r\n%s", operation, addr, header, len(body), body)
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.CloseWrite() // who has read all of it knows that there is no more
		}
	}()
	from := bufio.NewReader(conn)
	resp, err := http.ReadResponse(from, nil)
	if err != nil {
		return // it hung up: nothing follows
	}
	_, _ = io.Copy(io.Discard, resp.Body) // what counts is what follows
	resp.Body.Close()
	if next, err := http.ReadResponse(from, nil); err == nil {
		next.Body.Close()
		t.Errorf("after %s there came %s", resp.Status, next.Status)
	}
	conn.Close()
	<-sent
}
