// Package mail writes letters into the outbox of the store and sends them by SMTP.
//
//	cfg, err := written.Resolve(fairway.Resolve)
//	m, err := mail.New(cfg, mail.Deps{Store: store, Keys: [][]byte{key}})
//	err = store.InTx(ctx, func(q db.Querier) error {
//		// … the user is made with q …
//		return m.Created(ctx, q, "x@example.org", "/reset-password?token="+token, end)
//	})
//	go m.Run(ctx)   // sends until ctx ends
//
// So a letter leaves if what it tells of has happened, and a server that is down only delays it. In the store letters are
// sealed, since the links in them are as good as passwords.
package mail

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// How a connection to the server is encrypted.
const (
	// STARTTLS asks for encryption before anything else is said, and sends nothing where there is none.
	STARTTLS = "starttls"
	// Implicit is TLS from the first byte, as on port 465.
	Implicit = "implicit"
	// Off is no encryption.
	Off = "off"
)

// Config says by which server mail is sent, and what is in it. The zero value has no server: letters are written to the log.
type Config struct {
	// URL is the server: smtp://host[:587] or smtps://host[:465]. Default: none, and letters are written to the log.
	URL string `json:"url,omitempty"`
	// From is the sender, "Fairway <no-reply@example.org>". Needed with a URL.
	From string `json:"from,omitempty"`
	// Username and Password are for the server; the password is {env.X} or {file./path}. Default: it wants none.
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
	// TLS is STARTTLS, Implicit or Off. Default: Implicit for smtps, else STARTTLS, and Off for a server on this machine.
	TLS string `json:"tls,omitempty"`
	// CA is a file with the certificates, PEM, of those who may have signed the server's. Default: those of the system.
	CA string `json:"ca,omitempty"`
	// Templates is a folder whose files replace the built-in ones of the same names. Default: none.
	Templates string `json:"templates,omitempty"`
	// PublicURL is where links lead, the gateway as people reach it: https://gateway.example.org. It is http:// on this machine
	// only. Needed with a URL; default else: links are paths.
	PublicURL string `json:"public_url,omitempty"`
}

// Check says what is wrong with a configuration as it is written, where that can be seen before placeholders are resolved.
func (c *Config) Check() error {
	if err := c.CheckWords(); err != nil {
		return err
	}
	return c.complete()
}

// CheckWords is Check of what is there, whatever is still missing.
func (c *Config) CheckWords() error {
	if c.Password != "" && !placeholder().MatchString(c.Password) {
		return errors.New("the password of the mail server must be {env.X} or {file./path}, so that it is in no configuration")
	}
	if _, rest, _ := strings.Cut(c.URL, "://"); strings.Contains(rest, "@") {
		return errors.New("the address of the mail server has no user in it; write username and password")
	}
	masked := *c
	for _, s := range []*string{&masked.URL, &masked.From, &masked.PublicURL} {
		if hasPlaceholder(*s) {
			*s = "" // it is looked at when it is resolved
		}
	}
	return masked.checkParts()
}

// Resolve gives the configuration with its placeholders replaced by resolve, checked.
func (c *Config) Resolve(resolve func(string) (string, error)) (Config, error) {
	if err := c.Check(); err != nil {
		return Config{}, err
	}
	out := *c
	for _, f := range []struct {
		name string
		at   *string
	}{
		{"address", &out.URL}, {"from", &out.From}, {"username", &out.Username}, {"password", &out.Password}, {"public_url", &out.PublicURL}, {"ca", &out.CA}, {"templates", &out.Templates},
	} {
		v, err := resolve(*f.at)
		if err != nil {
			return Config{}, fmt.Errorf("%s: %w", f.name, err)
		}
		*f.at = v
	}
	out.PublicURL = strings.TrimRight(out.PublicURL, "/")
	if err := out.complete(); err != nil {
		return Config{}, err
	}
	if err := out.checkParts(); err != nil {
		return Config{}, err
	}
	if _, err := out.transport(nil); err != nil {
		return Config{}, err
	}
	_, err := readTemplates(out.Templates)
	return out, err
}

