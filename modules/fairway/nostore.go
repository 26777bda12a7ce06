package fairway

import (
	"net/http"
	"time"

	"github.com/fairway-gateway/fairway/proxies/problem"
)

// noStoreRetry is when to come back after the store did not answer.
const noStoreRetry = 2 * time.Second

// NoStore is the answer where the store is needed and does not answer. Err is for the log.
func NoStore(err error) *problem.Problem {
	return &problem.Problem{
		Code: problem.StoreUnavailable, Status: http.StatusServiceUnavailable, RetryAfter: noStoreRetry,
		Detail: "The store of users does not answer, so nobody can be let in now.", Cause: err,
	}
}
