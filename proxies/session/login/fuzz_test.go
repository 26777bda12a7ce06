package login

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode/charset"
	"github.com/fairway-gateway/fairway/proxies/session"
)

// FuzzForm reads pages of all kinds, and holds what a login would send to what may be sent: only to listed origins, only by POST,
// and no field that the page does not have.
func FuzzForm(f *testing.F) {
	f.Add([]byte(loginPage), "text/html")
	f.Add([]byte(dexApproval+signInPage), "utf-8")
	for _, c := range traps() {
		for _, body := range c.idp {
			f.Add([]byte(body), "")
		}
	}
	f.Add([]byte("\xff\xfe<\x00f\x00o\x00r\x00m\x00>\x00"), "utf-16")
	f.Add([]byte(`<form method=post action="//b:c@[::1]:80/\x"><input form=x name=user><button form=x formaction="?a b"></form><form id=x>`+fields), "iso-2022-jp")
	f.Add([]byte(`<meta http-equiv=refresh content="1e9;url=//x"><base href="http:x"><template></template><select><option selected>`), "shift_jis")
	f.Fuzz(func(t *testing.T, body []byte, header string) {
		text, choice, err := charset.Text(body, charset.Options{Header: header, Document: charset.OfHTML, Replace: true})
		if err != nil {
			return
		}
		p, err := readPage(text, choice.Name)
		if err != nil {
			return
		}
		if len(p.forms) > maxForms {
			t.Fatalf("%d forms", len(p.forms))
		}
		at, err := url.Parse("https://idp.example.org/a/login?state=1")
		if err != nil {
			t.Fatal(err)
		}
		d, err := New(Config{Origins: []string{"https://idp.example.org"}, Consent: true})
		if err != nil {
			t.Fatal(err)
		}
		fl := &flow{d: d, c: session.Credentials{User: "user-of-the-caller", Password: "password-of-the-caller"}, siteOrigin: mustOrigin(t, "https://app.example.org")}
		fl.at, fl.startOrigin = mustOrigin(t, "https://idp.example.org"), fl.siteOrigin
		fl.start = &url.URL{Scheme: "https", Host: "app.example.org", Path: "/oauth2/start"}
		fl.jar = newJar(func(o origin) origin { return o })
		from := &request{method: "GET", url: at}

		next, err := fl.before(from, 200, p)
		checkNext(t, fl, next, err)
		if next != nil && next.secret {
			if next.method != "POST" || !strings.Contains(string(next.body), "caller") {
				t.Fatalf("%s %q", next.method, next.body)
			}
			if strings.Contains(next.url.String(), "caller") || strings.Contains(next.referer, "caller") {
				t.Fatalf("credentials in a URL: %s", next.url)
			}
		}
		fl.submitted, fl.form = true, at
		next, err = fl.after(from, 200, p)
		checkNext(t, fl, next, err)
		if next != nil && (next.secret || strings.Contains(string(next.body), "-of-the-caller")) {
			t.Fatal("the credentials are sent again")
		}
	})
}

func checkNext(t *testing.T, f *flow, next *request, err error) {
	t.Helper()
	if err != nil {
		if _, ok := errors.AsType[*session.LoginError](err); !ok {
			t.Fatalf("%T", err)
		}
		return
	}
	if next == nil {
		return
	}
	o, err := f.check(next)
	if err != nil {
		return
	}
	if o != f.siteOrigin && o.String() != "https://idp.example.org" || next.url.User != nil || next.url.Fragment != "" {
		t.Fatalf("it goes to %s", next.url)
	}
	if target := next.url.RequestURI(); !strings.HasPrefix(target, "/") || strings.ContainsAny(target, " \r\n\x00") {
		t.Fatalf("the request line would have %q", target)
	}
}
