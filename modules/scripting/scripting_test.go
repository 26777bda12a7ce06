package scripting

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairway-gateway/fairway/modules/command"
	"github.com/fairway-gateway/fairway/modules/scripting/client"
)

func TestSince(t *testing.T) {
	t.Parallel()
	read := func(text string) (time.Time, error) {
		c := &command.Call{Command: &cobra.Command{}}
		sinceOption(c.Flags())
		if err := c.Flags().Set("since", text); err != nil {
			t.Fatal(err)
		}
		return since(c)
	}
	for text, ago := range map[string]time.Duration{"2": 2 * time.Hour, "0.5": 30 * time.Minute, "90s": 90 * time.Second, "1d": 24 * time.Hour} {
		before := time.Now()
		at, err := read(text)
		if err != nil || at.Before(before.Add(-ago)) || at.After(time.Now().Add(-ago)) {
			t.Errorf("%s: %v %v", text, at, err)
		}
	}
	for text, want := range map[string]string{"": "0001-01-01T00:00:00Z", "2027-01-31T01:00:00+01:00": "2027-01-31T00:00:00Z", "2027-01-31": "2027-01-31T00:00:00Z", "2027-01-31T05:06:07": "2027-01-31T05:06:07Z"} {
		if at, err := read(text); err != nil || at.UTC().Format(time.RFC3339) != want {
			t.Errorf("%s: %v %v", text, at, err)
		}
	}
	for _, text := range []string{"-1", "-2h", "yesterday", "1e99", "NaN"} {
		if at, err := read(text); err == nil {
			t.Errorf("%s: %v", text, at)
		}
	}
}

// TestExitCodes holds each kind of error to its code.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		ctx  context.Context
		err  error
		want int
	}{
		{t.Context(), &client.Error{Status: 404}, command.Missing},
		{t.Context(), fmt.Errorf("x: %w", &client.Error{Status: 400}), command.Usage},
		{t.Context(), &client.Error{Status: 409}, command.Usage},
		{t.Context(), &client.Error{Status: 403}, command.Login},
		{t.Context(), &client.Error{Status: 429}, command.Failed},
		{t.Context(), &client.Error{Status: 503}, command.Failed},
		{t.Context(), &client.Error{Status: 302}, command.Failed},
		{t.Context(), &client.LoginError{Origin: "https://a", Because: &client.Error{Status: 401}}, command.Login},
		{t.Context(), &client.ReachError{Origin: "https://a", Err: errors.New("x")}, command.Failed},
		{t.Context(), command.Usagef("x"), command.Usage},
		{gone, gone.Err(), command.Stopped},
		{gone, &client.ReachError{Origin: "https://a", Err: gone.Err()}, command.Stopped},
	} {
		e, is := errors.AsType[*command.Error](judge(c.ctx, c.err))
		if !is || e.Code != c.want {
			t.Errorf("%v ends with %d, want %d", c.err, e.Code, c.want)
		}
	}
	if judge(t.Context(), nil) != nil {
		t.Error("nothing is an error")
	}
}
