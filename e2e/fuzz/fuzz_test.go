package fuzz_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// TestAnswersAreDescribed makes requests of every operation of the served document.
func TestAnswersAreDescribed(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		callers := w.callers()
		asked, good := map[string]int{}, map[string]int{}
		told := map[string]bool{}
		var operations []*operation
		for _, op := range w.maker.document.operations {
			if strings.HasPrefix(op.id, *only) {
				operations = append(operations, op)
			}
		}
		for n := range *requests {
			op := operations[n%len(operations)]
			var err error
			c := callers[w.maker.IntN(len(callers))]
			if !c.known {
				if c.authorization, err = c.make(c); err != nil {
					t.Fatalf("request %d of seed %d, by %s: %v", n, *seed, c.name, err)
				}
				c.known = true
			}
			var recipe object
			if w.maker.IntN(2) == 0 {
				recipe = w.recipe(op.id, c)
			}
			a := w.maker.make(op, recipe)
			if c.authorization != "" {
				a.header.Set("Authorization", c.authorization)
			}
			got, err := w.ask(a)
			if err != nil {
				t.Fatalf("request %d of seed %d: %s by %s, %s\n  %v", n, *seed, op.id, c.name, a, err)
			}
			if got.status == http.StatusUnauthorized && op.secured { // he was deleted, or logged out
				c.known = false
			}
			if *trace && len(a.what) == 0 {
				t.Logf("%s by %s, %s\n  %d %.500s", op.id, c.name, a, got.status, got.body)
			}
			asked[op.id]++
			if got.status < http.StatusMultipleChoices {
				good[op.id]++
			}
			var v any
			if json.Unmarshal(got.body, &v) == nil && !strings.HasPrefix(op.id, "docs.") {
				w.maker.learn(v)
				w.remember(op.id, c, v)
			}
			if strings.Contains(string(got.body), "$argon2") {
				t.Errorf("request %d of seed %d: %s by %s tells a hash: %s", n, *seed, op.id, c.name, got.body)
			}
			err = w.maker.document.judge(op, a.method, got)
			if err == nil {
				continue
			}
			if what := op.id + strings.SplitN(err.Error(), "\n", 2)[0]; !told[what] {
				told[what] = true
				t.Errorf("request %d of seed %d: %s by %s, %s\n  %v\n  %d %s %.1500s", n, *seed, op.id, c.name, a, err, got.status, got.media, got.body)
			}
			if len(told) >= *most {
				t.Fatalf("after %d requests, these are enough", n)
			}
		}
		for _, op := range operations {
			t.Logf("%-40s %5d requests, %5d good", op.id, asked[op.id], good[op.id])
		}
	})
}
