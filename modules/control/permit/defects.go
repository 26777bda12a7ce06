package permit

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Defects says what is wrong with the table, as a test wants to know it: an operation without a permission, a permission or a
// scope that no operation uses or that there is not, and two operations in one place.
func (t *Table) Defects() []string { return defects(t.operations, t.permissions, Scopes()) }

func defects(operations []Operation, permissions map[string]Permission, scopes []Scope) (out []string) {
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	used, needed := map[string]bool{}, map[string]bool{All: true}
	ids, places := map[string]bool{}, map[string]bool{}
	for _, op := range operations {
		place := op.Method + " " + strings.NewReplacer("{", "", "}", "").Replace(op.Path)
		if ids[op.ID] || places[place] {
			say("%s, %s: there is another", op.ID, place)
		}
		ids[op.ID], places[place] = true, true
		for _, d := range op.defects() {
			say("%s: %s", op.ID, d)
		}
		for _, name := range slices.Concat(append([][]string{op.Permissions}, slices.Collect(maps.Values(op.Fields))...)...) {
			if used[name] = true; permissions[name].holds == nil {
				say("%s: there is no permission %q", op.ID, name)
			}
		}
		for _, s := range op.Scopes {
			if needed[s] = true; !slices.ContainsFunc(scopes, func(o Scope) bool { return o.Name == s }) {
				say("%s: there is no scope %q", op.ID, s)
			}
		}
	}
	for name, p := range permissions {
		if !used[name] || p.Doc == "" {
			say("permission %q is used by no operation, or says nothing", name)
		}
	}
	for _, s := range scopes {
		if !needed[s.Name] || s.Doc == "" {
			say("scope %q is needed by no operation, or says nothing", s.Name)
		}
	}
	slices.Sort(out)
	return out
}

// defects are those of one line.
func (op *Operation) defects() (out []string) {
	anybody := slices.Contains(op.Permissions, Anybody)
	methods := []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
	for said, is := range map[string]bool{
		"no permission":                           len(op.Permissions) == 0,
		"what anybody may is bound":               anybody && (len(op.Permissions) > 1 || len(op.Scopes) > 0 || op.Hidden),
		"no scope":                                !anybody && len(op.Scopes) == 0,
		"the scope all is not to be asked for":    slices.Contains(op.Scopes, All),
		"no dialect":                              cmp.Compare(op.Dialect, Trends) < 0 || op.Dialect > Fairway,
		"no method of the control API":            !slices.Contains(methods, op.Method),
		"a path begins with / and ends with none": !strings.HasPrefix(op.Path, "/") || strings.HasSuffix(op.Path, "/"),
		"no name":                                 op.ID == "",
	} {
		if is {
			out = append(out, said)
		}
	}
	return out
}
