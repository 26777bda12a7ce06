package doctor

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// smtp is a mail server that greets, and fails the test if anybody wants more.
func smtp(t *testing.T) string {
	t.Helper()
	return listens(t, func(conn net.Conn) {
		say := func(line string) { _, _ = conn.Write([]byte(line + "\r\n")) } // who asked may be gone
		say("220 doctor.test ESMTP")
		for lines := bufio.NewScanner(conn); lines.Scan(); {
			switch word, _, _ := strings.Cut(lines.Text(), " "); word {
			case "EHLO":
				say("250-doctor.test")
				say("250 AUTH PLAIN LOGIN")
			case "NOOP", "RSET":
				say("250 ok")
			case "QUIT":
				say("221 bye")
				return
			default:
				t.Errorf("the mail server was told %s", word)
				say("502 no")
			}
		}
	})
}

// TestMail greets servers, and logs in nowhere.
func TestMail(t *testing.T) {
	t.Setenv("DOCTOR_PASSWORD", "s3cret-of-mail")
	hangs, _ := listener(t, nil)
	words := func(url, tls string) string {
		return `{"apps":{"fairway":{"mail":{"url":"` + url + `","from":"a@example.org","public_url":"https://example.org","username":"u","password":"{env.DOCTOR_PASSWORD}","tls":"` + tls + `"}}}}`
	}
	for _, c := range []struct {
		name, raw string
		state     State
		says      string
	}{
		{"none", `{}`, OK, "no server"},
		{"plain", words("smtp://"+smtp(t), "off"), OK, "nobody logged in"},
		{"no STARTTLS", words("smtp://"+smtp(t), "starttls"), Failure, "tls are right"},
		{"refused", words("smtp://127.0.0.1:1", "off"), Failure, "refused"},
		{"no password", strings.ReplaceAll(words("smtp://127.0.0.1:1", "off"), "DOCTOR_PASSWORD", "DOCTOR_NONE"), Failure, "DOCTOR_NONE"},
	} {
		t.Run(c.name, func(t *testing.T) { want(t, of(t, c.raw).mail(t.Context())[0], c.state, c.says) })
	}
	e := of(t, words("smtp://"+hangs, "off"))
	e.timeout = 100 * time.Millisecond
	found := e.run(t.Context())
	i := 0
	for ; i < len(found.Checks) && found.Checks[i].Check != "mail"; i++ {
	}
	want(t, found.Checks[i], Failure, hangs)
}

// TestNoSecretIsTold: what others say goes through the same hands as what we say.
func TestNoSecretIsTold(t *testing.T) {
	t.Setenv("DOCTOR_PASSWORD", "s3cret-of-store")
	t.Setenv("DOCTOR_URL", "postgres://u:s3cret-of-store@127.0.0.1:1/x")
	e := of(t, `{"apps":{"fairway":{"databases":[{"dsn":"{env.DOCTOR_URL}"},{"name":"other","dsn":"postgres://u:{env.DOCTOR_PASSWORD}@127.0.0.1:1/x"}],"secret":"{env.DOCTOR_PASSWORD}"}}}`)
	e.broken = errors.New("somebody says s3cret-of-store")
	var text bytes.Buffer
	out := e.run(t.Context())
	if err := out.Text(&text); err != nil {
		t.Fatal(err)
	}
	if out.State != Failure || strings.Contains(text.String(), "s3cret") || !strings.Contains(text.String(), "says ***") {
		t.Errorf("it is %s and says:\n%s", out.State, text.String())
	}
}

// TestText: a table, and what to do below it.
func TestText(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	err := (&Findings{State: Failure, Checks: []Finding{{"store", OK, "here", ""}, {"mail", Failure, "gone\x1b[2J", "find it"}}}).Text(&text)
	if diff := cmp.Diff("STATE    CHECK  FOUND\nok       store  here\nfailure  mail   gone\uFFFD[2J\nmail: find it\n", text.String()); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}
