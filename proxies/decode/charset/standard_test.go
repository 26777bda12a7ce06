package charset

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

// standardTables are the tables of the WHATWG Encoding Standard (https://encoding.spec.whatwg.org/, indexes of May 2026): of each
// the first 16 bytes of the SHA-256 of lines "<index> <code point in hexadecimal>".
func standardTables() map[string]string {
	return map[string]string{
		"ibm866":         "a617c49be4fb78c7530ce8ac0897c8c9",
		"iso-8859-2":     "3be3b389b4bf31c3764d90d61e49e961",
		"iso-8859-3":     "fb65e8daeab13545f018a7e0381a2cbf",
		"iso-8859-4":     "1f55c4454a73d631e5659974e10f6d51",
		"iso-8859-5":     "4abb19e8a93712a241ee7b830625366c",
		"iso-8859-6":     "7dbef673c295aa301ffe5e13f405d0b7",
		"iso-8859-7":     "890e50f1f3309bef638c11a046a6807b",
		"iso-8859-8":     "ec83dfd41a958df0fb80f6099c5c3544",
		"iso-8859-10":    "9cf627ffd2322ddfb84b3b046f5826be",
		"iso-8859-13":    "b77c1bb001be24e6bd930ca60a8d0463",
		"iso-8859-14":    "40b29dd4d291e532a8ca27347e752ec9",
		"iso-8859-15":    "c7387ac321d23f33446ea97ccbbf9550",
		"iso-8859-16":    "7e7cc2021a3c2999b1558346baee33a6",
		"koi8-r":         "a111c45461b7fb619b6899150af3fd95",
		"koi8-u":         "145ce03e74dc0dee38272672652a44e9",
		"macintosh":      "1b89aeaf21e7cc72ae89515c95536d23",
		"windows-874":    "6309d71ebf9462f531d369fd34d88600",
		"windows-1250":   "501ee85d9b1a59efecaf0462c419b637",
		"windows-1251":   "b39a39e38d3c42875875c5ffe5c48233",
		"windows-1252":   "8d88959ca29100982ef3e280866db593",
		"windows-1253":   "51462345cf0039712d5b778dcbe2f0f4",
		"windows-1254":   "8f97c40a57cd19f628ad582830415bab",
		"windows-1255":   "7c05110c7d577cd6e520bfdbf2b8847b",
		"windows-1256":   "000028ba5a93e57a59087067a15b8896",
		"windows-1257":   "de79e9fee1d45aebe5819222886f594b",
		"windows-1258":   "49d4ca26e8c4176e8405135c4c77613c",
		"x-mac-cyrillic": "6329ff120323cd702bdbcbc185b98af4",
		"big5":           "3732ce3d76fae9c24078a996963da907",
		"euc-kr":         "3b738fbcfbe15487d46ddda9eccdebfa",
		"gb18030":        "18c4c44ca15111ea743252d1f818b8c7",
		"jis0208":        "c1d7eca59d487273ff7f4eb4464279ce",
		"jis0212":        "ca619f6f99faf378c2776caf4f877b72",
		"gb18030-ranges": "b19446c3ea24c08143e30e5b11d2f5bf",
	}
}

