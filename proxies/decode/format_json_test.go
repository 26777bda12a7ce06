package decode

import "testing"

func TestJSON(t *testing.T) {
	t.Parallel()
	j := new(JSON)
	runDecodeTests(t, []decodeTest{
		{name: "order and digits", dec: j, in: ` {"z" : 1.10 , "a":[ -0, 1E+2,12345678901234567890123, 0.1e-7 ] } ` + "\r\n", want: `{"z":1.10,"a":[-0,1E+2,12345678901234567890123,0.1e-7]}`},
		{name: "scalars", dec: j, in: `[true,false,null,"",[],{}]`, want: `[true,false,null,"",[],{}]`},
		{name: "bare string", dec: j, in: `"x"`, want: `"x"`},
		{name: "bare null", dec: j, in: `null`, want: `null`},
		{name: "escapes", dec: j, in: `{"\u0061\n":"\ud83d\ude00\/\u0000<"}`, want: `{"a\n":"😀/\u0000<"}`},
		{name: "names in nested objects repeat", dec: j, in: `{"a":{"a":[{"a":1},{"a":2}]}}`, want: `{"a":{"a":[{"a":1},{"a":2}]}}`},
		{name: "string as last of object", dec: j, in: `{"a":"b","c":"d","e":["f"]}`, want: `{"a":"b","c":"d","e":["f"]}`},
		{name: "empty", dec: j, in: "", fail: "json: the body is empty at byte 0"},
		{name: "white space", dec: j, in: " \r\n ", fail: "empty"},
		{name: "cut", dec: j, in: `{"a":[1,2`, fail: "ends inside", at: 9},
		{name: "cut string", dec: j, in: `["abc`, fail: "ends inside", at: 5},
		{name: "cut word", dec: j, in: `tru`, fail: "ends inside", at: 3},
		{name: "twice", dec: j, in: `{"a":1} {"a":1}`, fail: "json: ", at: 8},
		{name: "rest", dec: j, in: `[1] x`, fail: "json: ", at: 4},
		{name: "bracket too many", dec: j, in: `[1]]`, fail: "json: ", at: 3},
		{name: "duplicate", dec: j, in: `{"a":1,"b":2,"a":3}`, fail: `"a" occurs twice`, at: -1},
		{name: "duplicate by escape", dec: j, in: `{"a":1,"\u0061":3}`, fail: `"a" occurs twice`, at: -1},
		{name: "invalid UTF-8", dec: j, in: "[\"a\xff\"]", fail: "UTF-8", at: 3},
		{name: "half surrogate", dec: j, in: `["\ud800"]`, fail: "json: ", at: 2},
		{name: "HTML login page", dec: j, in: "<!DOCTYPE html><html>", fail: "invalid character '<'", at: 0},
		{name: "HTML after white space", dec: j, in: "\n<html>", fail: "invalid character '<'", at: 1},
		{name: "PHP warning before it", dec: j, in: "Warning: x\n{}", fail: "invalid character 'W'", at: 0},
		{name: "JSONP", dec: j, in: `cb({"a":1})`, fail: "invalid character 'c'", at: 0},
		{name: "single quotes", dec: j, in: `{'a':1}`, fail: "json: ", at: 1},
		{name: "trailing comma", dec: j, in: `[1,]`, fail: "json: ", at: 2},
		{name: "comment", dec: j, in: `[1/*x*/]`, fail: "json: ", at: 2},
		{name: "NaN", dec: j, in: `[NaN]`, fail: "json: ", at: 1},
		{name: "leading zero", dec: j, in: `[01]`, fail: "json: ", at: 2},
		{name: "control character", dec: j, in: "[\"a\tb\"]", fail: "json: ", at: 3},
		{name: "NUL at the end", dec: j, in: "[1]\x00", fail: "json: ", at: 3},
		{name: "byte order mark", dec: j, in: "\ufeff[]", fail: "json: ", at: 0},
		{name: "no name", dec: j, in: `{1:2}`, fail: "json: ", at: 1},
		{name: "no colon", dec: j, in: `{"a" 1}`, fail: "json: ", at: 5},
		{name: "name without value", dec: j, in: `{"a"}`, fail: "json: ", at: 4},
		{name: "wrong bracket", dec: j, in: `[1}`, fail: "json: ", at: 2},
	})
}
