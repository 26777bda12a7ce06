// Package podagent lets the binary be what goes between a pod and the gateway, too: runner/kubernetes has clusters start it as that. It is a
// package of its own since it needs more of Go's than a keeper, and than what of the agent a script waits for: package keeper has those.
package podagent

import "github.com/fairway-gateway/fairway/runner/kubernetes/agent/courier"

func init() { courier.Main() }
