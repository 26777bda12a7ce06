package command

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
)

// TestTextOfOthers holds that what users call themselves gives a terminal no orders, and begins no line.
func TestTextOfOthers(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := Table(&b, []string{"NAME", "AGE"}, [][]string{{"a\x1b[2J\nb\tc", "1"}, {"", "22"}, {"é\u202ed", "3"}}); err != nil {
		t.Fatal(err)
	}
	want := "NAME         AGE\na\ufffd[2J b c   1\n-            22\né\ufffdd           3\n"
	if got := b.String(); strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(want), " ") || strings.Count(got, "\n") != 4 {
		t.Errorf("%q", got)
	}
	b.Reset()
	if err := Line(&b, "user %s", "a\r\nb"); err != nil || strings.Count(b.String(), "\n") != 1 || strings.Contains(b.String(), "\r") {
		t.Errorf("%q, %v", b.String(), err)
	}
}

// FuzzEscaped holds that a document says the same when it is escaped, and gives a terminal no orders.
func FuzzEscaped(f *testing.F) {
	for _, seed := range []string{"a", "\u009b2J", "\u202e", "\U000e0001", "\x7f", "\u2028", "\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		raw, err := json.Marshal(map[string]string{text: text})
		if err != nil {
			t.Fatal(err)
		}
		got := escaped(string(raw))
		var before, after map[string]string
		if json.Unmarshal(raw, &before) != nil || json.Unmarshal([]byte(got), &after) != nil {
			t.Fatalf("%s", got)
		}
		for name, value := range before {
			if after[name] != value {
				t.Errorf("%s is %s", raw, got)
			}
		}
		if strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q", got)
		}
	})
}
