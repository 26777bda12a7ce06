package accounts

import (
	"context"
	"encoding/json"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// NewUser is a user to be made. Text is trimmed; an empty Name is made of the parts, and parts that are empty of the Name.
type NewUser struct {
	// Email is required, at most 254 bytes. Username, at most 256 characters without @, is not.
	Email, Username string
	// Password is that of the user; "": a link is mailed by which he sets it. It has to be a good one.
	Password string
	// Name, or one of its parts, is required of those who sign up.
	Name, FirstName, MiddleName, LastName string
	Country, Institution                  string
	// Role is SUPERADMIN, ADMIN or USER, "" is USER. Of who is anonymous it is USER whatever is here.
	Role string
	// Inactive users may not log in. NotRegular ones may not write, as Houston has it. Internal ones count as its staff.
	Inactive, NotRegular, Internal bool
	// NoPluginUser is the opposite of is_plugin_user, which is true by default.
	NoPluginUser, MailingList bool
	// Profile are further members, JSON; nil: none.
	Profile map[string]any
}

// Create makes a user. The error is an *InvalidError, a *WeakError, a *queries.TakenError where the address or name is another's,
// a *permit.DeniedError where who is there may not give the role, a *LimitedError, or one of passwords.Checker.Hash.
func (a *Accounts) Create(ctx context.Context, who Who, n NewUser) (db.User, error) {
	if err := a.mayCreate(ctx, who, &n); err != nil {
		return db.User{}, err
	}
	if err := n.check(); err != nil {
		return db.User{}, err
	}
	u, err := n.row()
	if err != nil {
		return db.User{}, err
	}
	if n.Password != "" {
		if err := strong(n.Password); err != nil {
			return db.User{}, err
		}
		if u.PasswordHash, err = a.cfg.Passwords.Hash(ctx, who.From, n.Password); err != nil {
			return db.User{}, err
		}
		u.PasswordChangedAt = now()
	}
	var made db.User
	err = a.cfg.Store.InTx(ctx, func(q db.Querier) (err error) {
		if made, err = queries.AddUser(ctx, q, who.By, u); err != nil || n.Password != "" {
			return err
		}
		return a.link(ctx, q, who.By, &made, made.Email, queries.LinkInvite)
	})
	if err != nil {
		return db.User{}, err
	}
	return made, nil
}

// mayCreate says whether somebody may make such a user now, and makes users of the anonymous what they may be.
func (a *Accounts) mayCreate(ctx context.Context, who Who, n *NewUser) error {
	if who.Caller.User == "" {
		n.Role = string(permit.User)
	}
	switch permit.Role(n.Role) {
	case permit.Nobody:
		n.Role = string(permit.User)
	case permit.User:
	case permit.Admin, permit.Superadmin:
		if len(a.cfg.Table.Fields("user.create", who.Caller, permit.Object{}, []string{"role"})) > 0 {
			return &permit.DeniedError{Status: 403, Permission: permit.IsSuperadmin, Doc: "Only super administrators make administrators"}
		}
	default:
		return &InvalidError{Field: "role", Message: "role not valid"}
	}
	if who.Caller.Role.Staff() {
		return nil
	}
	return a.refusing(ctx, "sign-up", network(who.From), a.cfg.SignUps, time.Hour)
}

// row makes a row of a new user that was checked.
func (n *NewUser) row() (db.User, error) {
	profile := n.Profile
	if profile == nil {
		profile = map[string]any{}
	}
	raw, err := json.Marshal(profile)
	if err != nil {
		return db.User{}, err
	}
	u := db.User{
		Email: n.Email, Name: n.Name, FirstName: n.FirstName, MiddleName: n.MiddleName, LastName: n.LastName,
		Country: n.Country, Institution: n.Institution, Profile: raw, Role: n.Role,
		IsActive: !n.Inactive, IsRegularUser: !n.NotRegular, IsInternal: n.Internal,
		IsPluginUser: !n.NoPluginUser, IsInMailingList: n.MailingList,
	}
	if n.Username != "" {
		u.Username = &n.Username
	}
	return u, nil
}

// now is the time of something that this process did. It differs for any two changes of a user that follow each other.
func now() *time.Time {
	t := time.Now().UTC().Truncate(time.Millisecond)
	return &t
}
