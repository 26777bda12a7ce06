// Package courier goes between a pod and the gateway: it is what of the agent needs a network. Go's comes late in the life of a program that
// has as much in it as the gateway's binary, so that nothing of this is in package agent, which a script waits for.
package courier

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/fairway-gateway/fairway/runner/kubernetes/agent"
)

// Main takes over if this process was started by an agent to go to the gateway, and then never returns. Why it failed it says to the agent.
func Main() {
	var errand func(context.Context, *agent.Spec) error
	switch word := agent.Started(); word {
	case "":
		return
	case agent.WordFetch:
		errand = fetch
	case agent.WordHandOver:
		errand = handOver
	default:
		agent.Refuse(fmt.Errorf("an agent does not know %q", word))
	}
	spec, err := agent.ReadSpec()
	if err == nil {
		err = errand(context.Background(), spec)
	}
	if err != nil {
		fmt.Fprint(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// handOver gives the gateway the script's results, which whoever started this has open.
func handOver(ctx context.Context, spec *agent.Spec) error {
	gateway, err := newGateway(spec)
	if err != nil {
		return err
	}
	file := os.NewFile(agent.ResultsFile, agent.Results)
	if file == nil {
		return errors.New("there are no results")
	}
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("read the results: %w", err)
	}
	size := info.Size()
	return gateway.insist(ctx, func(ctx context.Context) error {
		return gateway.once(ctx, http.MethodPut, agent.PathResults, io.NewSectionReader(file, 0, size), size, func(context.Context, io.Reader) error { return nil })
	})
}
