package tokenstest_test

import (
	"testing"

	"github.com/fairway-gateway/fairway/modules/control/tokens/tokenstest"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	tokenstest.Conformance(t, func(*testing.T) tokenstest.World { return tokenstest.NewMemory() })
}
