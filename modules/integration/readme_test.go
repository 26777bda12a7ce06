package integration_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairway-gateway/fairway/proxies/observe"
)

// curlLine is how the READMEs ask: a user or none, a method other than GET or none, a JSON body or none, and a path.
var curlLine = regexp.MustCompile(`^\$ curl -k (?:-u (\S+) )?(?:-X (\S+) )?(?:-H 'Content-Type: (application/json)' -d '([^']*)' )?https://localhost:8443(/\S*)$`)

// wantReadme runs every curl line of an example's README against g, whose backend is a fake of the one that the
// README was written with, and compares what comes with what stands there. Addresses are pairs of a real one in the README
// and its fake in the answer.
func wantReadme(t *testing.T, g *gateway, name string, addresses ...string) {
	t.Helper()
	wantPage(t, g, filepath.Join("docs", "examples", name, "README.md"), addresses...)
}

// wantPage does the same for any page, by its path from the root.
func wantPage(t *testing.T, g *gateway, page string, addresses ...string) {
	t.Helper()
	found := 0
	for _, f := range pageFences(t, page) {
		if f.language != "console" || f.elsewhere() {
			continue
		}
		for _, block := range strings.Split("\n"+f.text, "\n$ ")[1:] {
			line, shown, _ := strings.Cut(block, "\n")
			call := curlLine.FindStringSubmatch("$ " + line)
			if call == nil {
				if !slices.Contains(ownPages(), filepath.ToSlash(page)) || !pageCurl.MatchString(line) {
					t.Errorf("%s has a line that is not tried: %s", page, line)
				}
				continue
			}
			found++
			t.Run("README"+call[5], func(t *testing.T) {
				t.Parallel()
				r := request{method: call[2], path: call[5], user: call[1], body: call[4]}
				if call[3] != "" {
					r.header = http.Header{"Content-Type": {call[3]}}
				}
				wantShown(t, strings.NewReplacer(addresses...).Replace(shown), g.ask(t, r).body)
			})
		}
	}
	if found == 0 {
		t.Errorf("%s has no curl line", page)
	}
}

// wantShown compares an answer with the one in a text: the same but for the request id.
func wantShown(t testing.TB, shown, got string) {
	t.Helper()
	if got = strings.TrimRight(got, "\n"); got == strings.TrimRight(shown, "\n") {
		return
	}
	clean := func(s string) any {
		var v any
		if err := json.Unmarshal([]byte(s), &v); err != nil {
			t.Errorf("not JSON: %v\n%s", err, s)
		}
		if members, ok := v.(map[string]any); ok {
			delete(members, "request_id")
		}
		return v
	}
	if diff := cmp.Diff(clean(shown), clean(got)); diff != "" {
		t.Errorf("the answer is not what the README shows (-shown +got):\n%s", diff)
	}
}

// pageFence is a fenced block of a page: its language, the comment on the line before it, its text and where it is.
type pageFence struct {
	page, language, hint, text string
	line                       int
	options                    string // global options of its page
}

// pageHint is a comment that says how a block is executed, or why it is not.
var pageHint = regexp.MustCompile(`^<!-- (.+) -->$`)

// pageFences reads the blocks of a page, named from the top of the module.
func pageFences(t testing.TB, page string) []pageFence {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	var out []pageFence
	var open *pageFence
	var hint string
	for i, line := range strings.Split(string(raw), "\n") {
		language, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence && open == nil:
			open = &pageFence{page: page, language: language, hint: hint, line: i + 1}
		case isFence:
			out, open = append(out, *open), nil
		case open != nil:
			open.text += line + "\n"
		}
		hint = ""
		if m := pageHint.FindStringSubmatch(line); m != nil {
			hint = m[1]
		}
	}
	if open != nil {
		t.Errorf("%s:%d: the block has no end", page, open.line)
	}
	return out
}

// caddyfile makes a whole file of a fragment, by its hint.
func (f pageFence) caddyfile(t testing.TB) string {
	t.Helper()
	const words = "version 1.0.0\nrepository https://example.org/r\ndescription \"A page's\"\n"
	switch f.hint {
	case "in route":
		return site("service /page {\n" + words + "backend http://127.0.0.1:1\nGET /{job}/{part} {\n" + f.text + "\n}\n}")
	case "in backend":
		return site("service /page {\n" + words + "backend http://127.0.0.1:1 {\n" + f.text + "\n}\nGET /x {\nfetch /x {\ndecode text\n}\n}\n}")
	case "in service":
		if !strings.Contains(f.text, "GET ") {
			return site("service /page {\n" + words + f.text + "GET /x {\nfetch /x {\ndecode text\n}\n}\n}")
		}
		return site("service /page {\n" + words + f.text + "\n}")
	case "in site", "in site, served":
		return siteWith(f.options, f.text)
	case "in options", "in options, served":
		return siteWith(f.text, "")
	case "stand-in", "":
		return f.text
	}
	t.Errorf("%s:%d: the hint %q is not known", f.page, f.line, f.hint)
	return ""
}

