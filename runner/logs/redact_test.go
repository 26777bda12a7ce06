package logs_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/runner/logs"
)

func TestRedact(t *testing.T) {
	t.Parallel()
	secrets := logs.NewSecrets("hunter2-secret", "abcdef", "cdefXY12", "short", "aaaaaa", "-----BEGIN KEY-----\nMIIabc123\n-----END KEY-----")
	for name, c := range map[string]struct {
		records []string
		want    []string
	}{
		"whole":         {[]string{"o the hunter2-secret!"}, []string{"INFO 1 the ***!"}},
		"twice":         {[]string{"o hunter2-secrethunter2-secret"}, []string{"INFO 1 ***"}},
		"in parts":      {[]string{"o+x hunt", "o+er2-s", "o ecret y"}, []string{"INFO 1 x *** y"}},
		"letters":       {append(letters("hunter2-secret"), "o "), []string{"INFO 1 ***"}},
		"begins only":   {[]string{"o+x hunt", "o ing"}, []string{"INFO 1 x hunting"}},
		"ends the file": {[]string{"o+x hunter2-secre"}, []string{"INFO 1 x hunter2-secre"}},
		"across":        {[]string{"o 1abcdefXY122"}, []string{"INFO 1 1***2"}},
		"across parts":  {[]string{"o+1abcdef", "o XY122"}, []string{"INFO 1 1******2"}},
		"short":         {[]string{"o short"}, []string{"INFO 1 short"}},
		"lines":         {[]string{"o -----BEGIN KEY-----", "o MIIabc123", "o -----END KEY-----"}, []string{"INFO 1 ***", "INFO 2 ***", "INFO 3 ***"}},
		"streams":       {[]string{"o+hunter2", "e+hunter2", "e -secret", "o -secret"}, []string{"ERROR 2 ***", "INFO 1 ***"}},
		"of one letter": {[]string{"o+baaa", "o+aaaaaaa", "o aac"}, []string{"INFO 1 b******c"}},
		"log line":      {[]string{"o ::fairway log ERROR hunter2-secret"}, []string{"ERROR 1 ***"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, ship(t, written(c.records...), logs.Options{Secrets: secrets})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func letters(s string) []string {
	var records []string
	for _, r := range s {
		records = append(records, "o+"+string(r))
	}
	return records
}

// TestRedactShapes finds tokens by what they look like, wherever they are cut.
func TestRedactShapes(t *testing.T) {
	t.Parallel()
	token := "fw_" + strings.Repeat("aZ09", 3)
	secrets := logs.NewSecrets("hunter2").Shaped("fw_", "abcdefghijklmnopqrstuvwxyzZ0189-_29", len(token))
	for name, c := range map[string]struct {
		records []string
		want    string
	}{
		"whole":       {[]string{"o a " + token + " b"}, "a *** b"},
		"letters":     {append(letters("a"+token+"hunter2"), "o "), "a******"},
		"twice":       {[]string{"o+" + token, "o " + token}, "******"},
		"too short":   {[]string{"o " + token[:len(token)-1] + "."}, token[:len(token)-1] + "."},
		"its end":     {[]string{"o+" + token[:5], "o +" + token[5:]}, token[:5] + "+" + token[5:]},
		"a beginning": {[]string{"o+x fw", "o _ y"}, "x fw_ y"},
		"again":       {[]string{"o fw_fw_" + token}, "***"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := strings.Join(ship(t, written(c.records...), logs.Options{Secrets: secrets}), "|")
			if got != "INFO 1 "+c.want {
				t.Errorf("%q, not %q", got, c.want)
			}
		})
	}
}

// FuzzRedact cuts a line anywhere: no secret is left in it, and what is left out is nothing else.
func FuzzRedact(f *testing.F) {
	f.Add("hunter2", "abcabc", "xxhunter2yyabcabcabc", uint64(0x1234))
	f.Add("aaaaaa", "aaaaaaaa", "baaaaaaaaaaaac", uint64(0x88))
	f.Fuzz(func(t *testing.T, a, b, text string, cuts uint64) {
		if len(text) > 2000 || strings.ContainsAny(text, "\x00\n\r*:") || strings.ContainsAny(a+b, "*\ufffd") || text != strings.ToValidUTF8(text, "x") {
			return
		}
		var records []string
		for rest := text; ; cuts = cuts>>3 | cuts<<61 {
			n := int(cuts&7) + 1
			if n >= len(rest) {
				records = append(records, "o "+rest)
				break
			}
			records = append(records, "o+"+rest[:n])
			rest = rest[n:]
		}
		got := strings.Join(ship(t, written(records...), logs.Options{Secrets: logs.NewSecrets(a, b)}), "")
		got = strings.TrimPrefix(got, "INFO 1 ")
		// Every secret's bytes, marked in the text by brute force.
		hidden := make([]bool, len(text))
		for _, s := range []string{a, b} {
			for word := range strings.Lines(s) {
				if word = strings.TrimSpace(word); len(word) < 6 {
					continue
				}
				for i := range len(text) - len(word) + 1 {
					if text[i:i+len(word)] == word {
						for j := range len(word) {
							hidden[i+j] = true
						}
					}
				}
			}
		}
		var want strings.Builder
		for i := range len(text) {
			switch {
			case !hidden[i]:
				want.WriteByte(text[i])
			case i == 0 || !hidden[i-1]:
				want.WriteString("*")
			}
		}
		for strings.Contains(got, "**") {
			got = strings.ReplaceAll(got, "**", "*")
		}
		if expected := strings.ToValidUTF8(want.String(), "\ufffd"); got != expected {
			t.Fatalf("%q of %q without %q and %q, want %q", got, text, a, b, expected)
		}
	})
}
