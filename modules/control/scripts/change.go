package scripts

import (
	"context"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/patch"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// settings are what can be said of a script without another upload.
type settings struct {
	Name        string `json:"name,omitempty" minLength:"1" maxLength:"120"`
	Description string `json:"description,omitempty" maxLength:"4000"`
	UsesGEE     bool   `json:"uses_gee,omitempty"`
}

// setting is settings as they are patched: all of them are there.
type setting struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	UsesGEE     bool   `json:"uses_gee"`
}

// Limits of texts, in characters; those of configuration.json.
const (
	mostName        = 120
	mostDescription = 4000
)

// check says whether a script can be called so.
func (s *setting) check() error {
	s.Name = strings.TrimSpace(s.Name)
	switch {
	case s.Name == "":
		return wrongField("name", "It is missing.")
	case utf8.RuneCountInString(s.Name) > mostName:
		return wrongField("name", "It has more than 120 characters.")
	case strings.ContainsFunc(s.Name, unicode.IsControl):
		return wrongField("name", "It has control characters.")
	case utf8.RuneCountInString(s.Description) > mostDescription:
		return wrongField("description", "It has more than 4000 characters.")
	case strings.ContainsFunc(s.Description, func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune("\n\r\t", r) }):
		return wrongField("description", "It has control characters.")
	}
	return nil
}

func wrongField(name, text string) error {
	return api.Failure{Status: 400, Detail: name + ": " + text, Messages: map[string][]string{name: {text}}}
}

// conditional is a change that is bound to what the script is.
type conditional struct {
	Script  string `path:"script" doc:"The id, or the slug" example:"land-productivity"`
	IfMatch string `header:"If-Match" doc:"The ETag that the script must still have"`
}

// matches says whether a script is as the caller believes.
func matches(ctx context.Context, sc db.Script) error {
	return patch.IfMatch(patch.Tag(sc.Version), api.RequestIn(ctx).Header.Values("If-Match")...)
}

func (s *Scripts) config(ctx context.Context, in *struct {
	Script  string `path:"script" doc:"The id, or the slug" example:"land-productivity"`
	IfMatch string `header:"If-Match" doc:"The ETag that the script must still have"`
	RawBody []byte
},
) (*scriptAnswer, error) {
	sc, err := api.Found[queries.ListedScript](ctx)
	if err != nil {
		return nil, err
	}
	p, err := patch.Parse(api.RequestIn(ctx).Header.Get("Content-Type"), in.RawBody, patch.Limits{})
	if err != nil {
		return nil, failure(err)
	}
	rules := patch.Rules{Fields: map[string]patch.Field{"name": {NotNull: true}, "description": {NotNull: true}, "uses_gee": {NotNull: true}}, IgnoreUnknown: true, RemoveByValue: true}
	next, err := s.store.ChangeScript(ctx, api.By(api.RequestIn(ctx)), sc.ID, func(row *db.Script) error {
		if err := matches(ctx, *row); err != nil {
			return err
		}
		to, changed, err := patch.To(ctx, p, setting{Name: row.Name, Description: row.Description, UsesGEE: row.UsesGee}, rules)
		if err != nil || len(changed) == 0 {
			return err
		}
		if err := to.check(); err != nil {
			return err
		}
		row.Name, row.Description, row.UsesGee = to.Name, to.Description, to.UsesGEE
		return nil
	})
	return answer(next, err)
}

func (s *Scripts) publish(ctx context.Context, _ *one) (*scriptAnswer, error) {
	return s.setPublic(ctx, true)
}

func (s *Scripts) unpublish(ctx context.Context, _ *one) (*scriptAnswer, error) {
	return s.setPublic(ctx, false)
}

// one is what the path names, for the document.
type one struct {
	Script string `path:"script" doc:"The id, or the slug" example:"land-productivity"`
}

func (s *Scripts) setPublic(ctx context.Context, public bool) (*scriptAnswer, error) {
	sc, err := api.Found[queries.ListedScript](ctx)
	if err != nil {
		return nil, err
	}
	if sc.Public == public {
		return answer(sc.Script, nil)
	}
	return answer(s.store.PublishScript(ctx, api.By(api.RequestIn(ctx)), sc.ID, public))
}

func (s *Scripts) remove(ctx context.Context, _ *conditional) (*scriptAnswer, error) {
	sc, err := api.Found[queries.ListedScript](ctx)
	if err != nil {
		return nil, err
	}
	if err := matches(ctx, sc.Script); err != nil {
		return nil, err
	}
	return answer(s.store.DeleteScript(ctx, api.By(api.RequestIn(ctx)), sc.ID))
}
