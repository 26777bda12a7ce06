package control_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/modules/control/permit"
)

// servedOperations are those of the table that a gateway serves: the ones that its API document has.
func servedOperations(t *testing.T, w *world) (served, later []permit.Operation) {
	t.Helper()
	var document struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
		} `json:"paths"`
	}
	if err := json.Unmarshal([]byte(w.gateway.Get("/api/v1/openapi.json", "", "").Body), &document); err != nil {
		t.Fatal(err)
	}
	for _, op := range permit.New().Operations() {
		if _, ok := document.Paths[op.Path][strings.ToLower(op.Method)]; ok {
			served = append(served, op)
		} else {
			later = append(later, op)
		}
	}
	if len(served) < 60 {
		t.Fatalf("the document has %d operations of the table", len(served))
	}
	return served, later
}

// standings are all who are told apart, and those with a single one of the scopes that will do.
func standings(op permit.Operation) []permit.Standing {
	out := permit.Standings()
	for _, s := range permit.Standings() {
		if !slices.Contains([]string{"owner", "super administrator", "program that is nobody's"}, s.Name) {
			continue
		}
		for _, scope := range op.Scopes {
			one := s
			one.Name += ", with " + scope
			one.Caller.Scopes = []string{scope}
			out = append(out, one)
		}
	}
	if strings.Contains(op.Path, "{team}") {
		one := standing("stranger")
		one.Name = memberOfTeam
		out = append(out, one)
	}
	if strings.Contains(op.Path, "{script}") {
		one := standing("stranger")
		one.Name, one.Object.Shared = "stranger, who sees it", true
		out = append(out, one)
	}
	return out
}

// memberOfTeam is a stranger who is in the team that he asks about, and leads it not.
const memberOfTeam = "member of the team"

func standing(name string) permit.Standing {
	all := permit.Standings()
	return all[slices.IndexFunc(all, func(s permit.Standing) bool { return s.Name == name })]
}

// TestPermissions asks for every operation of the table as everybody: each role, owner, member and stranger, nobody, with and without
// scope, and holds the status to the table's decision. What a new path names must be added to stage_test.go, nothing else.
func TestPermissions(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, e engine) {
		t.Helper()
		w := start(t, e, e.options())
		served, later := servedOperations(t, w)
		table := permit.New().Without(ids(later)...)
		for _, op := range served {
			t.Run(op.ID, func(t *testing.T) {
				t.Parallel()
				anonymous := 0
				for _, who := range standings(op) {
					if who.Object.Protected || who.Caller.Role == "OWNER" {
						continue // there are no such in a store
					}
					s := w.scene(t)
					c := s.stage(op, who)
					want := http.StatusOK
					if d := table.Decide(op.ID, c.standing.Caller, who.Object); d != nil {
						want = d.Status
					}
					got := s.send(c.ask())
					complain := func(format string, args ...any) {
						t.Errorf("%s by %s: "+format+"\n  answer: %s", slices.Concat([]any{op.ID, who.Name}, args, []any{got})...)
					}
					anybody := slices.Equal(op.Permissions, []string{permit.Anybody})
					if !anybody { // who has pages and files
						s.always(c.ask(), got, complain)
					}
					switch {
					case anybody:
						// Everybody is nobody there, but for a token that is not good.
						if anonymous == 0 {
							anonymous = got.Status
						}
						if got.Status == http.StatusForbidden || got.Status != anonymous && !c.refused {
							complain("not %d as for nobody", anonymous)
						}
					case c.refused:
						if got.Status != http.StatusUnauthorized {
							complain("not 401")
						}
					case want == http.StatusOK:
						if !entered(op, who, got.Status) {
							complain("it is refused")
						}
					case got.Status != want:
						complain("not %d", want)
					}
					if len(who.Caller.Scopes) == 1 && want == http.StatusOK {
						continue
					}
					allowed(t, s, c, table)
				}
			})
		}
		for _, op := range later {
			t.Run(op.ID, func(t *testing.T) {
				t.Parallel()
				for _, name := range []string{"anonymous", "super administrator"} {
					s := w.scene(t)
					if got := s.send(s.stage(op, standing(name)).ask()); got.Status != http.StatusNotFound && got.Status != http.StatusMethodNotAllowed {
						t.Errorf("%s by %s, which nobody serves: %s", op.ID, name, got)
					}
				}
			})
		}
	})
}

// entered says that an answer is that of an operation which somebody may do, whatever it says of the empty body that it was given.
func entered(op permit.Operation, who permit.Standing, status int) bool {
	switch status {
	case http.StatusNotFound:
		// Of him nothing was counted; who is there cannot be restored.
		return op.ID == "limits.reset_one" || op.ID == "user.restore" && who.Caller.User == who.Object.Owners[0]
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusTooManyRequests:
		return false
	}
	return status < http.StatusInternalServerError
}

// allowed holds OPTIONS of a path to the table.
func allowed(t *testing.T, s *scene, c cast, table *permit.Table) {
	t.Helper()
	if c.refused || c.operation.Method == http.MethodDelete || c.operation.ID == "user.restore" {
		return // what it named is not there any more, or yet
	}
	methods, denied := table.Allow(c.operation.Path, c.standing.Caller, c.standing.Object)
	a := options(c.target)
	if c.token != "" {
		a.bearer(c.token)
	}
	got := s.send(a)
	want := http.StatusNoContent
	if denied != nil {
		want = denied.Status
	}
	if got.Status != want || denied == nil && got.Header.Get("Allow") != strings.Join(methods, ", ") {
		t.Errorf("OPTIONS %s by %s: not %d %v\n  answer: %s %s", c.operation.Path, c.standing.Name, want, methods, got, got.Header)
	}
}

func ids(operations []permit.Operation) (out []string) {
	for _, op := range operations {
		out = append(out, op.ID)
	}
	return out
}
