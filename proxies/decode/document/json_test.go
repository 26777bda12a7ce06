package document

import (
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
)

func TestJSON(t *testing.T) {
	t.Parallel()
	j := new(JSON)
	decodetest.Run(t, []decodetest.Test{
		{Name: "order and digits", Dec: j, In: ` {"z" : 1.10 , "a":[ -0, 1E+2,12345678901234567890123, 0.1e-7 ] } ` + "\r\n", Want: `{"z":1.10,"a":[-0,1E+2,12345678901234567890123,0.1e-7]}`},
		{Name: "scalars", Dec: j, In: `[true,false,null,"",[],{}]`, Want: `[true,false,null,"",[],{}]`},
		{Name: "bare string", Dec: j, In: `"x"`, Want: `"x"`},
		{Name: "bare null", Dec: j, In: `null`, Want: `null`},
		{Name: "escapes", Dec: j, In: `{"\u0061\n":"\ud83d\ude00\/\u0000<"}`, Want: `{"a\n":"😀/\u0000<"}`},
		{Name: "names in nested objects repeat", Dec: j, In: `{"a":{"a":[{"a":1},{"a":2}]}}`, Want: `{"a":{"a":[{"a":1},{"a":2}]}}`},
		{Name: "string as last of object", Dec: j, In: `{"a":"b","c":"d","e":["f"]}`, Want: `{"a":"b","c":"d","e":["f"]}`},
		{Name: "empty", Dec: j, In: "", Fail: "json: the body is empty at byte 0"},
		{Name: "white space", Dec: j, In: " \r\n ", Fail: "empty"},
		{Name: "cut", Dec: j, In: `{"a":[1,2`, Fail: "ends inside", At: 9},
		{Name: "cut string", Dec: j, In: `["abc`, Fail: "ends inside", At: 5},
		{Name: "cut word", Dec: j, In: `tru`, Fail: "ends inside", At: 3},
		{Name: "twice", Dec: j, In: `{"a":1} {"a":1}`, Fail: "json: ", At: 8},
		{Name: "rest", Dec: j, In: `[1] x`, Fail: "json: ", At: 4},
		{Name: "bracket too many", Dec: j, In: `[1]]`, Fail: "json: ", At: 3},
		{Name: "duplicate", Dec: j, In: `{"a":1,"b":2,"a":3}`, Fail: `"a" occurs twice`, At: -1},
		{Name: "duplicate by escape", Dec: j, In: `{"a":1,"\u0061":3}`, Fail: `"a" occurs twice`, At: -1},
		{Name: "invalid UTF-8", Dec: j, In: "[\"a\xff\"]", Fail: "UTF-8", At: 3},
		{Name: "half surrogate", Dec: j, In: `["\ud800"]`, Fail: "json: ", At: 2},
		{Name: "HTML login page", Dec: j, In: "<!DOCTYPE html><html>", Fail: "invalid character '<'", At: 0},
		{Name: "HTML after white space", Dec: j, In: "\n<html>", Fail: "invalid character '<'", At: 1},
		{Name: "PHP warning before it", Dec: j, In: "Warning: x\n{}", Fail: "invalid character 'W'", At: 0},
		{Name: "JSONP", Dec: j, In: `cb({"a":1})`, Fail: "invalid character 'c'", At: 0},
		{Name: "single quotes", Dec: j, In: `{'a':1}`, Fail: "json: ", At: 1},
		{Name: "trailing comma", Dec: j, In: `[1,]`, Fail: "json: ", At: 2},
		{Name: "comment", Dec: j, In: `[1/*x*/]`, Fail: "json: ", At: 2},
		{Name: "NaN", Dec: j, In: `[NaN]`, Fail: "json: ", At: 1},
		{Name: "leading zero", Dec: j, In: `[01]`, Fail: "json: ", At: 2},
		{Name: "control character", Dec: j, In: "[\"a\tb\"]", Fail: "json: ", At: 3},
		{Name: "NUL at the end", Dec: j, In: "[1]\x00", Fail: "json: ", At: 3},
		{Name: "byte order mark", Dec: j, In: "\ufeff[]", Fail: "json: ", At: 0},
		{Name: "no name", Dec: j, In: `{1:2}`, Fail: "json: ", At: 1},
		{Name: "no colon", Dec: j, In: `{"a" 1}`, Fail: "json: ", At: 5},
		{Name: "name without value", Dec: j, In: `{"a"}`, Fail: "json: ", At: 4},
		{Name: "wrong bracket", Dec: j, In: `[1}`, Fail: "json: ", At: 2},
	})
}
