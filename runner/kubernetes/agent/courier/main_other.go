//go:build !linux

// Package courier goes between a pod and the gateway.
package courier

// Main does nothing: pods run Linux.
func Main() {}
