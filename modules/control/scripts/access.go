package scripts

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/body"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// ScriptAccess says who may see and run a script beside its owner and administrators.
type ScriptAccess struct {
	Restricted bool     `json:"restricted" required:"true" doc:"Nobody but those below, even where it is public"`
	Public     bool     `json:"public" required:"true"`
	Roles      []string `json:"allowed_roles" required:"true" example:"USER"`
	Users      []string `json:"allowed_users" required:"true" doc:"Ids"`
	Type       string   `json:"access_type" required:"true" enum:"owner_only,public,restricted"`
}

func showAccess(a queries.Access) ScriptAccess {
	out := ScriptAccess{Restricted: a.Restricted, Public: a.Public, Roles: append([]string{}, a.Roles...), Users: make([]string, len(a.Users)), Type: "owner_only"}
	for i, u := range a.Users {
		out.Users[i] = u.String()
	}
	switch {
	case a.Restricted:
		out.Type = "restricted"
	case a.Public:
		out.Type = "public"
	}
	return out
}

// mostUsers is to how many users a script can be given.
const mostUsers = 1000

func (s *Scripts) registerAccess(t *typed.API) {
	restricts := "The script is restricted from then on. "
	typed.Register(t, typed.Operation{ID: "script.access.get", Summary: "Who may see and run a script"}, s.getAccess)
	typed.Register(t, typed.Operation{ID: "script.access.clear", Summary: "Ends that a script is restricted", Description: "It is for everybody where it is public, and for nobody else where it is not."}, s.clearAccess)
	typed.Register(t, typed.Operation{ID: "script.access.roles", Summary: "Says which roles may see and run a script", Description: restricts, Bodies: map[string]any{"application/json": allowedRoles{}}}, s.setRoles)
	typed.Register(t, typed.Operation{ID: "script.access.users", Summary: "Says which users may see and run a script", Description: restricts + "Users are named by their ids or addresses; there are at most 1,000.", Bodies: map[string]any{"application/json": allowedUsers{}}}, s.setUsers)
	typed.Register(t, typed.Operation{ID: "script.access.users.add", Summary: "Has a user see and run a script", Description: restricts}, s.addUser)
	typed.Register(t, typed.Operation{ID: "script.access.users.remove", Summary: "Has a user see a script no more", Description: "It stays restricted."}, s.removeUser)
	typed.Register(t, typed.Operation{ID: "script.access.roles.add", Summary: "Has all users of a role see and run a script", Description: restricts}, s.addRole)
	typed.Register(t, typed.Operation{ID: "script.access.roles.remove", Summary: "Has users of a role see a script no more", Description: "It stays restricted."}, s.removeRole)
}

// allowedRoles and allowedUsers are bodies, for the document.
type allowedRoles struct {
	Roles []string `json:"roles" required:"true" enum:"USER,ADMIN,SUPERADMIN"`
}

type allowedUsers struct {
	Users []string `json:"users" required:"true" doc:"Ids or addresses"`
}

func (s *Scripts) accessOf(ctx context.Context, sc db.Script) (*ScriptAccess, error) {
	a, err := s.store.ScriptAccess(ctx, sc.ID)
	if err != nil {
		return nil, failure(err)
	}
	out := showAccess(a)
	return &out, nil
}

func (s *Scripts) getAccess(ctx context.Context, _ *one) (*typed.Answer[ScriptAccess], error) {
	sc, err := api.Found[queries.ListedScript](ctx)
	if err != nil {
		return nil, err
	}
	a, err := s.accessOf(ctx, sc.Script)
	if err != nil {
		return nil, err
	}
	return typed.Of(*a), nil
}

// changeAccess changes who may see a script.
func (s *Scripts) changeAccess(ctx context.Context, change func(*queries.Access) error) (*typed.Answer[ScriptAccess], error) {
	sc, err := api.Found[queries.ListedScript](ctx)
	if err != nil {
		return nil, err
	}
	a, err := s.store.ChangeAccess(ctx, api.By(api.RequestIn(ctx)), sc.ID, func(a *queries.Access) error {
		if err := change(a); err != nil {
			return err
		}
		if len(a.Users) > mostUsers {
			return refused(fmt.Sprintf("A script is given to at most %d users; give it to a role.", mostUsers))
		}
		return nil
	})
	if _, gone := errors.AsType[*queries.MissingError](err); gone {
		return nil, errNoUser("")
	}
	if err != nil {
		return nil, failure(err)
	}
	return typed.Of(showAccess(a)), nil
}

func (s *Scripts) clearAccess(ctx context.Context, _ *one) (*typed.Answer[ScriptAccess], error) {
	return s.changeAccess(ctx, func(a *queries.Access) error {
		a.Restricted, a.Roles, a.Users = false, nil, nil
		return nil
	})
}

