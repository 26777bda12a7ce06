// Package podagent lets the binary be the agent of a pod, too: runner/kubernetes has clusters start it as one. It is a package of its own
// since it needs more of Go's than a keeper, which takes over before that.
package podagent

import "github.com/fairway-gateway/fairway/runner/kubernetes/agent"

func init() { agent.Main() }
