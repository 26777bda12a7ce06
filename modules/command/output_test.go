package command

import (
	"strings"
	"testing"
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
