package agent

import (
	"errors"
	"fmt"
	"os"
)

// prepare brings all that the pod's other containers need to where they look for it. Copying the agent takes longest, so that it is copied
// while a courier gets ready and fetches the rest.
func prepare() error {
	fetching, err := dispatch("/proc/self/exe", WordFetch, nil)
	if err != nil {
		return err
	}
	err = copySelf()
	return errors.Join(fetching.wait(), err)
}

func copySelf() (err error) {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		return fmt.Errorf("copy the agent: %w", err)
	}
	defer self.Close()
	to, err := os.OpenFile(Program, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o755) //nolint:gosec // the script's container may have another user
	if err != nil {
		return fmt.Errorf("copy the agent: %w", err)
	}
	if _, err := to.ReadFrom(self); err != nil {
		to.Close()
		return fmt.Errorf("copy the agent: %w", err)
	}
	return to.Close()
}
