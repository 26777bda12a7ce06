package e2e_test

import (
	"context"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// browser asks servers as a person's browser does, one step at a time: it keeps cookies and follows nothing by itself.
type browser struct {
	t      testing.TB
	client *http.Client
	// accept is the header of that name. Empty: text/html.
	accept string
}

// page is an answer.
type page struct {
	status int
	header http.Header
	body   string
	// at is where it came from.
	at *url.URL
}

func newBrowser(t testing.TB) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &browser{t: t, client: &http.Client{
		Jar: jar, Timeout: patience, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (b *browser) get(target string) page {
	b.t.Helper()
	return b.send(b.request(http.MethodGet, target, nil))
}

func (b *browser) post(target string, form url.Values) page {
	b.t.Helper()
	req := b.request(http.MethodPost, target, strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.send(req)
}

func (b *browser) request(method, target string, body io.Reader) *http.Request {
	b.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, target, body)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	if b.accept != "" {
		req.Header.Set("Accept", b.accept)
	}
	return req
}

func (b *browser) send(req *http.Request) page {
	b.t.Helper()
	resp, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return page{status: resp.StatusCode, header: resp.Header, body: string(body), at: req.URL}
}

// next is where an answer redirects to.
func (p page) next(t testing.TB) string {
	t.Helper()
	location := p.header.Get("Location")
	if location == "" {
		t.Fatalf("%s answers %d without a Location: %.300s", p.at.Redacted(), p.status, p.body)
	}
	target, err := p.at.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	return target.String()
}

// form is a form of a page.
type form struct {
	method, action string
	fields         []field
}

type field struct{ name, kind, value string }

// forms finds the forms of a page, as far as the real ones need it.
func (p page) forms() []form {
	var all []form
	for _, f := range regexp.MustCompile(`(?is)<form([^>]*)>(.*?)</form>`).FindAllStringSubmatch(p.body, -1) {
		next := form{method: strings.ToUpper(attribute(f[1], "method")), action: attribute(f[1], "action")}
		for _, in := range regexp.MustCompile(`(?is)<(?:input|button)([^>]*)>`).FindAllStringSubmatch(f[2], -1) {
			next.fields = append(next.fields, field{name: attribute(in[1], "name"), kind: attribute(in[1], "type"), value: attribute(in[1], "value")})
		}
		all = append(all, next)
	}
	return all
}

func attribute(tag, name string) string {
	if m := regexp.MustCompile(`(?is)\s` + name + `="([^"]*)"`).FindStringSubmatch(tag); m != nil {
		return html.UnescapeString(m[1])
	}
	return ""
}

// hidden are the values of a form that nobody types.
func (f form) hidden() url.Values {
	values := url.Values{}
	for _, in := range f.fields {
		if in.kind == "hidden" {
			values.Set(in.name, in.value)
		}
	}
	return values
}
