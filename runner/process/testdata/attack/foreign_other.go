//go:build !amd64

package main

import "syscall"

// foreignCall has nothing to call here, so it ends as it would have to.
func foreignCall() { _ = syscall.Kill(syscall.Getpid(), syscall.SIGSYS) }
