//go:build linux && (amd64 || arm64)

package keeper

import "os"

// Main takes over if this process was started as a keeper or a stage, and then never returns. It has to be called before anything
// else of the program, which would only cost time and memory.
func Main() {
	if len(os.Args) < 2 || os.Args[0] != Name {
		return
	}
	switch os.Args[1] {
	case verbKeep:
		os.Exit(keep(len(os.Args) > 2))
	case verbInit:
		os.Exit(initialize())
	case verbStage:
		stage(false)
	case verbAwait:
		stage(true)
	}
	os.Exit(exitStage)
}
