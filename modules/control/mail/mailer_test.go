package mail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// TestWithoutAServerTheLogHasTheLink also holds that this is said once.
func TestWithoutAServerTheLogHasTheLink(t *testing.T) {
	t.Parallel()
	p := newPost(t, Config{PublicURL: "http://localhost:8443"}, quick())
	run(t, p.Mailer)
	for range 2 {
		must(t, p.Created(t.Context(), nil, "a@localhost", "/reset-password?token=abc", soon()))
	}
	p.gone(t)
	log := p.log.String()
	if strings.Count(log, "http://localhost:8443/reset-password?token=abc") != 2 || strings.Count(log, "recipient=a@localhost") != 2 || strings.Count(log, `subject="Set your password"`) != 2 {
		t.Error(log)
	}
	if strings.Count(log, "level=WARN") != 1 || !strings.Contains(log, "there is no mail server") {
		t.Error(log)
	}
}

// TestALetterLeavesWithItsTransactionOrNotAtAll takes one back.
func TestALetterLeavesWithItsTransactionOrNotAtAll(t *testing.T) {
	t.Parallel()
	p := newPost(t, Config{}, quick())
	mine := errors.New("mine")
	err := p.store.InTx(t.Context(), func(q db.Querier) error {
		must(t, p.Created(t.Context(), q, "a@example.org", "/x", soon()))
		return mine
	})
	if waiting, _ := p.left(t); !errors.Is(err, mine) || waiting != 0 {
		t.Error(err, waiting)
	}
}

// TestTheStoreHasNoLink reads what is written there, and opens it with other keys.
func TestTheStoreHasNoLink(t *testing.T) {
	t.Parallel()
	p := newPost(t, Config{}, quick())
	must(t, p.Created(t.Context(), nil, "walter@example.org", "/reset-password?token=abc", soon()))
	all, err := p.store.ClaimLetters(t.Context(), Topic, "reader", 9, 0)
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	payload := all[0].Payload
	if bytes.Contains(payload, []byte("walter")) || bytes.Contains(payload, []byte("reset")) {
		t.Errorf("%s", payload)
	}
	keys := func(keys ...[]byte) sealer {
		s, err := newSealer(keys)
		must(t, err)
		return s
	}
	for name, s := range map[string]sealer{"its own": keys(key(1)), "an older one": keys(key(2), key(1))} {
		if e, l, err := s.open(payload); err != nil || e.Kind != kindCreated || l.To != "walter@example.org" || l.Link != "/reset-password?token=abc" {
			t.Errorf("%s: %+v, %+v, %v", name, e, l, err)
		}
	}
	for name, bad := range map[string][]byte{
		"of another kind": bytes.Replace(payload, []byte(kindCreated), []byte(kindPlain), 1),
		"short":           []byte(`{"id":"x","kind":"created","sealed":"AAAA"}`),
		"no JSON":         []byte(`{`),
		"a number":        []byte(`1`),
	} {
		if _, _, err := keys(key(1)).open(bad); !errors.Is(err, errSealed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := keys(key(2)).open(payload); !errors.Is(err, errSealed) {
		t.Error(err)
	}
	run(t, p.over(t, Config{}, quick(), key(3)))
	p.gone(t)
	if why := p.deadReasons(t); len(why) != 1 || !strings.Contains(why[0], "another secret") {
		t.Errorf("%q", why)
	}
}

// TestALinkThatHasEndedIsNotSent has one that ended while there was no gateway.
func TestALinkThatHasEndedIsNotSent(t *testing.T) {
	t.Parallel()
	p := newPost(t, Config{}, quick())
	must(t, p.Recover(t.Context(), nil, "a@example.org", "/x", time.Now().Add(-time.Second)))
	run(t, p.Mailer)
	p.gone(t)
	if why := p.deadReasons(t); len(why) != 1 || !strings.Contains(why[0], "had ended") || strings.Contains(p.log.String(), "recipient=") {
		t.Errorf("%q\n%s", why, p.log)
	}
}

// TestAnAccountWithAnAddressOfNoServerIsMade has letters that are laid aside, and reach no server.
func TestAnAccountWithAnAddressOfNoServerIsMade(t *testing.T) {
	t.Parallel()
	port, came := mute(t)
	p := newPost(t, to("smtp", port), quick())
	for _, address := range []string{"a@b_c", "a@example.org\r\nRCPT TO:<b@example.org>", "a@[127.0.0.1]", ""} {
		must(t, p.Created(t.Context(), nil, address, "/x", soon()))
	}
	run(t, p.Mailer)
	p.gone(t)
	if why := p.deadReasons(t); len(why) != 4 || !strings.Contains(why[0], "no address that mail can be sent to") || came.Load() != 0 {
		t.Errorf("%q, %d came", why, came.Load())
	}
}

// TestALetterOfALaterVersionWaitsForIt has a kind that this one does not know.
func TestALetterOfALaterVersionWaitsForIt(t *testing.T) {
	t.Parallel()
	p := newPost(t, Config{}, quick())
	must(t, p.enqueue(t.Context(), p.store.Queries(), envelope{ID: "1", Kind: "greeting"}, letter{To: "a@example.org", Expires: soon().Unix()}))
	run(t, p.Mailer)
	controltest.Eventually(t, "it is tried again", func() bool { return strings.Count(p.log.String(), "knows no letters of the kind") > 1 })
	if waiting, dead := p.left(t); waiting != 1 || dead != 0 {
		t.Error(waiting, dead)
	}
}

func many(n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprintf("u%d@example.org", i))
	}
	return out
}

