package challenge

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/fairway-gateway/fairway/proxies/coding"
)

const (
	defaultPages = 64 << 10 // bytes
	// pause is how long a page that comes slowly may keep the answer back. A login page comes at once; an application may
	// send HTML for hours.
	pause = 500 * time.Millisecond
	// inflated is how many times longer than the looked at bytes a page may be once its encoding is undone.
	inflated = 8
)

// form says that a page has a login form: one with a field for a password, or one that is sent to where logins begin.
func form(page []byte, home string) bool {
	z := html.NewTokenizer(bytes.NewReader(page))
	z.SetMaxBuf(len(page) + 1)
	for {
		switch z.Next() {
		case html.ErrorToken:
			return false
		case html.StartTagToken, html.SelfClosingTagToken:
			name, more := z.TagName()
			switch atom.Lookup(name) {
			case atom.Input:
				if more && strings.EqualFold(attribute(z, "type"), "password") {
					return true
				}
			case atom.Form:
				if more && home != "" && home != "/" && below(attribute(z, "action"), home) {
					return true
				}
			}
		}
	}
}

// below says that the action of a form is below a path.
func below(action, home string) bool {
	u, err := url.Parse(strings.TrimSpace(action))
	return err == nil && strings.HasPrefix(path.Clean("/"+u.Path), home+"/")
}

func attribute(z *html.Tokenizer, name string) string {
	for {
		key, value, more := z.TagAttr()
		if string(key) == name {
			return string(value)
		}
		if !more {
			return ""
		}
	}
}

// plain undoes the encoding of the beginning of a body, as far as it goes.
func plain(head []byte, encodings []string, limit int) []byte {
	if len(encodings) == 0 && !coding.IsGzip(head) {
		return head
	}
	r, err := coding.New(bytes.NewReader(head), coding.Options{Encoding: strings.Join(encodings, ","), Unlabelled: true, Limit: int64(inflated * limit)})
	if err != nil {
		return nil
	}
	out, _ := io.ReadAll(io.LimitReader(r, int64(inflated*limit))) // it is cut anywhere
	return out
}

// peek reads the beginning of a body, at most limit bytes, and puts it back. Where it may be slow, nobody waits long for it.
func peek(resp *http.Response, limit int, slowly bool) []byte {
	if !slowly || resp.ContentLength >= 0 && resp.ContentLength <= int64(limit) {
		head, err := io.ReadAll(io.LimitReader(resp.Body, int64(limit)))
		resp.Body = &peeked{head: head, err: err, rest: resp.Body}
		return head
	}
	b := &slow{body: resp.Body, more: make(chan struct{}, 1)}
	b.ended.Go(func() { b.fill(limit) })
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		select {
		case <-b.more:
			if head, done := b.seen(); done {
				b.ended.Wait()
				resp.Body = &peeked{head: head, err: b.err, rest: resp.Body}
				return head
			}
		case <-timer.C:
			resp.Body = b
			head, _ := b.seen()
			return head
		}
	}
}

// peeked is a body of which a part was read.
type peeked struct {
	head []byte
	err  error // what came after head
	rest io.ReadCloser
}

func (p *peeked) Read(to []byte) (int, error) {
	if len(p.head) > 0 {
		n := copy(to, p.head)
		p.head = p.head[n:]
		return n, nil
	}
	if p.err != nil {
		return 0, p.err
	}
	return p.rest.Read(to) //nolint:wrapcheck // a reader is transparent
}

func (p *peeked) Close() error { return p.rest.Close() } //nolint:wrapcheck // as above

// slow is a body that is still being looked at, by a goroutine that ends with the body.
type slow struct {
	body  io.ReadCloser
	more  chan struct{}
	ended sync.WaitGroup
	given int // bytes, by Read

	mu   sync.Mutex
	head []byte
	done bool
	err  error
}

// fill reads until the limit.
func (s *slow) fill(limit int) {
	buf := make([]byte, 8<<10)
	for left := limit; ; {
		n, err := s.body.Read(buf[:min(left, len(buf))])
		left -= n
		s.mu.Lock()
		s.head = append(s.head, buf[:n]...)
		s.done, s.err = err != nil || left == 0 || s.given > 0, err
		done := s.done
		s.mu.Unlock()
		select {
		case s.more <- struct{}{}:
		default:
		}
		if done {
			return
		}
	}
}

func (s *slow) seen() (head []byte, done bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clip(s.head), s.done
}

// Read implements io.Reader. It is for one goroutine, as of every body.
func (s *slow) Read(to []byte) (int, error) {
	if len(to) == 0 {
		return 0, nil
	}
	for {
		s.mu.Lock()
		if n := copy(to, s.head[s.given:]); n > 0 {
			s.given += n // the goroutine stops with what it is reading now
			s.mu.Unlock()
			return n, nil
		}
		done, err := s.done, s.err
		s.mu.Unlock()
		if done {
			if err != nil {
				return 0, err
			}
			return s.body.Read(to) //nolint:wrapcheck // a reader is transparent
		}
		<-s.more
	}
}

// Close implements io.Closer.
func (s *slow) Close() error {
	err := s.body.Close() // which ends the read
	s.ended.Wait()
	return err //nolint:wrapcheck // as above
}

// Interface guards.
var (
	_ io.ReadCloser = (*peeked)(nil)
	_ io.ReadCloser = (*slow)(nil)
)
