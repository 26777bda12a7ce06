package mail

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/outbox"
	"github.com/fairway-gateway/fairway/queries/db"
)

// TestADeadServerLosesNothing writes letters while there is no server, which comes later.
func TestADeadServerLosesNothing(t *testing.T) {
	t.Parallel()
	engines.Both(t, func(t *testing.T, dsn string) {
		t.Helper()
		deadServer(t, dsn)
	})
}

func deadServer(t *testing.T, dsn string) {
	t.Helper()
	port := freePort(t)
	p := newPostOver(t, dsn, to("smtp", port), quick())
	const letters = 20
	for i := range letters {
		must(t, p.Created(t.Context(), nil, fmt.Sprintf("u%d@example.org", i), fmt.Sprintf("/reset-password?token=t%d", i), soon()))
	}
	run(t, p.Mailer)
	controltest.Eventually(t, "attempts fail", func() bool { return strings.Count(p.log.String(), "connection refused") > letters })
	taken := serve(t, port)
	got := map[string]int{}
	for range letters {
		d := receive(t, taken)
		got[d.To[0]]++
		if _, text, html := d.read(t); !strings.Contains(text, "https://gateway.example.org/reset-password?token=t") || !strings.Contains(html, "token=t") {
			t.Errorf("no link in %q, %q", text, html)
		}
	}
	p.gone(t)
	if len(got) != letters || len(taken) != 0 {
		t.Errorf("%v, and %d more", got, len(taken))
	}
	if strings.Contains(p.log.String(), "token=") || strings.Contains(p.log.String(), "@example.org") {
		t.Error("the log has a link or a recipient:", p.log)
	}
}

// TestWhatAServerGets reads a letter as its recipient would.
func TestWhatAServerGets(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	taken := serve(t, port)
	p := newPost(t, to("smtp", port), quick())
	run(t, p.Mailer)
	must(t, p.Recover(t.Context(), nil, "walter@bücher.example", "/reset-password?token=abc", time.Date(2100, 1, 2, 15, 4, 0, 0, time.UTC)))
	d := receive(t, taken)
	h, text, html := d.read(t)
	if d.From != "no-reply@gateway.example.org" || len(d.To) != 1 || d.To[0] != "walter@xn--bcher-kva.example" || d.Login != "" {
		t.Errorf("%+v", d)
	}
	for name, want := range map[string]string{"From": `"Fairway" <no-reply@gateway.example.org>`, "To": "<walter@xn--bcher-kva.example>", "Subject": "Set a new password", "Auto-Submitted": "auto-generated", "User-Agent": "", "X-Mailer": ""} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if id := h.Get("Message-Id"); !strings.HasPrefix(id, "<") || !strings.HasSuffix(id, "@gateway.example.org>") {
		t.Errorf("Message-ID %q", id)
	}
	for _, want := range []string{"https://gateway.example.org/reset-password?token=abc", "before 15:04 UTC on 2 January 2100", "walter@"} {
		if !strings.Contains(text, want) || !strings.Contains(html, want) {
			t.Errorf("no %q in %q or %q", want, text, html)
		}
	}
	id, n, err := p.Send(t.Context(), controltest.By(), Message{Recipients: []string{"a@example.org", "b@example.org", "A@example.org"}, Subject: "Grüße", HTML: "<p>Hello <b>you</b></p>"})
	if err != nil || n != 2 {
		t.Fatal(n, err)
	}
	seen := map[string]bool{}
	for range 2 {
		d := receive(t, taken)
		h, text, html := d.read(t)
		if h.Get("Subject") != "=?UTF-8?q?Gr=C3=BC=C3=9Fe?=" || text != "Hello you\n" || html != "<p>Hello <b>you</b></p>" || h.Get("Auto-Submitted") != "" {
			t.Errorf("%v, %q, %q", h, text, html)
		}
		if strings.Contains(string(d.Data), "a@example.org") && strings.Contains(string(d.Data), "b@example.org") {
			t.Error("one recipient sees the other")
		}
		seen[h.Get("Message-Id")] = true
	}
	if !seen["<"+id+".1@gateway.example.org>"] || !seen["<"+id+".2@gateway.example.org>"] {
		t.Errorf("%s: %v", id, seen)
	}
}

