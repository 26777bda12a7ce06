package apitokens

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/fairway-gateway/fairway/modules/control/scopes"
)

// Bounds of what a token carries, in bytes, and how deep metadata may be.
const (
	longestDescription = 1000
	longestMetadata    = 4 << 10
	deepestMetadata    = 16
)

// check holds a request to the rules of its type, and completes it.
func (t *Tokens) check(r *Request) error {
	if r.Type.kind() == "" {
		return wrong("type", "typ is prm, usr or tmp.")
	}
	if len(r.Scopes) == 0 {
		return wrong("scopes", "A token has at least one scope.")
	}
	r.Scopes = scopes.Once(r.Scopes)
	if err := t.book.Check(r.Scopes); err != nil {
		return wrong("scopes", "%s", err.Error())
	}
	if r.Type != Temporary || r.Description != "" {
		if err := checkDescription(r.Description); err != nil {
			return err
		}
	}
	switch {
	case r.Type == User && r.User == nil:
		return wrong("user", "A token of type usr is a user's.")
	case r.Type == Permanent && r.User != nil:
		return wrong("user", "A token of type prm is nobody's.")
	case r.Type == Temporary && r.Metadata == nil:
		return wrong("metadata", "A token of type tmp has metadata; {} will do.")
	}
	var err error
	if r.Metadata, err = checkMetadata(r.Metadata); err != nil {
		return err
	}
	return t.checkLife(r)
}

func (t *Tokens) checkLife(r *Request) error {
	now := time.Now()
	if r.Type == Temporary {
		switch {
		case r.Expires == nil:
			return wrong("expires", "A token of type tmp expires.")
		case r.NotBefore != nil:
			return wrong("not_before", "A token of type tmp begins at once.")
		case r.Expires.After(now.Add(t.options.Longest)):
			return wrong("expires", "A token of type tmp lasts for %s at most.", t.options.Longest)
		}
	}
	switch {
	case r.Expires != nil && !r.Expires.After(now):
		return wrong("expires", "It would have expired already.")
	case r.Expires != nil && r.NotBefore != nil && !r.Expires.After(*r.NotBefore):
		return wrong("not_before", "It would expire before it begins.")
	}
	for _, at := range []*time.Time{r.NotBefore, r.Expires} {
		if at != nil && (at.Year() < 1970 || at.Year() > 9999) {
			return wrong("expires", "Times are of the years 1970 to 9999.")
		}
	}
	return nil
}

func checkDescription(text string) error {
	switch {
	case strings.TrimSpace(text) == "":
		return wrong("description", "A token has a description.")
	case len(text) > longestDescription:
		return wrong("description", "The description is longer than %d bytes.", longestDescription)
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return wrong("description", "The description is not text.")
	}
	return nil
}

// checkMetadata gives an object as both engines keep it.
func checkMetadata(raw json.RawMessage) (json.RawMessage, error) {
	if raw == nil {
		return json.RawMessage("{}"), nil
	}
	if len(raw) > longestMetadata {
		return nil, wrong("metadata", "The metadata are longer than %d bytes.", longestMetadata)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var object map[string]any
	if err := d.Decode(&object); err != nil || object == nil {
		return nil, wrong("metadata", "The metadata are an object.")
	}
	if err := plainValue(object, 0); err != nil {
		return nil, wrong("metadata", "The metadata %s.", err.Error())
	}
	out, err := json.Marshal(object)
	if err != nil {
		return nil, wrong("metadata", "The metadata are an object.")
	}
	return out, nil
}

// plainValue refuses what one of the engines would.
func plainValue(v any, depth int) error {
	if depth > deepestMetadata {
		return errors.New("are nested too deep")
	}
	switch v := v.(type) {
	case string:
		if strings.ContainsRune(v, 0) {
			return errors.New("have a NUL in a text")
		}
	case json.Number:
		f, err := strconv.ParseFloat(v.String(), 64)
		if err != nil || f == 0 && strings.ContainsAny(v.String(), "123456789") && !strings.HasPrefix(strings.ToLower(v.String()), "0e") {
			return errors.New("have a number that is too large or too small")
		}
	case []any:
		for _, one := range v {
			if err := plainValue(one, depth+1); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, one := range v {
			if strings.ContainsRune(name, 0) {
				return errors.New("have a NUL in a name")
			}
			if err := plainValue(one, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// numberOf reads the number of a token: digits alone.
func numberOf(id string) (int64, error) {
	if id == "" || strings.Trim(id, "0123456789") != "" {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseInt(id, 10, 64)
}
