// Package permit is one table of what can be done, and who may: for each operation its method and path, the scopes of which a
// caller's token must have one, and the permissions that all must hold. Enforcement (Enter, Decide), the header Allow of
// OPTIONS (Allow) and the API document (Describe) read this table and nothing else, so they cannot disagree.
//
// The roles and rules are those of two older systems, whose paths the table has beside each other. Trends.Earth has the roles
// USER, ADMIN and SUPERADMIN, and scopes that bound programs. Houston (flask-restplus-server-example) has scopes for all, and
// rules about the object: its owner, a user who may write. Both are about the same users and teams.
//
//	table := permit.New()
//	if d := table.Enter("user.get", caller); d != nil { … }          // before the user is looked up
//	if d := table.Decide("user.get", caller, permit.Object{…}); d != nil { … }
package permit

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
)

// Role is what a user is.
type Role string

// Roles, from that of nobody upwards.
const (
	Nobody     Role = ""
	User       Role = "USER"
	Admin      Role = "ADMIN"
	Superadmin Role = "SUPERADMIN"
)

// Staff says whether it is an administrator's, who sees everything.
func (r Role) Staff() bool { return r == Admin || r == Superadmin }

// rank orders roles. One that is not known is below all.
func (r Role) rank() int { return slices.Index([]Role{User, Admin, Superadmin}, r) }

// least says that a role is another one or above it.
func (r Role) least(other Role) bool { return r.rank() >= other.rank() }

// Caller is who asks. The zero Caller is anonymous.
type Caller struct {
	// User is the id of the user, as whom programs and tokens act, too; "": anonymous.
	User string
	// Role is the user's now, not when the token was made.
	Role Role
	// Active, Regular and Internal are the user's flags. Who is not active is anonymous.
	Active, Regular, Internal bool
	// Scopes are those of the token. "all" is every scope; callers with a password have it.
	Scopes []string
	// Execution is the id of the one whose script calls, by the token of its attempt; "": none does. It has no user and no scopes.
	Execution string
	// Program says that it is a token of its own which is nobody's: it has its scopes, and no role.
	Program bool
}

func (c Caller) loggedIn() bool { return c.User != "" && c.Active }

// known says that it is somebody: a user, or a program.
func (c Caller) known() bool { return c.loggedIn() || c.Program && c.User == "" }

// Object is what an operation is about. The zero Object belongs to nobody.
type Object struct {
	// Owners are ids of users: the user himself, who leads a team, whose client, token or session it is.
	Owners []string
	// Role is that of a user who is the object.
	Role Role
	// Protected users cannot be deleted.
	Protected bool
	// Shared says that it is for the caller to see, whose it is not.
	Shared bool
	// Execution is the id of the execution that it is.
	Execution string
}

// Dialect is the system whose answers an operation gives.
type Dialect int

// Dialects.
const (
	// Trends answers a missing scope with 403.
	Trends Dialect = iota + 1
	// Houston answers a missing scope with 401.
	Houston
	// Fairway is ours, and answers it with 403.
	Fairway
)

// Operation is one line of the table.
type Operation struct {
	// ID names it in code, in the API document and in the audit log: "user.list".
	ID string
	// Method and Path are those of HTTP, the path without the slash that may end it, variables in braces.
	Method, Path string
	// Dialect says how it answers.
	Dialect Dialect
	// Scopes are those of which one is needed. Only operations for anybody have none.
	Scopes []string
	// Permissions are names of what all must hold.
	Permissions []string
	// Fields are those of the body that need further permissions.
	Fields map[string][]string
	// Hidden: who may not is told that there is nothing (404).
	Hidden bool
	// Scripts: the script of an execution may do it, too, to that alone, by the token of its attempt.
	Scripts bool
	// OAuth: what fails is told by the bare errors of RFC 6749.
	OAuth bool
}

// DeniedError says why not. It is an error.
type DeniedError struct {
	// Status is 401, 403 or 404.
	Status int
	// Scopes are those of which one is missing; nil: that is not it.
	Scopes []string
	// Permission is the name of what does not hold, "" where scopes are missing; Doc says it to the caller.
	Permission, Doc string
}