// TestRefusalsAreForGoodAndOthersAreTriedAgain also holds that a letter that is sent again is the same.
func TestRefusalsAreForGoodAndOthersAreTriedAgain(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	taken := serve(t, port)
	p := newPost(t, to("smtp", port), quick())
	_, _, err := p.Send(t.Context(), controltest.By(), Message{Recipients: []string{"refused@example.org", "later@example.org"}, Subject: "s", HTML: "x"})
	must(t, err)
	run(t, p.Mailer)
	first, second := receive(t, taken), receive(t, taken)
	a, _, _ := first.read(t)
	b, _, _ := second.read(t)
	if first.Taken || !second.Taken || a.Get("Message-Id") == "" || a.Get("Message-Id") != b.Get("Message-Id") || a.Get("Date") != b.Get("Date") {
		t.Errorf("%v\n%v", a, b)
	}
	p.gone(t)
	why := p.deadReasons(t)
	if len(why) != 1 || !strings.Contains(why[0], "550") || !strings.Contains(why[0], "no such mailbox") || strings.Contains(why[0], "refused@") {
		t.Errorf("%q", why)
	}
	if strings.Contains(p.log.String(), "@example.org") {
		t.Error(p.log)
	}
}

// attempt sends one letter without the outbox.
func attempt(t *testing.T, cfg Config) error {
	t.Helper()
	resolved, err := cfg.Resolve(func(s string) (string, error) { return strings.ReplaceAll(s, "{env.PASSWORD}", "s3cret"), nil })
	must(t, err)
	by, err := resolved.transport(nil)
	must(t, err)
	return by.send(t.Context(), message{content: content{subject: "s", text: "t"}, id: "1@example.org", to: "a@example.org", written: time.Now()})
}

// TestEncryptionAndLogin has every way to a server that asks for a login, and those who must not come through.
func TestEncryptionAndLogin(t *testing.T) {
	t.Parallel()
	cert, private := certificate(t)
	otherCert, _ := certificate(t)
	start, implicit, plain := freePort(t), freePort(t), freePort(t)
	byStart := serve(t, start, "--tls", cert, private, "--login", "walter", "s3cret")
	byImplicit := serve(t, implicit, "--tls", cert, private, "--implicit", "--login", "walter", "s3cret")
	byPlain := serve(t, plain, "--login", "walter", "s3cret")
	with := func(c Config, change func(*Config)) Config {
		c.Username, c.Password, c.CA = "walter", "{env.PASSWORD}", cert
		if change != nil {
			change(&c)
		}
		return c
	}
	starttls := func(c *Config) { c.TLS = STARTTLS }
	for name, one := range map[string]struct {
		cfg       Config
		taken     <-chan delivery
		encrypted bool
	}{
		"starttls": {with(to("smtp", start), starttls), byStart, true},
		"smtps":    {with(to("smtps", implicit), nil), byImplicit, true},
		"implicit": {with(to("smtp", implicit), func(c *Config) { c.TLS = Implicit }), byImplicit, true},
		"loopback": {with(to("smtp", plain), nil), byPlain, false},
	} {
		must(t, attempt(t, one.cfg))
		if d := receive(t, one.taken); d.Login != "walter" || d.Encrypted != one.encrypted {
			t.Errorf("%s: %+v", name, d)
		}
	}
	for name, one := range map[string]struct {
		cfg  Config
		says string
	}{
		"another authority":          {with(to("smtp", start), func(c *Config) { c.TLS, c.CA = STARTTLS, otherCert }), "certificate"},
		"another, from the first":    {with(to("smtps", implicit), func(c *Config) { c.CA = otherCert }), "certificate"},
		"no encryption where asked":  {with(to("smtp", plain), starttls), "does not support STARTTLS"},
		"no login":                   {with(to("smtp", start), func(c *Config) { c.TLS, c.Username, c.Password = STARTTLS, "", "" }), "530"},
		"another's password":         {with(to("smtp", start), func(c *Config) { c.TLS, c.Username = STARTTLS, "wilma" }), "535"},
		"none where it wants some":   {with(to("smtp", start), nil), "AUTH"},
		"TLS to who speaks in clear": {with(to("smtps", plain), nil), "tls"},
	} {
		err := attempt(t, one.cfg)
		if err == nil || !strings.Contains(err.Error(), one.says) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", name, err)
		}
		if _, permanent := errors.AsType[*outbox.PermanentError](err); permanent {
			t.Errorf("%s: what is set right later is for good", name)
		}
	}
	if len(byStart)+len(byImplicit)+len(byPlain) != 0 {
		t.Error("a letter came through")
	}
}

