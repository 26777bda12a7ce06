package mail

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestConfig(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty.pem")
	must(t, os.WriteFile(empty, nil, 0o600))
	resolve := func(s string) (string, error) {
		if strings.Contains(s, "{env.NONE}") {
			return "", errors.New("{env.NONE} is not set or empty")
		}
		return strings.NewReplacer("{env.URL}", "smtp://mail.example.org", "{env.HTTP}", "http://example.org", "{env.X}", "x").Replace(s), nil
	}
	good := func(change func(*Config)) Config {
		c := Config{URL: "smtp://mail.example.org", From: "no-reply@example.org", PublicURL: "https://example.org"}
		if change != nil {
			change(&c)
		}
		return c
	}
	for name, one := range map[string]struct {
		cfg   Config
		where server
	}{
		"the least":          {good(nil), server{"mail.example.org", 587, STARTTLS}},
		"smtps":              {good(func(c *Config) { c.URL = "smtps://mail.example.org/" }), server{"mail.example.org", 465, Implicit}},
		"a port":             {good(func(c *Config) { c.URL = "smtp://mail.example.org:25" }), server{"mail.example.org", 25, STARTTLS}},
		"implicit":           {good(func(c *Config) { c.TLS = Implicit }), server{"mail.example.org", 465, Implicit}},
		"off":                {good(func(c *Config) { c.TLS = Off }), server{"mail.example.org", 587, Off}},
		"this machine":       {good(func(c *Config) { c.URL = "smtp://localhost:1025" }), server{"localhost", 1025, Off}},
		"its address":        {good(func(c *Config) { c.URL = "smtp://[::1]:1025" }), server{"::1", 1025, Off}},
		"it, encrypted":      {good(func(c *Config) { c.URL, c.TLS = "smtp://127.0.0.1", STARTTLS }), server{"127.0.0.1", 587, STARTTLS}},
		"of the environment": {good(func(c *Config) { c.URL, c.Username, c.Password = "{env.URL}", "{env.X}", "{env.X}" }), server{"mail.example.org", 587, STARTTLS}},
		"a name":             {good(func(c *Config) { c.From = "Ours <a@localhost>" }), server{"mail.example.org", 587, STARTTLS}},
		"links in a folder":  {good(func(c *Config) { c.PublicURL = "https://example.org/gateway/" }), server{"mail.example.org", 587, STARTTLS}},
	} {
		c, err := one.cfg.Resolve(resolve)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, err := c.server(); got != one.where || err != nil || strings.HasSuffix(c.PublicURL, "/") {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if c, err := (&Config{}).Resolve(resolve); err != nil || c != (Config{}) {
		t.Error(c, err)
	}
	for name, one := range map[string]struct {
		cfg   Config
		says  string
		later bool // only when it is resolved
	}{
		"no scheme":               {good(func(c *Config) { c.URL = "mail.example.org" }), "is no mail server", false},
		"another scheme":          {good(func(c *Config) { c.URL = "https://mail.example.org" }), "is no mail server", false},
		"a path":                  {good(func(c *Config) { c.URL = "smtp://mail.example.org/x" }), "is no mail server", false},
		"no host":                 {good(func(c *Config) { c.URL = "smtp://" }), "is no mail server", false},
		"a port too high":         {good(func(c *Config) { c.URL = "smtp://mail.example.org:99999" }), "is no port", false},
		"a password in it":        {good(func(c *Config) { c.URL = "smtp://walter:s3cret@mail.example.org" }), "write username and password", false},
		"a password as it is":     {good(func(c *Config) { c.Username, c.Password = "walter", "s3cret" }), "{env.X}", false},
		"half a placeholder":      {good(func(c *Config) { c.Username, c.Password = "walter", "s3cret{env.X}" }), "{env.X}", false},
		"no password":             {good(func(c *Config) { c.Username = "walter" }), "belong together", false},
		"no user":                 {good(func(c *Config) { c.Password = "{env.X}" }), "belong together", false},
		"a password in the clear": {good(func(c *Config) { c.TLS, c.Username, c.Password = Off, "walter", "{env.X}" }), "in the clear", false},
		"smtps and off":           {good(func(c *Config) { c.URL, c.TLS = "smtps://mail.example.org", Off }), "write smtp://", false},
		"no such encryption":      {good(func(c *Config) { c.TLS = "on" }), "starttls, implicit or off", false},
		"no sender":               {good(func(c *Config) { c.From = "" }), "needs a sender", false},
		"no address":              {good(func(c *Config) { c.From = "Fairway" }), "is no sender", false},
		"two senders":             {good(func(c *Config) { c.From = "a@example.org, b@example.org" }), "is no sender", false},
		"a header":                {good(func(c *Config) { c.From = "a@example.org\r\nBcc: b@example.org" }), "is no sender", false},
		"no public URL":           {good(func(c *Config) { c.PublicURL = "" }), "public_url", false},
		"in the clear":            {good(func(c *Config) { c.PublicURL = "http://example.org" }), "begins with https", false},
		"in the clear, later":     {good(func(c *Config) { c.PublicURL = "{env.HTTP}" }), "begins with https", true},
		"with a query":            {good(func(c *Config) { c.PublicURL = "https://example.org?x" }), "nowhere", false},
		"a user without server":   {Config{Username: "walter", Password: "{env.X}"}, "are for a server", false},
		"tls without server":      {Config{TLS: Off}, "are for a server", false},
		"not set":                 {good(func(c *Config) { c.URL = "{env.NONE}" }), "address: {env.NONE} is not set", true},
		"no templates":            {good(func(c *Config) { c.Templates = "/nowhere" }), "templates of mail", true},
		"no authorities":          {good(func(c *Config) { c.CA = "/nowhere" }), "ca of the mail server", true},
		"empty authorities":       {good(func(c *Config) { c.CA = empty }), "has no certificate", true},
	} {
		_, err := one.cfg.Resolve(resolve)
		if err == nil || !strings.Contains(err.Error(), one.says) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", name, err)
		}
		if at := one.cfg.Check(); (at == nil) != one.later {
			t.Errorf("%s, as it is written: %v", name, at)
		}
	}
}

// TestFingerprintChangesWithEveryWordAndFile changes them one after the other.
func TestFingerprintChangesWithEveryWordAndFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	must(t, os.WriteFile(ca, []byte("a"), 0o600))
	c := Config{URL: "smtp://mail.example.org", From: "a@example.org", PublicURL: "https://example.org", CA: ca, Templates: dir}
	seen := map[string]bool{}
	look := func() {
		t.Helper()
		got, err := c.Fingerprint()
		must(t, err)
		if again, err := c.Fingerprint(); again != got || err != nil {
			t.Error("it changes by itself", err)
		}
		if seen[got] {
			t.Error("it is as before")
		}
		seen[got] = true
	}
	look()
	c.Password = "s3cret"
	look()
	must(t, os.WriteFile(ca, []byte("b"), 0o600))
	look()
	must(t, os.WriteFile(filepath.Join(dir, "created.txt"), []byte("x"), 0o600))
	look()
	must(t, os.Rename(filepath.Join(dir, "created.txt"), filepath.Join(dir, "created.html")))
	look()
	must(t, os.Remove(ca))
	if _, err := c.Fingerprint(); err == nil {
		t.Error("a file that is gone")
	}
}

func TestCheckAddress(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"gef@gef.com": "gef@gef.com", "root@localhost": "root@localhost", "a.b+c@Example.ORG": "a.b+c@example.org", "x@bücher.example": "x@xn--bcher-kva.example",
		"münch@example.org": "münch@example.org", "o'neil@a-b.example": "o'neil@a-b.example",
	} {
		if got, err := CheckAddress(in); got != want || err != nil {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	for _, in := range []string{
		"", "@", "a", "a@", "@b", "a@b@c", "a b@c", `"a b"@c`, "<a@b>", "A <a@b>", "a@[127.0.0.1]", "a@b.", "a@.b", "a@-b", "a@b_c", "a..b@c", ".a@c", "a@b\n", "a@b\x00", "a\r\nb@c",
		"a@b,c@d", "a@b\u2028", "a\xff@b", strings.Repeat("a", 65) + "@b", "a@" + strings.Repeat("b", 64), "a@" + strings.Repeat("b.", 130) + "c", "a@b c", "(x)a@b", "a@b(x)",
	} {
		if got, err := CheckAddress(in); err == nil {
			t.Errorf("%q becomes %q", in, got)
		} else if len(err.Error()) > 250 {
			t.Errorf("%q: %v", in, err)
		}
	}
}
