package decoders

import (
	commandline "flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/decode"
)

var update = commandline.Bool("update", false, "write the table of docs/formats/README.md, to be read before it is committed")

// TestIndex holds the table of docs/formats/README.md to the modules there are, to what they say of themselves with their
// default options, and to the first sentence of their pages.
func TestIndex(t *testing.T) {
	t.Parallel()
	page := filepath.Join(pages, "README.md")
	raw, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	const head = "| format | what for | streams | bytes of memory for a byte |\n| --- | --- | --- | --- |\n"
	before, rest, ok := strings.Cut(string(raw), head)
	if !ok {
		t.Fatalf("README.md has no table with this head:\n%s", head)
	}
	table, after, _ := strings.Cut(rest, "\n\n")
	var want strings.Builder
	for _, m := range caddy.GetModules(strings.TrimSuffix(namespace, ".")) {
		want.WriteString(row(t, m))
	}
	if diff := cmp.Diff(want.String(), table+"\n"); diff != "" && !*update {
		t.Errorf("the table is not what the modules say; go test -run TestIndex -update ./modules/decoders writes it (-want +got):\n%s", diff)
	}
	if *update {
		if err := os.WriteFile(page, []byte(before+head+want.String()+"\n"+after), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func row(t *testing.T, m caddy.ModuleInfo) string {
	t.Helper()
	name := m.ID.Name()
	dec, ok := m.New().(decode.Decoder)
	if !ok {
		t.Fatalf("%s is no decoder", name)
	}
	streams := ""
	if _, ok := dec.(decode.Streamer); ok {
		streams = "yes"
	}
	factor := "by its pattern"
	if f := dec.Factor(); f > 0 {
		factor = strconv.FormatFloat(f, 'f', -1, 64)
	}
	return fmt.Sprintf("| [`%s`](%s.md) | %s | %s | %s |\n", name, name, purpose(t, name), streams, factor)
}

// purpose is the first sentence of a format's page, without its end.
func purpose(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(pages, name+".md"))
	if err != nil {
		t.Errorf("decode %s has no page: %v", name, err)
		return ""
	}
	for paragraph := range strings.SplitSeq(string(raw), "\n\n") {
		if strings.HasPrefix(paragraph, "#") || strings.TrimSpace(paragraph) == "" {
			continue
		}
		sentence, _, _ := strings.Cut(strings.Join(strings.Fields(paragraph), " ")+" ", ". ")
		return strings.ReplaceAll(strings.Trim(sentence, " ."), "|", `\|`)
	}
	t.Errorf("%s.md says nothing", name)
	return ""
}