// mute is a server that says nothing. It counts who comes.
func mute(t *testing.T) (port int, came *atomic.Int32) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	came = new(atomic.Int32)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			came.Add(1)
			defer conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-ended
	})
	return l.Addr().(*net.TCPAddr).Port, came
}

// TestAServerThatSaysNothingHoldsNobodyUp ends while one is asked.
func TestAServerThatSaysNothingHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	port, came := mute(t)
	times := quick()
	times.Drain = 100 * time.Millisecond
	p := newPost(t, to("smtp", port), times)
	must(t, p.Recover(t.Context(), nil, "a@example.org", "/x", soon()))
	stop := run(t, p.Mailer)
	controltest.Eventually(t, "it is asked", func() bool { return came.Load() > 0 })
	stop()
	if waiting, dead := p.left(t); waiting != 1 || dead != 0 {
		t.Errorf("%d wait, %d are dead", waiting, dead)
	}
	if !strings.Contains(p.log.String(), "the gateway stopped") {
		t.Error(p.log)
	}
}

// TestAServerThatNeverStopsTalkingIsLeft has one whose greeting has no end.
func TestAServerThatNeverStopsTalkingIsLeft(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		line := []byte("220-" + strings.Repeat("x", 1000) + "\r\n")
		for err == nil {
			_, err = conn.Write(line)
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		receive(t, ended)
	})
	if err := attempt(t, to("smtp", l.Addr().(*net.TCPAddr).Port)); err == nil || !strings.Contains(err.Error(), "more than anybody reads") {
		t.Error(err)
	}
}

// TestTwoGatewaysSendEachLetterOnce is over one store and one server.
func TestTwoGatewaysSendEachLetterOnce(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	taken := serve(t, port)
	p := newPost(t, to("smtp", port), quick())
	other := p.over(t, to("smtp", port), quick(), key(1))
	err := p.store.InTx(t.Context(), func(q db.Querier) error {
		for i := range 60 {
			if err := p.Created(t.Context(), q, "u"+strconv.Itoa(i)+"@example.org", "/x", soon()); err != nil {
				return err
			}
		}
		return nil
	})
	must(t, err)
	run(t, p.Mailer)
	run(t, other)
	got := map[string]int{}
	for len(got) < 60 {
		got[receive(t, taken).To[0]]++
	}
	p.gone(t)
	for range len(taken) {
		got[(<-taken).To[0]]++
	}
	// Where the store does not answer for seconds, what became of a letter cannot be written down: it leaves again, and the log says so.
	if log := p.log.String(); strings.Contains(log, "could not be written down") || strings.Contains(log, "it may have left twice") {
		return
	}
	for to, n := range got {
		if n != 1 {
			t.Errorf("%s got %d", to, n)
		}
	}
}

// TestAnAddressThatIsNotASCIINeedsAServerForIt has one that can.
func TestAnAddressThatIsNotASCIINeedsAServerForIt(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	taken := serve(t, port)
	by, err := (&Config{URL: "smtp://127.0.0.1:" + strconv.Itoa(port), From: "a@example.org"}).transport(nil)
	must(t, err)
	must(t, by.send(context.WithoutCancel(t.Context()), message{content: content{subject: "s", text: "t"}, id: "1@x", to: "münch@example.org", written: time.Now()}))
	if d := receive(t, taken); d.To[0] != "münch@example.org" {
		t.Errorf("%+v", d)
	}
}
