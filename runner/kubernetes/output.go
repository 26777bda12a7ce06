package kubernetes

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/far"
)

// Output reads the log of the script's container, of which each line is a record. An offset is the number of the line that comes next.
func (r *run) Output(ctx context.Context, offset int64) (executor.Output, error) {
	if offset < 0 {
		return nil, fmt.Errorf("offset %d is negative", offset)
	}
	if _, err := r.job(ctx); err != nil {
		return nil, err
	}
	return far.NewOutput(r, r.id, offset, "the cluster kept no more of the log than it has (containerLogMaxSize)"), nil
}

// Open implements far.Log: the log to its end, if nothing more comes, or what follows it.
func (r *run) Open(ctx context.Context, since time.Time) (io.ReadCloser, bool, error) {
	s, err := r.look(ctx)
	if err != nil {
		return nil, false, err
	}
	if !s.begun || s.pod == nil {
		if s.ended {
			return nil, false, io.EOF
		}
		if err := r.await(ctx, s, func(p *pod) bool { return p.begun() || over(nil, p) || p.Metadata.DeletionTimestamp != nil }); err != nil {
			return nil, false, err
		}
		return nil, false, far.ErrNotBegun
	}
	query := url.Values{"container": {containerScript}, "timestamps": {"true"}}
	if !s.ended {
		query.Set("follow", "true")
	}
	if !since.IsZero() { // seconds are all that is understood
		query.Set("sinceTime", since.Truncate(time.Second).Format(time.RFC3339))
	}
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer context.AfterFunc(ctx, stop)()
	a := r.executor.api
	stream, err := a.open(following, http.MethodGet, a.pods(s.pod.Metadata.Name, "log"), query, "", nil)
	if err != nil {
		stop()
		if s.ended && statusOf(err) != 0 && !again(err) { // it went with its pod
			return nil, false, io.EOF
		}
		return nil, false, err
	}
	return &logs{stream, stop}, s.ended, nil
}

// logs is a log that is read while it is written.
type logs struct {
	io.ReadCloser
	stop context.CancelFunc
}

// Close implements io.Closer. It does not wait for what comes.
func (l *logs) Close() error {
	l.stop()
	return l.ReadCloser.Close() //nolint:wrapcheck // it says what it is
}
