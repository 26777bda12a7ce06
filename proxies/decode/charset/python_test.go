package charset

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/internal/required"
)

// pythonCodecs are Python's names of what comes nearest to each encoding of the standard.
func pythonCodecs() map[string]string {
	return map[string]string{
		"utf-8": "utf-8", "utf-16le": "utf-16-le", "utf-16be": "utf-16-be",
		"ibm866": "cp866", "iso-8859-2": "iso8859-2", "iso-8859-3": "iso8859-3", "iso-8859-4": "iso8859-4", "iso-8859-5": "iso8859-5",
		"iso-8859-6": "iso8859-6", "iso-8859-7": "iso8859-7", "iso-8859-8": "iso8859-8", "iso-8859-8-i": "iso8859-8",
		"iso-8859-10": "iso8859-10", "iso-8859-13": "iso8859-13", "iso-8859-14": "iso8859-14", "iso-8859-15": "iso8859-15",
		"iso-8859-16": "iso8859-16", "koi8-r": "koi8-r", "koi8-u": "koi8-u", "macintosh": "mac-roman", "windows-874": "cp874",
		"windows-1250": "cp1250", "windows-1251": "cp1251", "windows-1252": "cp1252", "windows-1253": "cp1253", "windows-1254": "cp1254",
		"windows-1255": "cp1255", "windows-1256": "cp1256", "windows-1257": "cp1257", "windows-1258": "cp1258", "x-mac-cyrillic": "mac-cyrillic",
		"big5": "big5hkscs", "euc-jp": "euc_jp", "euc-kr": "cp949", "gbk": "gb18030", "gb18030": "gb18030", "shift_jis": "cp932", "iso-2022-jp": "iso2022_jp",
	}
}

// pythonScript reads lines of a codec and hexadecimal bytes and answers each with the text's UTF-8, or "-" for an error.
const pythonScript = `
import sys
for line in sys.stdin:
    codec, _, h = line.rstrip("\n").partition(" ")
    try:
        print(bytes.fromhex(h).decode(codec).encode("utf-8").hex())
    except UnicodeError:
        print("-")
`

// samples are all sequences of one byte, and where an encoding has longer ones, those of two and some of three and four.
func samples(name string) [][]byte {
	var out [][]byte
	for a := range 256 {
		out = append(out, []byte{byte(a)})
	}
	multi := slices.Contains([]string{nameUTF8, nameUTF16LE, nameUTF16BE, nameBig5, nameEUCJP, nameEUCKR, nameGBK, nameGB18030, nameShiftJIS, nameISO2022JP}, name)
	if !multi {
		return out
	}
	for a := range 256 {
		if a < 0x80 && name != nameUTF16LE && name != nameUTF16BE && name != nameISO2022JP || alone(name, byte(a)) {
			continue
		}
		for b := range 256 {
			pair := []byte{byte(a), byte(b)}
			switch name {
			case nameISO2022JP:
				out = append(out, append([]byte("\x1b$B"), pair...), append([]byte("\x1b(J"), pair...))
			case nameEUCJP:
				out = append(out, append([]byte{0x8f}, pair...))
			case nameUTF8:
				out = append(out, append([]byte{0xe2}, pair...), append([]byte{0xf0, 0x9f}, pair...), append(pair, 0xbf, 0xbf))
			case nameUTF16LE:
				out = append(out, append(pair, 0x00, 0xdc), append([]byte{0x01, 0xd8}, pair...))
			}
			out = append(out, pair)
		}
	}
	if name == nameGB18030 || name == nameGBK {
		for i := 0; i < 126*10*126*10; i += 7 {
			out = append(out, []byte{byte(0x81 + i/12600), byte('0' + i/1260%10), byte(0x81 + i/10%126), byte('0' + i%10)})
		}
	}
	return out
}

// alone says that a byte is a character or a fault of its own: what follows it is read as if it were not there.
func alone(name string, b byte) bool {
	switch name {
	case nameShiftJIS:
		return b == 0x80 || b >= 0xa0 && b <= 0xdf || b >= 0xfd
	case nameGBK, nameGB18030, nameBig5, nameEUCKR:
		return b == 0x80 || b == 0xff
	}
	return false
}

