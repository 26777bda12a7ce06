package queue

import (
	"fmt"
	"net/http"

	"riverqueue.com/riverui"
)

// Page gives River's page about its jobs, for browsers that have it under prefix, a path like "/console/jobs": it answers requests for paths below. It asks nobody who calls; whoever
// calls may retry, cancel and delete jobs, and pause queues. River's license is the MPL 2.0.
func (r *River) Page(prefix string) (http.Handler, error) {
	// It is not started: what it would do then is to count the jobs of large tables beforehand.
	page, err := riverui.NewHandler(&riverui.HandlerOpts{Endpoints: riverui.NewEndpoints(r.insert, nil), Logger: r.config.Logger, Prefix: prefix})
	if err != nil {
		return nil, fmt.Errorf("the page of the queue: %w", err)
	}
	return page, nil
}
