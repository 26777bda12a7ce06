package people

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/fairway-gateway/fairway/modules/control/accounts"
	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/body"
	"github.com/fairway-gateway/fairway/modules/control/patch"
	"github.com/fairway-gateway/fairway/queries/db"
)

// patched is a body that is read as it is, with the header that says of what it is a change.
type patched struct {
	IfMatch string `header:"If-Match" doc:"The ETag that the user must still have"`
	RawBody []byte
}

// patchedUser is patched, of the user whom the path names. huma does not look into types that are embedded and not exported.
type patchedUser struct {
	User    string `path:"user" doc:"The id, the number, or the e-mail address" example:"ann@example.org"`
	IfMatch string `header:"If-Match" doc:"The ETag that the user must still have"`
	RawBody []byte
}

func (p *People) changeMe(ctx context.Context, in *patched) (*trendsAnswer, error) {
	u, err := p.me(ctx)
	if err != nil {
		return nil, err
	}
	sent, err := readTrends(ctx, in.RawBody, true)
	if err != nil {
		return nil, trendsFailure(err)
	}
	if sent.password != "" {
		return answer(p.revise(ctx, u, p.anotherPassword(sent.password)))
	}
	return answer(p.revise(ctx, u, trendsPlan(sent.patch, true)))
}

func (p *People) changeTrends(ctx context.Context, in *patchedUser) (*trendsAnswer, error) {
	u, err := api.Found[db.User](ctx)
	if err != nil {
		return nil, err
	}
	sent, err := readTrends(ctx, in.RawBody, false)
	if err != nil {
		return nil, trendsFailure(err)
	}
	return answer(p.revise(ctx, u, trendsPlan(sent.patch, false)))
}

// anotherPassword is the plan of who sets his own password without showing the old one, as the oldest clients do. Programs may
// not: their tokens last longer than a login, and this would make one of theirs the user's.
func (p *People) anotherPassword(password string) plan {
	return func(ctx context.Context, who accounts.Who, _ db.User) (func(*db.User) error, error) {
		caller, err := api.CallerIn(ctx)
		if err != nil {
			return nil, err
		}
		if t := caller.Token; t != nil && (t.ByClient || t.ByAPIToken) {
			return nil, api.Failure{Status: http.StatusForbidden, Detail: "A program does not set its user's password."}
		}
		hash, err := p.accounts.NewHash(ctx, who, password)
		if err != nil {
			return nil, err
		}
		return func(row *db.User) error { accounts.SetHash(row, hash); return nil }, nil
	}
}

// trendsBody is what a client of Trends.Earth wants to be changed.
type trendsBody struct {
	patch    *patch.Patch
	password string
}

// readTrends reads a body. An object in which there is nothing to be changed is "Not updated".
func readTrends(ctx context.Context, raw []byte, own bool) (trendsBody, error) {
	kind := api.RequestIn(ctx).Header.Get("Content-Type")
	p, err := patch.Parse(kind, raw, patch.Limits{})
	if err != nil || !p.IsMerge() {
		return trendsBody{patch: p}, err
	}
	members, err := body.Object(raw)
	if err != nil {
		return trendsBody{}, err
	}
	notUpdated := api.Failure{Status: http.StatusBadRequest, Detail: "Not updated"}
	var password, again string
	if own && members["password"] != nil && members["repeatPassword"] != nil {
		if json.Unmarshal(members["password"], &password) != nil || json.Unmarshal(members["repeatPassword"], &again) != nil {
			return trendsBody{}, notUpdated
		}
		if password == again && password != "" {
			return trendsBody{password: password}, nil
		}
	}
	fields := trendsFields(own)
	known := func(access patch.Access) bool {
		for name := range members {
			if f, ok := fields[name]; ok && f.Access == access {
				return true
			}
		}
		return false
	}
	switch writes := known(patch.ReadWrite); {
	case !writes && !known(patch.ReadOnly):
		return trendsBody{}, notUpdated
	case !writes || !own || members["role"] == nil:
		return trendsBody{patch: p}, nil
	}
	// Clients send back what they were shown, and the role is nobody's own to change: it was always left out.
	delete(members, "role")
	if raw, err = json.Marshal(members); err != nil {
		return trendsBody{}, err
	}
	p, err = patch.Parse(kind, raw, patch.Limits{})
	return trendsBody{patch: p}, err
}

