//go:build !linux || (!amd64 && !arm64)

package keeper

// Main does nothing here: keepers are for Linux, on amd64 and arm64.
func Main() {}
