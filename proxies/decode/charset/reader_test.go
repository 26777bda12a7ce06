package charset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"

	"github.com/fairway-gateway/fairway/proxies/decode/internal/utf16test"
)

// randomPieces gives a body in pieces whose sizes come from a seed.
type randomPieces struct {
	body []byte
	rng  *rand.Rand
}

func (p *randomPieces) Read(b []byte) (int, error) {
	if len(p.body) == 0 {
		return 0, io.EOF
	}
	n := min(len(b), len(p.body), p.rng.IntN(7))
	if p.rng.IntN(9) == 0 {
		n = min(len(b), len(p.body), 1+p.rng.IntN(5000))
	}
	copy(b, p.body[:n])
	p.body = p.body[n:]
	if len(p.body) == 0 && p.rng.IntN(2) == 0 {
		return n, io.EOF
	}
	return n, nil
}

// sameAsWhole holds a Reader to Text for one body.
func sameAsWhole(t *testing.T, body []byte, o Options, seed uint64) {
	t.Helper()
	want, wantCharset, wantErr := Text(body, o)
	rng := rand.New(rand.NewPCG(seed, 1))
	r := NewReader(&randomPieces{body: body, rng: rng}, o)
	var got []byte
	var err error
	for err == nil {
		b := make([]byte, 1+rng.IntN(40))
		var n int
		n, err = r.Read(b)
		got = append(got, b[:n]...)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if cs := r.Charset(); cs != wantCharset && len(body) > 0 {
		t.Fatalf("%.60q, %+v: charset %+v, as a whole %+v", body, o.Header, cs, wantCharset)
	}
	if wantErr != nil {
		if err == nil || err.Error() != wantErr.Error() {
			t.Fatalf("%.60q, %+v: %v, as a whole %v", body, o.Header, err, wantErr)
		}
		return
	}
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%.60q, %+v: %.60q, %v, as a whole %.60q", body, o.Header, got, err, want)
	}
}

func readerBodies() []string {
	le := func(s string) string { return utf16test.Bytes(binary.LittleEndian, s) }
	be := func(s string) string { return utf16test.Bytes(binary.BigEndian, s) }
	long := strings.Repeat("0123456789abcde\n", 600)
	return []string{
		"", "a", "é", "\xe9", "plain", "\xef", "\xef\xbb", "\xef\xbb\xbf", "\xef\xbb\xbfé", "\xff", "\xff\xfe", "\xfe\xffa", "\xff\xfea\x00",
		"\xfe\xff\x00a\xd8", long + "é" + long, long + "\xe9" + long, long + "é\xff" + long, "é" + long + "\xe2\x82", long + "\xe2\x82",
		le("a;b\r\n1;2\r\n"), be("a;b\r\n1;2\r\n"), le(long), be(long + "日本"), le("日本;語\n") + "\x00", le("Привет мир\n"), le("ok"), "a\x00", "a\x00b\x00",
		"\x93\xfa\x96{", "\x1b$BF|K\\\x1b(Bz", long + "\x1b$BF|K" + long, "\xc4\xe3\x84\x31\xa4\x37\x81\x30\x81\x30\x84\x31\xa4", "\x8f\xa2\xb7\x8e\xb1\xa1",
		strings.Repeat("\x93\xfa", 3000) + "\xff", strings.Repeat("\xff", 3000), strings.Repeat("é", 3000) + "\xc3", "abc\x81", "abc\xe9\x81",
		`<?xml version="1.0" encoding="koi8-r"?>` + "\n<a>\xc1</a>", "<a>\xc3\xa9</a>" + long, `<?xml version="1.0"?><a>` + "\xe9</a>", long[:1020] + "é",
	}
}

func readerLabels() []string {
	return []string{
		"", "utf-8", "utf-16le", "utf-16be", "windows-1252", "windows-1253", "koi8-r", "gbk", "gb18030", "big5", "euc-jp",
		"iso-2022-jp", "shift_jis", "euc-kr", "x-user-defined", "replacement", "nonsense", "iso-8859-8-i",
	}
}

func TestTextReader(t *testing.T) {
	t.Parallel()
	for _, body := range readerBodies() {
		for _, label := range readerLabels() {
			for seed := range uint64(12) {
				o := Options{Header: label, Replace: seed%2 == 0}
				if seed%3 == 0 {
					o.Document = OfXML
				}
				if seed%6 == 0 {
					o.Settled = XMLSettled
				}
				sameAsWhole(t, []byte(body), o, seed)
			}
		}
	}
}

func FuzzTextReader(f *testing.F) {
	for i, body := range readerBodies() {
		f.Add([]byte(body), uint8(i), uint64(i))
	}
	labels := readerLabels()
	f.Fuzz(func(t *testing.T, body []byte, which uint8, seed uint64) {
		o := Options{Header: labels[int(which)%len(labels)], Replace: which >= 128}
		if seed%3 == 0 {
			o.Document = OfXML
		}
		if seed%6 == 0 {
			o.Settled = XMLSettled
		}
		sameAsWhole(t, body, o, seed)
		if text, _, err := Text(body, o); o.Replace && (err != nil || !bytes.Equal(text, bytes.ToValidUTF8(text, nil))) {
			t.Fatalf("%q: %q, %v", body, text, err)
		}
	})
}

