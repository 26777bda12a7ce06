package parts

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"mime/quotedprintable"
	"net/textproto"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/document"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
	"github.com/fairway-gateway/fairway/proxies/decode/lines"
)

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

func TestMultipart(t *testing.T) {
	t.Parallel()
	one := func(header, body string) string { return "--b\n" + header + "\n" + body + "\n--b--\n" }
	value := func(kind, value string) string {
		return `[{"name":null,"filename":null,"content_type":null,"kind":"` + kind + `","value":` + value + `}]`
	}
	typed := func(media, kind, value string) string {
		return `[{"name":null,"filename":null,"content_type":"` + media + `","kind":"` + kind + `","value":` + value + `}]`
	}
	csv := "--b\nContent-Disposition: form-data; name=x\n\n1\n--b\nContent-Type: text/csv\nContent-ID: <c@d>\n\na,b\n--b\n" +
		"Content-Disposition: attachment; filename=x\nContent-Type: application/json\n\n{\"a\":1}\n--b--"
	decodetest.Run(t, []decodetest.Test{
		{Name: "form", Dec: new(Multipart), In: crlf("--b\nContent-Disposition: form-data; name=\"a\"\n\n1\n--b\nContent-Disposition: form-data; name=\"f\"; filename=\"x.png\"\n" +
			"Content-Type: image/png\n\n\x89P\n\n--b--\n"), Want: `[{"name":"a","filename":null,"content_type":null,"kind":"text","value":"1"},` +
			`{"name":"f","filename":"x.png","content_type":"image/png","kind":"base64","value":"iVANCg=="}]`},
		{Name: "plain ends of lines", Dec: new(Multipart), In: "--b\n\na\nb\n--b--", Want: value("text", `"a\nb"`)},
		{Name: "ends of lines inside are others", Dec: new(Multipart), In: "--b\n\na\r\n--b--", Want: value("text", `"a\r"`)},
		{Name: "no parts", Dec: new(Multipart), In: "--b\n--b--", Want: "[]"},
		{Name: "a part of nothing", Dec: new(Multipart), In: "--b\n--b\n--b--", Fail: "no blank line", At: 4},
		{Name: "no content", Dec: new(Multipart), In: "--b\n\n--b--", Want: value("text", `""`)},
		{Name: "prologue and epilogue", Dec: new(Multipart), In: "This is MIME.\n--b \t\n\nx\n--b-- \nrest\n--b\n", Want: value("text", `"x"`)},
		{Name: "boundary inside text", Dec: new(Multipart), In: "--b\n\nx--b\n--bb\n --b\n--b--", Want: value("text", `"x--b\n--bb\n --b"`)},
		{Name: "longer boundary inside", Dec: new(Multipart), In: "--b\n\n--b-c\n--b--", Want: value("text", `"--b-c"`)},
		{Name: "json", Dec: new(Multipart), In: one("content-type: application/hal+json\n", `{"b":1.10,"a":2}`), Want: typed("application/hal+json", "json", `{"b":1.10,"a":2}`)},
		{Name: "json as text", Dec: &Multipart{JSONText: true}, In: one("content-type: application/json\n", `{`), Want: typed("application/json", "text", `"{"`)},
		{Name: "bad json", Dec: new(Multipart), In: one("content-type: application/json\n", `{"a":`), Fail: "part 1: json: the text ends inside the value", At: 5},
		{Name: "latin-1", Dec: new(Multipart), In: one("Content-Type: text/plain; charset=iso-8859-1\n", "\x80\xe9"), Want: typed("text/plain", "text", `"€é"`)},
		{Name: "detected", Dec: new(Multipart), In: one("Content-Type: text/csv\n", "\xe9"), Want: typed("text/csv", "text", `"é"`)},
		{Name: "bad charset", Dec: new(Multipart), In: one("Content-Type: text/plain; charset=utf-8\n", "a\xe9"), Fail: "part 1: byte 0xe9 at offset 1 is not valid utf-8", At: -1},
		{
			Name: "declared", Dec: new(Multipart), In: one("Content-Type: text/xml\n", "<?xml version='1.0' encoding='koi8-r'?><a>\xc1</a>"),
			Want: typed("text/xml", "text", `"<?xml version='1.0' encoding='koi8-r'?><a>а</a>"`),
		},
		{Name: "no type and no text", Dec: new(Multipart), In: one("", "\x00\x01\x02"), Want: value("base64", `"AAEC"`)},
		{Name: "base64", Dec: new(Multipart), In: one("Content-Type: text/plain\nContent-Transfer-Encoding: BASE64\n", "w6k\nK"), Want: typed("text/plain", "text", `"é\n"`)},
		{Name: "base64 with padding", Dec: new(Multipart), In: one("Content-Type: text/plain\nContent-Transfer-Encoding: base64\n", "YQ==\n"), Want: typed("text/plain", "text", `"a"`)},
		{Name: "bad base64", Dec: new(Multipart), In: one("Content-Transfer-Encoding: base64\n", "Y?"), Fail: "part 1: multipart: a transfer encoding that is not base64", At: 4},
		{Name: "quoted-printable", Dec: new(Multipart), In: one("Content-Type: text/plain; charset=latin1\nContent-Transfer-Encoding: quoted-printable\n", "caf=E9 =\nx"), Want: typed("text/plain", "text", `"café x"`)},
		{Name: "odd quoted-printable", Dec: new(Multipart), In: one("Content-Transfer-Encoding: quoted-printable\n", "=4"), Want: value("text", `"=4"`)},
		{Name: "unknown transfer encoding", Dec: new(Multipart), In: one("Content-Transfer-Encoding: x-uuencode\n", "x"), Fail: "nobody here reads", At: 4},
		{Name: "nested", Dec: new(Multipart), In: one("Content-Type: multipart/alternative; boundary=c\n", "--c\n\nx\n--c--"), Want: typed("multipart/alternative", "parts", value("text", `"x"`))},
		{
			Name: "headers", Dec: &Multipart{Headers: true}, In: one("X-A: 1\nx-a: 2\nB : c\n d\n", "x"),
			Want: `[{"name":null,"filename":null,"content_type":null,"headers":{"x-a":"1, 2","b":"c d"},"kind":"text","value":"x"}]`,
		},
		{Name: "one by name", Dec: &Multipart{Part: "x"}, In: csv, Want: `"1"`},
		{Name: "one by type", Dec: &Multipart{Part: "text/csv", Decoder: new(lines.Lines)}, In: csv, Want: `["a,b"]`},
		{Name: "one by id", Dec: &Multipart{Part: "c@d"}, In: csv, Want: `"a,b"`},
		{Name: "one that is json", Dec: &Multipart{Part: "application/json"}, In: csv, Want: `{"a":1}`},
		{Name: "one as bytes", Dec: &Multipart{Part: "text/csv", Decoder: new(Bytes)}, In: csv, Want: `{"content_type":"text/csv","size":3,"base64":"YSxi"}`},
		{Name: "one inside", Dec: &Multipart{Part: "text/html"}, In: one("Content-Type: multipart/related; boundary=\"c\"\n", "--c\nContent-Type: text/html\n\n<p>\n--c--"), Want: `"<p>"`},
		{Name: "one not there", Dec: &Multipart{Part: "y"}, In: csv, Fail: `there is no part "y"`, At: int64(len(csv))},
		{Name: "one that is two", Dec: &Multipart{Part: "x"}, In: "--b\nContent-Disposition: x; name=x\n\n--b\nContent-Disposition: x; name=x\n\n--b--", Fail: `there are 2 parts "x"`, At: 77},
		{Name: "one that is bad", Dec: &Multipart{Part: "text/csv", Decoder: new(document.JSON)}, In: csv, Fail: "part 2: json: ", At: 0},
		{Name: "cut", Dec: new(Multipart), In: "--b\n\nx\n--b\n", Fail: "part 2: multipart: the body ends before its last boundary", At: 11},
		{Name: "cut in its boundary", Dec: new(Multipart), In: "--b\n\nx\n--b-", Fail: "ends before its last boundary", At: 11},
		{Name: "empty", Dec: new(Multipart), In: " \r\n", Fail: "the body is empty"},
		{Name: "no multipart", Dec: new(Multipart), In: "<html>\n", Fail: "no line is a boundary"},
		{Name: "header is none", Dec: new(Multipart), In: one("Content-Type\n", "x"), Fail: "no field", At: 4},
		{Name: "header without end", Dec: new(Multipart), In: "--b\nA: b\n--b--", Fail: "no blank line", At: 9},
		{Name: "header too long", Dec: new(Multipart), In: one("A: "+strings.Repeat("x", maxPartHeader)+"\n", "x"), Fail: "bytes in the header of a part", At: -1},
		{Name: "header of too many fields", Dec: new(Multipart), In: one(strings.Repeat("A: x\n", maxPartFields+1), "x"), Fail: "more than 100 fields", At: -1},
		{Name: "too many parts", Dec: &Multipart{MaxParts: 2}, In: strings.Repeat("--b\n\n", 3) + "--b--", Fail: "more than 2 parts", At: -1},
	})
}

