package lines

import (
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
)

func TestLines(t *testing.T) {
	t.Parallel()
	decodetest.Run(t, []decodetest.Test{
		{Name: "ends", Dec: new(Lines), In: "a\r\n\r\n b \n", Want: `["a",""," b "]`},
		{Name: "no end", Dec: new(Lines), In: "a\nb", Want: `["a","b"]`},
		{Name: "empty", Dec: new(Lines), In: "", Want: `[]`},
		{Name: "one end", Dec: new(Lines), In: "\n", Want: `[""]`},
		{Name: "lone CR is text", Dec: new(Lines), In: "a\rb\r\r\n", Want: `["a\rb\r"]`},
		{Name: "skip empty", Dec: &Lines{SkipEmpty: true}, In: "\na\n\n \n", Want: `["a"," "]`},
		{Name: "skip and trim", Dec: &Lines{SkipEmpty: true, Trim: true}, In: "\n a\t\n\n \n", Want: `["a"]`},
		{Name: "comment", Dec: &Lines{Comment: "//"}, In: "//x\na//y\n //z\n", Want: `["a//y"," //z"]`},
		{Name: "comment and trim", Dec: &Lines{Comment: "//", Trim: true}, In: "//x\n //z\nb", Want: `["b"]`},
	})
}
