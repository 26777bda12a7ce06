package charset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/encoding/japanese"

	"github.com/fairway-gateway/fairway/proxies/decode/internal/excerpt"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/utf16test"
)

func TestText(t *testing.T) {
	t.Parallel()
	le := func(s string) string { return utf16test.Bytes(binary.LittleEndian, s) }
	be := func(s string) string { return utf16test.Bytes(binary.BigEndian, s) }
	says := func(label string) func([]byte) string { return func([]byte) string { return label } }
	tests := []struct {
		name string
		body string
		opt  Options
		want string
		cs   Choice
	}{
		{"empty", "", Options{}, "", Choice{"utf-8", "detection"}},
		{"ASCII", "a: b\n", Options{}, "a: b\n", Choice{"utf-8", "detection"}},
		{"detected UTF-8", "é", Options{}, "é", Choice{"utf-8", "detection"}},
		{"detected latin-1", "Gr\xfc\xdfe \x80", Options{}, "Grüße €", Choice{"windows-1252", "detection"}},
		{"WHATWG knows every windows-1252 byte", "\xe9\x81\x8d\x8f\x90\x9d", Options{Header: "latin1"}, "é\u0081\u008d\u008f\u0090\u009d", Choice{"windows-1252", "header"}},
		{"control characters of iso-8859-2", "\x85\xb1", Options{Option: "iso-8859-2"}, "\u0085ą", Choice{"iso-8859-2", "option"}},
		{"detected UTF-16", le("h\u00e9llo: 1\r\n"), Options{}, "h\u00e9llo: 1\r\n", Choice{"utf-16le", "detection"}},
		{"detected UTF-16 big", be(`{"a":1}`), Options{}, `{"a":1}`, Choice{"utf-16be", "detection"}},
		{"two characters of UTF-16", le("ok"), Options{}, "ok", Choice{"utf-16le", "detection"}},
		{"some NULs are text", "a\x00b\x00c: and more\x00", Options{}, "a\x00b\x00c: and more\x00", Choice{"utf-8", "detection"}},
		{"only NULs are text", "\x00\x00\x00\x00", Options{}, "\x00\x00\x00\x00", Choice{"utf-8", "detection"}},
		{"control characters stay", "\x00\x01\x1b\x7f", Options{Header: "latin1"}, "\x00\x01\x1b\x7f", Choice{"windows-1252", "header"}},

		{"mark of UTF-8", "\xef\xbb\xbfx", Options{}, "x", Choice{"utf-8", "bom"}},
		{"only a mark", "\xef\xbb\xbf", Options{}, "", Choice{"utf-8", "bom"}},
		{"further marks are cut", "\xef\xbb\xbf\ufeffx\ufeff", Options{}, "x\ufeff", Choice{"utf-8", "bom"}},
		{"marks that are cut off", "\xef\xbb\xbf\xef\xbb\xbfx", Options{}, "x", Choice{"utf-8", "bom"}},
		{"mark before option", "\xef\xbb\xbf\xc3\xa9", Options{Option: "latin1", Header: "utf-16"}, "é", Choice{"utf-8", "bom"}},
		{"mark of UTF-16", "\xff\xfe" + le("é😀"), Options{Option: "utf-8"}, "é😀", Choice{"utf-16le", "bom"}},
		{"mark of UTF-16 big", "\xfe\xff" + be("é😀"), Options{Header: "utf-16le"}, "é😀", Choice{"utf-16be", "bom"}},

		{"option before header", "\xa4", Options{Option: "ISO-8859-15", Header: "utf-8"}, "€", Choice{"iso-8859-15", "option"}},
		{"header before document", "\xe9", Options{Header: "Latin1", Document: says("koi8-r")}, "é", Choice{"windows-1252", "header"}},
		{"header is taken at its word", "é", Options{Header: "iso-8859-1"}, "Ã©", Choice{"windows-1252", "header"}},
		{"unknown header", "\xc1", Options{Header: "none", Document: says("koi8-r")}, "а", Choice{"koi8-r", "document"}},
		{"unknown header, nothing else", "\xe9", Options{Header: "utf8mb4"}, "é", Choice{"windows-1252", "detection"}},
		{"unknown document", "é", Options{Document: says("?")}, "é", Choice{"utf-8", "detection"}},
		{"silent document", "é", Options{Document: says("")}, "é", Choice{"utf-8", "detection"}},
		{"a document cannot be in UTF-16", "é", Options{Document: says("utf-16")}, "é", Choice{"utf-8", "document"}},
		{"us-ascii is windows-1252", "\x93x\x94", Options{Header: "us-ascii"}, "“x”", Choice{"windows-1252", "header"}},
		{"UTF-16 header without mark", le("日本\ufffd"), Options{Header: "UTF-16"}, "日本\ufffd", Choice{"utf-16le", "header"}},
		{"a real U+FFFD", "\xef\xbf\xbd", Options{}, "\ufffd", Choice{"utf-8", "detection"}},

		{"gb18030", "\xc4\xe3\x81\x30\x81\x30", Options{Header: "gb18030"}, "你\u0080", Choice{"gb18030", "header"}},
		{"gb18030 with a real U+FFFD", "\xc4\xe3\x84\x31\xa4\x37x", Options{Header: "gb18030"}, "你\ufffdx", Choice{"gb18030", "header"}},
		{"gb2312 is gbk, four bytes and all", "\xc4\xe3\x84\x31\xa4\x37", Options{Header: "GB2312"}, "你\ufffd", Choice{"gbk", "header"}},
		{"shift_jis", "\x93\xfa\x96\x7b\xb1", Options{Header: "Shift_JIS"}, "日本ｱ", Choice{"shift_jis", "header"}},
		{"euc-jp", "\xc6\xfc\xcb\xdc", Options{Header: "euc-jp"}, "日本", Choice{"euc-jp", "header"}},
		{"iso-2022-jp", "a\x1b$BF|K\\\x1b(Bz", Options{Header: "iso-2022-jp"}, "a日本z", Choice{"iso-2022-jp", "header"}},
		{"euc-kr", "\xc7\xd1", Options{Header: "ks_c_5601-1987"}, "한", Choice{"euc-kr", "header"}},
		{"big5 with a pair of characters", "\xa7\x41\x88\x62", Options{Header: "big5"}, "你\u00ca\u0304", Choice{"big5", "header"}},
		{"koi8-u", "\xa4", Options{Header: "koi8-u"}, "є", Choice{"koi8-u", "header"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, cs, err := Text([]byte(test.body), test.opt)
			if err != nil || string(got) != test.want || cs != test.cs {
				t.Errorf("got %q, %+v, %v\nwant %q, %+v", got, cs, err, test.want, test.cs)
			}
		})
	}
}

func TestTextRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body, label string
		want              Error
	}{
		{"UTF-8", "ab\xffc", "utf-8", Error{Charset: "utf-8", Offset: 2, Byte: 0xff}},
		{"UTF-8 cut", "ab\xe2\x82", "utf-8", Error{Charset: "utf-8", Offset: 2, Byte: 0xe2}},
		{"UTF-8 overlong", "\xc0\xaf", "utf-8", Error{Charset: "utf-8", Offset: 0, Byte: 0xc0}},
		{"UTF-8 surrogate", "x\xed\xa0\x80", "utf-8", Error{Charset: "utf-8", Offset: 1, Byte: 0xed}},
		{"UTF-8 after a mark", "\xef\xbb\xbfa\xff", "", Error{Charset: "utf-8", Offset: 4, Byte: 0xff}},
		{"UTF-8 after a real U+FFFD", "\ufffd\xff", "utf-8", Error{Charset: "utf-8", Offset: 3, Byte: 0xff}},
		{"UTF-16 odd", "a\x00b\x00c", "utf-16le", Error{Charset: "utf-16le", Offset: 4, Byte: 'c'}},
		{"UTF-16 odd with mark", "\xfe\xff\x00a\x00", "", Error{Charset: "utf-16be", Offset: 4, Byte: 0}},
		{"UTF-16 high half alone", "a\x00\x3d\xd8b\x00", "utf-16le", Error{Charset: "utf-16le", Offset: 2, Byte: 0x3d}},
		{"UTF-16 low half alone", "a\x00\x00\xdcb\x00", "utf-16le", Error{Charset: "utf-16le", Offset: 2, Byte: 0}},
		{"UTF-16 high half last", "\xd8\x3d", "utf-16be", Error{Charset: "utf-16be", Offset: 0, Byte: 0xd8}},
		{"windows-1253", "ab\xaa", "windows-1253", Error{Charset: "windows-1253", Offset: 2, Byte: 0xaa}},
		{"a guess that is wrong", "\x93\xfa\x96\x7b\x90", "", Error{Charset: "windows-1252", Offset: 4, Byte: 0x90}},
		{"shift_jis", "a\x93\xfa\xfdz", "shift_jis", Error{Charset: "shift_jis", Offset: 3, Byte: 0xfd}},
		{"shift_jis cut", "a\x93", "shift_jis", Error{Charset: "shift_jis", Offset: 1, Byte: 0x93}},
		{"euc-jp", "ab\xc6", "euc-jp", Error{Charset: "euc-jp", Offset: 2, Byte: 0xc6}},
		{"euc-kr", "ab\xff", "euc-kr", Error{Charset: "euc-kr", Offset: 2, Byte: 0xff}},
		{"big5", "ab\x80", "big5", Error{Charset: "big5", Offset: 2, Byte: 0x80}},
		{"gb18030 cut", "ab\x84\x31\xa4", "gb18030", Error{Charset: "gb18030", Offset: 2, Byte: 0x84}},
		{"gb18030 after a real U+FFFD", "\x84\x31\xa4\x37\xff", "gb18030", Error{Charset: "gb18030", Offset: 4, Byte: 0xff}},
		{"iso-2022-jp escape", "a\x1b$Zb", "iso-2022-jp", Error{Charset: "iso-2022-jp", Offset: 1, Byte: 0x1b}},
		{"iso-2022-jp cut", "\x1b$BF", "iso-2022-jp", Error{Charset: "iso-2022-jp", Offset: 3, Byte: 'F'}},
		{"iso-2022-jp bad second byte", "\x1b$BF\x0a", "iso-2022-jp", Error{Charset: "iso-2022-jp", Offset: 3, Byte: 'F'}},
		{"iso-2022-jp high byte", "a\xe9", "iso-2022-jp", Error{Charset: "iso-2022-jp", Offset: 1, Byte: 0xe9}},
		{"forbidden", "ab", "hz-gb-2312", Error{Charset: "replacement", Offset: 0, Byte: 'a'}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, _, err := Text([]byte(test.body), Options{Header: test.label})
			var e *Error
			if errors.As(err, &e) {
				e.Source = ""
			}
			if e == nil || *e != test.want || got != nil {
				t.Errorf("got %q, %v; want %v", got, err, &test.want)
			}
		})
	}
}