// TestWhatIsNoLetterIsRefused has injected headers, and what is too much.
func TestWhatIsNoLetterIsRefused(t *testing.T) {
	t.Parallel()
	p := newPost(t, Config{}, quick())
	good := func(change func(*Message)) Message {
		m := Message{Recipients: []string{"a@example.org"}, Subject: "s", HTML: "h"}
		change(&m)
		return m
	}
	for name, one := range map[string]struct {
		field string
		msg   Message
	}{
		"nobody":                {"recipients", good(func(m *Message) { m.Recipients = nil })},
		"51":                    {"recipients", good(func(m *Message) { m.Recipients = many(51) })},
		"no address":            {"recipients", good(func(m *Message) { m.Recipients = append(many(2), "walter") })},
		"a header in it":        {"recipients", good(func(m *Message) { m.Recipients = []string{"a@example.org\r\nBcc: b@example.org"} })},
		"two in one":            {"recipients", good(func(m *Message) { m.Recipients = []string{"a@example.org,b@example.org"} })},
		"no subject":            {"subject", good(func(m *Message) { m.Subject = " " })},
		"a header behind it":    {"subject", good(func(m *Message) { m.Subject = "s\r\nBcc: b@example.org" })},
		"a bare line feed":      {"subject", good(func(m *Message) { m.Subject = "s\nBcc: b@example.org" })},
		"NUL":                   {"subject", good(func(m *Message) { m.Subject = "s\x00" })},
		"no UTF-8":              {"subject", good(func(m *Message) { m.Subject = "s\xff" })},
		"a long subject":        {"subject", good(func(m *Message) { m.Subject = strings.Repeat("ä", 256) })},
		"backwards":             {"subject", good(func(m *Message) { m.Subject = "a\u202eb" })},
		"nothing":               {"html", good(func(m *Message) { m.HTML = "" })},
		"much":                  {"html", good(func(m *Message) { m.HTML = strings.Repeat("x", MostBody+1) })},
		"no UTF-8 inside":       {"html", good(func(m *Message) { m.HTML = "\xff" })},
		"much text beside HTML": {"html", good(func(m *Message) { m.Text = strings.Repeat("x", MostBody+1) })},
	} {
		_, _, err := p.Send(t.Context(), controltest.By(), one.msg)
		if no, ok := errors.AsType[*InvalidError](err); !ok || no.Field != one.field || strings.ContainsAny(err.Error(), "\r\n\x00") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, path := range map[string]string{"elsewhere": "//evil.example", "a whole URL": "https://evil.example", "two lines": "/x\r\ny", "long": "/" + strings.Repeat("x", mostLink), "none": ""} {
		if p.Recover(t.Context(), nil, "a@example.org", path, soon()) == nil {
			t.Error(name)
		}
	}
	if p.Recover(t.Context(), nil, "a@example.org", "/x", time.Time{}) == nil {
		t.Error("without end")
	}
	if waiting, _ := p.left(t); waiting != 0 {
		t.Errorf("%d were written", waiting)
	}
	most := good(func(m *Message) {
		m.Recipients, m.Subject, m.HTML = many(50), strings.Repeat("ä", 255), strings.Repeat("x", MostBody)
	})
	if _, n, err := p.Send(t.Context(), controltest.By(), most); n != 50 || err != nil {
		t.Error(n, err)
	}
}

// crowded is a store with many letters.
type crowded struct{ *queries.Store }

func (crowded) CountLetters(context.Context, string) (waiting, dead int64, err error) {
	return mostWaiting, 0, nil
}

// TestTooManyLettersAreRefusedButLinksAreNot holds the bound of what waits.
func TestTooManyLettersAreRefusedButLinksAreNot(t *testing.T) {
	t.Parallel()
	p := newPost(t, Config{}, quick())
	m, err := New(Config{}, Deps{Store: crowded{p.store}, Keys: [][]byte{key(1)}})
	must(t, err)
	if _, _, err := m.Send(t.Context(), controltest.By(), Message{Recipients: many(1), Subject: "s", Text: "t"}); !errors.Is(err, ErrFull) {
		t.Error(err)
	}
	must(t, m.Recover(t.Context(), nil, "a@example.org", "/x", soon()))
	w := httptest.NewRecorder()
	m.ServeHTTP(w, request(`{"recipients":["a@example.org"],"subject":"s","html":"h"}`, "application/json"))
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "60" {
		t.Error(w.Code, w.Header())
	}
}

func request(body, kind string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/email", strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	return r
}

// TestEmail has what callers of POST /email may send.
func TestEmail(t *testing.T) {
	t.Parallel()
	p := newPost(t, Config{}, quick())
	const good = `{"recipients":["a@example.org","b@example.org"],"subject":"s","html":"<p>h</p>"}`
	for name, one := range map[string]struct {
		body, kind string
		status     int
		says       string
	}{
		"as it was":       {good, "application/json", 200, `"recipients":2,"status":"queued"`},
		"with a charset":  {good, "application/json; charset=utf-8", 200, `{"data":{"id":"`},
		"one":             {`{"recipients":"a@example.org","subject":"s","html":"h"}`, "application/json", 200, `"recipients":1`},
		"a member more":   {`{"recipients":["a@example.org"],"subject":"s","html":"h","from":"x"}`, "application/json", 200, ""},
		"a form":          {"recipients=a", "application/x-www-form-urlencoded", 415, "application/json"},
		"text":            {good, "text/plain", 415, "application/json"},
		"nothing said":    {good, "", 415, "application/json"},
		"no JSON":         {`{`, "application/json", 400, "the body is JSON"},
		"null":            {`null`, "application/json", 400, "1 to 50 recipients"},
		"a list":          {`[]`, "application/json", 400, "the body is JSON"},
		"no recipients":   {`{"subject":"s","html":"h"}`, "application/json", 400, `"messages":{"recipients":["mail is for`},
		"an empty one":    {`{"recipients":"","subject":"s","html":"h"}`, "application/json", 400, "recipients are addresses"},
		"a number":        {`{"recipients":[1],"subject":"s","html":"h"}`, "application/json", 400, "recipients are addresses"},
		"objects":         {`{"recipients":[{"address":"a@example.org"}],"subject":"s","html":"h"}`, "application/json", 400, "recipients are addresses"},
		"injected":        {`{"recipients":["a@example.org"],"subject":"s\r\nBcc: x@example.org","html":"h"}`, "application/json", 400, "control characters"},
		"NUL":             {`{"recipients":["a@example.org"],"subject":"s","html":"\u0000"}`, "application/json", 400, "without NUL"},
		"invalid UTF-8":   {"{\"recipients\":[\"a@example.org\"],\"subject\":\"\xff\",\"html\":\"h\"}", "application/json", 400, "not UTF-8"},
		"too much":        {`{"html":"` + strings.Repeat("x", mostRequest) + `"}`, "application/json", 413, "longer than"},
		"too many":        {`{"recipients":["` + strings.Join(many(51), `","`) + `"],"subject":"s","html":"h"}`, "application/json", 400, "50"},
		"a large one":     {`{"recipients":["a@example.org"],"subject":"s","html":"` + strings.Repeat("x", MostBody+1) + `"}`, "application/json", 400, "at most"},
		"another's media": {good, "application/vnd.api+json", 200, ""},
	} {
		w := httptest.NewRecorder()
		p.ServeHTTP(w, request(one.body, one.kind))
		if w.Code != one.status || !strings.Contains(w.Body.String(), one.says) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if waiting, _ := p.left(t); waiting != 2+2+1+1+2 {
		t.Errorf("%d letters", waiting)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	p.ServeHTTP(w, request(good, "application/json").WithContext(ctx))
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "canceled") {
		t.Error(w.Code, w.Body)
	}
}

// TestEmailIsForAdmins asks the API as its callers would, and looks at what it wrote.
func TestEmailIsForAdmins(t *testing.T) {
	t.Parallel()
	engines.Both(t, func(t *testing.T, dsn string) {
		t.Helper()
		var m *Mailer
		g := controltest.Open(t, dsn, func(g *controltest.Gateway) {
			var err error
			m, err = New(Config{}, Deps{Store: g.Store, Keys: [][]byte{key(1)}})
			must(t, err)
			m.Register(g.API)
		})
		g.User(t, "root", permit.Superadmin)
		admin := g.User(t, "ada", permit.Admin)
		g.User(t, "ann", permit.User)
		const body = `{"recipients":["x@example.org","y@example.org"],"subject":"s","html":"<p>h</p>"}`
		for _, path := range []string{"/email", "/api/v1/email", "/api/v1/email/"} {
			g.Want(t, "", "POST", path, body, 401)
			g.Want(t, "ann:", "POST", path, body, 403)
			g.Want(t, "ada:", "GET", path, "", 405)
			a := g.Want(t, "ada:", "POST", path, body, 200)
			var got struct {
				Data struct {
					ID         string `json:"id"`
					Recipients int    `json:"recipients"`
					Status     string `json:"status"`
				} `json:"data"`
			}
			a.JSON(t, &got)
			if len(got.Data.ID) != 36 || got.Data.Recipients != 2 || got.Data.Status != "queued" {
				t.Errorf("%s", a.Body)
			}
			all, err := g.Store.Queries().ListAuditOf(t.Context(), db.ListAuditOfParams{Subject: "mail:" + got.Data.ID, AtMost: 9})
			must(t, err)
			if len(all) != 1 || all[0].Action != "mail.send" || all[0].ActorUser == nil || *all[0].ActorUser != admin.ID || all[0].RequestID != "r1" || strings.Contains(string(all[0].Diff), "x@") {
				t.Errorf("%+v", all)
			}
		}
		g.Want(t, "root:", "POST", "/email", body, 200)
		if no := g.Want(t, "ada:", "POST", "/email", `{"recipients":[],"subject":"s","html":"h"}`, 400); !strings.Contains(no.Body, "urn:fairway:problem:bad_body") || !strings.Contains(no.Body, `"msg":"mail is for`) {
			t.Error(no.Body)
		}
		if waiting, _, err := g.Store.CountLetters(t.Context(), Topic); waiting != 8 || err != nil {
			t.Error(waiting, err)
		}
	})
}

// TestTemplatesOfAFolderReplaceTheBuiltIn also has those that would make no letter.
func TestTemplatesOfAFolderReplaceTheBuiltIn(t *testing.T) {
	t.Parallel()
	view := View{Address: "<a>@example.org", Gateway: "g", Link: "https://g/x?token=y&z=1", Until: "soon"}
	for name, one := range map[string]struct {
		files map[string]string
		says  string
	}{
		"one of them":       {map[string]string{"recovery.txt": "Subject: Anew\r\n\r\nHere: {{.Link}}\r\n", "README.md": "ours"}, ""},
		"of no letter":      {map[string]string{"recovry.txt": "x"}, "no letter for the template recovry.txt"},
		"without subject":   {map[string]string{"recovery.txt": "Here: {{.Link}}"}, "begins with a line"},
		"an empty subject":  {map[string]string{"recovery.txt": "Subject: {{if false}}x{{end}}\n\n{{.Link}}"}, "needs a subject"},
		"two lines of it":   {map[string]string{"recovery.txt": "Subject: a\nBcc: b@example.org\n\n{{.Link}}"}, "one line"},
		"of ends, without":  {map[string]string{"ended.txt": "Subject: {{.Count}}\n\n{{range .Ended}}{{.Script}}{{end}}"}, "not {{.Link}} of each"},
		"of ends, of one":   {map[string]string{"ended.txt": "Subject: x\n\n{{(index .Ended 1).Link}}"}, "ended.txt"},
		"without link":      {map[string]string{"recovery.html": "<p>no</p>"}, "no {{.Link}}"},
		"no such field":     {map[string]string{"recovery.html": "{{.Token}}"}, "recovery.html"},
		"no template":       {map[string]string{"created.txt": "{{"}, "created.txt"},
		"no end":            {map[string]string{"created.txt": "Subject: x\n\n" + `{{define "x"}}x{{template "x"}}{{end}}{{template "x"}}`}, "created.txt"},
		"more than anybody": {map[string]string{"created.html": strings.Repeat("x", mostTemplate+1)}, "more than"},
		"from nothing much": {map[string]string{"created.txt": "Subject: x\n\n" + `{{range 200000000}}xxxxxxxxxx{{end}}`}, "makes more than"},
	} {
		dir := t.TempDir()
		for file, text := range one.files {
			must(t, os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600))
		}
		all, err := readTemplates(dir)
		if one.says != "" {
			if err == nil || !strings.Contains(err.Error(), one.says) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		must(t, err)
		got, err := all.render(kindRecovery, view)
		must(t, err)
		if got.subject != "Anew" || got.text != "Here: https://g/x?token=y&z=1\n" || !strings.Contains(got.html, `href="https://g/x?token=y&amp;z=1"`) || !strings.Contains(got.html, "&lt;a&gt;@example.org") {
			t.Errorf("%+v", got)
		}
	}
	if _, err := readTemplates(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a folder that is not there")
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	s := controltest.Store(t, sqlite(t))
	for says, d := range map[string]Deps{"needs a store": {Keys: [][]byte{key(1)}}, "need a key": {Store: s}, "has 32 bytes": {Store: s, Keys: [][]byte{key(1), {1}}}} {
		if _, err := New(Config{}, d); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}
