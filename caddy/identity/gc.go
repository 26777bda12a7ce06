package identity

import (
	"os"
	"runtime/debug"
)

// gcPercent is what GOGC is where the environment does not set it. The gateway keeps a few megabytes and allocates
// some kilobytes for each request: with Go's 100 it would collect twenty times a second under load, a fifth of its CPU
// time. Twice that halves it; more would grow the memory of a large configuration, whose old half is garbage after a
// reload. The memory limit that Caddy sets (GOMEMLIMIT) still holds.
const gcPercent = 200

// It stands here and not in main because a binary that xcaddy makes has another main.
func init() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