// expectedDifference says why the standard and Python do not agree about bytes; "" if nothing explains it. got and want are "-"
// where the bytes are refused.
func expectedDifference(name string, b []byte, got, want string) string {
	r := []rune(got)
	private := got != "-" && r[0] >= 0xe000 && r[0] <= 0xf8ff
	switch {
	case len(b) == 1 && b[0] >= 0x80 && b[0] <= 0x9f && got == string(rune(b[0])) && want == "-":
		return "the standard has control characters for what Windows leaves undefined"
	case name == "koi8-u" && (b[0] == 0xae || b[0] == 0xbe):
		return "the standard has the Belarusian letter, as KOI8-RU"
	case name == "macintosh" && b[0] == 0xdb, name == "x-mac-cyrillic" && (b[0] == 0xa2 || b[0] == 0xb6 || b[0] == 0xff):
		return "of before or after the euro and the Ukrainian letter"
	case name == "windows-1255" && b[0] == 0xca:
		return "the standard has U+05BA, as Windows does"
	case name == "iso-8859-7" || name == "iso-8859-8" || name == "iso-8859-8-i" || name == "windows-874":
		return ""
	case name == nameGB18030 || name == nameGBK:
		return differenceGB18030(b)
	case name == nameShiftJIS:
		if len(b) == 1 && (b[0] == 0xa0 || b[0] >= 0xfd) && got == "-" {
			return "Windows has characters for private use"
		}
		if private && want == "-" {
			return "characters for private use"
		}
	case name == nameEUCJP:
		return differenceKanji(got, want)
	case name == nameEUCKR && got == "-" && want != "-" && b[0] == 0xc9 || name == nameEUCKR && b[0] == 0xfe:
		return "characters for private use"
	case name == nameISO2022JP:
		return differenceJIS(b, got, want)
	case name == nameBig5:
		return differenceBig5(b, got, want)
	}
	return ""
}

func differenceGB18030(b []byte) string {
	switch {
	case b[0] == 0x80:
		return "the euro of Windows"
	case len(b) == 2 && (b[0] == 0xa6 || b[0] == 0xfe || b[0] == 0xa8) || bytes.Equal(b, []byte("\x81\x35\xf4\x37")):
		return "moved by GB 18030 of 2022"
	case bytes.Equal(b, []byte{0xa3, 0xa0}):
		return "the blank that deployed content means"
	}
	return ""
}

func differenceJIS(b []byte, got, want string) string {
	rest, kanji := bytes.CutPrefix(b, []byte("\x1b$B"))
	switch {
	case bytes.ContainsAny(b, "\x0e\x0f"):
		return "the standard refuses shifts"
	case got == "-" && bytes.IndexByte(rest, 0x1b) >= 0:
		return "Python takes an escape that begins nothing for a character"
	case kanji && got == "-" && bytes.ContainsFunc(rest, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return "Python takes control characters and blanks among those of two bytes"
	}
	return differenceKanji(got, want)
}

func differenceKanji(got, want string) string {
	switch {
	case want == "-" && got != "-":
		return "the rows of NEC and IBM"
	case strings.ContainsAny(got, "～∥－￠￡￢"):
		return "Windows takes these for the wide ones"
	}
	return ""
}

func differenceBig5(b []byte, got, want string) string {
	switch {
	case want == "-" && got != "-":
		return "the standard has more of HKSCS"
	case b[0] == 0xa1 || b[0] == 0xa2:
		return "signs that look alike"
	}
	return ""
}

func TestCharsetsPython(t *testing.T) {
	t.Parallel()
	python := required.Program(t, "python3")
	for name, codec := range pythonCodecs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := samples(name)
			var in bytes.Buffer
			for _, b := range all {
				in.WriteString(codec + " " + hex.EncodeToString(b) + "\n")
			}
			cmd := exec.CommandContext(t.Context(), python, "-c", pythonScript)
			cmd.Stdin = &in
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			answers := bufio.NewScanner(bytes.NewReader(out))
			bad := 0
			for _, b := range all {
				if !answers.Scan() {
					t.Fatal("too few answers")
				}
				want := "-"
				if answers.Text() != "-" {
					text, err := hex.DecodeString(answers.Text())
					if err != nil {
						t.Fatal(err)
					}
					want = string(text)
				}
				got := strictly(t, name, b)
				if got != want && expectedDifference(name, b, got, want) == "" {
					if bad++; bad < 30 {
						t.Errorf("% x: got %q, Python has %q", b, got, want)
					}
				}
			}
			if bad > 0 {
				t.Errorf("%d differences", bad)
			}
		})
	}
}

// strictly gives the text of bytes, "-" if there is none.
func strictly(t *testing.T, name string, b []byte) string {
	t.Helper()
	var c converter
	if err := c.start(name, false, false); err != nil {
		t.Fatal(err)
	}
	text, n, bad := c.convert(nil, b, true)
	if bad >= 0 {
		return "-"
	}
	if n != len(b) {
		t.Fatalf("% x: %d bytes used", b, n)
	}
	return string(text)
}
