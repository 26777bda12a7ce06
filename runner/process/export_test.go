//go:build linux && (amd64 || arm64)

package process

import "github.com/fairway-gateway/fairway/runner/executor"

// NewWithoutCgroups is New for machines whose control groups are those of version 1: level strict but for its limits.
func NewWithoutCgroups(options Options) (executor.Executor, error) { return open(options, false) }
