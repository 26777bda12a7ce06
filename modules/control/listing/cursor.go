package listing

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/rows"
)

// A cursor is where a row stands in the order of a list: its values, and a fingerprint of filter and sort, with which alone it has
// a meaning. It is not signed: whoever makes one up begins elsewhere in a list that he may see, and its values are bound like those
// of a filter.

// printSize is how long a fingerprint is, in bytes.
const printSize = 8

// begin is the cursor of the first page.
const begin = "*"

func fingerprint(p Params) (out [printSize]byte) {
	sum := sha256.Sum256([]byte("fairway list 1\x00" + p.Filter + "\x00" + p.Sort))
	copy(out[:], sum[:])
	return out
}

// cursor is its JSON.
type cursor struct {
	Print []byte `json:"p"`
	// After are the values, each with the letter of its kind before it; null is NULL.
	After []*string `json:"a"`
}

// resume has a query begin behind a cursor.
func (q *Query) resume(text string, key rows.Column) error {
	if text == begin {
		return nil
	}
	bad := wrong("cursor", "it is no cursor of this list, with this filter and sort")
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return bad
	}
	var c cursor
	if err := json.Unmarshal(raw, &c); err != nil || string(c.Print) != string(q.print[:]) || len(c.After) == 0 || len(c.After) > MostSorts+1 {
		return bad
	}
	q.Request.After = make([]any, len(c.After))
	for i, v := range c.After {
		if v == nil {
			continue
		}
		if q.Request.After[i], err = unpack(*v); err != nil {
			return bad
		}
	}
	if q.Request.Check(key) != nil {
		return bad
	}
	return nil
}

// Next gives the cursor behind the last of the rows that a walk has got, "": there are no more.
func Next[T any](q *Query, t *rows.Table[T], got []T) (string, error) {
	if !q.Walk || len(got) < q.Request.Limit {
		return "", nil
	}
	values, err := t.Values(got[len(got)-1], q.Request)
	if err != nil {
		return "", err
	}
	c := cursor{Print: q.print[:], After: make([]*string, len(values))}
	for i, v := range values {
		if v == nil {
			continue
		}
		packed, err := pack(v)
		if err != nil {
			return "", err
		}
		c.After[i] = &packed
	}
	raw, err := json.Marshal(c)
	return base64.RawURLEncoding.EncodeToString(raw), err
}

// pack writes a value with the letter of its type.
func pack(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return "s" + v, nil
	case uuid.UUID:
		return "u" + v.String(), nil
	case int64:
		return "i" + strconv.FormatInt(v, 10), nil
	case bool:
		return "b" + strconv.FormatBool(v), nil
	case time.Time:
		return "t" + v.UTC().Format(time.RFC3339Nano), nil
	}
	return "", errors.New("a cursor has no such values")
}

func unpack(text string) (any, error) {
	if text == "" {
		return nil, errors.New("nothing")
	}
	switch kind, rest := text[0], text[1:]; kind {
	case 's':
		return rest, nil
	case 'u':
		return uuid.Parse(rest)
	case 'i':
		return strconv.ParseInt(rest, 10, 64)
	case 'b':
		return strconv.ParseBool(rest)
	case 't':
		return time.Parse(time.RFC3339Nano, rest)
	}
	return nil, errors.New("no kind")
}

// Links gives the value of the header Link for a page: first, prev, next and last, in the words that the caller used; "": there is
// but one page. In a walk it is next alone, with the cursor of Next; total is not looked at.
func (q *Query) Links(at *url.URL, total int64, next string) string {
	if !q.Paged {
		return ""
	}
	var out []string
	link := func(rel string, set map[string]string) {
		u, query := *at, at.Query()
		for k, v := range set {
			query.Set(k, v)
		}
		u.RawQuery, u.Fragment = query.Encode(), ""
		out = append(out, "<"+u.RequestURI()+`>; rel="`+rel+`"`)
	}
	limit, offset := int64(q.Request.Limit), int64(q.Request.Offset)
	if q.Walk {
		if next != "" {
			link("next", map[string]string{"cursor": next, "limit": strconv.FormatInt(limit, 10)})
		}
		return strings.Join(out, ", ")
	}
	to := func(rel string, offset int64) {
		if q.style == byPage {
			link(rel, map[string]string{"page": strconv.FormatInt(offset/limit+1, 10), "per_page": strconv.FormatInt(limit, 10)})
			return
		}
		link(rel, map[string]string{"offset": strconv.FormatInt(offset, 10), "limit": strconv.FormatInt(limit, 10)})
	}
	last := max(total-1, 0) / limit * limit
	if last == 0 && offset == 0 {
		return ""
	}
	to("first", 0)
	if offset > 0 {
		to("prev", max(min(offset-limit, last), 0))
	}
	if offset+limit < total {
		to("next", offset+limit)
	}
	to("last", last)
	return strings.Join(out, ", ")
}
