package mail

import (
	"bytes"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzAddress holds that an address that is taken is one word that stays one wherever it is written.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{"a@example.org", "x@bücher.example", "a@b\r\nRCPT TO:<c@d>", `"a b"@c`, "a@[::1]", "A <a@b>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := CheckAddress(s)
		if err != nil {
			return
		}
		if hasControl(got) || strings.ContainsAny(got, " <>,;:\"") || strings.Count(got, "@") != 1 {
			t.Fatalf("%q", got)
		}
		again, err := CheckAddress(got)
		if err != nil || again != got {
			t.Fatalf("%q becomes %q, %v", got, again, err)
		}
	})
}

// FuzzLetter holds that no subject and no text makes a header.
func FuzzLetter(f *testing.F) {
	f.Add("s", "t", "<p>h</p>")
	f.Add("Grüße =?UTF-8?q?x?=", ".\r\nQUIT\r\n", "\r\n.\r\n")
	f.Add("s\r\nBcc: a@example.org", "t", "")
	f.Add(strings.Repeat("ä", 255), strings.Repeat("x", 2000), "\x00")
	want := []string{"Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Subject", "To"}
	r := &relay{from: &mail.Address{Name: "F", Address: "f@example.org"}}
	f.Fuzz(func(t *testing.T, subject, text, html string) {
		msg := Message{Recipients: []string{"a@example.org"}, Subject: subject, Text: text, HTML: html}
		if _, err := msg.check(); err != nil {
			return
		}
		out, err := r.compose(message{content: content{subject: subject, text: text, html: html}, id: "1@example.org", to: "a@example.org", written: time.Unix(0, 0)})
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if _, err := out.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		got, err := mail.ReadMessage(&b)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for name := range got.Header {
			if name != "Content-Transfer-Encoding" {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		if !slices.Equal(names, want) || len(got.Header["To"]) != 1 {
			t.Fatalf("%v", got.Header)
		}
	})
}

// FuzzText holds that any HTML has a text, of about its size.
func FuzzText(f *testing.F) {
	for _, s := range texts() {
		f.Add(s[0])
	}
	f.Add(strings.Repeat("<br>", 100) + "x")
	f.Add("<a href=https://x><a href=https://y>z</a></a>")
	f.Fuzz(func(t *testing.T, s string) {
		got := textOf(s)
		if len(got) > 8*len(s)+16 {
			t.Fatalf("%d bytes of %d", len(got), len(s))
		}
		if utf8.ValidString(s) && !utf8.ValidString(got) {
			t.Fatalf("%q", got)
		}
	})
}

// FuzzMessage holds that a body is a message or an error.
func FuzzMessage(f *testing.F) {
	f.Add([]byte(`{"recipients":["a@example.org"],"subject":"s","html":"h"}`))
	f.Add([]byte(`{"recipients":"a@example.org"}`))
	f.Add([]byte(`{"recipients":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		msg, err := parseMessage(body)
		if err != nil {
			return
		}
		if to, err := msg.check(); err == nil && (len(to) == 0 || len(to) > MostRecipients) {
			t.Fatalf("%d recipients", len(to))
		}
	})
}

// FuzzEnvelope holds that nothing is opened that was not sealed.
func FuzzEnvelope(f *testing.F) {
	s, err := newSealer([][]byte{key(1)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"id":"1","kind":"plain","sealed":"AAAA"}`))
	f.Add([]byte(`{"id":1}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		if _, _, err := s.open(payload); err == nil {
			t.Fatalf("%q", payload)
		}
	})
}
