package decode

import "testing"

func TestForm(t *testing.T) {
	t.Parallel()
	runDecodeTests(t, []decodeTest{
		{name: "list", dec: new(Form), in: "b=1&a=x+y%26%3D%C3%A9&b=\r\n", want: `{"b":["1",""],"a":["x y&=é"]}`},
		{name: "strings", dec: &Form{Repeated: "error"}, in: "access_token=t%2Fx&token_type=bearer", want: `{"access_token":"t/x","token_type":"bearer"}`},
		{name: "error", dec: &Form{Repeated: "error"}, in: "a=1&%61=2", fail: "twice", at: -1},
		{name: "first", dec: &Form{Repeated: "first"}, in: "a=1&a=2&b=3", want: `{"a":"1","b":"3"}`},
		{name: "last", dec: &Form{Repeated: "last"}, in: "a=1&b=3&a=2", want: `{"a":"2","b":"3"}`},
		{name: "empty", dec: new(Form), in: "", want: `{}`},
		{name: "blank", dec: new(Form), in: " \n", want: `{}`},
		{name: "odd pairs", dec: new(Form), in: "&&a&=x&b==&", want: `{"a":[""],"":["x"],"b":["="]}`},
		{name: "bad escape", dec: new(Form), in: "a=1&b=10%zz", fail: "form: a percent sign", at: 8},
		{name: "cut escape", dec: new(Form), in: "\na=%4", fail: "form: a percent sign", at: 3},
		{name: "latin-1 escape", dec: new(Form), in: "a=1&b=%E9", fail: "form: escapes that are not UTF-8", at: 6},
		{name: "semicolon is text", dec: new(Form), in: "a=1;b=2", want: `{"a":["1;b=2"]}`},
	})
}

func TestFormCheck(t *testing.T) {
	t.Parallel()
	if err := (&Form{Repeated: "First"}).Check(); err == nil {
		t.Error("repeated First is accepted")
	}
}