func TestMultipartNestsSoDeep(t *testing.T) {
	t.Parallel()
	body := "x"
	for i := range maxPartsNested {
		body = fmt.Sprintf("--%d\nContent-Type: multipart/mixed; boundary=%d\n\n%s\n--%d--", i, i-1, body, i)
	}
	if err := new(Multipart).Decode(t.Context(), &decode.Input{Body: []byte(body)}, decode.NewWriter(nil, decode.Limits{})); err == nil || !strings.Contains(err.Error(), "no line is a boundary") {
		t.Errorf("%v: want all levels to be read", err)
	}
	body = fmt.Sprintf("--x\nContent-Type: multipart/mixed; boundary=%d\n\n%s\n--x--", maxPartsNested-1, body)
	var limit *decode.LimitError
	if err := new(Multipart).Decode(t.Context(), &decode.Input{Body: []byte(body)}, decode.NewWriter(nil, decode.Limits{})); !errors.As(err, &limit) {
		t.Errorf("%v: want a limit", err)
	}
}

func TestMultipartCheck(t *testing.T) {
	t.Parallel()
	for _, d := range []*Multipart{{MaxParts: -1}, {Decoder: new(document.JSON)}, {Part: "a", Headers: true}, {Part: "a", Decoder: new(document.JSON), JSONText: true}} {
		if d.Check() == nil {
			t.Errorf("%+v passes", d)
		}
	}
}

