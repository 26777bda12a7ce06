package stanzas

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func TestSunset(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, date, link string
		sunset, header   string
		fails            bool
	}{
		{name: "date", date: "2027-06-30", sunset: "Wed, 30 Jun 2027 23:59:59 GMT"},
		{
			name: "date and link", date: "2027-06-30", link: "https://example.org/v2",
			sunset: "Wed, 30 Jun 2027 23:59:59 GMT", header: `<https://example.org/v2>; rel="sunset"`,
		},
		{name: "no date", fails: true},
		{name: "another date", date: "30.6.2027", fails: true},
		{name: "relative link", date: "2027-06-30", link: "/v2", fails: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := &Sunset{Date: tt.date, Link: tt.link}
			if err := s.Provision(caddy.Context{}); (err != nil) != tt.fails {
				t.Fatalf("error %v, want one: %t", err, tt.fails)
			}
			if tt.fails {
				return
			}
			rec := httptest.NewRecorder()
			next := caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
				w.WriteHeader(http.StatusNoContent)
				return nil
			})
			if err := s.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/", nil), next); err != nil {
				t.Fatal(err)
			}
			if rec.Code != http.StatusNoContent || rec.Header().Get("Sunset") != tt.sunset || rec.Header().Get("Link") != tt.header {
				t.Errorf("answer %d with %v", rec.Code, rec.Header())
			}
		})
	}
}