func (d *DeniedError) Error() string {
	if len(d.Scopes) > 0 {
		return fmt.Sprintf("Insufficient scope. Required: %s", d.Scopes[0])
	}
	return d.Doc
}

// Table is the table. It does not change, and is used concurrently.
type Table struct {
	operations  []Operation
	byID        map[string]*Operation
	byPath      map[string][]*Operation
	permissions map[string]Permission
}

// New makes the table of the whole control API.
func New() *Table {
	return newTable(slices.Concat(accountsOfTrends(), accountsOfHouston(), tokens(), scripts(), executions(), schedules(), webhooks(), hooks(), service()), permissions())
}

// Without gives the table without some operations: those that nobody serves yet.
func (t *Table) Without(ids ...string) *Table {
	rest := slices.DeleteFunc(slices.Clone(t.operations), func(op Operation) bool { return slices.Contains(ids, op.ID) })
	return newTable(rest, slices.Collect(maps.Values(t.permissions)))
}

func newTable(operations []Operation, list []Permission) *Table {
	t := &Table{operations: operations, byID: map[string]*Operation{}, byPath: map[string][]*Operation{}, permissions: map[string]Permission{}}
	for i := range operations {
		o := &operations[i]
		t.byID[o.ID] = o
		t.byPath[o.Path] = append(t.byPath[o.Path], o)
	}
	for _, p := range list {
		t.permissions[p.Name] = p
	}
	return t
}

// Operations gives the table's lines. Change nothing of them.
func (t *Table) Operations() []Operation { return t.operations }

// Operation gives an operation by its name.
func (t *Table) Operation(id string) (Operation, bool) {
	op, ok := t.byID[id]
	if !ok {
		return Operation{}, false
	}
	return *op, true
}

// Enter says whether a caller may come as far as to have the object looked up: logged in where that is needed, with a scope,
// and with what is asked of every object. Nil: he may.
func (t *Table) Enter(id string, c Caller) *DeniedError { return t.decide(id, c, nil) }

// Decide says whether a caller may do an operation to an object. Operations without one have the zero Object. Nil: he may. An
// operation that is not in the table is nobody's.
func (t *Table) Decide(id string, c Caller, o Object) *DeniedError { return t.decide(id, c, &o) }

func (t *Table) decide(id string, c Caller, o *Object) *DeniedError {
	op, ok := t.byID[id]
	if !ok {
		return &DeniedError{Status: http.StatusForbidden, Doc: "this operation is not permitted to anybody"}
	}
	if slices.Equal(op.Permissions, []string{Anybody}) {
		return nil
	}
	if c.Execution != "" {
		return op.script(c, o)
	}
	if !c.known() {
		return &DeniedError{Status: http.StatusUnauthorized, Permission: LoggedIn, Doc: t.permissions[LoggedIn].Doc}
	}
	if !hasAny(c.Scopes, op.Scopes) {
		status := http.StatusForbidden
		if op.Dialect == Houston {
			status = http.StatusUnauthorized
		}
		return &DeniedError{Status: status, Scopes: op.Scopes}
	}
	return t.check(op, op.Permissions, c, o)
}

// script says whether a script may do an operation, which has no use for any other.
func (op *Operation) script(c Caller, o *Object) *DeniedError {
	switch {
	case !op.Scripts:
		return &DeniedError{Status: http.StatusForbidden, Doc: "The token of an attempt is good for its own log, progress and results alone"}
	case o != nil && o.Execution != c.Execution:
		return &DeniedError{Status: http.StatusNotFound, Doc: "there is nothing"}
	}
	return nil
}

// check asks permissions. Without an object, those about one are left for later.
func (t *Table) check(op *Operation, names []string, c Caller, o *Object) *DeniedError {
	for _, name := range names {
		p, ok := t.permissions[name]
		if ok && p.object && o == nil {
			continue
		}
		var object Object
		if o != nil {
			object = *o
		}
		if ok && p.holds(c, object) {
			continue
		}
		d := &DeniedError{Status: http.StatusForbidden, Permission: name, Doc: p.Doc}
		if op.Hidden || p.hides {
			d.Status = http.StatusNotFound
		}
		return d
	}
	return nil
}

