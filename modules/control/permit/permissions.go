package permit

import "slices"

// Permission is a rule, with the sentence by which documents and answers tell it.
type Permission struct {
	Name, Doc string
	// object: it is about the object of the operation, not only about the caller.
	object bool
	// hides: for whom it does not hold there is nothing (404).
	hides bool
	holds func(Caller, Object) bool
}

// Names of permissions.
const (
	// Anybody may: it stands alone.
	Anybody = "anybody"
	// LoggedIn holds for every active user.
	LoggedIn = "logged_in"
	// Known holds for every active user, and for programs with a token of their own.
	Known = "known"
	// IsAdmin and IsSuperadmin are roles; a SUPERADMIN is an ADMIN, too.
	IsAdmin      = "admin"
	IsSuperadmin = "superadmin"
	// IsStaff is Houston's administrator: its internal users count as such.
	IsStaff = "staff"
	// NotAdmin keeps administrators from deleting themselves.
	NotAdmin = "not_admin"
	// Owner is Houston's rule: who owns the object, administrators, and internal users.
	Owner = "owner"
	// Self is the owner and nobody else.
	Self = "self"
	// Sees holds for who may know of the object: its owner, administrators, and those whom it is shared with. For others there is none.
	Sees = "sees"
	// Keeps holds for the owner and administrators.
	Keeps = "keeps"
	// Uploads holds for administrators, and for tokens that have the scope of uploading by its name: what a password may, and "all",
	// do not.
	Uploads = "uploads"
	// MayWrite is Houston's rule: regular and internal users, and administrators.
	MayWrite = "write_access"
	// NotAbove is about users: nobody changes one of a higher role.
	NotAbove = "not_above"
	// NotProtected is about users: some cannot be deleted.
	NotProtected = "not_protected"
)

// permissions gives all of them.
func permissions() []Permission {
	return []Permission{
		{Name: Anybody, Doc: "Anybody may", holds: func(Caller, Object) bool { return true }},
		{Name: LoggedIn, Doc: "Only active users", holds: func(c Caller, _ Object) bool { return c.loggedIn() }},
		{Name: Known, Doc: "Only active users, and programs with a token of their own", holds: func(c Caller, _ Object) bool { return c.known() }},
		{Name: IsAdmin, Doc: "Only administrators", holds: func(c Caller, _ Object) bool { return c.Role.least(Admin) }},
		{Name: IsSuperadmin, Doc: "Only super administrators", holds: func(c Caller, _ Object) bool { return c.Role.least(Superadmin) }},
		{Name: IsStaff, Doc: "Only administrators and internal users", holds: func(c Caller, _ Object) bool { return c.Role.least(Admin) || c.Internal }},
		{Name: NotAdmin, Doc: "Administrators cannot delete themselves", holds: func(c Caller, _ Object) bool { return c.Role == User }},
		{Name: Owner, Doc: "Only the owner, administrators and internal users", object: true, holds: func(c Caller, o Object) bool {
			return owns(c, o) || c.Role.least(Admin) || c.Internal
		}},
		{Name: Self, Doc: "Only the owner", object: true, holds: owns},
		{Name: Sees, Doc: "Only who may see it", object: true, hides: true, holds: func(c Caller, o Object) bool {
			return owns(c, o) || c.Role.least(Admin) || o.Shared && c.User != ""
		}},
		{Name: Keeps, Doc: "Only the owner and administrators", object: true, holds: func(c Caller, o Object) bool {
			return owns(c, o) || c.Role.least(Admin)
		}},
		{Name: Uploads, Doc: "Only administrators, and tokens with the scope " + UploadScope, holds: func(c Caller, _ Object) bool {
			return c.Role.least(Admin) || slices.Contains(c.Scopes, UploadScope)
		}},
		{Name: MayWrite, Doc: "Only users with write access", holds: func(c Caller, _ Object) bool {
			return c.Regular || c.Internal || c.Role.least(Admin)
		}},
		{Name: NotAbove, Doc: "Nobody changes a user of a higher role", object: true, holds: func(c Caller, o Object) bool {
			return o.Role.rank() >= 0 && c.Role.rank() >= o.Role.rank()
		}},
		{Name: NotProtected, Doc: "This user cannot be deleted", object: true, holds: func(_ Caller, o Object) bool { return !o.Protected }},
	}
}

// owns says that an object is a user's. What is nobody's is no program's, which is no user.
func owns(c Caller, o Object) bool { return c.User != "" && slices.Contains(o.Owners, c.User) }

// All is the scope that is every scope. It is not combined with others.
const All = "all"

// UploadScope is the scope by which users upload scripts who are no administrators. It is more than a bound of what its user may, so
// that it is given away only by who has it by its name, and by administrators.
const UploadScope = "script:write"

// Gives says whether a caller may give a scope away that he has: by Uploads, one of them is not everybody's to give.
func Gives(c Caller, scope string) bool {
	return scope != UploadScope || c.Role.least(Admin) || slices.Contains(c.Scopes, scope)
}

// Scope is a scope with what it allows.
type Scope struct{ Name, Doc string }

// Scopes gives the scopes that operations need, and All. Where the two older systems have a name each for the same thing,
// either will do.
func Scopes() []Scope {
	return []Scope{
		{All, "Everything that the user may"},
		{"user:read", "Read users (Trends.Earth's name)"},
		{"user:write", "Change users (Trends.Earth's name)"},
		{"users:read", "Read users"},
		{"users:write", "Change users"},
		{"teams:read", "Read teams"},
		{"teams:write", "Change teams"},
		{"auth:read", "Read OAuth2 clients and sessions"},
		{"auth:write", "Change OAuth2 clients and sessions"},
		{"tokens:read", "Read tokens"},
		{"tokens:write", "Make and revoke tokens"},
		{"script:read", "Read scripts"},
		{UploadScope, "Upload and change scripts"},
		{"execution:read", "Read executions"},
		{"execution:write", "Run scripts and change executions"},
		{"schedule:read", "Read schedules"},
		{"schedule:write", "Have scripts run at times, and change schedules"},
		{"webhook:read", "Read webhooks"},
		{"webhook:write", "Have events go to addresses, and change webhooks"},
		{"hook:read", "Read hooks, and which events arrived"},
		{"hook:write", "Have others start scripts, and change hooks"},
		{"mail:write", "Send mail"},
		{"audit:read", "Read the audit log"},
		{"limits:read", "Read rate limits"},
		{"limits:write", "Reset rate limits"},
	}
}
