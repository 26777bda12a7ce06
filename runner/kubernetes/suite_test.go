//go:build linux

package kubernetes_test

import (
	"testing"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/executor/executortest"
)

func TestSuite(t *testing.T) {
	t.Parallel()
	s := use(t)
	executortest.Run(t, executortest.Subject{
		Open: func(t testing.TB) (executor.Executor, func() executor.Executor) {
			t.Helper()
			o := s.options(t)
			return s.open(t, o), func() executor.Executor { return s.open(t, o) }
		},
		Lacks: []executortest.Promise{executortest.Kills},
	})
}
