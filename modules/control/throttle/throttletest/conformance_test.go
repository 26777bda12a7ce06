package throttletest

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/fairway-gateway/fairway/modules/control/throttle"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLocal(t *testing.T) {
	t.Parallel()
	Conformance(t, func(*testing.T) throttle.Counters { return throttle.NewLocal(0) })
}
