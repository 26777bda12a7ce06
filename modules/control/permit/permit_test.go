package permit

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTableHasNoDefects fails for an operation without a permission, and for a permission or scope that no operation uses.
func TestTableHasNoDefects(t *testing.T) {
	t.Parallel()
	for _, d := range New().Defects() {
		t.Error(d)
	}
}

// TestDefectsAreFound has each kind of defect be one.
func TestDefectsAreFound(t *testing.T) {
	t.Parallel()
	good := Operation{ID: "a", Method: get, Path: "/a/{b}", Dialect: Trends, Scopes: list("s"), Permissions: list(LoggedIn)}
	scopes := []Scope{{All, "all"}, {"s", "some"}}
	for name, test := range map[string]struct {
		change func(*Operation)
		scopes []Scope
		more   []Operation
		want   string
	}{
		"none":                    {want: ""},
		"operation without":       {change: func(o *Operation) { o.Permissions = nil }, want: "no permission"},
		"permission that is not":  {change: func(o *Operation) { o.Permissions = list(LoggedIn, "root") }, want: `no permission "root"`},
		"field's that is not":     {change: func(o *Operation) { o.Fields = map[string][]string{"f": {"root"}} }, want: `no permission "root"`},
		"permission not used":     {change: func(o *Operation) { o.Permissions = list(Owner) }, want: `"logged_in" is used by no`},
		"scope that is not":       {change: func(o *Operation) { o.Scopes = list("s", "x") }, want: `no scope "x"`},
		"scope not needed":        {scopes: append(scopes, Scope{"x", "more"}), want: `"x" is needed by no`},
		"scope without a word":    {scopes: []Scope{{All, "all"}, {"s", ""}}, want: `"s" is needed`},
		"no scope":                {change: func(o *Operation) { o.Scopes = nil }, want: "no scope"},
		"all":                     {change: func(o *Operation) { o.Scopes = list("s", All) }, want: "not to be asked"},
		"anybody, but":            {change: func(o *Operation) { o.Permissions = list(LoggedIn, Anybody) }, want: "anybody may is bound"},
		"anybody with scope":      {more: []Operation{{ID: "c", Method: get, Path: "/c", Dialect: Trends, Scopes: list("s"), Permissions: list(Anybody)}}, want: "anybody may is bound"},
		"no dialect":              {change: func(o *Operation) { o.Dialect = 0 }, want: "no dialect"},
		"method":                  {change: func(o *Operation) { o.Method = "OPTIONS" }, want: "no method"},
		"slash":                   {change: func(o *Operation) { o.Path = "/a/" }, want: "ends with none"},
		"name":                    {change: func(o *Operation) { o.ID = "" }, want: "no name"},
		"same name":               {more: []Operation{{ID: "a", Method: post, Path: "/c", Dialect: Trends, Permissions: list(Anybody)}}, want: "there is another"},
		"same place, other word":  {more: []Operation{{ID: "c", Method: get, Path: "/a/b", Dialect: Trends, Permissions: list(Anybody)}}, want: "there is another"},
		"permission without word": {want: ""},
	} {
		op := good
		if test.change != nil {
			test.change(&op)
		}
		if test.scopes == nil {
			test.scopes = scopes
		}
		known := map[string]Permission{}
		for _, p := range permissions() {
			if p.Name == LoggedIn || len(test.more) > 0 && p.Name == Anybody || test.change != nil && slices.Contains(op.Permissions, p.Name) {
				known[p.Name] = p
			}
		}
		got := strings.Join(defects(append([]Operation{op}, test.more...), known, test.scopes), "\n")
		if test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// matrixUpdate writes the matrix anew: go test ./modules/control/permit -update. Read what has changed.
var matrixUpdate = flag.Bool("update", false, "write testdata/matrix.txt")

// TestMatrix holds every operation for everybody to a file that people read.
func TestMatrix(t *testing.T) {
	t.Parallel()
	table, standings := New(), Standings()
	var b strings.Builder
	for i, s := range standings {
		fmt.Fprintf(&b, "%c  %s\n", 'A'+i, s.Name)
	}
	b.WriteString("\n" + strings.Repeat(" ", 87))
	for i := range standings {
		fmt.Fprintf(&b, " %c  ", 'A'+i)
	}
	for i, c := range table.Matrix() {
		if i%len(standings) == 0 {
			fmt.Fprintf(&b, "\n%-27s%-8s%-52s", c.Operation.ID, c.Operation.Method, c.Operation.Path)
		}
		fmt.Fprintf(&b, "%-4s", map[int]string{200: " .", 401: "401", 403: "403", 404: "404"}[c.Status])
	}
	var lines []string
	for line := range strings.Lines(b.String()) {
		lines = append(lines, strings.TrimRight(line, " \n"))
	}
	got := strings.Join(lines, "\n") + "\n"
	const file = "testdata/matrix.txt"
	if *matrixUpdate {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestEverybodyReadsTheSameTable has entering, OPTIONS and the documents agree with the decision, for everybody.
func TestEverybodyReadsTheSameTable(t *testing.T) {
	t.Parallel()
	table := New()
	for _, c := range table.Matrix() {
		op, s := c.Operation, c.Standing
		name := op.ID + " by " + s.Name
		if d := table.Enter(op.ID, s.Caller); d != nil && d.Status != c.Status {
			t.Errorf("%s: %d, and %d before the object is looked up", name, c.Status, d.Status)
		}
		methods, denied := table.Allow(op.Path, s.Caller, s.Object)
		hidden := denied != nil && denied.Status == http.StatusNotFound && c.Status != http.StatusOK // what is not seen is not there
		if denied != nil && !hidden && (c.Status == http.StatusOK || denied.Status != c.Status) {
			t.Errorf("%s: %d, OPTIONS %v", name, c.Status, denied)
		}
		if denied == nil && slices.Contains(methods, op.Method) != (c.Status == http.StatusOK) {
			t.Errorf("%s: %d, Allow: %v", name, c.Status, methods)
		}
		doc, ok := table.Describe(op.ID)
		if _, said := doc.Denials[c.Status]; !ok || c.Status != http.StatusOK && !said {
			t.Errorf("%s: the document does not say %d: %v", name, c.Status, doc)
		}
		if c.Status == http.StatusOK && s.Caller.User == "" && !s.Caller.Program && (doc.Permissions != "" || doc.Scopes != nil || len(doc.Denials) > 0) {
			t.Errorf("%s: the document wants a login: %v", name, doc)
		}
	}
}

// TestScopes has each scope that an operation names be enough, no other one, and those of no user nothing.
func TestScopes(t *testing.T) {
	t.Parallel()
	table := New()
	for _, op := range table.Operations() {
		for _, s := range Scopes() {
			c := Caller{User: "me", Role: Superadmin, Active: true, Scopes: []string{s.Name}}
			d := table.Enter(op.ID, c)
			want := op.Scopes == nil || s.Name == All || slices.Contains(op.Scopes, s.Name)
			if op.ID != "user.me.delete" && (d == nil) != want {
				t.Errorf("%s with %s: %v", op.ID, s.Name, d)
			}
			if d != nil && len(d.Scopes) > 0 && (d.Status == http.StatusUnauthorized) != (op.Dialect == Houston) {
				t.Errorf("%s with %s: %d", op.ID, s.Name, d.Status)
			}
			if d := table.Enter(op.ID, Caller{Scopes: []string{s.Name}}); op.Scopes != nil && (d == nil || d.Status != http.StatusUnauthorized) {
				t.Errorf("%s with %s of nobody: %v", op.ID, s.Name, d)
			}
		}
	}
	d := table.Enter("user.list", Caller{User: "me", Role: Superadmin, Active: true, Scopes: []string{"user:write", "USER:READ", "user:read ", ""}})
	if d == nil || d.Error() != "Insufficient scope. Required: user:read" {
		t.Error(d)
	}
}

// TestOptions holds the header Allow to what Houston's tests of OPTIONS pin.
func TestOptions(t *testing.T) {
	t.Parallel()
	table := New()
	regular := Caller{User: "me", Role: User, Active: true, Regular: true, Scopes: []string{All}}
	mine, theirs := Object{Owners: []string{"me"}, Role: User}, Object{Owners: []string{"other"}, Role: User}
	for _, test := range []struct {
		path   string
		caller Caller
		object Object
		want   string
	}{
		{"/api/v1/users", Caller{}, Object{}, "POST OPTIONS"},
		{"/api/v1/users/{user}", Caller{}, mine, "401"},
		{"/api/v1/teams", Caller{}, Object{}, "OPTIONS"},
		{"/api/v1/teams/{team}", Caller{}, mine, "401"},
		{"/api/v1/users", regular, Object{}, "POST OPTIONS"},
		{"/api/v1/users/{user}", regular, mine, "GET PATCH OPTIONS"},
		{"/api/v1/users/{user}", regular, theirs, "OPTIONS"},
		{"/api/v1/teams", regular, Object{}, "GET POST OPTIONS"},
		{"/api/v1/teams/{team}", regular, mine, "GET PATCH DELETE OPTIONS"},
		{"/api/v1/teams/{team}", regular, theirs, "OPTIONS"},
		{"/auth/oauth2/token", Caller{}, Object{}, "POST GET OPTIONS"},
		{"/api/v1/news", regular, Object{}, "404"},
	} {
		methods, denied := table.Allow(test.path, test.caller, test.object)
		got := strings.Join(methods, " ")
		if denied != nil {
			got = fmt.Sprint(denied.Status)
		}
		if got != test.want {
			t.Errorf("%s by %q: %s, not %s", test.path, test.caller.User, got, test.want)
		}
	}
}

// TestOptionsOfMixedPaths has a path of which anybody may do a part tell that part, and not want a login.
func TestOptionsOfMixedPaths(t *testing.T) {
	t.Parallel()
	table := newTable([]Operation{
		{ID: "a", Method: get, Path: "/a/{b}", Dialect: Fairway, Permissions: list(Anybody)},
		{ID: "b", Method: remove, Path: "/a/{b}", Dialect: Fairway, Scopes: list("s"), Permissions: list(Self)},
	}, permissions())
	if methods, denied := table.Allow("/a/{b}", Caller{}, Object{}); denied != nil || !slices.Equal(methods, []string{"GET", "OPTIONS"}) {
		t.Error(methods, denied)
	}
}

// TestFields has what a caller may not write be named, in his order.
func TestFields(t *testing.T) {
	t.Parallel()
	table := New()
	as := func(r Role) Caller {
		return Caller{User: "me", Role: r, Active: true, Regular: true, Scopes: []string{All}}
	}
	mine := Object{Owners: []string{"me"}, Role: User}
	all := []string{"is_admin", "email", "is_active", "password", "is_regular_user"}
	for _, test := range []struct {
		id     string
		caller Caller
		fields []string
		want   []string
	}{
		{"users.change", as(User), all, []string{"is_admin", "is_active", "is_regular_user"}},
		{"users.change", as(Admin), all, []string{"is_admin"}},
		{"users.change", Caller{User: "me", Role: User, Active: true, Internal: true, Scopes: []string{All}}, all, []string{"is_admin"}},
		{"users.change", as(Superadmin), all, nil},
		{"user.create", Caller{}, []string{"email", "role"}, []string{"role"}},
		{"user.create", as(Admin), []string{"role"}, []string{"role"}},
		{"user.create", as(Superadmin), []string{"role"}, nil},
		{"no.such", as(Superadmin), []string{"a"}, []string{"a"}},
	} {
		if diff := cmp.Diff(test.want, table.Fields(test.id, test.caller, mine, test.fields)); diff != "" {
			t.Errorf("%s by %s (-want +got):\n%s", test.id, test.caller.Role, diff)
		}
	}
}

// TestRightsEndWithTheUser has a token be worth what its user is now.
func TestRightsEndWithTheUser(t *testing.T) {
	t.Parallel()
	table := New()
	c := Caller{User: "me", Role: Admin, Active: true, Scopes: []string{"users:read"}}
	if d := table.Decide("users.list", c, Object{}); d != nil {
		t.Fatal(d)
	}
	demoted, inactive, gone := c, c, c
	demoted.Role, inactive.Active, gone.User = User, false, ""
	for name, test := range map[string]struct {
		c    Caller
		want int
	}{"demoted": {demoted, 403}, "inactive": {inactive, 401}, "deleted": {gone, 401}} {
		if d := table.Decide("users.list", test.c, Object{}); d == nil || d.Status != test.want {
			t.Errorf("%s: %v", name, d)
		}
	}
}

// TestRights has a scope count as long as its user's role has a use for it.
func TestRights(t *testing.T) {
	t.Parallel()
	table := New()
	scopes := []string{"users:read", "mail:write", "teams:write", "limits:write", "audit:read", "own:thing"}
	for _, test := range []struct {
		caller Caller
		want   []string
	}{
		{Caller{User: "me", Role: Superadmin, Active: true, Scopes: scopes}, scopes},
		{Caller{User: "me", Role: Admin, Active: true, Scopes: scopes}, []string{"users:read", "mail:write", "teams:write", "audit:read", "own:thing"}},
		{Caller{User: "me", Role: User, Active: true, Scopes: scopes}, []string{"users:read", "teams:write", "own:thing"}},
		{Caller{User: "me", Role: User, Active: true, Scopes: []string{"mail:write"}}, []string{}},
		{Caller{User: "me", Role: User, Active: true, Scopes: []string{All}}, []string{All}},
		{Caller{Program: true, Scopes: scopes}, scopes},
	} {
		before := slices.Clone(test.caller.Scopes)
		if diff := cmp.Diff(test.want, table.Rights(test.caller)); diff != "" {
			t.Errorf("%s: %s", test.caller.Role, diff)
		}
		if !slices.Equal(before, test.caller.Scopes) {
			t.Error("the caller's own scopes were changed")
		}
	}
}

// TestTokensOfPrograms has 401 tell nobody from who may not, 404 hide what is not one's own, and programs have temporary tokens made.
func TestTokensOfPrograms(t *testing.T) {
	t.Parallel()
	table := New()
	program := Caller{Program: true, Scopes: []string{"tokens:write"}}
	reader := Caller{Program: true, Scopes: []string{"tokens:read"}}
	user := Caller{User: "me", Role: User, Active: true, Scopes: []string{All}}
	for _, test := range []struct {
		id     string
		caller Caller
		want   int
	}{
		{"tokens.create", Caller{}, 401},
		{"tokens.get", Caller{}, 401},
		{"tokens.revoke", Caller{}, 401},
		{"tokens.list", program, 403},
		{"tokens.get", program, 403},
		{"tokens.query", program, 403},
		{"tokens.get", reader, 404},
		{"tokens.revoke", program, 404},
		{"tokens.get", user, 404},
		{"tokens.change", user, 404},
		{"tokens.revoke", user, 404},
	} {
		if d := table.Decide(test.id, test.caller, Object{}); d == nil || d.Status != test.want {
			t.Errorf("%s: %v, not %d", test.id, d, test.want)
		}
	}
	if d := table.Decide("tokens.list", reader, Object{}); d != nil {
		t.Error(d)
	}
	for _, test := range []struct {
		caller Caller
		want   []string
	}{
		{program, []string{"typ=prm", "typ=usr"}},
		{user, []string{"typ=prm"}},
		{Caller{User: "me", Role: Admin, Active: true, Scopes: []string{All}}, nil},
	} {
		if d := table.Decide("tokens.create", test.caller, Object{}); d != nil {
			t.Error(d)
		}
		if diff := cmp.Diff(test.want, table.Fields("tokens.create", test.caller, Object{}, []string{"typ=prm", "typ=usr", "typ=tmp"})); diff != "" {
			t.Error(diff)
		}
	}
}

// TestUnknownOperation is nobody's, and what belongs to nobody is no user's.
func TestUnknownOperation(t *testing.T) {
	t.Parallel()
	table := New()
	super := Caller{User: "me", Role: Superadmin, Active: true, Scopes: []string{All}}
	if table.Enter("no.such", super) == nil || table.Decide("", super, Object{}) == nil {
		t.Error("what is not in the table was permitted")
	}
	if _, ok := table.Describe("no.such"); ok {
		t.Error("described")
	}
	// Whose role was not looked up is above everybody.
	if table.Decide("users.change", super, Object{Owners: []string{"me"}}) == nil {
		t.Error("a user without a role was changed")
	}
	for _, o := range []Object{{}, {Owners: []string{""}}} {
		if table.Decide("users.get", Caller{User: "me", Role: User, Active: true, Scopes: []string{All}}, o) == nil {
			t.Errorf("%v was given to a stranger", o)
		}
		for _, id := range []string{"tokens.get", "session.delete", "users.get"} {
			if table.Decide(id, Caller{Program: true, Scopes: []string{All}}, o) == nil {
				t.Errorf("%s: %v was given to a program", id, o)
			}
		}
	}
}

func TestDifferences(t *testing.T) {
	t.Parallel()
	table := New()
	served := []string{"no.such"}
	for _, op := range table.Operations() {
		if op.ID != "jwks" {
			served = append(served, op.ID)
		}
	}
	unknown, missing := table.Differences(served)
	if !slices.Equal(unknown, []string{"no.such"}) || !slices.Equal(missing, []string{"jwks"}) {
		t.Error(unknown, missing)
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	got, _ := New().Describe("users.change")
	want := Description{
		Permissions: "**PERMISSIONS: Only the owner, administrators and internal users. Only users with write access. Nobody changes a user of a higher role**",
		Scopes:      []string{"user:write", "users:write", "all"},
		Denials: map[int]string{
			401: "Authentication with user:write or users:write OAuth scope(s) is required",
			403: "Only the owner, administrators and internal users. Only users with write access. Nobody changes a user of a higher role",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// BenchmarkDecide is one decision.
func BenchmarkDecide(b *testing.B) {
	table := New()
	c := Caller{User: "me", Role: User, Active: true, Regular: true, Scopes: []string{"users:read", "users:write"}}
	o := Object{Owners: []string{"me"}, Role: User}
	b.ReportAllocs()
	for b.Loop() {
		if d := table.Decide("users.change", c, o); d != nil {
			b.Fatal(d)
		}
	}
}

// TestSharedObjects holds what may be done with an object that is shared: it is seen, and no more.
func TestSharedObjects(t *testing.T) {
	t.Parallel()
	me := Caller{User: "me", Role: User, Active: true, Scopes: []string{All}}
	for _, c := range []struct {
		operation string
		caller    Caller
		object    Object
		want      int
	}{
		{"script.get", me, Object{Owners: []string{"other"}, Shared: true}, 0},
		{"script.get", me, Object{Owners: []string{"other"}}, 404},
		{"script.get", Caller{Program: true, Scopes: []string{All}}, Object{Shared: true}, 404},
		{"script.upload", me, Object{Owners: []string{"other"}, Shared: true}, 403},
		{"script.upload", me, Object{Owners: []string{"other"}}, 404},
		{"script.publish", me, Object{Owners: []string{"other"}, Shared: true}, 404},
		{"script.publish", me, Object{Owners: []string{"me"}}, 0},
	} {
		got := 0
		if d := New().Decide(c.operation, c.caller, c.object); d != nil {
			got = d.Status
		}
		if got != c.want {
			t.Errorf("%s %+v %+v: %d", c.operation, c.caller, c.object, got)
		}
	}
}

// TestWhoUploads holds that the scope is needed by its name, and is not everybody's to give.
func TestWhoUploads(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		role   Role
		scopes []string
		want   bool
	}{
		{User, []string{All}, false},
		{User, []string{UploadScope}, true},
		{User, []string{"script:read"}, false},
		{Admin, []string{All}, true},
		{Superadmin, []string{UploadScope}, true},
	} {
		me := Caller{User: "me", Role: c.role, Active: true, Scopes: c.scopes}
		if d := New().Decide("script.create", me, Object{}); (d == nil) != c.want {
			t.Errorf("%s %v: %v", c.role, c.scopes, d)
		}
		if got := Gives(me, UploadScope); got != c.want {
			t.Errorf("%s %v gives: %v", c.role, c.scopes, got)
		}
		if !Gives(me, "script:read") {
			t.Error("other scopes are everybody's to give")
		}
	}
}

// TestScripts: the token of an attempt is good for its own execution alone, and for what says so.
func TestScripts(t *testing.T) {
	t.Parallel()
	table := New()
	var may []string
	for _, op := range table.Operations() {
		if slices.Equal(op.Permissions, []string{Anybody}) {
			continue
		}
		c := Caller{Execution: "e1"}
		own, other := table.Decide(op.ID, c, Object{Execution: "e1"}), table.Decide(op.ID, c, Object{Owners: []string{"", "e1"}, Shared: true})
		if own == nil {
			may = append(may, op.ID)
			if other == nil || other.Status != 404 || table.Enter(op.ID, c) != nil {
				t.Errorf("%s: %v", op.ID, other)
			}
			continue
		}
		if own.Status != 403 || other == nil || other.Status != 403 || table.Enter(op.ID, c).Status != 403 {
			t.Errorf("%s: %v, %v", op.ID, own, other)
		}
	}
	if d := cmp.Diff([]string{"execution.change", "execution.log.add", "execution.params", "execution.files", "execution.hand_over"}, may); d != "" {
		t.Error(d)
	}
}