// Fields gives those of the fields, in their order, that a caller may not write with an operation that he may do.
func (t *Table) Fields(id string, c Caller, o Object, fields []string) (denied []string) {
	op, ok := t.byID[id]
	if !ok {
		return fields
	}
	for _, f := range fields {
		if needs := op.Fields[f]; len(needs) > 0 && t.check(op, needs, c, &o) != nil {
			denied = append(denied, f)
		}
	}
	return denied
}

// Rights gives those of a user's scopes that his role still has a use for: a scope of which no operation would let him in is
// none, All and scopes that the table does not know stay. What is left may be empty. A program that is nobody's has no role, so
// that its scopes stay as they are.
func (t *Table) Rights(c Caller) []string {
	if !c.loggedIn() {
		return c.Scopes
	}
	for i, s := range c.Scopes {
		if t.useful(s, c) {
			continue
		}
		rest := slices.Clone(c.Scopes[:i])
		for _, s := range c.Scopes[i+1:] {
			if t.useful(s, c) {
				rest = append(rest, s)
			}
		}
		return rest
	}
	return c.Scopes
}

// useful says that a scope lets its user in somewhere, as far as that depends on no object.
func (t *Table) useful(scope string, c Caller) bool {
	if scope == All {
		return true
	}
	needed := false
	c.Scopes = []string{scope}
	for i := range t.operations {
		op := &t.operations[i]
		if !slices.Contains(op.Scopes, scope) {
			continue
		}
		if needed = true; t.check(op, op.Permissions, c, nil) == nil {
			return true
		}
	}
	return !needed
}

// hasAny says that one of the scopes is there.
func hasAny(there, wanted []string) bool {
	return slices.Contains(there, All) || slices.ContainsFunc(wanted, func(s string) bool { return slices.Contains(there, s) })
}

// Allow gives the methods that a caller may use on a path of the table, in the order of the table, with OPTIONS at the end. An
// object is what the path names, the zero Object where it names none. The DeniedError is a 401, where a path names an object that
// is looked up only for those who are logged in; a path that is not in the table is a 404, and so is an object that the caller may not
// know of.
func (t *Table) Allow(path string, c Caller, o Object) ([]string, *DeniedError) {
	operations := t.byPath[path]
	if len(operations) == 0 {
		return nil, &DeniedError{Status: http.StatusNotFound, Doc: "there is nothing"}
	}
	var methods []string
	for _, op := range operations {
		if t.Decide(op.ID, c, o) == nil {
			methods = append(methods, op.Method)
		}
	}
	if c.known() && t.hides(operations, c, o) {
		return nil, &DeniedError{Status: http.StatusNotFound, Doc: "there is nothing"}
	}
	if len(methods) == 0 && !c.known() && t.looksUp(operations) {
		return nil, &DeniedError{Status: http.StatusUnauthorized, Permission: LoggedIn, Doc: t.permissions[LoggedIn].Doc}
	}
	return append(methods, http.MethodOptions), nil
}

// AsksObject says that a permission of an operation is about its object, which has to be looked up before it is decided.
func (t *Table) AsksObject(id string) bool {
	op, ok := t.byID[id]
	return ok && t.looksUp([]*Operation{op})
}

// hides says that there is nothing on a path for a caller, whatever he asks.
func (t *Table) hides(operations []*Operation, c Caller, o Object) bool {
	return slices.ContainsFunc(operations, func(op *Operation) bool {
		return slices.ContainsFunc(op.Permissions, func(name string) bool {
			p := t.permissions[name]
			return p.hides && !p.holds(c, o)
		})
	})
}

// looksUp says that one of the operations is about an object.
func (t *Table) looksUp(operations []*Operation) bool {
	return slices.ContainsFunc(operations, func(op *Operation) bool {
		return slices.ContainsFunc(op.Permissions, func(name string) bool { return t.permissions[name].object })
	})
}
