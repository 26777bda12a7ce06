package accounts

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/body"
	"github.com/fairway-gateway/fairway/modules/control/callers"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// Register has the operations of accounts handled, and {user} looked up.
func (a *Accounts) Register(to *api.API) {
	to.Resolve("user", a.Resolve)
	to.HandleFunc("user.create", a.serveCreate)
	to.HandleFunc("user.me.password", a.serveOwnPassword)
	to.HandleFunc("user.password", a.servePassword)
	to.HandleFunc("user.recover", a.serveRecover)
	to.HandleFunc("user.reset", a.serveReset)
	to.HandleFunc("user.reset.page", a.servePage)
	to.HandleFunc("user.reset.form", a.serveForm)
}

// Resolve gives the living user of an id, a number, which is Houston's id, or an address; the deleted one, where users are
// restored. Its value is a db.User. Houston's paths take no address: they are for everybody who is logged in, who then could ask
// whether one is registered.
func (a *Accounts) Resolve(ctx context.Context, value string, _ *callers.Caller) (api.Target, error) {
	find := a.find
	switch operation := api.OperationIn(ctx); {
	case operation == "user.restore":
		find = a.deleted
	case strings.HasPrefix(operation, "users.") && strings.Contains(value, "@"):
		return api.Target{}, api.ErrNotFound
	}
	u, err := find(ctx, value)
	if errors.Is(err, ErrNoUser) {
		return api.Target{}, api.ErrNotFound
	}
	if err != nil {
		return api.Target{}, err
	}
	return api.Target{Object: a.cfg.Directory.object(u), Value: u}, nil
}

// Object is what permissions are asked about a user.
func (a *Accounts) Object(u db.User) permit.Object { return a.cfg.Directory.object(u) }

func (a *Accounts) find(ctx context.Context, value string) (db.User, error) {
	if n, err := strconv.ParseInt(value, 10, 64); err == nil {
		u, err := a.cfg.Store.Queries().GetUserByNumber(ctx, n)
		return alive(u, err)
	}
	return a.named(ctx, value)
}

// who says who calls, and whether that could be found out: else it has been answered.
func (a *Accounts) who(w http.ResponseWriter, r *http.Request) (Who, *callers.Caller, bool) {
	c, err := api.CallerOf(r)
	if err != nil {
		api.Refuse(w, r, err)
		return Who{}, nil, false
	}
	return a.known(r, c), c, true
}

// known is who calls.
func (a *Accounts) known(r *http.Request, c *callers.Caller) Who {
	who := a.anybody(r)
	who.Caller, who.Actor = c.Permit(), c.Name()
	if c != nil {
		if id, err := uuid.Parse(c.ID); err == nil {
			who.User = &id
		}
	}
	return who
}

// Who says who calls, for who has the context of a request to the API alone. The error is one of api.CallerOf.
func (a *Accounts) Who(ctx context.Context) (Who, *callers.Caller, error) {
	c, err := api.CallerIn(ctx)
	r := api.RequestIn(ctx)
	if err != nil || r == nil {
		return Who{}, nil, err
	}
	return a.known(r, c), c, nil
}

// anybody is who does what needs no name.
func (a *Accounts) anybody(r *http.Request) Who {
	from, _ := netip.ParseAddr(a.cfg.Address(r)) // what is no address is one like others
	return Who{By: queries.By{Actor: "anonymous", RequestID: api.RequestID(r)}, From: from}
}

func (a *Accounts) serveCreate(w http.ResponseWriter, r *http.Request) {
	who, caller, ok := a.who(w, r)
	if !ok {
		return
	}
	f, err := body.Read(w, r)
	if err != nil {
		fail(w, r, err)
		return
	}
	n, err := trendsNew(f)
	if err != nil {
		fail(w, r, err)
		return
	}
	// Anybody may do this, so nobody has asked for scopes. A token without that of users makes users as anybody does.
	if caller != nil && !caller.Has("user:write") && !caller.Has("users:write") {
		if n.Role != "" && n.Role != string(permit.User) {
			api.Deny(w, r, &permit.DeniedError{Status: http.StatusForbidden, Scopes: []string{"user:write"}})
			return
		}
		who.Caller = permit.Caller{}
	}
	u, err := a.Create(r.Context(), who, n)
	if err != nil {
		fail(w, r, err)
		return
	}
	api.Answer(w, http.StatusOK, api.Data{Data: Trends(u)})
}

func (a *Accounts) serveOwnPassword(w http.ResponseWriter, r *http.Request) {
	who, _, ok := a.who(w, r)
	if !ok {
		return
	}
	sent, ok := texts(w, r, "old_password", "new_password")
	if !ok {
		return
	}
	if who.User == nil {
		fail(w, r, ErrNoUser)
		return
	}
	u, err := a.ChangeOwnPassword(r.Context(), who, *who.User, sent[0], sent[1])
	if err != nil {
		fail(w, r, err)
		return
	}
	api.Answer(w, http.StatusOK, api.Data{Data: Trends(u)})
}

func (a *Accounts) servePassword(w http.ResponseWriter, r *http.Request) {
	who, _, ok := a.who(w, r)
	if !ok {
		return
	}
	target, ok := api.TargetOf(r).Value.(db.User)
	if !ok {
		fail(w, r, ErrNoUser)
		return
	}
	sent, ok := texts(w, r, "new_password")
	if !ok {
		return
	}
	u, err := a.SetPassword(r.Context(), who, target.ID, sent[0])
	if err != nil {
		fail(w, r, err)
		return
	}
	api.Answer(w, http.StatusOK, api.Data{Data: Trends(u)})
}

// message is an answer that says something and has nothing.
type message struct {
	Message string `json:"message"`
}

func (a *Accounts) serveRecover(w http.ResponseWriter, r *http.Request) {
	if err := a.RecoverPassword(r.Context(), a.anybody(r), r.PathValue("user")); err != nil {
		fail(w, r, err)
		return
	}
	api.Answer(w, http.StatusOK, api.Data{Data: message{
		"If there is an account with this address, an e-mail with a link by which a new password can be set is on its way.",
	}})
}

func (a *Accounts) serveReset(w http.ResponseWriter, r *http.Request) {
	sent, ok := texts(w, r, "token", "password")
	if !ok {
		return
	}
	if _, err := a.ResetPassword(r.Context(), a.anybody(r), sent[0], sent[1]); err != nil {
		fail(w, r, err)
		return
	}
	api.Answer(w, http.StatusOK, api.Data{Data: message{"The password has been set. All devices have been logged out."}})
}

// texts reads members of a body that all must be there; false: it has been answered.
func texts(w http.ResponseWriter, r *http.Request, names ...string) ([]string, bool) {
	f, err := body.Read(w, r)
	if err != nil {
		fail(w, r, err)
		return nil, false
	}
	out := make([]string, len(names))
	for i, name := range names {
		if out[i] = f.Text(name); out[i] == "" && f.Err() == nil {
			fail(w, r, &InvalidError{Field: name, Message: "The field " + name + " is required"})
			return nil, false
		}
	}
	if err := f.Err(); err != nil {
		fail(w, r, err)
		return nil, false
	}
	return out, true
}