// TestPages executes every block of our pages.
func TestPages(t *testing.T) {
	t.Parallel()
	for _, page := range ownPages() {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			all := pageFences(t, page)
			var g *gateway
			var legacy string
			for i := range all {
				if all[i].hint != "in options, served" {
					continue
				}
				for j := range all {
					all[j].options = all[i].text
				}
			}
			for _, f := range all {
				if f.language == "console" && !f.elsewhere() {
					g, legacy = startPage(t, all)
					break
				}
			}
			for _, f := range all {
				t.Run(fmt.Sprintf("line %d", f.line), func(t *testing.T) { f.execute(t, g, legacy) })
			}
		})
	}
}

// startPage runs the shipped Caddyfile with the services and stand-ins of a page.
func startPage(t testing.TB, all []pageFence, env ...string) (g *gateway, legacy string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, "Caddyfile"))
	if err != nil {
		t.Fatal(err)
	}
	before, after, ok := strings.Cut(string(raw), "\thealth\n")
	if !ok {
		t.Fatal("the shipped Caddyfile has no line health")
	}
	legacy = freeAddress(t)
	_, port, _ := strings.Cut(legacy, ":")
	standIn, services := "", ""
	for _, f := range all {
		switch f.hint {
		case "in options, served":
			before = strings.Replace(before, "\tskip_install_trust\n", "\tskip_install_trust\n"+f.text, 1)
		case "in site, served":
			services = f.text // the page's last word
		case "stand-in":
			standIn = f.text
		}
	}
	// The port of a stand-in is a fixed one in the page.
	_, other, _ := strings.Cut(freeAddress(t), ":")
	file := before + "\thealth\n" + services + after + standIn
	file = strings.ReplaceAll(file, ":8078", ":"+other)
	for _, f := range all {
		if path, ok := strings.CutPrefix(f.hint, "database "); ok { // of SQLite, which the page has in a place of its own
			own := filepath.Join(t.TempDir(), "page.db")
			makeSQLite(t, own, f.text)
			file = strings.ReplaceAll(file, path, own)
		}
	}
	return startGateway(t, file, append(append(pageSecrets(), env...), "LEGACY_PORT="+port, "HTTP_PORT="+strings.TrimPrefix(freeAddress(t), "127.0.0.1:"))...), legacy
}

// pageSecrets is what pages take from the environment.
func pageSecrets() []string {
	return []string{
		"BACKEND_USER=gateway", "BACKEND_PASSWORD=secret", "BACKEND_TOKEN=a-token", "BACKEND_KEY=a-key", "CLIENT_SECRET=client-secret", "SMTP_PASSWORD=secret", "NATS_PASSWORD=secret",
		"FAIRWAY_ADMIN_PASSWORD=MMSMo-NEgCe-Hr3ib-PieRu-qNVrb", // of the shipped Caddyfile's first administrator
	}
}

func (f pageFence) execute(t *testing.T, g *gateway, legacy string) {
	t.Helper()
	if f.elsewhere() {
		return
	}
	switch f.language {
	case "text":
	case "sql": // startPage makes a database of it
		if !strings.HasPrefix(f.hint, "database ") {
			t.Errorf("%s:%d: nobody executes this statement", f.page, f.line)
		}
	case "json":
		if !json.Valid([]byte(f.text)) {
			t.Errorf("%s:%d: not JSON", f.page, f.line)
		}
	case "caddyfile":
		if out, err := validate(t, f.caddyfile(t)); err != nil {
			t.Errorf("%s:%d: %v\n%s", f.page, f.line, err, out)
		}
	case "console":
		for _, block := range strings.Split("\n"+f.text, "\n$ ")[1:] {
			command, shown, _ := strings.Cut(block, "\n")
			f.run(t, g, legacy, command, shown)
		}
	default:
		t.Errorf("%s:%d: a block of %q is not executed; say why: <!-- not run: reason -->", f.page, f.line, f.language)
	}
}

// pageCurl is a curl line: its flags, where to, and what reads it.
var pageCurl = regexp.MustCompile(`^curl (?:-k )?(-i )?(?:-u (\S+) )?(?:-X (\S+) )?(?:-H '([^:']+): ([^']+)' )?(?:-d '([^']*)' )?(https://localhost:8443|http://127\.0\.0\.1:8079|http://localhost:2019)(/\S*)( \| hexdump -C| \| grep '?([a-z_]+)'?)?$`)

// changing is what is never the same twice.
var changing = regexp.MustCompile(`("request_id":|X-Request-Id: |Date: )("?)[^",\n]*`)

