package decode

import (
	"errors"
	"strings"
	"testing"
)

func TestLinesStream(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "\n", "a", "a\r", "a\r\n\n b \r\r\n#c\n", strings.Repeat("long ", lineWindow) + "\n\nx"} {
		for _, d := range []Streamer{new(Lines), &Lines{SkipEmpty: true, Trim: true, Comment: "#"}} {
			streamAgrees(t, d, []byte(body))
		}
	}
}

func TestLinesLong(t *testing.T) {
	t.Parallel()
	r := NewRecords(RecordsOptions{Each: func([]byte, any) error { return nil }, Limits: Limits{Nodes: 1 << 30}})
	err := new(Lines).Stream(t.Context(), strings.NewReader("a\n"+strings.Repeat("x", MaxRecord)+"xxx\n"), &Input{}, r)
	if limit, ok := errors.AsType[*LimitError](err); !ok || limit.Limit != MaxRecord {
		t.Error(err)
	}
}

// TestLinesTellAtOnce ends with a blank and nothing behind it, which is a line.
func TestLinesTellAtOnce(t *testing.T) {
	t.Parallel()
	tellsAtOnce(t, new(Lines), "0\n", "{\"a\":1}\n", "", 5)
}

func TestLinesGiveErrorsUnchanged(t *testing.T) {
	t.Parallel()
	givesErrorsUnchanged(t, new(Lines))
}