// TestTextReaderGives asserts what is given on before the next piece has come.
func TestTextReaderGives(t *testing.T) {
	t.Parallel()
	utf16 := utf16test.Bytes(binary.LittleEndian, "a;b\n")
	for name, c := range map[string]struct {
		pieces []string
		want   []string // after each piece
		o      Options
	}{
		"declared, one byte":     {[]string{"a", "\xe9", "b"}, []string{"a", "é", "b"}, Options{Header: "latin1"}},
		"the option":             {[]string{"a", "\xe9"}, []string{"a", "é"}, Options{Option: "latin1"}},
		"half a mark":            {[]string{"\xef", "\xbb\xbfa", "b"}, []string{"", "a", "b"}, Options{Header: "latin1"}},
		"half a character":       {[]string{"a\xc3", "\xa9b"}, []string{"a", "éb"}, Options{Header: "utf-8"}},
		"nothing declares":       {[]string{"abc", "d", "\xe9", "x", "y"}, []string{"", "abcd", "", "éx", "y"}, Options{}},
		"UTF-8":                  {[]string{"ab\xc3", "\xa9", "\xc3", "\xa9"}, []string{"", "abé", "", "é"}, Options{}},
		"UTF-16 by its mark":     {[]string{"\xff\xfea", "\x00b\x00"}, []string{"", "ab"}, Options{}},
		"UTF-16 by its NULs":     {[]string{utf16, strings.Repeat(utf16, 40), "c\x00"}, []string{"", strings.Repeat("a;b\n", 41), "c"}, Options{}},
		"XML without a word":     {[]string{"<", "rows>", "<row>"}, []string{"", "<rows>", "<row>"}, Options{Document: OfXML, Settled: XMLSettled}},
		"XML with a declaration": {[]string{`<?xml version="1.0" `, `encoding="latin1"`, "?>\xe9"}, []string{"", "", `<?xml version="1.0" encoding="latin1"?>é`}, Options{Document: OfXML, Settled: XMLSettled}},
		"iso-2022-jp":            {[]string{"\x1b$", "BF", "|K\\"}, []string{"", "", "日本"}, Options{Header: "iso-2022-jp"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, out := io.Pipe()
			r := NewReader(in, c.o)
			texts := make(chan string)
			go func() {
				defer close(texts)
				b := make([]byte, 1000)
				for {
					n, err := r.Read(b)
					if err != nil {
						return
					}
					texts <- string(b[:n])
				}
			}()
			var got []string
			for i, piece := range c.pieces {
				if _, err := io.WriteString(out, piece); err != nil {
					t.Fatal(err)
				}
				text := ""
				for len(text) < len(c.want[i]) {
					select {
					case more := <-texts:
						text += more
					case <-time.After(2 * time.Minute):
						t.Fatalf("after %q: only %q", piece, text)
					}
				}
				got = append(got, text)
			}
			out.Close()
			for rest := range texts {
				t.Errorf("%q came late", rest)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestTextReaderBodyFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection reset")
	for body, want := range map[string]string{"abcdé": "abcdé", "abcd\xc3": "abcd", "": ""} {
		for _, label := range []string{"", "utf-8"} {
			r := NewReader(iotest.OneByteReader(io.MultiReader(strings.NewReader(body), iotest.ErrReader(broken))), Options{Header: label})
			got, err := io.ReadAll(r)
			if !errors.Is(err, broken) || string(got) != want {
				t.Errorf("%q: %q, %v", body, got, err)
			}
		}
	}
	if _, err := NewReader(strings.NewReader("x"), Options{Option: "none"}).Read(make([]byte, 1)); err == nil {
		t.Error("an unknown option is taken")
	}
	if _, err := io.ReadAll(NewReader(nothing{}, Options{})); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a body that gives nothing: %v", err)
	}
}

type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, nil }

// TestTextRoundTrip decodes what the encoders of x/text make of every character they know.
func TestTextRoundTrip(t *testing.T) {
	t.Parallel()
	for name := range standardLabels() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == nameReplacement {
				t.Skip("has no encoder")
			}
			enc, err := htmlindex.Get(name)
			if err != nil {
				t.Fatal(err)
			}
			all := known(name, enc)
			if len(all) < 128 {
				t.Fatalf("only %d characters", len(all))
			}
			rng := rand.New(rand.NewPCG(3, 4))
			for range 12 {
				var s strings.Builder
				for range rng.IntN(3000) {
					s.WriteRune(all[rng.IntN(len(all))])
				}
				body, err := enc.NewEncoder().String(s.String())
				if err != nil {
					t.Fatal(err)
				}
				got, _, err := Text([]byte(body), Options{Option: name})
				if err != nil || string(got) != s.String() {
					t.Fatalf("%q: %v, %q", s.String(), err, got)
				}
				sameAsWhole(t, []byte(body), Options{Option: name}, rng.Uint64())
			}
		})
	}
}

// known are the characters that an encoder takes, without what would be a byte order mark, and without what x/text's encoder of
// gb18030 writes in another way than the standard reads: characters for private use, and one that has moved.
func known(name string, enc encoding.Encoding) []rune {
	var out []rune
	e := enc.NewEncoder()
	for r := range rune(0x20000) {
		if name[:2] == "gb" && (r >= 0xe000 && r < 0xf900 || r == 0x1e3f) {
			continue
		}
		if r >= 0xd800 && r < 0xe000 || r == 0xfeff || r == 0xfffe || r == 0xfffd || r == jisEscape || r == 0x0e || r == 0x0f {
			continue
		}
		if b, err := e.String(string(r)); err == nil && !strings.HasPrefix(b, "\xff\xfe") && !strings.HasPrefix(b, "\xfe\xff") {
			out = append(out, r)
		}
	}
	return out
}
