package runner_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/runner"
	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/noop"
	"github.com/fairway-gateway/fairway/runner/runnertest"
)

// preparing says what a preparation comes to.
type preparing struct {
	executor.Executor
	err error
}

func (p preparing) Prepare(_ context.Context, s executor.Script, log func(string)) error {
	log("command " + s.Command[0])
	return p.err
}

func TestBuilds(t *testing.T) {
	t.Parallel()
	runnertest.Sites(t, func(t *testing.T, s *runnertest.Site) {
		t.Helper()
		for slug, c := range map[string]struct {
			err    error
			status string
			last   string
		}{
			"good": {nil, queries.BuildSuccess, "Build successful."},
			"bad":  {errors.New("there is no pip"), queries.BuildFail, "Build failed: there is no pip"},
		} {
			_, end := s.Start(t, runner.Config{Executor: preparing{noop.New(noop.Plan{}), c.err}, Poll: time.Hour}, 0) // it is told of uploads
			digest := sha256.Sum256(nil)
			made, err := s.Store.CreateScript(t.Context(), queries.By{Actor: "test"}, queries.ScriptUpload{Slug: slug, Name: slug, User: s.Script.UserID, Version: queries.VersionUpload{
				BlobKey: "scripts/" + slug, BlobSHA256: digest[:], Configuration: []byte(`{"name":"x","command":["./go"]}`),
			}})
			if err != nil {
				t.Fatal(err)
			}
			script := s.Built(t, made.ID)
			end()
			if script.Status != c.status || c.err != nil && script.BuildError != c.err.Error() {
				t.Errorf("%s: %s %q", slug, script.Status, script.BuildError)
			}
			lines, err := s.Store.ScriptLogs(t.Context(), made.ID, 0, time.Time{}, 10)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for i, l := range lines {
				got = append(got, l.Text)
				if l.ID != int64(i+1) || l.Number != 1 {
					t.Errorf("%+v", l)
				}
			}
			if diff := cmp.Diff([]string{"Build started.", "Build: command ./go", c.last}, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", slug, diff)
			}
		}
	})
}
