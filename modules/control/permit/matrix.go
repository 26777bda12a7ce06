package permit

import "net/http"

// Standing is one who asks, in some relation to the object.
type Standing struct {
	Name   string
	Caller Caller
	Object Object
}

// Standings are all who are told apart by a permission: each role, flag and relation to the object, with and without scope.
// Tests ask each operation for each of them.
func Standings() []Standing {
	const me, other = "00000000-0000-7000-8000-000000000001", "00000000-0000-7000-8000-000000000002"
	all := []string{All}
	mine, theirs := Object{Owners: []string{me}, Role: User}, Object{Owners: []string{other}, Role: User}
	caller := func(r Role) Caller { return Caller{User: me, Role: r, Active: true, Regular: true, Scopes: all} }
	admin, super := caller(Admin), caller(Superadmin)
	inactive, reader, internal, noScope, noScopeSuper := caller(Superadmin), caller(User), caller(User), caller(User), super
	inactive.Active, reader.Regular, noScope.Scopes, noScopeSuper.Scopes = false, false, nil, nil
	internal.Internal, internal.Regular = true, false
	strange := caller(User)
	strange.Role, strange.Regular = "OWNER", false
	mineAs := func(r Role) Object { return Object{Owners: []string{me}, Role: r} }
	return []Standing{
		{"anonymous", Caller{}, theirs},
		{"inactive super administrator", inactive, mineAs(Superadmin)},
		{"stranger", caller(User), theirs},
		{"owner", caller(User), mine},
		{"owner, not regular", reader, mine},
		{"owner without scope", noScope, mine},
		{"internal", internal, theirs},
		{"role unknown, nothing", strange, Object{}},
		{"administrator", admin, theirs},
		{"administrator, himself", admin, mineAs(Admin)},
		{"administrator, of a super one", admin, Object{Owners: []string{other}, Role: Superadmin}},
		{"super administrator", super, theirs},
		{"super administrator, himself", super, mineAs(Superadmin)},
		{"super administrator, of a protected", super, Object{Owners: []string{other}, Role: Superadmin, Protected: true}},
		{"super administrator without scope", noScopeSuper, theirs},
		{"program that is nobody's", Caller{Program: true, Scopes: all}, theirs},
	}
}

// Cell is what an operation answers to a standing: 200, where it may go on, 401, 403 or 404.
type Cell struct {
	Operation Operation
	Standing  Standing
	Status    int
}

// Matrix gives every operation for every standing.
func (t *Table) Matrix() []Cell {
	standings := Standings()
	out := make([]Cell, 0, len(t.operations)*len(standings))
	for _, op := range t.operations {
		for _, s := range standings {
			c := Cell{Operation: op, Standing: s, Status: http.StatusOK}
			if d := t.Decide(op.ID, s.Caller, s.Object); d != nil {
				c.Status = d.Status
			}
			out = append(out, c)
		}
	}
	return out
}
