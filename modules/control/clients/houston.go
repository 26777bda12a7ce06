package clients

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// houstonClient is a client as Houston shows it.
type houstonClient struct {
	User         int64    `json:"user_id"`
	ClientID     string   `json:"client_id"`
	Secret       string   `json:"client_secret,omitempty"`
	Type         string   `json:"client_type"`
	Scopes       []string `json:"default_scopes"`
	RedirectURIs []string `json:"redirect_uris"`
}

func showHouston(row *db.OauthClient, owner int64) houstonClient {
	h := houstonClient{
		User: owner, ClientID: row.ClientID, Type: "public", Scopes: strings.Fields(row.Scopes), RedirectURIs: strings.Fields(row.RedirectUris),
	}
	if row.Confidential {
		h.Type = "confidential"
	}
	return h
}

// wrongField is Houston's answer to a parameter that is at fault.
func wrongField(name, text string) error {
	return api.Failure{Status: http.StatusUnprocessableEntity, Detail: text, Messages: map[string][]string{name: {text}}}
}

// Bounds of Houston's lists.
const (
	usualLimit = 20
	mostLimit  = 100
)

// page reads limit and offset.
func page(q url.Values) (limit, offset int, err error) {
	limit = usualLimit
	if text := q.Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > mostLimit {
			return 0, 0, wrongField("limit", fmt.Sprintf("Must be between 1 and %d.", mostLimit))
		}
	}
	if text := q.Get("offset"); text != "" {
		if offset, err = strconv.Atoi(text); err != nil || offset < 0 {
			return 0, 0, wrongField("offset", "Must be at least 0.")
		}
	}
	return limit, offset, nil
}

// ServeHoustonList answers with the caller's living clients. He has to say that it is he who asks, by ?user_id=.
func (c *Clients) ServeHoustonList(w http.ResponseWriter, r *http.Request) {
	out, err := c.houstonList(r)
	if err != nil {
		api.Refuse(w, r, err)
		return
	}
	api.Answer(w, http.StatusOK, out)
}

func (c *Clients) houstonList(r *http.Request) ([]houstonClient, error) {
	caller, owner, err := ownerOf(r)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	switch number, err := strconv.ParseInt(q.Get("user_id"), 10, 64); {
	case !q.Has("user_id"):
		return nil, wrongField("user_id", "Missing data for required field.")
	case err != nil:
		return nil, wrongField("user_id", "Not a valid integer.")
	case number != caller.Number:
		return nil, wrongField("user_id", "It is only allowed to query your own OAuth2 clients.")
	}
	limit, offset, err := page(q)
	if err != nil {
		return nil, err
	}
	rows, err := c.List(r.Context(), &owner)
	if err != nil {
		return nil, err
	}
	out := make([]houstonClient, 0, min(limit, len(rows)))
	now := time.Now()
	for i := range rows {
		if at := rows[i].ExpiresAt; at != nil && !at.After(now) {
			continue
		}
		if offset > 0 {
			offset--
		} else if len(out) < limit {
			out = append(out, showHouston(&rows[i], caller.Number))
		}
	}
	return out, nil
}

// ServeHoustonCreate makes a client of a form, and shows its secret this once.
func (c *Clients) ServeHoustonCreate(w http.ResponseWriter, r *http.Request) {
	made, err := c.createHouston(w, r)
	if limit, ok := errors.AsType[*queries.LimitError](err); ok {
		err = api.Failure{Status: http.StatusConflict, Detail: fmt.Sprintf("There are %d OAuth2 clients already.", limit.Most)}
	}
	if rule, ok := errors.AsType[*RuleError](err); ok {
		field := rule.Field
		if field == "scopes" {
			field = "default_scopes"
		}
		err = wrongField(field, rule.Text)
	}
	if err != nil {
		api.Refuse(w, r, err)
		return
	}
	caller, err := api.CallerOf(r)
	if err != nil {
		api.Refuse(w, r, err)
		return
	}
	answer := showHouston(&made.Row, caller.Number)
	answer.Secret = made.Secret
	api.Answer(w, http.StatusOK, answer)
}

func (c *Clients) createHouston(w http.ResponseWriter, r *http.Request) (Made, error) {
	values, err := form(w, r)
	if err != nil {
		return Made{}, err
	}
	request := Request{Name: "OAuth2 client", Houston: true, Public: true, Scopes: list(values, "default_scopes"), RedirectURIs: list(values, "redirect_uris")}
	if len(request.Scopes) == 0 {
		return Made{}, wrongField("default_scopes", "Missing data for required field.")
	}
	switch values.Get("client_type") {
	case "", "public":
	case "confidential":
		request.Public = false
	default:
		return Made{}, wrongField("client_type", "Not a valid choice: public, confidential.")
	}
	return c.create(r, request)
}

// list gives a parameter that may occur often, under its name or as PHP has it.
func list(values url.Values, name string) []string {
	all := slices.Concat(values[name], values[name+"[]"])
	out := make([]string, 0, len(all))
	for _, v := range all {
		out = append(out, strings.Fields(v)...)
	}
	return out
}

// form reads the body as a form, of either kind.
func form(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	body, err := api.ReadBody(w, r)
	if err != nil {
		return nil, err
	}
	bad := api.Failure{Status: http.StatusUnprocessableEntity, Detail: "The body is no form."}
	kind, options, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case len(body) == 0:
		return url.Values{}, nil
	case err != nil:
		return nil, bad
	case kind == "application/x-www-form-urlencoded":
		values, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, bad
		}
		return values, nil
	case kind != "multipart/form-data":
		return nil, bad
	}
	values := url.Values{}
	parts := multipart.NewReader(bytes.NewReader(body), options["boundary"])
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return values, nil
		}
		if err != nil {
			return nil, bad
		}
		text, err := io.ReadAll(part)
		if err != nil || part.FileName() != "" {
			return nil, bad
		}
		values.Add(part.FormName(), string(text))
	}
}
