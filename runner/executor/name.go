package executor

import (
	"errors"
	"fmt"
	"strings"
)

// CheckName says why an attempt's ID or a version's name cannot be one: they become names of files.
func CheckName(name string) error {
	switch {
	case name == "":
		return errors.New("it is empty")
	case len(name) > 64:
		return errors.New("it is longer than 64 characters")
	case strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "":
		return errors.New("it has characters that are no letter, digit, - or _")
	default:
		return nil
	}
}

// Check says what is wrong with an attempt before anything is done for it.
func (a Attempt) Check() error {
	if err := CheckName(a.ID); err != nil {
		return fmt.Errorf("the attempt's ID: %w", err)
	}
	if err := CheckName(a.Script.Version); err != nil {
		return fmt.Errorf("the script's version: %w", err)
	}
	for name, value := range a.Env {
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.Contains(value, "\x00") {
			return fmt.Errorf("the variable %.40q cannot be set", name)
		}
		if Reserved(name) {
			return fmt.Errorf("the variable %.40q is the protocol's", name)
		}
	}
	return a.Limits.Check()
}
