package apitokens

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/callers"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/queries/db"
)

// Register adds the handlers to an API, with what looks up {token}.
func (t *Tokens) Register(a *api.API) {
	a.Resolve("token", t.Object)
	for id, one := range map[string]struct {
		serve http.HandlerFunc
		known []string
	}{
		"tokens.list":   {t.ServeList, []string{"typ"}},
		"tokens.create": {serve: t.ServeCreate},
		"tokens.query":  {serve: t.ServeQuery},
		"tokens.get":    {serve: t.ServeGet},
		"tokens.change": {serve: t.ServeChange},
		"tokens.revoke": {serve: t.ServeRevoke},
	} {
		a.Handle(id, knowing(one.serve, one.known...))
	}
	a.HandleFunc("permissions.list", t.book.ServePermissions)
}

// knowing refuses requests whose query has other names than those known: a filter with a slip in it would show more than was
// asked for.
func knowing(next http.HandlerFunc, known ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, name := range slices.Sorted(maps.Keys(r.URL.Query())) {
			if !slices.Contains(known, name) {
				api.Refuse(w, r, api.Failure{Status: http.StatusBadRequest, Type: problem.BadParameter, Detail: "Unknown argument: \"" + short(name) + "\""})
				return
			}
		}
		next(w, r)
	})
}

// Object looks up what {token} names: a UUID, or a number.
func (t *Tokens) Object(ctx context.Context, value string, _ *callers.Caller) (api.Target, error) {
	row, err := t.Find(ctx, value)
	if err != nil {
		return api.Target{}, absent(err)
	}
	return api.Target{Object: objectOf(&row), Value: row}, nil
}

// absent makes the error of an API of one of the store's.
func absent(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return api.ErrNotFound
	}
	return err
}

// rowOf gives the token that the path names.
func rowOf(r *http.Request) *db.ApiToken {
	row, _ := api.TargetOf(r).Value.(db.ApiToken)
	return &row
}

// create makes a token for a caller, who must have what he gives.
func (t *Tokens) create(r *http.Request, request Request) (Made, error) {
	caller, err := api.CallerOf(r)
	if err != nil {
		return Made{}, err
	}
	if err := t.book.Check(request.Scopes); err != nil {
		return Made{}, api.BadBody("bad permissions: %s", err.Error())
	}
	if no := t.book.Lacking(caller, request.Scopes); len(no) > 0 {
		return Made{}, api.BadBody("bad permissions: %q is not yours to give.", no[0])
	}
	if caller.Token != nil && caller.Token.ByAPIToken && !caller.Token.Expires.IsZero() &&
		(request.Expires == nil || request.Expires.After(caller.Token.Expires)) {
		return Made{}, api.BadBody("A token that a token has made does not outlive it.")
	}
	if caller.ID != "" && request.Type != Permanent {
		id, err := uuid.Parse(caller.ID)
		if err != nil {
			return Made{}, err
		}
		request.User = &id
	}
	made, err := t.Create(r.Context(), api.By(r), request)
	if rule, ok := errors.AsType[*RuleError](err); ok {
		return Made{}, api.BadBody("%s", rule.Text)
	}
	return made, absent(err)
}

// permitted says whether the caller may have such a type made.
func permitted(r *http.Request, typ Type) error {
	if typ.kind() == "" {
		return api.BadBody("typ is prm, usr or tmp.")
	}
	caller, err := api.CallerOf(r)
	if err != nil {
		return err
	}
	if no := api.TableOf(r).Fields("tokens.create", caller.Permit(), permit.Object{}, []string{"typ=" + string(typ)}); len(no) > 0 {
		return api.Failure{Status: http.StatusForbidden, Detail: "You do not have permission to create this token type"}
	}
	return nil
}

// short is a caller's text as it may be said again.
func short(text string) string {
	const most = 40
	return strings.ToValidUTF8(text[:min(most, len(text))], "")
}

// ServeList answers with the caller's tokens, those of who may see all with all, filtered by ?typ=.
func (t *Tokens) ServeList(w http.ResponseWriter, r *http.Request) {
	typ := Type(r.URL.Query().Get("typ"))
	if typ != "" && typ.kind() == "" {
		api.Refuse(w, r, api.Failure{Status: http.StatusBadRequest, Type: problem.BadParameter, Detail: "typ is prm, usr or tmp."})
		return
	}
	rows, err := t.visible(r, typ)
	if err != nil {
		api.Refuse(w, r, err)
		return
	}
	out := make([]shown, len(rows))
	for i := range rows {
		out[i] = show(&rows[i])
	}
	api.Answer(w, http.StatusOK, out)
}

