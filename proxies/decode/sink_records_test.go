package decode_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/document"
)

// recordsOf tells a JSON text to a Records and gives what it handed over.
func recordsOf(t *testing.T, text string, o decode.RecordsOptions) (texts []string, trees []any, err error) {
	t.Helper()
	o.Text, o.Tree = true, true
	o.Each = func(text []byte, tree any) error {
		texts, trees = append(texts, string(text)), append(trees, tree)
		return nil
	}
	r := decode.NewRecords(o)
	err = new(document.JSON).Decode(t.Context(), &decode.Input{Body: []byte(text)}, r)
	if !r.Complete() && err == nil { // the other way round there is text behind the array
		t.Errorf("%.40s: not complete, and no error", text)
	}
	return texts, trees, err
}

func TestRecords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		want []string
	}{
		{`[]`, nil},
		{`[1]`, []string{`1`}},
		{` [ 1.50 , "a" , null , true ] `, []string{`1.50`, `"a"`, `null`, `true`}},
		{`[{"b":1,"a":[{"c":[]}]},{},[],[[1],[2]]]`, []string{`{"b":1,"a":[{"c":[]}]}`, `{}`, `[]`, `[[1],[2]]`}},
	} {
		texts, trees, err := recordsOf(t, c.text, decode.RecordsOptions{})
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
		}
		if diff := cmp.Diff(c.want, texts); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.text, diff)
		}
		// The trees are those of the whole array's.
		whole := decode.NewTree(decode.Limits{})
		if err := new(document.JSON).Decode(t.Context(), &decode.Input{Body: []byte(c.text)}, whole); err != nil {
			t.Fatal(err)
		}
		if want, _ := whole.Value().([]any); len(want) > 0 {
			if diff := cmp.Diff(want, trees); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.text, diff)
			}
		}
	}
}

func TestRecordsRefuse(t *testing.T) {
	t.Parallel()
	limit := func(what string) func(error) bool {
		return func(err error) bool {
			e, ok := errors.AsType[*decode.LimitError](err)
			return ok && e.What == what
		}
	}
	spent := errors.New("spent")
	for name, c := range map[string]struct {
		text    string
		o       decode.RecordsOptions
		refused func(error) bool
		records int
	}{
		"an object":      {text: `{"a":1}`, refused: func(err error) bool { return errors.Is(err, decode.ErrNoArray) }},
		"a scalar":       {text: `1`, refused: func(err error) bool { return errors.Is(err, decode.ErrNoArray) }},
		"nodes":          {text: `[[1],[1,2,3]]`, o: decode.RecordsOptions{Limits: decode.Limits{Nodes: 3}}, refused: limit("nodes"), records: 1},
		"depth":          {text: `[[[1]],[[[1]]]]`, o: decode.RecordsOptions{Limits: decode.Limits{Depth: 2}}, refused: limit("depth"), records: 1},
		"twice one name": {text: `[{"a":1},{"a":1,"a":2}]`, refused: func(err error) bool { _, ok := errors.AsType[*decode.DuplicateError](err); return ok }, records: 1},
		"too large": {
			text: `["a","` + strings.Repeat("x", 5000) + `"]`, records: 1,
			o:       decode.RecordsOptions{Grow: func(int) error { return spent }},
			refused: func(err error) bool { return errors.Is(err, spent) },
		},
	} {
		texts, _, err := recordsOf(t, c.text, c.o)
		if !c.refused(err) || len(texts) != c.records {
			t.Errorf("%s: %d records, error %v", name, len(texts), err)
		}
	}
}

// TestRecordsGrow has many small records and one large one: only that is asked for, and once.
func TestRecordsGrow(t *testing.T) {
	t.Parallel()
	var asked []int
	text := "[" + strings.Repeat(`"small",`, 5000) + `["` + strings.Repeat("x", 9000) + `"],` + strings.Repeat(`["`+strings.Repeat("x", 8000)+`"],`, 5) + "1]"
	if _, _, err := recordsOf(t, text, decode.RecordsOptions{Grow: func(n int) error { asked = append(asked, n); return nil }}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{16384}, asked); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestRecordsOrder tells what no decoder should: nothing panics, and nothing is complete.
func TestRecordsOrder(t *testing.T) {
	t.Parallel()
	for name, tell := range map[string]func(*decode.Records) error{
		"a key between records": func(r *decode.Records) error { return errors.Join(r.BeginArray(), r.Key("a")) },
		"an end too many":       func(r *decode.Records) error { return errors.Join(r.BeginArray(), r.EndArray(), r.EndArray()) },
		"two arrays":            func(r *decode.Records) error { return errors.Join(r.BeginArray(), r.EndArray(), r.BeginArray()) },
		"the wrong end":         func(r *decode.Records) error { return errors.Join(r.BeginArray(), r.BeginObject(), r.EndArray()) },
		"an end of nothing":     func(r *decode.Records) error { return r.EndObject() },
		"an end of no object":   func(r *decode.Records) error { return errors.Join(r.BeginArray(), r.EndObject()) },
	} {
		r := decode.NewRecords(decode.RecordsOptions{Text: true, Tree: true, Each: func([]byte, any) error { return nil }})
		if err := tell(r); err == nil || r.Complete() {
			t.Errorf("%s: error %v, complete %v", name, err, r.Complete())
		}
		if r.Null() == nil {
			t.Errorf("%s: it takes more", name)
		}
	}
}

func FuzzRecords(f *testing.F) {
	f.Add(`[1,{"a":[2]},[],"x"]`)
	f.Add(`{"a":1}`)
	f.Add(`[[[[`)
	f.Add(`[]00`)
	f.Fuzz(func(t *testing.T, text string) {
		texts, _, err := recordsOf(t, text, decode.RecordsOptions{})
		whole := decode.NewWriter(nil, decode.Limits{})
		if new(document.JSON).Decode(t.Context(), &decode.Input{Body: []byte(text)}, whole) != nil || err != nil {
			return
		}
		if got := "[" + strings.Join(texts, ",") + "]"; got != string(whole.Bytes()) {
			t.Errorf("%s is told as %s", text, got)
		}
	})
}
