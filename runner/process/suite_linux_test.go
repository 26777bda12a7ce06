//go:build linux && (amd64 || arm64)

package process_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/executor/executortest"
	"github.com/fairway-gateway/fairway/runner/process"
)

func TestProtocolSuite(t *testing.T) {
	t.Parallel()
	subject := executortest.Subject{Open: func(t testing.TB) (executor.Executor, func() executor.Executor) {
		t.Helper()
		directory := filepath.Join(home(t), "runs")
		another := func() executor.Executor {
			e, err := process.New(process.Options{Directory: directory})
			if err != nil {
				t.Fatal(err)
			}
			return e
		}
		return another(), another
	}}
	if os.Geteuid() != 0 {
		subject.Lacks = append(subject.Lacks, executortest.Counts) // see TestEscapeForkBomb
	}
	executortest.Run(t, subject)
}
