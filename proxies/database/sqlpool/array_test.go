package sqlpool

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/decode"
)

// arrayAsJSON is what an array of texts becomes.
func arrayAsJSON(text string) (string, error) {
	w := decode.NewWriter(nil, decode.Limits{})
	err := array(w, text, ',', func(s sink, text string) error { return s.String(text) })
	return string(w.Bytes()), err
}

func TestArrayRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "1", "{", "{1", "{1,", "{1,}", "{,1}", `{"a`, `{"a\`, "{1}2", "[0:1]", "[0:1]=", "{{1},2", "{1{2}}", `{"a"b}`, strings.Repeat("{", 100000)} {
		if got, err := arrayAsJSON(text); err == nil {
			t.Errorf("%.40q is %s", text, got)
		}
	}
}

// FuzzArray writes lists of texts as PostgreSQL does, reads them back, and reads whatever else.
func FuzzArray(f *testing.F) {
	for _, seed := range []string{"", "a", `a,"b\c`, "{}", "NULL", "null\x00x\x00 ", "{1,{2,3}}", "[1:2]={a,b}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := arrayAsJSON(text); err == nil && !json.Valid([]byte(got)) {
			t.Fatalf("%q is %s", text, got)
		}
		text = strings.ToValidUTF8(text, "?")
		want := []any{}
		var written []string
		for item := range strings.SplitSeq(text, "\x00") {
			want = append(want, item)
			written = append(written, `"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(item)+`"`)
		}
		got, err := arrayAsJSON("{" + strings.Join(written, ",") + "}")
		if err != nil {
			t.Fatal(err)
		}
		var read []any
		if err := json.Unmarshal([]byte(got), &read); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, read); diff != "" {
			t.Fatalf("(-written +read):\n%s", diff)
		}
	})
}