func TestTextErrorOfAGuess(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"":        "byte 0x81 at offset 1 is not valid windows-1252, which is a guess; see the option charset",
		"us-asci": "byte 0x81 at offset 1 is not valid windows-1252, which is a guess; see the option charset",
		"utf-8":   "byte 0x81 at offset 1 is not valid utf-8",
	} {
		if _, _, err := Text([]byte("S\x81z"), Options{Header: header}); err == nil || err.Error() != want {
			t.Errorf("%s: got %v", header, err)
		}
	}
}

func TestTextLong(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("日本語 text, ", 20_000)
	for name, enc := range map[string]interface{ Bytes([]byte) ([]byte, error) }{
		"shift_jis": japanese.ShiftJIS.NewEncoder(), "euc-jp": japanese.EUCJP.NewEncoder(), "iso-2022-jp": japanese.ISO2022JP.NewEncoder(),
	} {
		body, err := enc.Bytes([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := Text(body, Options{Option: name})
		if err != nil || string(got) != text {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}

func TestTextShares(t *testing.T) {
	t.Parallel()
	for body, o := range map[string]Options{
		"plain ASCII": {Header: "windows-1252"}, "gr\u00fcn": {}, "\xef\xbb\xbfx": {}, "abc": {Header: "shift_jis"}, "x": {Header: "iso-2022-jp"},
	} {
		b := []byte(body)
		got, _, err := Text(b, o)
		if err != nil || &got[len(got)-1] != &b[len(b)-1] {
			t.Errorf("%q: copied (%v)", body, err)
		}
	}
}

func TestTextDocumentPrefix(t *testing.T) {
	t.Parallel()
	body := bytes.Repeat([]byte("x"), 5000)
	seen := -1
	_, _, err := Text(body, Options{Document: func(p []byte) string { seen = len(p); return "" }})
	if err != nil || seen != documentPrefix {
		t.Errorf("saw %d bytes, %v", seen, err)
	}
}

func TestCheckCharset(t *testing.T) {
	t.Parallel()
	for label, want := range map[string]string{
		"latin1": "windows-1252", "ISO-8859-1": "windows-1252", " Utf8 ": "utf-8", "UTF-8": "utf-8", "ascii": "windows-1252",
		"utf-16": "utf-16le", "sjis": "shift_jis", "cp1251": "windows-1251", "x-user-defined": "x-user-defined",
	} {
		if got, err := Check(label); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", label, got, err, want)
		}
	}
	for _, label := range []string{"", "latin-one", "utf-32", "iso-2022-kr", "replacement", strings.Repeat("a", 1<<20), "\xff"} {
		if got, err := Check(label); err == nil || len(err.Error()) > 200 {
			t.Errorf("%q: accepted as %q, or too long an error", excerpt.Of(label), got)
		}
	}
	if _, _, err := Text([]byte("x"), Options{Option: "no-such"}); err == nil {
		t.Error("Text accepts an unknown option")
	}
}

func FuzzText(f *testing.F) {
	labels := []string{
		"", "utf-8", "utf-16le", "utf-16be", "windows-1252", "windows-1253", "koi8-r", "gbk", "gb18030", "big5", "euc-jp",
		"iso-2022-jp", "shift_jis", "euc-kr", "x-user-defined", "replacement", "nonsense",
	}
	for i := range labels {
		f.Add([]byte("plain"), uint8(i))
		f.Add([]byte("\xff\xfea\x00"), uint8(i))
		f.Add([]byte("\xc4\xe3\x84\x31\xa4\x37\x93\xfa"), uint8(i))
		f.Add([]byte("\x1b$BF|K\\\x1b(B\x0e"), uint8(i))
		f.Add([]byte("\x3d\xd8\x00\xde\xfd\xff"), uint8(i))
	}
	f.Fuzz(func(t *testing.T, body []byte, which uint8) {
		before := bytes.Clone(body)
		label := labels[int(which)%len(labels)]
		text, cs, err := Text(body, Options{Header: label})
		if !bytes.Equal(before, body) {
			t.Fatal("the body changed")
		}
		var e *Error
		switch {
		case errors.As(err, &e):
			if text != nil || e.Offset < 0 || e.Offset >= int64(len(body)) || body[e.Offset] != e.Byte {
				t.Fatalf("%q as %+v: %v", body, cs, err)
			}
			return
		case err != nil:
			t.Fatal(err)
		case !utf8.Valid(text):
			t.Fatalf("%q as %+v: %q is not UTF-8", body, cs, text)
		}
		if strings.Contains(string(text), Replaced) {
			switch cs.Name {
			case "utf-8", "utf-16le", "utf-16be", "gbk", "gb18030":
			default:
				t.Fatalf("%q as %+v: %q has replacements", body, cs, text)
			}
		}
		if cs.Source != "bom" {
			// A replacement of x/text never passes where the rules say it is none.
			switch cs.Name {
			case "gbk", "gb18030":
				if strings.Count(string(text), Replaced) > bytes.Count(body, []byte("\x84\x31\xa4\x37")) {
					t.Fatalf("%q as %+v: %q has replacements", body, cs, text)
				}
			}
		}
	})
}
