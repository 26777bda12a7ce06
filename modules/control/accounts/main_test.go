package accounts_test

import (
	"os"
	"testing"

	"github.com/fairway-gateway/fairway/modules/control/controltest"
)

var engines = controltest.NewEngines()

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

var must = controltest.Must

// both runs a test with each engine.
func both(t *testing.T, test func(t *testing.T, dsn string)) {
	t.Helper()
	engines.Both(t, test)
}
