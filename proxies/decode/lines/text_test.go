package lines

import (
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
)

func TestPlainText(t *testing.T) {
	t.Parallel()
	decodetest.Run(t, []decodetest.Test{
		{Name: "trim", Dec: new(PlainText), In: "\r\n 42 \t\r\n\n", Want: `"42"`},
		{Name: "keep", Dec: &PlainText{Keep: true}, In: " 42\r\n", Want: `" 42\r\n"`},
		{Name: "empty", Dec: new(PlainText), In: "", Want: `""`},
		{Name: "spaces of Unicode stay", Dec: new(PlainText), In: "\u00a0x\u2003\n", Want: "\"\u00a0x\u2003\""},
		{Name: "NUL stays", Dec: new(PlainText), In: "a\x00b\x00", Want: `"a\u0000b\u0000"`},
		{Name: "inner white space", Dec: new(PlainText), In: "a\r\nb\n", Want: `"a\r\nb"`},
	})
}