// standardLabels are all encodings of the standard with all their labels.
func standardLabels() map[string]string {
	return map[string]string{
		"utf-8":          "unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf-8 utf8 x-unicode20utf8",
		"ibm866":         "866 cp866 csibm866 ibm866",
		"iso-8859-2":     "csisolatin2 iso-8859-2 iso-ir-101 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 l2 latin2",
		"iso-8859-3":     "csisolatin3 iso-8859-3 iso-ir-109 iso8859-3 iso88593 iso_8859-3 iso_8859-3:1988 l3 latin3",
		"iso-8859-4":     "csisolatin4 iso-8859-4 iso-ir-110 iso8859-4 iso88594 iso_8859-4 iso_8859-4:1988 l4 latin4",
		"iso-8859-5":     "csisolatincyrillic cyrillic iso-8859-5 iso-ir-144 iso8859-5 iso88595 iso_8859-5 iso_8859-5:1988",
		"iso-8859-6":     "arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114 iso-8859-6 iso-8859-6-e iso-8859-6-i iso-ir-127 iso8859-6 iso88596 iso_8859-6 iso_8859-6:1987",
		"iso-8859-7":     "csisolatingreek ecma-118 elot_928 greek greek8 iso-8859-7 iso-ir-126 iso8859-7 iso88597 iso_8859-7 iso_8859-7:1987 sun_eu_greek",
		"iso-8859-8":     "csiso88598e csisolatinhebrew hebrew iso-8859-8 iso-8859-8-e iso-ir-138 iso8859-8 iso88598 iso_8859-8 iso_8859-8:1988 visual",
		"iso-8859-8-i":   "csiso88598i iso-8859-8-i logical",
		"iso-8859-10":    "csisolatin6 iso-8859-10 iso-ir-157 iso8859-10 iso885910 l6 latin6",
		"iso-8859-13":    "iso-8859-13 iso8859-13 iso885913",
		"iso-8859-14":    "iso-8859-14 iso8859-14 iso885914",
		"iso-8859-15":    "csisolatin9 iso-8859-15 iso8859-15 iso885915 iso_8859-15 l9",
		"iso-8859-16":    "iso-8859-16",
		"koi8-r":         "cskoi8r koi koi8 koi8-r koi8_r",
		"koi8-u":         "koi8-ru koi8-u",
		"macintosh":      "csmacintosh mac macintosh x-mac-roman",
		"windows-874":    "dos-874 iso-8859-11 iso8859-11 iso885911 tis-620 windows-874",
		"windows-1250":   "cp1250 windows-1250 x-cp1250",
		"windows-1251":   "cp1251 windows-1251 x-cp1251",
		"windows-1252":   "ansi_x3.4-1968 ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 iso88591 iso_8859-1 iso_8859-1:1987 l1 latin1 us-ascii windows-1252 x-cp1252",
		"windows-1253":   "cp1253 windows-1253 x-cp1253",
		"windows-1254":   "cp1254 csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 l5 latin5 windows-1254 x-cp1254",
		"windows-1255":   "cp1255 windows-1255 x-cp1255",
		"windows-1256":   "cp1256 windows-1256 x-cp1256",
		"windows-1257":   "cp1257 windows-1257 x-cp1257",
		"windows-1258":   "cp1258 windows-1258 x-cp1258",
		"x-mac-cyrillic": "x-mac-cyrillic x-mac-ukrainian",
		"gbk":            "chinese csgb2312 csiso58gb231280 gb2312 gb_2312 gb_2312-80 gbk iso-ir-58 x-gbk",
		"gb18030":        "gb18030",
		"big5":           "big5 big5-hkscs cn-big5 csbig5 x-x-big5",
		"euc-jp":         "cseucpkdfmtjapanese euc-jp x-euc-jp",
		"iso-2022-jp":    "csiso2022jp iso-2022-jp",
		"shift_jis":      "csshiftjis ms932 ms_kanji shift-jis shift_jis sjis windows-31j x-sjis",
		"euc-kr":         "cseuckr csksc56011987 euc-kr iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 windows-949",
		"replacement":    "csiso2022kr hz-gb-2312 iso-2022-cn iso-2022-cn-ext iso-2022-kr replacement",
		"utf-16be":       "unicodefffe utf-16be",
		"utf-16le":       "csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16 utf-16le",
		"x-user-defined": "x-user-defined",
	}
}

func TestStandardLabels(t *testing.T) {
	t.Parallel()
	for name, labels := range standardLabels() {
		for label := range strings.FieldsSeq(labels) {
			for _, spelling := range []string{label, strings.ToUpper(label), "\t" + label + " "} {
				got, ok := lookup(spelling)
				if !ok || got != name {
					t.Errorf("%q is %q, want %q", spelling, got, name)
				}
				if _, err := Check(spelling); (err != nil) != (name == nameReplacement) {
					t.Errorf("%q: %v", spelling, err)
				}
			}
		}
	}
}

