package control_test

import (
	"bufio"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// sink is a server of mail that keeps what it is given.
type sink struct {
	address string
	mu      sync.Mutex
	letters []letter
	// down has it hang up on everybody.
	down bool
}

// letter is one that came.
type letter struct{ to, subject, id, text string }

func startSink(t testing.TB) *sink {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // at once
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{address: listener.Addr().String()}
	var done sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		done.Wait()
	})
	done.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			done.Go(func() {
				defer c.Close()                                 //nolint:errcheck // it was only talked to
				_ = c.SetDeadline(time.Now().Add(patience / 2)) // a test's end waits for it
				s.talk(c)
			})
		}
	})
	return s
}

// talk is the little of SMTP (RFC 5321) that a client needs.
func (s *sink) talk(c net.Conn) {
	s.mu.Lock()
	down := s.down
	s.mu.Unlock()
	if down {
		return
	}
	in := bufio.NewReader(c)
	say := func(text string) bool { _, err := io.WriteString(c, text+"\r\n"); return err == nil }
	if !say("220 sink ESMTP") {
		return
	}
	to := ""
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		word := strings.ToUpper(strings.Fields(line + " x")[0])
		switch word {
		case "EHLO", "HELO":
			say("250-sink\r\n250 8BITMIME")
		case "RCPT":
			to = strings.Trim(line[strings.IndexByte(line, ':')+1:], "<> \r\n")
			say("250 ok")
		case "DATA":
			say("354 go on")
			if !s.take(in, to) {
				return
			}
			say("250 kept")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func (s *sink) take(in *bufio.Reader, to string) bool {
	var data strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return false
		}
		if line == ".\r\n" {
			break
		}
		data.WriteString(strings.TrimPrefix(line, "."))
	}
	l := letter{to: to, text: data.String()}
	if m, err := mail.ReadMessage(strings.NewReader(data.String())); err == nil {
		l.subject, _ = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
		l.id = m.Header.Get("Message-Id")
	}
	// Whatever its parts are, links have no soft line breaks after this.
	if plain, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(data.String()))); err == nil {
		l.text = string(plain)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.letters = append(s.letters, l)
	return true
}

// option has a gateway send its mail there.
func (s *sink) option() string {
	return "\n\t\tmail smtp://" + s.address + " {\n\t\t\tfrom no-reply@gateway.example.org\n\t\t\tpublic_url https://gateway.example.org\n\t\t}"
}

// of are the letters to an address.
func (s *sink) of(address string) (out []letter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.letters {
		if l.to == address {
			out = append(out, l)
		}
	}
	return out
}

// setDown has the server hang up on everybody, or not any more.
func (s *sink) setDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// mailed waits until an address has n letters, and keeps the token of the last one's link as {name}.
func mailed(address string, n int, name string) act {
	return func(s *scene) {
		s.t.Helper()
		to := s.fill(address, func(v string) string { return v })
		var all []letter
		await(s, 20*time.Millisecond, func() error {
			if all = s.mail.of(to); len(all) < n {
				return fmt.Errorf("%s has %d letters, not %d", to, len(all), n)
			}
			return nil
		})
		if len(all) > n {
			s.t.Errorf("%s has %d letters, not %d", to, len(all), n)
		}
		found := regexp.MustCompile(`https://gateway\.example\.org/reset-password\?token=([\w-]+)`).FindStringSubmatch(all[n-1].text)
		if found == nil {
			s.t.Fatalf("there is no link: %s", all[n-1].text)
		}
		s.vars[name], s.vars["letter"], s.vars["subject"] = found[1], all[n-1].text, all[n-1].subject
	}
}
