package lines

import (
	"errors"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/linewise"
)

func TestLinesStream(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "\n", "a", "a\r", "a\r\n\n b \r\r\n#c\n", strings.Repeat("long ", linewise.Window) + "\n\nx"} {
		for _, d := range []decode.Streamer{new(Lines), &Lines{SkipEmpty: true, Trim: true, Comment: "#"}} {
			decodetest.StreamAgrees(t, d, []byte(body))
		}
	}
}

func TestLinesLong(t *testing.T) {
	t.Parallel()
	r := decode.NewRecords(decode.RecordsOptions{Each: func([]byte, any) error { return nil }, Limits: decode.Limits{Nodes: 1 << 30}})
	err := new(Lines).Stream(t.Context(), strings.NewReader("a\n"+strings.Repeat("x", decode.MaxRecord)+"xxx\n"), &decode.Input{}, r)
	if limit, ok := errors.AsType[*decode.LimitError](err); !ok || limit.Limit != decode.MaxRecord {
		t.Error(err)
	}
}

// TestLinesTellAtOnce ends with a blank and nothing behind it, which is a line.
func TestLinesTellAtOnce(t *testing.T) {
	t.Parallel()
	decodetest.TellsAtOnce(t, new(Lines), "0\n", "{\"a\":1}\n", "", 5)
}

func TestLinesGiveErrorsUnchanged(t *testing.T) {
	t.Parallel()
	decodetest.GivesErrorsUnchanged(t, new(Lines))
}