// profileTexts and profileFlags are the members of the profile that can be changed.
func profileTexts() []string {
	return []string{
		"role_title", "sector", "sector_other", "gender_identity", "gender_identity_description", "purpose_of_use", "purpose_of_use_other",
	}
}

func profileFlags() []string {
	return []string{
		"gee_license_acknowledged", "email_notifications_enabled", "email_subscription_news", "email_subscription_engagement", "email_subscription_system_updates",
	}
}

// trendsFields says what of a user may be changed: by himself, or by a super administrator.
func trendsFields(own bool) map[string]patch.Field {
	out := map[string]patch.Field{
		"first_name": {}, "last_name": {}, "country": {}, "institution": {},
		"name": {NotNull: true}, "is_plugin_user": {NotNull: true}, "is_in_mailing_list": {NotNull: true},
	}
	for _, name := range profileTexts() {
		out[name] = patch.Field{}
	}
	for _, name := range profileFlags() {
		out[name] = patch.Field{NotNull: true}
	}
	for _, name := range []string{"id", "email", "email_verified", "consent_given_at", "consent_source"} {
		out[name] = patch.Field{Access: patch.ReadOnly}
	}
	out["role"], out["max_concurrent_executions"] = patch.Field{NotNull: true}, patch.Field{}
	if own {
		out["role"], out["max_concurrent_executions"] = patch.Field{Access: patch.ReadOnly}, patch.Field{Access: patch.ReadOnly}
	}
	return out
}

// trendsPlan is the plan of a patch. What of a merge patch is not known is ignored, as it always was.
func trendsPlan(p *patch.Patch, own bool) plan {
	return func(ctx context.Context, _ accounts.Who, u db.User) (func(*db.User) error, error) {
		fields := trendsFields(own)
		if !p.IsMerge() {
			for _, name := range []string{"created_at", "updated_at", "last_login_at", "last_activity_at", "email_verified_at"} {
				fields[name] = patch.Field{Access: patch.ReadOnly}
			}
		}
		next, changed, err := patch.To(ctx, p, accounts.Trends(u), patch.Rules{Fields: fields, IgnoreUnknown: true, RemoveByValue: true})
		if err != nil || len(changed) == 0 {
			return nil, err
		}
		return func(row *db.User) error { return writeTrends(row, next, changed) }, nil
	}
}

// mostExecutions bounds max_concurrent_executions.
const mostExecutions = 10_000

// writeTrends writes what has changed into a row.
func writeTrends(row *db.User, next accounts.TrendsUser, changed []string) error {
	texts := map[string]struct {
		to   *string
		text string
	}{
		"name": {&row.Name, next.Name}, "first_name": {&row.FirstName, next.FirstName}, "last_name": {&row.LastName, next.LastName},
		"country": {&row.Country, next.Country}, "institution": {&row.Institution, next.Institution}, "role": {&row.Role, next.Role},
	}
	profile := map[string]json.RawMessage{}
	if len(row.Profile) > 0 {
		if err := json.Unmarshal(row.Profile, &profile); err != nil {
			return err
		}
	}
	shown, err := json.Marshal(next.TrendsProfile)
	if err != nil {
		return err
	}
	var after map[string]json.RawMessage
	if err := json.Unmarshal(shown, &after); err != nil {
		return err
	}
	for _, name := range changed {
		switch f, ok := texts[name]; {
		case ok:
			*f.to = f.text
		case name == "is_plugin_user":
			row.IsPluginUser = next.PluginUser
		case name == "is_in_mailing_list":
			row.IsInMailingList = next.MailingList
		default:
			if err := checkProfile(name, after[name], next); err != nil {
				return err
			}
			if profile[name] = after[name]; string(after[name]) == "null" {
				delete(profile, name)
			}
		}
	}
	if slices.Contains(changed, "role") {
		if err := accounts.ValidRole(row.Role); err != nil {
			return err
		}
	}
	row.Profile, err = json.Marshal(profile)
	return err
}

func checkProfile(name string, raw json.RawMessage, next accounts.TrendsUser) error {
	if n := next.MostExecutions; name == "max_concurrent_executions" && n != nil && (*n < 0 || *n > mostExecutions) {
		return &accounts.InvalidError{Field: name, Message: "The field max_concurrent_executions must be between 0 and 10000"}
	}
	var text *string
	if err := json.Unmarshal(raw, &text); err != nil || text == nil {
		return nil //nolint:nilerr // it is no text
	}
	return accounts.CheckProfile(name, *text)
}
