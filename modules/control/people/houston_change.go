package people

import (
	"context"
	"errors"

	"github.com/fairway-gateway/fairway/modules/control/accounts"
	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/passwords"
	"github.com/fairway-gateway/fairway/modules/control/patch"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/queries/db"
)

// houstonPatch is what a merge patch may have, and what patches are applied to.
type houstonPatch struct {
	accounts.HoustonUser
	Password *string `json:"password,omitempty"`
}

// patchedNumber is patched, of the user whom the path names.
type patchedNumber struct {
	User    string `path:"user" doc:"The number, or the UUID" example:"1"`
	IfMatch string `header:"If-Match" doc:"The ETag that the user must still have"`
	RawBody []byte
}

func (p *People) changeHouston(ctx context.Context, in *patchedNumber) (*houstonAnswer, error) {
	u, err := api.Found[db.User](ctx)
	if err != nil {
		return nil, err
	}
	request, err := patch.Parse(kindOf(ctx), in.RawBody, patch.Limits{})
	if err != nil {
		return nil, houstonFailure(err)
	}
	return answerHouston(p.revise(ctx, u, p.houstonPlan(request)))
}

// houstonPlan is the plan of a patch. The password is asked for once, however often it is made.
func (p *People) houstonPlan(request *patch.Patch) plan {
	var held any
	return func(ctx context.Context, who accounts.Who, u db.User) (func(*db.User) error, error) {
		rules := patch.Rules{Fields: p.houstonFields(who, u, request.IsMerge()), GuardFirst: true, RemoveByValue: true, Guards: map[string]patch.Guard{
			"/current_password": func(ctx context.Context, v any) error {
				if held != nil && held == v {
					return nil
				}
				if err := p.knows(ctx, who, u, v); err != nil {
					return err
				}
				held = v
				return nil
			},
		}}
		next, changed, err := patch.To(ctx, request, houstonPatch{HoustonUser: accounts.Houston(u)}, rules)
		if err != nil || len(changed) == 0 {
			return nil, err
		}
		hash := ""
		if next.Password != nil {
			if hash, err = p.accounts.NewHash(ctx, who, *next.Password); err != nil {
				return nil, err
			}
		}
		return func(row *db.User) error { writeHouston(row, next, changed, hash); return nil }, nil
	}
}

// houstonFields says what of a user a caller may change. In operations there is nothing else; a merge patch may have the rest as
// it is, since clients send back what they were shown.
func (p *People) houstonFields(who accounts.Who, u db.User, merge bool) map[string]patch.Field {
	object := p.accounts.Object(u)
	out := map[string]patch.Field{
		"first_name": {}, "middle_name": {}, "last_name": {}, "email": {NotNull: true},
		"is_active": {NotNull: true}, "is_regular_user": {NotNull: true}, "is_admin": {NotNull: true},
		"password": {Access: patch.WriteOnly, NotNull: true},
	}
	var denied []string
	for name := range out {
		denied = append(denied, p.table.Fields("users.change", who.Caller, object, []string{name})...)
	}
	// Who sets another's address sets his password by recovering it: both are for whom the other path to it is for.
	if who.Caller.User != u.ID.String() && p.table.Decide("user.password", who.Caller, object) != nil {
		denied = append(denied, "email", "password")
	}
	for _, name := range denied {
		out[name] = patch.Field{Access: patch.ReadOnly}
	}
	if merge {
		for _, name := range []string{"id", "username", "created", "updated"} {
			out[name] = patch.Field{Access: patch.ReadOnly}
		}
	}
	return out
}

// knows says whether a value is the caller's password, or that of the user who is changed.
func (p *People) knows(ctx context.Context, who accounts.Who, u db.User, v any) error {
	password, ok := v.(string)
	if !ok || password == "" {
		return errWrongPassword
	}
	err := passwords.ErrWrong
	if who.User != nil {
		var caller db.User
		if caller, err = p.me(ctx); err != nil {
			return err
		}
		err = p.accounts.Knows(ctx, who, caller, password)
	}
	if errors.Is(err, passwords.ErrWrong) && (who.User == nil || *who.User != u.ID) {
		err = p.accounts.Knows(ctx, who, u, password)
	}
	if errors.Is(err, passwords.ErrWrong) {
		return errWrongPassword
	}
	return err
}

// writeHouston writes what has changed into a row.
func writeHouston(row *db.User, next houstonPatch, changed []string, hash string) {
	for _, name := range changed {
		switch name {
		case "first_name":
			row.FirstName = next.FirstName
		case "middle_name":
			row.MiddleName = next.MiddleName
		case "last_name":
			row.LastName = next.LastName
		case "email":
			row.Email = next.Email
		case "is_active":
			row.IsActive = next.Active
		case "is_regular_user":
			row.IsRegularUser = next.Regular
		case "is_admin":
			// Who is more than an administrator stays so.
			if row.Role = string(permit.User); next.Admin {
				row.Role = string(permit.Admin)
			}
		case "password":
			accounts.SetHash(row, hash)
		}
	}
}
