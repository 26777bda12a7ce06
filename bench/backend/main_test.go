package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestBodies(t *testing.T) {
	t.Parallel()
	if body := jsonBody(); len(body) != 984 || !json.Valid(body) {
		t.Errorf("jsonBody: %d bytes, valid %t; want 984 bytes of JSON", len(body), json.Valid(body))
	}
	for name, size := range map[string][2]int{
		"xml": {len(xmlBody()), xmlSize}, "html": {len(htmlBody()), htmlSize}, "csv": {len(csvBody()), 1 << 20},
	} {
		if size[0] < size[1]*9/10 || size[0] > size[1]*11/10 {
			t.Errorf("%s: %d bytes, want about %d", name, size[0], size[1])
		}
	}
	if lines := bytes.Count(csvBody(), []byte("\r\n")); lines != csvRows+1 {
		t.Errorf("csv: %d lines, want a header and %d rows", lines, csvRows)
	}
	_, body, _ := bytes.Cut(newServer().kv, []byte("\r\n\r\n"))
	if len(body) != 25 || bytes.Count(body, []byte{0xe9}) != 2 {
		t.Errorf("kv: %q; want 25 bytes with two latin-1 letters", body)
	}
}

func TestReadTarget(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, in string
		want     []string
	}{
		{"one", "GET /kv HTTP/1.1\r\nHost: a\r\n\r\n", []string{"/kv"}},
		{"two at once", "GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n", []string{"/a", "/b"}},
		{"half", "GET /a HTTP/1.1\r\nHost", nil},
		{"other method", "POST /a HTTP/1.1\r\n\r\n", nil},
		{"endless head", "GET /" + strings.Repeat("a", 2*maxHead), nil},
		{"nothing", "", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			in := bufio.NewReaderSize(strings.NewReader(test.in), maxHead)
			for _, want := range test.want {
				got, err := readTarget(in)
				if err != nil || string(got) != want {
					t.Fatalf("readTarget = %q, %v; want %q", got, err, want)
				}
			}
			if got, err := readTarget(in); err == nil {
				t.Errorf("readTarget after the last = %q; want an error", got)
			}
		})
	}
}