func TestHeaderParam(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ field, name, want string }{
		{`multipart/mixed; boundary=abc`, "boundary", "abc"},
		{`multipart/mixed;charset=x; BOUNDARY = "a;b" ; z`, "boundary", "a;b"},
		{`form-data; filename="a\"b.txt"; name=x`, "filename", `a"b.txt`},
		{`form-data; filename="C:\dir\file.txt"; name=x`, "name", "x"},
		{`form-data; filename="C:\dir\file.txt"`, "filename", `C:\dir\file.txt`},
		{`form-data; filename=my report.csv`, "filename", "my report.csv"},
		{`attachment; filename="fallback"; filename*=UTF-8''%e2%82%ac%20rates`, "filename", "€ rates"},
		{`attachment; filename*=iso-8859-1'de'Gr%F6%DFe.csv; filename=x`, "filename", "Größe.csv"},
		{`attachment; filename*=nonsense; filename=x`, "filename", "x"},
		{`attachment; filename*0="long "; filename*1="name.txt"`, "filename", "long name.txt"},
		{`form-data; names=x`, "name", ""},
		{``, "name", ""},
		{`a; name=first; name=second`, "name", "first"},
	} {
		if got := headerParam(test.field, test.name); got != test.want {
			t.Errorf("%s of %s: got %q, want %q", test.name, test.field, got, test.want)
		}
	}
}

