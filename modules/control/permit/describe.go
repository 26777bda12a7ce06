package permit

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Description is what an API document says of who may do an operation.
type Description struct {
	// Permissions is a paragraph for the description, "**PERMISSIONS: Only administrators**", or "" where anybody may.
	Permissions string
	// Scopes are those of which a token must have one; nil: none is needed, and no security is declared.
	Scopes []string
	// Denials are what the statuses 401, 403 and 404 mean, where they can be answered.
	Denials map[int]string
}

// Describe gives what a document says of an operation; false: there is none of this name.
func (t *Table) Describe(id string) (Description, bool) {
	op, ok := t.byID[id]
	if !ok {
		return Description{}, false
	}
	d := Description{Denials: map[int]string{}}
	if len(op.Scopes) > 0 {
		d.Scopes = append(slices.Clone(op.Scopes), All)
		d.Denials[http.StatusUnauthorized] = fmt.Sprintf("Authentication with %s OAuth scope(s) is required", strings.Join(op.Scopes, " or "))
		if op.Dialect == Trends || op.Dialect == Fairway {
			d.Denials[http.StatusForbidden] = "Insufficient scope. Required: " + op.Scopes[0]
		}
	}
	var docs, denied []string
	for _, name := range op.Permissions {
		if name == Anybody {
			continue
		}
		docs = append(docs, t.permissions[name].Doc)
		if t.permissions[name].hides && !op.Hidden {
			d.Denials[http.StatusNotFound] = t.permissions[name].Doc
			continue
		}
		denied = append(denied, t.permissions[name].Doc)
	}
	if len(docs) == 0 {
		return d, true
	}
	if op.Scripts {
		docs = append(docs, "Or its script, by the token of its attempt")
	}
	d.Permissions = "**PERMISSIONS: " + strings.Join(docs, ". ") + "**"
	if slices.Equal(op.Permissions, []string{Known}) || len(denied) == 0 {
		return d, true // who is not active is not known
	}
	status := http.StatusForbidden
	if op.Hidden {
		status = http.StatusNotFound
	}
	d.Denials[status] = strings.TrimPrefix(d.Denials[status]+". "+strings.Join(denied, ". "), ". ")
	return d, true
}

// Differences compares the operations that are served with the table: those that it does not have, and those that nobody
// serves. Both are defects, for a test of who serves them.
func (t *Table) Differences(served []string) (unknown, missing []string) {
	for _, id := range served {
		if _, ok := t.byID[id]; !ok {
			unknown = append(unknown, id)
		}
	}
	for _, op := range t.operations {
		if !slices.Contains(served, op.ID) {
			missing = append(missing, op.ID)
		}
	}
	return unknown, missing
}
