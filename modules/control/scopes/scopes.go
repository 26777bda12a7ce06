// Package scopes says which scopes there are, and which of them somebody may give away: to a client, or to a token.
//
//	book := scopes.New(permit.New(), permit.Scope{Name: "reports:read", Doc: "Read reports"})
//	if err := book.Check(wanted); err != nil { … }            // there is no such scope
//	if no := book.Lacking(caller, wanted); len(no) > 0 { … }  // he has not himself what he would give
package scopes

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/callers"
	"github.com/fairway-gateway/fairway/modules/control/permit"
)

// Book has all scopes. It does not change, and is used concurrently.
type Book struct {
	table *permit.Table
	all   []permit.Scope
}

// New makes a book of the scopes that the control API knows, and of those that services want beside them. One of a name that
// is there already adds nothing.
func New(table *permit.Table, more ...permit.Scope) *Book {
	b := &Book{table: table, all: permit.Scopes()}
	for _, s := range more {
		if !b.has(s.Name) {
			b.all = append(b.all, s)
		}
	}
	return b
}

// All gives the scopes, those of the control API first. Change nothing of them.
func (b *Book) All() []permit.Scope { return b.all }

func (b *Book) has(name string) bool {
	return slices.ContainsFunc(b.all, func(s permit.Scope) bool { return s.Name == name })
}

// Error says what is wrong with scopes, with their names in single quotes.
type Error struct {
	// Unknown are those that there are not; nil: permit.All is combined with others.
	Unknown []string
}

func (e *Error) Error() string {
	if len(e.Unknown) == 0 {
		return "Scope 'all' cannot be combined with other scopes."
	}
	name := e.Unknown[0]
	if len(name) > longestName {
		name = name[:longestName] + "…"
	}
	return fmt.Sprintf("Unknown scope: %q.", name)
}

// longestName is how much of a name that there is not is said again, in bytes.
const longestName = 40

// Check says whether there are scopes of these names. The error is an *Error.
func (b *Book) Check(wanted []string) error {
	var unknown []string
	for _, s := range wanted {
		if !b.has(s) {
			unknown = append(unknown, s)
		}
	}
	if len(unknown) > 0 || len(wanted) > 1 && slices.Contains(wanted, permit.All) {
		return &Error{Unknown: unknown}
	}
	return nil
}

// Lacking gives those that a caller has not himself: his token has not, his role has no use for, or that are not his to give.
func (b *Book) Lacking(c *callers.Caller, wanted []string) []string {
	var out []string
	for _, s := range wanted {
		as := c.Permit()
		as.Scopes = []string{s}
		if c == nil || !c.Has(s) || !permit.Gives(c.Permit(), s) || len(b.table.Rights(as)) == 0 {
			out = append(out, s)
		}
	}
	return out
}

// Once gives each of the scopes once, in their order.
func Once(all []string) []string {
	out := make([]string, 0, min(len(all), len(permit.Scopes())))
	for _, s := range all {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// permission is a scope as documents of permissions have it.
type permission struct {
	Name string `json:"name"`
	Doc  string `json:"doc"`
}

func (b *Book) permissions() []permission {
	out := make([]permission, len(b.all))
	for i, s := range b.all {
		out[i] = permission(s)
	}
	return out
}

// ServePermissions answers with all scopes and what they allow: [{"name", "doc"}].
func (b *Book) ServePermissions(w http.ResponseWriter, _ *http.Request) {
	api.Answer(w, http.StatusOK, b.permissions())
}
