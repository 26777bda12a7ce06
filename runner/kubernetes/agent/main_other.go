//go:build !linux

package agent

// Main does nothing: pods run Linux.
func Main() {}