// TestStandardTables holds every character of every encoding to the standard's tables.
func TestStandardTables(t *testing.T) {
	t.Parallel()
	for table, want := range standardTables() {
		t.Run(table, func(t *testing.T) {
			t.Parallel()
			name, size, bytesOf := tableOf(table)
			h := sha256.New()
			for i := range size {
				b := bytesOf(i)
				if text := strictly(t, name, b); text != "-" && len([]rune(text)) == 1 {
					fmt.Fprintf(h, "%d %04X\n", i, []rune(text)[0])
				}
			}
			if got := hex.EncodeToString(h.Sum(nil)[:16]); got != want {
				t.Errorf("the table is another one: %s, want %s", got, want)
			}
		})
	}
}

// tableOf says how the bytes are made of an index into a table.
func tableOf(table string) (name string, size int, bytesOf func(i int) []byte) {
	// second skips what no second byte is.
	second := func(row, first, gap, after int) func(int) []byte {
		return func(i int) []byte {
			b := first + i%row
			if b > gap {
				b += after
			}
			return []byte{byte(0x81 + i/row), byte(b)}
		}
	}
	switch table {
	case "big5":
		return table, 126 * 157, second(157, 0x40, 0x7e, 0x22)
	case "euc-kr":
		return table, 126 * 190, second(190, 0x41, 0xff, 0)
	case "gb18030":
		return table, 126 * 190, second(190, 0x40, 0x7e, 1)
	case "gb18030-ranges":
		return "gb18030", 39420, func(i int) []byte {
			return []byte{byte(0x81 + i/12600), byte('0' + i/1260%10), byte(0x81 + i/10%126), byte('0' + i%10)}
		}
	case "jis0208": // longer than what euc-jp can say
		return "shift_jis", 60 * 188, func(i int) []byte {
			if i >= 8836 && i < 10716 {
				return []byte{0xff} // what is for private use stands in no table
			}
			b := second(188, 0x40, 0x7e, 1)(i)
			if b[0] > 0x9f {
				b[0] += 0x40
			}
			return b
		}
	case "jis0212":
		return "euc-jp", 94 * 94, func(i int) []byte { return []byte{0x8f, byte(0xa1 + i/94), byte(0xa1 + i%94)} }
	}
	return table, 128, func(i int) []byte { return []byte{byte(0x80 + i)} }
}

