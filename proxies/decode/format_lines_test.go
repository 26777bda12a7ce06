package decode

import "testing"

func TestLines(t *testing.T) {
	t.Parallel()
	runDecodeTests(t, []decodeTest{
		{name: "ends", dec: new(Lines), in: "a\r\n\r\n b \n", want: `["a",""," b "]`},
		{name: "no end", dec: new(Lines), in: "a\nb", want: `["a","b"]`},
		{name: "empty", dec: new(Lines), in: "", want: `[]`},
		{name: "one end", dec: new(Lines), in: "\n", want: `[""]`},
		{name: "lone CR is text", dec: new(Lines), in: "a\rb\r\r\n", want: `["a\rb\r"]`},
		{name: "skip empty", dec: &Lines{SkipEmpty: true}, in: "\na\n\n \n", want: `["a"," "]`},
		{name: "skip and trim", dec: &Lines{SkipEmpty: true, Trim: true}, in: "\n a\t\n\n \n", want: `["a"]`},
		{name: "comment", dec: &Lines{Comment: "//"}, in: "//x\na//y\n //z\n", want: `["a//y"," //z"]`},
		{name: "comment and trim", dec: &Lines{Comment: "//", Trim: true}, in: "//x\n //z\nb", want: `["b"]`},
	})
}
