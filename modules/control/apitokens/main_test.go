package apitokens_test

import (
	"os"
	"testing"

	"github.com/fairway-gateway/fairway/modules/control/apitokens"
	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/scopes"
)

var engines = controltest.NewEngines()

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

// world is a gateway with root, who is an administrator, and the users ann and ben.
type world struct {
	*controltest.Gateway
	tokens *apitokens.Tokens
}

func open(t testing.TB, dsn string) *world {
	t.Helper()
	w := &world{}
	w.Gateway = controltest.Open(t, dsn, func(g *controltest.Gateway) {
		w.tokens = apitokens.New(g.Store, scopes.New(permit.New(), permit.Scope{Name: "jobs:run", Doc: "Run jobs"}), apitokens.Options{Forget: g.Authority.Forget})
		w.tokens.Register(g.API)
	})
	w.User(t, "root", permit.Admin)
	w.User(t, "ann", permit.User)
	w.User(t, "ben", permit.User)
	return w
}

// both runs a test with each engine.
func both(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	engines.Both(t, func(t *testing.T, dsn string) {
		t.Helper()
		test(t, open(t, dsn))
	})
}
