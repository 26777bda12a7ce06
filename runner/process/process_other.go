//go:build !linux || (!amd64 && !arm64)

package process

import "github.com/fairway-gateway/fairway/runner/executor"

// New says that this machine keeps no level.
func New(options Options) (executor.Executor, error) {
	options, err := options.complete()
	if err != nil {
		return nil, err
	}
	return nil, &executor.LevelError{Level: options.Level, Missing: []string{"the process executor needs Linux on amd64 or arm64"}}
}
