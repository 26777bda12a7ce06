//go:build linux

package docker_test

import (
	"testing"

	"github.com/fairway-gateway/fairway/runner/docker"
	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/executor/executortest"
)

func TestSuite(t *testing.T) {
	t.Parallel()
	host(t)
	executortest.Run(t, executortest.Subject{
		Open: func(t testing.TB) (executor.Executor, func() executor.Executor) {
			t.Helper()
			o := options(t)
			another := func() executor.Executor {
				e, err := docker.New(t.Context(), o)
				if err != nil {
					t.Fatal(err)
				}
				return e
			}
			return another(), another
		},
		Lacks: []executortest.Promise{executortest.Prompts, executortest.Refuses, executortest.Measures},
	})
}