func (f pageFence) run(t *testing.T, g *gateway, legacy, command, shown string) {
	t.Helper()
	m := pageCurl.FindStringSubmatch(command)
	if m == nil {
		t.Errorf("%s:%d: a command that is not tried: %s", f.page, f.line, command)
		return
	}
	r := request{path: m[8], user: m[2], method: m[3], header: http.Header{}, body: m[6]}
	if r.body != "" { // as curl says where it is not told otherwise
		r.header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if m[4] != "" {
		r.header.Set(m[4], m[5])
	}
	to := &gateway{t: t, url: g.url}
	switch m[7] {
	case "http://127.0.0.1:8079":
		to.url = "http://" + legacy
	case "http://localhost:2019":
		to.url = "http://" + g.admin
		to.ask(t, request{path: "/config/"}) // it waits for what is being loaded
	}
	a := to.ask(t, r)
	got := a.body
	switch {
	case strings.Contains(m[9], "hexdump"):
		got = hex.Dump([]byte(got)) + fmt.Sprintf("%08x\n", len(got))
	case m[10] != "":
		var lines []string
		for line := range strings.Lines(got) {
			if strings.Contains(line, m[10]) {
				lines = append(lines, line)
			}
		}
		got = strings.Join(lines, "")
	case m[1] != "":
		// Over HTTP/2, which the test does not speak, curl shows names in lower case; only the lines shown are compared.
		head, _, _ := strings.Cut(shown, "\n\n")
		lines := strings.Split(head, "\n")
		if want := fmt.Sprintf("HTTP/2 %d ", a.status); lines[0] != want && lines[0] != strings.TrimSpace(want) {
			t.Errorf("%s:%d: %s\nshown %s, got %d", f.page, f.line, command, lines[0], a.status)
		}
		kept := lines[0] + "\n"
		for _, line := range lines[1:] {
			name, _, _ := strings.Cut(line, ":")
			kept += name + ": " + a.header.Get(name) + "\n"
		}
		got = kept + "\n" + got
	}
	clean := func(s string) string {
		s = strings.ReplaceAll(s, "\r\n", "\n")                               // of CSV; a page has none
		s = regexp.MustCompile(`,"runner":\{[^}]*\}`).ReplaceAllString(s, "") // not every machine can isolate scripts
		s = strings.ReplaceAll(strings.TrimRight(s, "\n"), legacy, "127.0.0.1:8079")
		return regexp.MustCompile(`(?i)`+changing.String()).ReplaceAllString(s, "$1$2")
	}
	if diff := cmp.Diff(clean(shown), clean(got)); diff != "" {
		t.Errorf("%s:%d: %s (-shown +got):\n%s", f.page, f.line, command, diff)
	}
}

// TestMetricsAreDocumented compares the table of the page with what the gateway registers.
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	m, reg := observe.New(), prometheus.NewRegistry()
	if err := m.Register(reg); err != nil {
		t.Fatal(err)
	}
	backend := m.Backend("s", "b")
	route := m.Route("s", "r")
	route.Observe(http.StatusOK, 0)
	route.Drift()
	route.Long("begun")
	fetch := m.Fetch("s", "r", "f", "b")
	fetch.Observe(observe.OK, 0)
	fetch.DecodeFailed("json")
	fetch.Cached("hit")
	backend.Attempt(observe.OK)
	backend.Retry()
	backend.Breaker("a").Change(observe.BreakerOpen)
	m.Query("s", "r", "f", "d").Observe(observe.OK, 0)
	m.Database("d", func() observe.PoolStats { return observe.PoolStats{} }).Change(observe.BreakerOpen)
	m.Pass("s").Observe(observe.OK, 0)
	m.Callers("s").Caller(observe.ByToken)
	m.Outbox("t").Attempt(observe.LetterSent)
	m.Events("p").Published(1)
	m.Schedules([]string{"FIRED"})
	executions := m.Executions([]string{"READY"}, []string{"FAILED"})
	executions.Ended("FAILED", 0)
	login := m.Login("s", "b")
	login.Login(observe.OK, 0)
	login.Session(observe.FromProcess)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for _, family := range families {
		var labels []string
		for _, l := range family.GetMetric()[0].GetLabel() {
			labels = append(labels, "`"+l.GetName()+"`")
		}
		slices.Sort(labels)
		want[family.GetName()] = strings.ToLower(family.GetType().String()) + " " + strings.Join(labels, ", ")
	}
	raw, err := os.ReadFile(filepath.Join(root, "docs", "observability.md"))
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(fairway_[a-z_]+)` \\| ([a-z]+) \\|([^|]*)\\|").FindAllStringSubmatch(string(raw), -1) {
		labels := regexp.MustCompile("`[a-z]+`").FindAllString(row[3], -1)
		slices.Sort(labels)
		shown[row[1]] = row[2] + " " + strings.Join(labels, ", ")
	}
	if diff := cmp.Diff(want, shown); diff != "" {
		t.Errorf("the table of metrics (-registered +shown):\n%s", diff)
	}
}
