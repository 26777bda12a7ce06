//go:build linux && (amd64 || arm64)

package process

import (
	"strings"

	"github.com/fairway-gateway/fairway/runner/executor"
)

// Requirements are those of a file with a text.
func Requirements(text string) ([]string, error) { return parseRequirements(strings.NewReader(text)) }

// NewWithoutCgroups is New for machines whose control groups are those of version 1: level strict but for its limits.
func NewWithoutCgroups(options Options) (executor.Executor, error) { return open(options, false) }
