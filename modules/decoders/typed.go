package decoders

import (
	"strconv"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/proxies/decode/typed"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// typeNames are the types of values that are declared.
func typeNames() []string {
	return []string{typed.String, typed.Integer, typed.Number, typed.Bool, typed.Date}
}

// typedWords goes through the words behind a name, some of which have an argument.
type typedWords struct {
	node caddyfiles.Node
	rest []caddyfile.Token
	at   caddyfile.Token
	seen map[string]bool
}

func (w *typedWords) next() bool {
	if len(w.rest) == 0 {
		return false
	}
	w.at, w.rest = w.rest[0], w.rest[1:]
	return true
}

func (w *typedWords) unknown(owner string, known []string) error {
	return caddyfiles.Errorf(w.at, "%s has no word %q%s", owner, w.at.Text, wrap.Suggest(w.at.Text, known))
}

// once refuses two words of one kind.
func (w *typedWords) once(kind string) error {
	if w.seen == nil {
		w.seen = map[string]bool{}
	}
	if w.seen[kind] {
		return caddyfiles.Errorf(w.at, "%s: this %s has %s already", strconv.Quote(w.at.Text), w.node.Word.Text, kind)
	}
	w.seen[kind] = true
	return nil
}

func (w *typedWords) argument(what string, to *string) error {
	if len(w.rest) == 0 {
		return caddyfiles.Errorf(w.at, "%s needs %s", w.at.Text, what)
	}
	*to, w.rest = w.rest[0].Text, w.rest[1:]
	return nil
}

func (w *typedWords) typed(to *typed.ValueType) (bool, error) {
	switch w.at.Text {
	case typed.String, typed.Integer, typed.Number, typed.Bool:
		to.Type = w.at.Text
		return true, w.once("a type")
	case typed.Date:
		to.Type = w.at.Text
		if err := w.once("a type"); err != nil {
			return true, err
		}
		return true, w.argument("a layout: date 2006-01-02", &to.Layout)
	}
	return false, nil
}
