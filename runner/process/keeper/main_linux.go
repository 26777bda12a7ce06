//go:build linux && (amd64 || arm64)

package keeper

import "os"

// Main takes over if this process was started as a keeper or a stage, and then never returns. It has to be called before anything
// else of the program, which would only cost time and memory.
func Main() {
	if len(os.Args) < 2 || os.Args[0] != Name {
		return
	}
	switch {
	case os.Args[1] == verbKeep && len(os.Args) == 3:
		os.Exit(keep(os.Args[2]))
	case os.Args[1] == verbInit:
		os.Exit(initialize())
	case os.Args[1] == verbStage:
		os.Exit(stage())
	}
	os.Exit(exitStage)
}
