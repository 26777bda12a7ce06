package callers

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/fairway-gateway/fairway/modules/control/passwords"
	"github.com/fairway-gateway/fairway/modules/control/tokens"
)

// oneAccount is a directory with one account, whose hash is kept in memory.
type oneAccount struct{ hash string }

func (o *oneAccount) Find(_ context.Context, user string) (tokens.User, string, bool, error) {
	return ann(), o.hash, user == "ann", nil
}

func (*oneAccount) ReplaceHash(context.Context, tokens.User, string, string) (bool, error) {
	return true, nil
}

func (*oneAccount) Schemes(context.Context) ([]string, error) { return nil, nil }

// oneToken is an authority that remembers one token.
type oneToken struct{ access tokens.Access }

func (o *oneToken) Check(context.Context, string) (*tokens.Access, error) { return &o.access, nil }

// remembering makes a gate that remembers one password and one token, and the requests that show them.
func remembering(t testing.TB) (gate Gate, basic, bearer *http.Request) {
	t.Helper()
	accounts := new(oneAccount)
	checker, err := passwords.New(accounts, passwords.Config{
		Scheme: passwords.Scheme{Algorithm: passwords.Argon2id, Passes: 1, MemoryKiB: 64, Lanes: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	if accounts.hash, err = checker.Hash(t.Context(), passwords.Attempt{}.From, "secret"); err != nil {
		t.Fatal(err)
	}
	c := New(ByChecker(checker, func(u tokens.User) tokens.User { return u }), &oneToken{tokens.Access{User: ann(), Scopes: []string{"all"}}},
		func(*http.Request) string { return "192.0.2.7" }, nil)
	basic, bearer = httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRequest(http.MethodGet, "/", nil)
	basic.SetBasicAuth("ann", "secret")
	bearer.Header.Set("Authorization", "Bearer fw_api_abc")
	return c.Identify, basic, bearer
}

// TestIdentifyAllocatesLittle is about every request of a service for users: credentials that are remembered cost next to
// nothing.
func TestIdentifyAllocatesLittle(t *testing.T) { //nolint:paralleltest // allocations of other tests would count
	gate, basic, bearer := remembering(t)
	for name, c := range map[string]struct {
		r    *http.Request
		most float64
	}{"a password": {basic, 12}, "a token": {bearer, 10}} { // 6 and 4 without the race detector, which has pools lose what they keep
		got := testing.AllocsPerRun(200, func() {
			if _, p := gate.Identify(c.r, nil); p != nil {
				t.Fatal(p)
			}
		})
		if got > c.most {
			t.Errorf("%s takes %v allocations, want at most %v", name, got, c.most)
		}
	}
}

func BenchmarkIdentify(b *testing.B) {
	gate, basic, bearer := remembering(b)
	for name, r := range map[string]*http.Request{"basic": basic, "bearer": bearer} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, p := gate.Identify(r, nil); p != nil {
					b.Fatal(p)
				}
			}
		})
	}
}