// sentList reads a body with one list.
func sentList(ctx context.Context, raw []byte, name string, most int) ([]string, error) {
	f, err := body.Parse(api.RequestIn(ctx).Header.Get("Content-Type"), raw)
	if err != nil {
		return nil, failure(err)
	}
	if !f.Has(name) {
		return nil, wrongField(name, "It is missing.")
	}
	out := f.Texts(name, most)
	if err := f.Err(); err != nil {
		return nil, failure(err)
	}
	return out, nil
}

// roleOf reads a role, in any case.
func roleOf(text string) (string, bool) {
	role := permit.Role(strings.ToUpper(text))
	return string(role), slices.Contains([]permit.Role{permit.User, permit.Admin, permit.Superadmin}, role)
}

func (s *Scripts) setRoles(ctx context.Context, in *struct {
	one
	RawBody []byte
},
) (*typed.Answer[ScriptAccess], error) {
	all, err := sentList(ctx, in.RawBody, "roles", 100)
	if err != nil {
		return nil, err
	}
	roles := make([]string, len(all))
	for i, text := range all {
		role, ok := roleOf(text)
		if !ok {
			return nil, wrongField("roles", "A role is USER, ADMIN or SUPERADMIN.")
		}
		roles[i] = role
	}
	return s.changeAccess(ctx, func(a *queries.Access) error {
		a.Restricted, a.Roles = true, roles
		return nil
	})
}

func (s *Scripts) setUsers(ctx context.Context, in *struct {
	one
	RawBody []byte
},
) (*typed.Answer[ScriptAccess], error) {
	all, err := sentList(ctx, in.RawBody, "users", mostUsers)
	if err != nil {
		return nil, err
	}
	users := make([]uuid.UUID, len(all))
	for i, name := range all {
		if users[i], err = s.userNamed(ctx, name); err != nil {
			if errors.Is(err, api.ErrNotFound) {
				return nil, errNoUser(name)
			}
			return nil, err
		}
	}
	return s.changeAccess(ctx, func(a *queries.Access) error {
		a.Restricted, a.Users = true, users
		return nil
	})
}

// errNoUser is about a list in which there is somebody who is not there.
func errNoUser(name string) error {
	if r := []rune(name); len(r) > 40 {
		name = string(r[:40]) + "…"
	}
	return api.Failure{Status: http.StatusBadRequest, Detail: fmt.Sprintf("users: there is no user %q", name)}
}

// userNamed gives the id of the living user of an id or an address.
func (s *Scripts) userNamed(ctx context.Context, name string) (uuid.UUID, error) {
	var u db.User
	id, err := uuid.Parse(name)
	if err == nil && len(name) == len(uuid.UUID{}.String()) {
		u, err = s.store.Queries().GetUser(ctx, id)
	} else {
		u, err = s.store.FindUser(ctx, name)
	}
	if err == nil && u.DeletedAt != nil {
		err = api.ErrNotFound
	}
	return u.ID, failure(err)
}

// inUser is what the path of a user's access names.
type inUser struct {
	Script string `path:"script" doc:"The id, or the slug" example:"land-productivity"`
	User   string `path:"user" doc:"The id, or the e-mail address" example:"ann@example.org"`
}

func (s *Scripts) addUser(ctx context.Context, in *inUser) (*typed.Answer[ScriptAccess], error) {
	id, err := s.userNamed(ctx, in.User)
	if err != nil {
		return nil, err
	}
	return s.changeAccess(ctx, func(a *queries.Access) error {
		a.Restricted, a.Users = true, append(a.Users, id)
		return nil
	})
}

func (s *Scripts) removeUser(ctx context.Context, in *inUser) (*typed.Answer[ScriptAccess], error) {
	id, err := s.userNamed(ctx, in.User)
	if err != nil {
		return nil, err
	}
	return s.changeAccess(ctx, func(a *queries.Access) error {
		i := slices.Index(a.Users, id)
		if i < 0 {
			return api.ErrNotFound
		}
		a.Users = slices.Delete(a.Users, i, i+1)
		return nil
	})
}

// inRole is what the path of a role's access names.
type inRole struct {
	Script string `path:"script" doc:"The id, or the slug" example:"land-productivity"`
	Role   string `path:"role" doc:"USER, ADMIN or SUPERADMIN" example:"USER"`
}

func (s *Scripts) addRole(ctx context.Context, in *inRole) (*typed.Answer[ScriptAccess], error) {
	role, ok := roleOf(in.Role)
	if !ok {
		return nil, api.ErrNotFound
	}
	return s.changeAccess(ctx, func(a *queries.Access) error {
		a.Restricted, a.Roles = true, append(a.Roles, role)
		return nil
	})
}

func (s *Scripts) removeRole(ctx context.Context, in *inRole) (*typed.Answer[ScriptAccess], error) {
	role, ok := roleOf(in.Role)
	if !ok {
		return nil, api.ErrNotFound
	}
	return s.changeAccess(ctx, func(a *queries.Access) error {
		i := slices.Index(a.Roles, role)
		if i < 0 {
			return api.ErrNotFound
		}
		a.Roles = slices.Delete(a.Roles, i, i+1)
		return nil
	})
}
