package noop_test

import (
	"testing"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/executor/executortest"
	"github.com/fairway-gateway/fairway/runner/noop"
)

func TestSuite(t *testing.T) {
	t.Parallel()
	executortest.Run(t, executortest.Subject{
		Open: func(testing.TB) (executor.Executor, func() executor.Executor) {
			e := noop.New(noop.Plan{})
			return e, func() executor.Executor { return e }
		},
		Lacks: []executortest.Promise{executortest.Scripts, executortest.Outlives},
	})
}
