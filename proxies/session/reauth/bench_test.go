package reauth

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/session/challenge"
	"github.com/fairway-gateway/fairway/proxies/session/pool"
)

// fixedLogin gives what oauth2-proxy gives: a long cookie that ends.
type fixedLogin struct{}

func (fixedLogin) Login(context.Context, session.Site, session.Credentials) (*session.State, error) {
	return &session.State{Cookies: []session.Cookie{
		{Name: "_oauth2_proxy", Value: strings.Repeat("x", 2200), Path: "/", Expires: time.Now().Add(time.Hour)},
	}}, nil
}

type fixedAnswer struct{ resp *http.Response }

func (f fixedAnswer) RoundTrip(*http.Request) (*http.Response, error) { return f.resp, nil }

// BenchmarkPooled is what a request with a pooled session costs beside the request.
func BenchmarkPooled(b *testing.B) {
	p, err := pool.New(pool.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	s := New(p, Config{
		Sessions: pool.Config{Login: fixedLogin{}, Hidden: []string{"_oauth2_proxy"}}, Kind: "x",
		Challenge: challenge.Detector{Start: "/oauth2/start"}, Probe: "/oauth2/auth",
	})
	if err := s.Bind(session.Backend{Addresses: []string{"https://backend.example"}}); err != nil {
		b.Fatal(err)
	}
	caller := session.Caller{User: "ann", Password: "right", Basic: true}
	template, _ := http.NewRequest(http.MethodGet, "https://backend.example/api/x", nil)
	next := fixedAnswer{&http.Response{StatusCode: http.StatusOK, Request: template, Body: http.NoBody, Header: http.Header{
		"Content-Type": {"application/json"}, "Date": {"x"}, "Content-Length": {"3"}, "Server": {"x"}, "Vary": {"x"},
	}}}
	b.ReportAllocs()
	for b.Loop() {
		req := *template
		req.Header = http.Header{"Accept": {"*/*"}, "User-Agent": {"x"}, "Accept-Encoding": {"gzip"}}
		next.resp.Header["Gap-Auth"] = []string{"ann"}
		resp, err := s.RoundTrip(&req, caller, next)
		if err != nil || resp.StatusCode != http.StatusOK {
			b.Fatal(err)
		}
	}
}

// BenchmarkBasic is the same with another strategy, to compare with.
func BenchmarkBasic(b *testing.B) {
	template, _ := http.NewRequest(http.MethodGet, "https://backend.example/api/x", nil)
	next := fixedAnswer{&http.Response{StatusCode: http.StatusOK}}
	b.ReportAllocs()
	for b.Loop() {
		req := *template
		req.Header = http.Header{"Accept": {"*/*"}, "User-Agent": {"x"}, "Accept-Encoding": {"gzip"}}
		if _, err := (session.Basic{}).RoundTrip(&req, session.Caller{User: "ann", Password: "right", Basic: true}, next); err != nil {
			b.Fatal(err)
		}
	}
}
