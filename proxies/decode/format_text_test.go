package decode

import "testing"

func TestPlainText(t *testing.T) {
	t.Parallel()
	runDecodeTests(t, []decodeTest{
		{name: "trim", dec: new(PlainText), in: "\r\n 42 \t\r\n\n", want: `"42"`},
		{name: "keep", dec: &PlainText{Keep: true}, in: " 42\r\n", want: `" 42\r\n"`},
		{name: "empty", dec: new(PlainText), in: "", want: `""`},
		{name: "spaces of Unicode stay", dec: new(PlainText), in: "\u00a0x\u2003\n", want: "\"\u00a0x\u2003\""},
		{name: "NUL stays", dec: new(PlainText), in: "a\x00b\x00", want: `"a\u0000b\u0000"`},
		{name: "inner white space", dec: new(PlainText), in: "a\r\nb\n", want: `"a\r\nb"`},
	})
}