// TestMultipartFindsBoundary covers Content-Types that do not say what the body says.
func TestMultipartFindsBoundary(t *testing.T) {
	t.Parallel()
	const want = `[{"name":null,"filename":null,"content_type":null,"kind":"text","value":"x"}]`
	for _, contentType := range []string{"", "multipart/mixed", "multipart/mixed; boundary=other", "multipart/mixed; boundary=--==b", `multipart/mixed; boundary="==b"`, "text/plain", "multipart/mixed; boundary=" + strings.Repeat("x", 999)} {
		in := &decode.Input{Body: []byte("\r\nhello\r\n--==b\r\n\r\nx\r\n--==b--\r\n"), ContentType: contentType}
		w := decode.NewWriter(nil, decode.Limits{})
		if err := new(Multipart).Decode(t.Context(), in, w); err != nil || string(w.Bytes()) != want {
			t.Errorf("%q: %s, %v", contentType, w.Bytes(), err)
		}
	}
}

// TestMultipartOfLibrary decodes what mime/multipart writes.
func TestMultipartOfLibrary(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		want := []any{}
		for range 1 + rnd.IntN(5) {
			name, text := decodetest.RandomString(rnd), decodetest.RandomString(rnd)
			// The writer escapes line ends for browsers, in a way that only they undo.
			name = strings.NewReplacer("\r", "", "\n", "", "\x00", "", "%", "", `\`, "").Replace(name)
			h := make(textproto.MIMEHeader)
			h.Set("Content-Disposition", multipart.FileContentDisposition("f", name))
			h.Set("Content-Type", "text/plain; charset=utf-8")
			content := []byte(text)
			if rnd.IntN(2) == 0 {
				h.Set("Content-Transfer-Encoding", "quoted-printable")
				var quoted bytes.Buffer
				q := quotedprintable.NewWriter(&quoted)
				q.Binary = true
				if _, err := q.Write(content); err != nil {
					t.Fatal(err)
				}
				if err := q.Close(); err != nil {
					t.Fatal(err)
				}
				content = quoted.Bytes()
			}
			part, err := w.CreatePart(h)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := part.Write(content); err != nil {
				t.Fatal(err)
			}
			var filename any
			if trimmed := name; trimmed != "" {
				filename = trimmed
			}
			want = append(want, map[string]any{"name": "f", "filename": filename, "content_type": "text/plain", "kind": "text", "value": strings.TrimPrefix(text, "\ufeff")})
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		tree := decode.NewTree(decode.Limits{})
		if err := new(Multipart).Decode(t.Context(), &decode.Input{Body: body.Bytes(), ContentType: w.FormDataContentType()}, tree); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, tree.Value()); diff != "" {
			t.Fatalf("%q (-want +got):\n%s", body.String(), diff)
		}
	}
}

func TestFactorMultipart(t *testing.T) {
	const size = 256 << 10
	inside := func(header, body string) string { return "--b\n" + header + "\n" + body + "\n--b--" }
	bodies := []string{
		inside("Content-Type: application/json\n", `[`+strings.Repeat(`{"":{"":{"":0}}},`, size/17)+"0]"),
		inside("Content-Type: text/plain\n", strings.Repeat("long text ", size/10)),
		inside("Content-Type: text/plain; charset=latin1\nContent-Transfer-Encoding: quoted-printable\n", strings.Repeat("=E9", size/3)),
		inside("Content-Type: image/png\n", strings.Repeat("\x00", size)),
		inside("Content-Type: image/png\nContent-Transfer-Encoding: base64\n", strings.Repeat("AAAA", size/4)),
		inside("Content-Type: text/plain; charset=latin1\n", strings.Repeat("\xe9", size)),
	}
	decodetest.CheckFactor(t, "multipart", new(Multipart), bodies)
	decodetest.CheckFactor(t, "multipart headers", &Multipart{Headers: true}, bodies)
	decodetest.CheckFactor(t, "multipart part", &Multipart{Part: "application/json", Decoder: new(document.JSON)}, bodies[:1])

	fill := func(part string) string { return strings.Repeat(part, size/len(part)) + "--b--" }
	short := []string{fill("--b\n\n"), fill("--b\nA:\n\n"), fill("--b\nA:\nB:\nC:\nD:\nE:\nF:\nG:\nH:\nI:\n\n"), fill("--b\nContent-Disposition: form-data; name=\"field\"\n\nvalue\n")}
	decodetest.CheckFactor(t, "multipart of many", &Multipart{MaxParts: size}, short)
	decodetest.CheckFactor(t, "multipart of many, headers", &Multipart{MaxParts: size, Headers: true}, short)
	for _, part := range []string{"--b\n\n", "--b\nA:\n\n"} {
		body := strings.Repeat(part, defaultMaxParts) + "--b--"
		if took := decodetest.TreeFactor(t, &Multipart{Headers: true}, body) * float64(len(body)); took > 1<<20 {
			t.Errorf("as many parts as are taken take %.0f bytes, want less than a MiB", took)
		}
	}
}

func TestCorpusMultipart(t *testing.T) {
	t.Parallel()
	decodetest.Corpus(t, "multipart", 8, func() decodetest.Checked { return new(Multipart) })
}

func FuzzMultipart(f *testing.F) {
	decodetest.Fuzz(f, []string{
		"--b\n\nx\n--b--", "--b\r\nContent-Type: application/json\r\n\r\n{}\r\n--b--", "--b\nContent-Type: multipart/x; boundary=c\n\n--c\n\ny\n--c--\n--b--",
		"--b\nContent-Disposition: form-data; name=x; filename*=UTF-8''%41\nContent-Transfer-Encoding: base64\n\nYQ==\n--b--", "--b\nContent-Disposition: x; name=\"=?latin1?Q?=E9?=\"\n\n--b--",
		"--b\nContent-Transfer-Encoding: quoted-printable\n\n=41=\n\n--b--", "--b\n\xff: \xff\n\n\x00\n--b--", "-- \n---\n--",
	}, new(Multipart), &Multipart{Headers: true, MaxParts: 3}, &Multipart{Part: "x"}, &Multipart{Part: "application/json", Decoder: new(document.JSON)}, &Multipart{JSONText: true})
}

// FuzzMultipartOfLibrary compares with mime/multipart what that reads without an error.
func FuzzMultipartOfLibrary(f *testing.F) {
	for _, s := range []string{"--b\r\n\r\nx\r\n--b--", "--b\nA: b\n\nx\n--b\n\n--b--", "pre\r\n--b\r\nA: b\r\n\r\n\r\n--b--", "--b\n\nx\n--b--y"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r := multipart.NewReader(bytes.NewReader(body), "b")
		var want []string
		for {
			p, err := r.NextRawPart()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return
			}
			if len(p.Header) > 0 {
				return
			}
			text, err := io.ReadAll(p)
			if err != nil {
				return
			}
			want = append(want, string(text))
		}
		s, err := splitParts(body, "b")
		if err != nil || !bytes.Equal(s.dash, []byte("--b")) || s.last {
			return // the library looks behind a last boundary for the first
		}
		var got []string
		for {
			var p part
			ok, err := s.part(&p)
			if err != nil {
				return // we ask for a last boundary, and for a blank line
			}
			if !ok {
				break
			}
			if p.header != nil {
				return
			}
			got = append(got, string(p.raw))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q (-library +ours):\n%s", body, diff)
		}
	})
}
