package document

import (
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
)

func TestForm(t *testing.T) {
	t.Parallel()
	decodetest.Run(t, []decodetest.Test{
		{Name: "list", Dec: new(Form), In: "b=1&a=x+y%26%3D%C3%A9&b=\r\n", Want: `{"b":["1",""],"a":["x y&=é"]}`},
		{Name: "strings", Dec: &Form{Repeated: "error"}, In: "access_token=t%2Fx&token_type=bearer", Want: `{"access_token":"t/x","token_type":"bearer"}`},
		{Name: "error", Dec: &Form{Repeated: "error"}, In: "a=1&%61=2", Fail: "twice", At: -1},
		{Name: "first", Dec: &Form{Repeated: "first"}, In: "a=1&a=2&b=3", Want: `{"a":"1","b":"3"}`},
		{Name: "last", Dec: &Form{Repeated: "last"}, In: "a=1&b=3&a=2", Want: `{"a":"2","b":"3"}`},
		{Name: "empty", Dec: new(Form), In: "", Want: `{}`},
		{Name: "blank", Dec: new(Form), In: " \n", Want: `{}`},
		{Name: "odd pairs", Dec: new(Form), In: "&&a&=x&b==&", Want: `{"a":[""],"":["x"],"b":["="]}`},
		{Name: "bad escape", Dec: new(Form), In: "a=1&b=10%zz", Fail: "form: a percent sign", At: 8},
		{Name: "cut escape", Dec: new(Form), In: "\na=%4", Fail: "form: a percent sign", At: 3},
		{Name: "latin-1 escape", Dec: new(Form), In: "a=1&b=%E9", Fail: "form: escapes that are not UTF-8", At: 6},
		{Name: "lines", Dec: new(Form), In: "RESULT=0\r\nAMT=12.00\r\n", Fail: "form: an end of line (decode kv", At: 8},
		{Name: "semicolon is text", Dec: new(Form), In: "a=1;b=2", Want: `{"a":["1;b=2"]}`},
	})
}

func TestFormCheck(t *testing.T) {
	t.Parallel()
	if err := (&Form{Repeated: "First"}).Check(); err == nil {
		t.Error("repeated First is accepted")
	}
}
