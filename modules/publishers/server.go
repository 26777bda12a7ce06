package publishers

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/modules/fairway"
)

// Server is what all publishers have that publish by a server.
type Server struct {
	fairway.Publication
	// URL is the address of the server, several with commas. {env.X} and {file./path} in it are replaced, as in the others.
	URL string `json:"url,omitempty"`
	// Username and Password are what the server wants to see; Password is {env.X} or {file./path}. Default: nothing.
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
	// CA is a file of certificates that the server's has to be signed by. Default: those of the system.
	CA string `json:"ca,omitempty"`
	// Timeout is how long one event may take until the server has it. Default 10s.
	Timeout caddy.Duration `json:"timeout,omitempty"`
	// Parallel is how many events of different subjects are on their way at once, at most 256. Default 16.
	Parallel int `json:"parallel,omitempty"`
}

const (
	usualParallel = 16
	mostParallel  = 256
)

// read reads publish <url> { … } with the words of a server, and more; check says what is wrong with what was read so far.
func (s *Server) read(d *caddyfile.Dispenser, check func() error, more map[string]caddyfiles.Word) error {
	n, err := caddyfiles.Read(d)
	if err != nil {
		return err
	}
	s.URL = n.Word.Text
	if err := check(); err != nil {
		return n.Errorf("%w", err)
	}
	if err := (caddyfiles.Words{Owner: "publish", Known: s.words(check, more)}).Parse(n); err != nil {
		return err
	}
	if err := check(); err != nil {
		return n.Errorf("%w", err)
	}
	return nil
}

// words are those of a server, and more; check says what is wrong with what was read so far.
func (s *Server) words(check func() error, more map[string]caddyfiles.Word) map[string]caddyfiles.Word {
	out := map[string]caddyfiles.Word{
		"username": word("username fairway", check, func(v string) error { s.Username = v; return nil }),
		"password": word("password {env.EVENTS_PASSWORD}", check, func(v string) error { s.Password = v; return nil }),
		"ca":       word("ca /etc/fairway/events.pem", check, func(v string) error { s.CA = v; return nil }),
		"timeout":  word("timeout 10s", check, s.setTimeout),
		"parallel": word("parallel 16", check, s.setParallel),
	}
	maps.Copy(out, more)
	return s.Words(out)
}

func word(usage string, check func() error, set func(string) error) caddyfiles.Word {
	return caddyfiles.Word{Parse: func(n caddyfiles.Node) error {
		t, err := n.One(usage)
		if err != nil {
			return err
		}
		if t.Text == "" {
			return n.Errorf("%s is empty; write: %s", n.Word.Text, usage)
		}
		if err := set(t.Text); err != nil {
			return caddyfiles.Errorf(t, "%w", err)
		}
		if err := check(); err != nil {
			return caddyfiles.Errorf(t, "%w", err)
		}
		return nil
	}}
}

func (s *Server) setTimeout(v string) error {
	d, err := caddy.ParseDuration(v)
	if err != nil || d <= 0 {
		return fmt.Errorf("%q is no length of time, like 10s", v)
	}
	s.Timeout = caddy.Duration(d)
	return nil
}

func (s *Server) setParallel(v string) error {
	if _, err := fmt.Sscanf(v, "%d", &s.Parallel); err != nil || s.Parallel < 1 {
		return fmt.Errorf("parallel is from 1 to %d", mostParallel)
	}
	return nil
}

// check says what is wrong with it. checkURL is asked about each of its addresses, where these are known by now.
func (s *Server) check(checkURL func(string) error) error {
	if err := errors.Join(secret("password", s.Password), file("ca", s.CA)); err != nil {
		return err
	}
	switch {
	case s.Parallel < 0 || s.Parallel > mostParallel:
		return fmt.Errorf("parallel is from 1 to %d", mostParallel)
	case s.Timeout < 0:
		return errors.New("timeout is a length of time")
	case strings.Contains(s.URL, "{env.") || strings.Contains(s.URL, "{file."):
		return nil
	}
	for one := range strings.SplitSeq(s.URL, ",") {
		if err := checkURL(strings.TrimSpace(one)); err != nil {
			return err
		}
	}
	return nil
}

// secret says what is wrong with a word that must be in no configuration.
func secret(name, v string) error {
	if v == "" || regexp.MustCompile(`^\{(env\.|file\.)[^{}]+\}$`).MatchString(v) {
		return nil
	}
	return fmt.Errorf("the %s must be {env.X} or {file./path}, so that it is in no configuration", name)
}

// file says what is wrong with the path of a file.
func file(name, v string) error {
	if v == "" || strings.HasPrefix(v, "{") || filepath.IsAbs(v) {
		return nil
	}
	return fmt.Errorf("%s is the path of a file, like /etc/fairway/events.%s", name, name)
}

// resolved writes texts whose placeholders are replaced where they are to be.
func resolved(of map[*string]string) error {
	for to, from := range of {
		var err error
		if *to, err = fairway.Resolve(from); err != nil {
			return err
		}
	}
	return nil
}

// Published implements fairway.Publisher.
func (s *Server) Published() *fairway.Publication { return &s.Publication }

// AtOnce implements fairway.Publisher.
func (s *Server) AtOnce() int {
	if s.Parallel == 0 {
		return usualParallel
	}
	return s.Parallel
}
