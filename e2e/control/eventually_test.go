package control_test

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fairway-gateway/fairway/e2e/process"
)

// eventually asks until the status is the one that is to come, and then holds the answer to the rest. What the test's own hand
// has written into the store a gateway hears of within two seconds.
func eventually(a *ask) act { return again(a, 20*time.Millisecond) }

// seldom is eventually for what takes longer.
func seldom(a *ask) act { return again(a, 500*time.Millisecond) }

func again(a *ask, every time.Duration) act {
	return func(s *scene) {
		s.t.Helper()
		await(s, every, func() error {
			got := s.send(a)
			if !slices.Contains(a.status, got.Status) {
				return fmt.Errorf("%s %s: %s", a.method, a.target, got)
			}
			s.judge(a, got)
			return nil
		})
	}
}

// await asks again until there is no error, which fails the test in the end.
func await(s *scene, every time.Duration, condition func() error) {
	s.t.Helper()
	if err := process.Until(patience, every, condition); err != nil {
		s.t.Fatal(err)
	}
}

// errNotYet is why await asks again.
var errNotYet = errors.New("not yet")

// within waits for a condition, and says whether it came true.
func within(limit time.Duration, condition func() bool) bool {
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if condition() {
			return true
		}
	}
	return false
}
