package apitokens

import (
	"errors"
	"maps"
	"net/http"
	"slices"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/queries/db"
)

// arguments holds a query to the names that RelengAPI's method has.
func arguments(r *http.Request, known ...string) error {
	for _, name := range slices.Sorted(maps.Keys(r.URL.Query())) {
		if !slices.Contains(known, name) {
			return api.Failure{Status: http.StatusBadRequest, Detail: "Unknown argument: \"" + short(name) + "\""}
		}
	}
	return nil
}

// ServeRelengList answers with the tokens that the caller may see, which may be none; ?typ= filters. Temporary ones, which
// RelengAPI had no list of, come only when they are asked for.
func (t *Tokens) ServeRelengList(w http.ResponseWriter, r *http.Request) {
	if err := arguments(r, "typ"); err != nil {
		api.Refuse(w, r, err)
		return
	}
	typ := Type(r.URL.Query().Get("typ"))
	rows, err := t.visible(r, "tokenauth.get", typ)
	out := make([]relengToken, 0, len(rows))
	emails := map[uuid.UUID]string{}
	for i := range rows {
		if err != nil {
			break
		}
		row := &rows[i]
		if typ == "" && TypeOf(row) == Temporary {
			continue
		}
		var email string
		if row.UserID != nil {
			var known bool
			if email, known = emails[*row.UserID]; !known {
				email, err = t.emailOf(r.Context(), row.UserID)
				emails[*row.UserID] = email
			}
		}
		out = append(out, showReleng(row, email))
	}
	if err != nil {
		api.Refuse(w, r, err)
		return
	}
	api.Result(w, r, http.StatusOK, out)
}

// ServeIssue makes a token as RelengAPI does, and shows it this once.
func (t *Tokens) ServeIssue(w http.ResponseWriter, r *http.Request) {
	made, err := t.issue(w, r)
	if err != nil {
		api.Refuse(w, r, err)
		return
	}
	email, err := t.emailOf(r.Context(), made.Row.UserID)
	if err != nil {
		api.Refuse(w, r, err)
		return
	}
	answer := showReleng(&made.Row, email)
	answer.Token = &made.Token
	api.Result(w, r, http.StatusOK, answer)
}

func (t *Tokens) issue(w http.ResponseWriter, r *http.Request) (Made, error) {
	if err := arguments(r); err != nil {
		return Made{}, err
	}
	var body relengToken
	if err := api.ReadJSON(w, r, &body, true); err != nil {
		return Made{}, err
	}
	request, err := body.request()
	if err != nil {
		return Made{}, err
	}
	if err := permitted(r, "tokenauth.issue", request.Type); err != nil {
		return Made{}, err
	}
	if name := body.missing(request.Type); name != "" {
		return Made{}, api.BadBody("missing %s", name)
	}
	return t.create(r, request)
}

// ServeRelengGet shows a token.
func (t *Tokens) ServeRelengGet(w http.ResponseWriter, r *http.Request) {
	t.answerReleng(w, r, rowOf(r))
}

func (t *Tokens) answerReleng(w http.ResponseWriter, r *http.Request, row *db.ApiToken) {
	email, err := t.emailOf(r.Context(), row.UserID)
	if err != nil {
		api.Refuse(w, r, err)
		return
	}
	api.Result(w, r, http.StatusOK, showReleng(row, email))
}

// ServeRelengQuery shows the token that the body is, a JSON text.
func (t *Tokens) ServeRelengQuery(w http.ResponseWriter, r *http.Request) {
	row, err := t.query(w, r, "tokenauth.get")
	if _, ok := errors.AsType[notYoursError](err); ok {
		err = api.Failure{Status: http.StatusForbidden, Detail: "This token is not yours to see."}
	}
	if err != nil {
		api.Refuse(w, r, err)
		return
	}
	t.answerReleng(w, r, row)
}
