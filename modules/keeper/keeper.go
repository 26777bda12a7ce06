// Package keeper lets the binary be what runs beside executions, too: runner/process starts it anew for that, and runner/kubernetes has clusters
// start it in pods. It takes over while the program's packages are initialized, before most of them are, so that a script does not wait for what
// it has no use for.
package keeper

import (
	"github.com/fairway-gateway/fairway/runner/kubernetes/agent"
	"github.com/fairway-gateway/fairway/runner/process/keeper"
)

func init() {
	keeper.Main()
	agent.Main()
}