// Fingerprint is another for each configuration that Resolve gave, and where one of its files has changed: who keeps a Mailer
// makes a new one then.
func (c *Config) Fingerprint() (string, error) {
	text, err := json.Marshal(c) //nolint:gosec // it is hashed
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	_, _ = sum.Write(text) // it never fails
	if c.CA != "" {
		ca, err := readLimited(c.CA, mostCA)
		if err != nil {
			return "", fmt.Errorf("the ca of the mail server: %w", err)
		}
		_, _ = fmt.Fprintf(sum, "%q", ca)
	}
	own, err := ownFiles(c.Templates)
	if err != nil {
		return "", err
	}
	for _, name := range slices.Sorted(maps.Keys(own)) {
		_, _ = fmt.Fprintf(sum, "%q%q", name, own[name])
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// complete says what is missing.
func (c *Config) complete() error {
	switch {
	case (c.Username == "") != (c.Password == ""):
		return errors.New("username and password of the mail server belong together")
	case c.URL == "" && (c.Username != "" || c.TLS != "" || c.CA != ""):
		return errors.New("username, password, tls and ca are for a server: mail smtp://mail.example.org { … }")
	case c.URL != "" && c.From == "":
		return errors.New("mail needs a sender: from no-reply@example.org")
	case c.URL != "" && c.PublicURL == "":
		return errors.New("mail has links in it that lead to the gateway: public_url https://gateway.example.org")
	}
	return nil
}

// checkParts says what is wrong with the values that are there.
func (c *Config) checkParts() error {
	if c.TLS != "" && !slices.Contains([]string{STARTTLS, Implicit, Off}, c.TLS) {
		return fmt.Errorf("tls is starttls, implicit or off, not %q", c.TLS)
	}
	if c.URL != "" {
		if _, err := c.server(); err != nil {
			return err
		}
	}
	if c.From != "" {
		if _, err := c.sender(); err != nil {
			return err
		}
	}
	return checkPublic(c.PublicURL)
}

// sender reads From.
func (c *Config) sender() (*mail.Address, error) {
	from, err := mail.ParseAddress(c.From)
	if err != nil {
		return nil, fmt.Errorf("%q is no sender: write from no-reply@example.org, or from \"Fairway <no-reply@example.org>\"", c.From)
	}
	if from.Address, err = CheckAddress(from.Address); err != nil {
		return nil, fmt.Errorf("the sender: %w", err)
	}
	if hasControl(from.Name) {
		return nil, fmt.Errorf("the name of the sender %q has control characters", from.Name)
	}
	return from, nil
}

// server is where mail is sent.
type server struct {
	host string
	port int
	tls  string
}

// server reads URL and TLS.
func (c *Config) server() (server, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "smtp" && u.Scheme != "smtps" || u.Hostname() == "" || u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return server{}, fmt.Errorf("%q is no mail server: write smtp://mail.example.org or smtps://mail.example.org", withoutUser(c.URL))
	}
	s := server{host: u.Hostname(), tls: c.TLS}
	switch {
	case u.Scheme == "smtps" && s.tls != "" && s.tls != Implicit:
		return server{}, fmt.Errorf("smtps:// is encrypted from the first byte; with tls %s write smtp://", s.tls)
	case u.Scheme == "smtps":
		s.tls = Implicit
	case s.tls == "" && local(s.host):
		s.tls = Off
	case s.tls == "":
		s.tls = STARTTLS
	}
	if s.tls == Off && c.Username != "" && !local(s.host) {
		return server{}, errors.New("with tls off the password of the mail server would be sent in the clear")
	}
	s.port = 587
	if s.tls == Implicit {
		s.port = 465
	}
	if p := u.Port(); p != "" {
		if s.port, err = strconv.Atoi(p); err != nil || s.port < 1 || s.port > 65535 {
			return server{}, fmt.Errorf("%q is no port", p)
		}
	}
	return s, nil
}

// withoutUser is an address that may be shown.
func withoutUser(s string) string {
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		return "…" + s[i:]
	}
	return s
}

// checkPublic looks at PublicURL.
func checkPublic(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return fmt.Errorf("%q is nowhere for links to lead: write public_url https://gateway.example.org", withoutUser(s))
	}
	if u.Scheme == "http" && !local(u.Hostname()) {
		return errors.New("public_url begins with https://: who has the link may set a password")
	}
	return nil
}

// local says that a host is this machine.
func local(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback() || strings.EqualFold(host, "localhost") || strings.HasSuffix(strings.ToLower(host), ".localhost")
}

func hasPlaceholder(s string) bool {
	return strings.Contains(s, "{env.") || strings.Contains(s, "{file.")
}

func placeholder() *regexp.Regexp { return regexp.MustCompile(`^\{(?:env\.|file\.)[^{}]+\}$`) }
