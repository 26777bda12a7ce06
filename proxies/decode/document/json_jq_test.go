package document

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/charset"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
)

// TestJSONAgainstJQ holds every document of the corpus that can be read without options to what jq makes of it. Numbers are
// compared as those of a float, which is what jq keeps.
func TestJSONAgainstJQ(t *testing.T) {
	t.Parallel()
	jq := decodetest.Peer(t, "jq")
	files, err := filepath.Glob(filepath.Join("testdata", "json", "*.want"))
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, want := range files {
		document := strings.TrimSuffix(want, ".want")
		body, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		in := decodetest.SpecimenOf(t, document, new(JSON)) // its charset; its options are left out
		text, _, err := charset.Text(body, in.Charset)
		if err != nil {
			continue
		}
		ours := decode.NewWriter(nil, decode.Limits{})
		if err := new(JSON).Decode(t.Context(), &decode.Input{Body: text}, ours); err != nil {
			continue // what jq takes beyond RFC 8259 is not ours to take
		}
		if jsonPrefix(text) > 0 {
			continue // against browsers; no JSON to jq
		}
		cmd := exec.CommandContext(t.Context(), jq, "-c", ".")
		cmd.Stdin = strings.NewReader(string(text))
		theirs, err := cmd.Output()
		if err != nil {
			t.Errorf("%s: jq refuses what we read: %v", document, err)
			continue
		}
		compared++
		if diff := cmp.Diff(floats(t, theirs), floats(t, ours.Bytes())); diff != "" {
			t.Errorf("%s (-jq +ours):\n%s", document, diff)
		}
	}
	if compared < 10 {
		t.Errorf("only %d documents were compared", compared)
	}
}

// floats parses JSON with numbers as floats; those beyond are the largest, as in jq.
func floats(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return flattened(v)
}

func flattened(v any) any {
	switch v := v.(type) {
	case json.Number:
		f, err := v.Float64()
		if err != nil { // out of range: jq says the largest there is
			return "beyond"
		}
		if f >= 1.7976931348623157e308 {
			return "beyond"
		}
		return f
	case []any:
		for i := range v {
			v[i] = flattened(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = flattened(v[name])
		}
	}
	return v
}
