// Command fairway is, in tests, all that pods need of the gateway's binary.
package main

import (
	"fmt"
	"os"

	"github.com/fairway-gateway/fairway/runner/kubernetes/agent"
	"github.com/fairway-gateway/fairway/runner/kubernetes/agent/courier"
)

func main() {
	agent.Main()
	courier.Main()
	fmt.Fprintln(os.Stderr, "this is the agent of tests")
	os.Exit(2)
}