// TestStandardRest is about the characters that stand in no table.
func TestStandardRest(t *testing.T) {
	t.Parallel()
	for i := range 1880 {
		b := i % 188
		if b >= 0x3f {
			b++
		}
		if got, want := strictly(t, "shift_jis", []byte{byte(0xf0 + i/188), byte(0x40 + b)}), string(rune(0xe000+i)); got != want {
			t.Errorf("shift_jis %d: %q, want %q", i, got, want)
		}
	}
	for i := range 63 {
		want := string(rune(0xff61 + i))
		for name, b := range map[string][]byte{
			"shift_jis": {byte(0xa1 + i)}, "euc-jp": {0x8e, byte(0xa1 + i)}, "iso-2022-jp": {0x1b, '(', 'I', byte(0x21 + i)},
		} {
			if got := strictly(t, name, b); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
	}
	for i := range 128 {
		if got, want := strictly(t, "x-user-defined", []byte{byte(0x80 + i)}), string(rune(0xf780+i)); got != want {
			t.Errorf("x-user-defined: %q, want %q", got, want)
		}
		if got, want := strictly(t, "iso-8859-8-i", []byte{byte(0x80 + i)}), strictly(t, "iso-8859-8", []byte{byte(0x80 + i)}); got != want {
			t.Errorf("iso-8859-8-i: %q, want %q", got, want)
		}
	}
	for i := range 94 * 94 {
		b := []byte{byte(0xa1 + i/94), byte(0xa1 + i%94)}
		kanji := []byte{0x1b, '$', 'B', b[0] & 0x7f, b[1] & 0x7f}
		if got, want := strictly(t, "iso-2022-jp", kanji), strictly(t, "euc-jp", b); got != want {
			t.Errorf("iso-2022-jp % x: %q, want %q", kanji, got, want)
		}
	}
	for text, b := range map[string]string{
		"\u00ca\u0304": "\x88\x62", "\u00ca\u030c": "\x88\x64", "\u00ea\u0304": "\x88\xa3", "\u00ea\u030c": "\x88\xa5",
	} {
		if got := strictly(t, "big5", []byte(b)); got != text {
			t.Errorf("big5 % x: %q, want %q", b, got, text)
		}
	}
}

// TestReplace holds what is put for faults to the standard's decoders.
func TestReplace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ label, body, want string }{
		{"utf-8", "a\xffb", "a\ufffdb"},
		{"utf-8", "\xe2\x82A\xe2\x82", "\ufffdA\ufffd"},
		{"utf-8", "\xf0\x9f\x98x\xf0\x9fy\xf0z", "\ufffdx\ufffdy\ufffdz"},
		{"utf-8", "\xed\xa0\x80", "\ufffd\ufffd\ufffd"},
		{"utf-8", "\xc0\xaf\xf5\x80", "\ufffd\ufffd\ufffd\ufffd"},
		{"utf-8", "\xe0\x80\x80", "\ufffd\ufffd\ufffd"},
		{"utf-16le", "\x00\xd8a\x00", "\ufffda"},
		{"utf-16le", "\x00\xdca\x00\x01", "\ufffda\ufffd"},
		{"utf-16be", "\xd8\x00\xd8", "\ufffd"},
		{"utf-16be", "\xd8\x3d\xd8\x3d\xde\x00", "\ufffd😀"},
		{"windows-1252", "\x80\x81", "€\u0081"},
		{"windows-1253", "a\xaab", "a\ufffdb"},
		{"shift_jis", "\x93\xfa\xfdz\x81\x20\x81", "日\ufffdz\ufffd \ufffd"},
		{"shift_jis", "\xfc\xfc\xeb\x9f", "\ufffd\ufffd"},
		{"euc-jp", "\x8f\xa1\xa1\x8f\xa1A\x8e\xffB\xa1C", "\ufffd\ufffdA\ufffdB\ufffdC"},
		{"euc-kr", "\x81\xffA\x81A\xc9\xa1", "\ufffdA갂\ufffd"},
		{"big5", "\x80a\x81\x40\x81\xa0b\x87\x3f", "\ufffda\ufffd@\ufffdb\ufffd?"},
		{"gb18030", "\x84\x31\xa4\x37", "\ufffd"},
		{"gb18030", "\x81\x30\x81a", "\ufffd0乤"},
		{"gb18030", "\x81\x30a", "\ufffd0a"},
		{"gb18030", "\x81\x30\x81", "\ufffd"},
		{"gb18030", "\xfe\x39\xfe\x39a\xff\x80\x81\x3a\x81\xff", "\ufffda\ufffd€\ufffd:\ufffd"},
		{"gbk", "\x80\xa2\xe3", "€€"},
		{"iso-2022-jp", "a\x1b$Zb", "a\ufffd$Zb"},
		{"iso-2022-jp", "\x1b$BF|F\x1b(Bz\x0e\xe9", "日\ufffdz\ufffd\ufffd"},
		{"iso-2022-jp", "\x1b$BF|\nK\\", "日\ufffd本"},
		{"iso-2022-jp", "\x1b(J\\~\x1b(I\x31\x7e\x1b", "¥‾ｱ\ufffd\ufffd"},
		{"iso-2022-jp", "a\x1b(", "a\ufffd("},
		{"iso-2022-jp", "\x1b(B\x1b$BF|", "日"}, // here the standard has one more
		{"iso-2022-kr", "anything at all", "\ufffd"},
		{"iso-2022-kr", "", ""},
		{"", "Gr\xfc\xdfe \x81", "Grüße \ufffd"},
		{"", "é and \xff", "é and \ufffd"},
		{"", "\xef\xbb\xbfa\xff", "a\ufffd"},
	} {
		got, _, err := Text([]byte(c.body), Options{Header: c.label, Replace: true})
		if err != nil || string(got) != c.want {
			t.Errorf("%s %q: %q, %v; want %q", c.label, c.body, got, err, c.want)
		}
	}
}