// visible gives the tokens that the caller may see, which may be none.
func (t *Tokens) visible(r *http.Request, typ Type) ([]db.ApiToken, error) {
	caller, err := api.CallerOf(r)
	if err != nil {
		return nil, err
	}
	table := api.TableOf(r)
	sees := func(o permit.Object) bool { return table.Decide("tokens.get", caller.Permit(), o) == nil }
	filter := Filter{Type: typ}
	// Who may see what is nobody's may see all.
	if !sees(permit.Object{}) {
		if caller.ID == "" || !sees(permit.Object{Owners: []string{caller.ID}}) {
			return nil, nil
		}
		id, err := uuid.Parse(caller.ID)
		if err != nil {
			return nil, err
		}
		filter.User = &id
	}
	return t.List(r.Context(), filter)
}

// ServeCreate makes a token, and shows it this once.
func (t *Tokens) ServeCreate(w http.ResponseWriter, r *http.Request) {
	var body asked
	made, err := func() (Made, error) {
		if err := api.ReadJSON(w, r, &body, true); err != nil {
			return Made{}, err
		}
		request, err := body.request()
		if err != nil {
			return Made{}, err
		}
		if err := permitted(r, request.Type); err != nil {
			return Made{}, err
		}
		return t.create(r, request)
	}()
	if err != nil {
		api.Refuse(w, r, err)
		return
	}
	answer := show(&made.Row)
	answer.Token = made.Token
	w.Header().Set("Location", "/api/v1/tokens/"+answer.ID)
	api.Answer(w, http.StatusCreated, answer)
}

// ServeGet shows a token, but not what it is shown by.
func (t *Tokens) ServeGet(w http.ResponseWriter, r *http.Request) {
	api.Answer(w, http.StatusOK, show(rowOf(r)))
}

// ServeQuery shows the token that the body is, a JSON text: so it is in no URL, and in no log.
func (t *Tokens) ServeQuery(w http.ResponseWriter, r *http.Request) {
	row, err := t.query(w, r)
	if err != nil {
		api.Refuse(w, r, err)
		return
	}
	api.Answer(w, http.StatusOK, show(row))
}

// query finds the token that the body is, if the caller may see it. Temporary ones anybody may see who has them.
func (t *Tokens) query(w http.ResponseWriter, r *http.Request) (*db.ApiToken, error) {
	var token *string
	if err := api.ReadJSON(w, r, &token, true); err != nil {
		return nil, err
	}
	if token == nil {
		return nil, api.BadBody("The body is a token, as a JSON text.")
	}
	row, err := t.FindByToken(r.Context(), *token)
	if err != nil {
		return nil, absent(err)
	}
	caller, err := api.CallerOf(r)
	if err != nil {
		return nil, err
	}
	if TypeOf(&row) != Temporary && api.TableOf(r).Decide("tokens.get", caller.Permit(), objectOf(&row)) != nil {
		return nil, api.ErrNotFound
	}
	return &row, nil
}

// change is the body of a change.
type change struct {
	Disabled    *bool   `json:"disabled"`
	Description *string `json:"description"`
}

// ServeChange disables or enables a token, or describes it anew.
func (t *Tokens) ServeChange(w http.ResponseWriter, r *http.Request) {
	var c change
	if err := api.ReadJSON(w, r, &c, true); err != nil {
		api.Refuse(w, r, err)
		return
	}
	if c == (change{}) {
		api.Refuse(w, r, api.BadBody("Nothing is to change: there are disabled and description."))
		return
	}
	row, err := t.Change(r.Context(), api.By(r), rowOf(r).ID, Change(c))
	if rule, ok := errors.AsType[*RuleError](err); ok {
		err = api.BadBody("%s", rule.Text)
	}
	if err != nil {
		api.Refuse(w, r, absent(err))
		return
	}
	api.Answer(w, http.StatusOK, show(&row))
}

// ServeRevoke ends a token for good.
func (t *Tokens) ServeRevoke(w http.ResponseWriter, r *http.Request) {
	if err := t.Revoke(r.Context(), api.By(r), rowOf(r).ID); err != nil {
		api.Refuse(w, r, absent(err))
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
}
