package parts

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
)

func TestBytes(t *testing.T) {
	t.Parallel()
	decodetest.Run(t, []decodetest.Test{
		{Name: "empty", Dec: new(Bytes), In: "", Want: `{"content_type":"text/plain; charset=utf-8","size":0,"base64":""}`},
		{Name: "text", Dec: new(Bytes), In: "caf\xe9", Want: `{"content_type":"text/plain; charset=utf-8","size":4,"base64":"Y2Fm6Q=="}`},
		{Name: "no text", Dec: new(Bytes), In: "\x00\x01", Want: `{"content_type":"application/octet-stream","size":2,"base64":"AAE="}`},
		{Name: "gif", Dec: new(Bytes), In: "GIF89a", Want: `{"content_type":"image/gif","size":6,"base64":"R0lGODlh"}`},
		{Name: "digest", Dec: &Bytes{SHA256: true}, In: "abc", Want: `{"content_type":"text/plain; charset=utf-8","size":3,` +
			`"sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","base64":"YWJj"}`},
	})
}

func TestBytesType(t *testing.T) {
	t.Parallel()
	const png = "\x89PNG\r\n\x1a\n"
	for _, test := range []struct{ header, want string }{
		{"image/webp", "image/webp"},
		{" text/csv; charset=latin1 ", "text/csv; charset=latin1"},
		{"", "image/png"},
		{"application/octet-stream", "image/png"},
		{"Application/Force-Download; name=x", "image/png"},
		{"image", "image/png"},
		{"image/png; name=\"\xff\"", "image/png"},
		{"image/gif; =", "image/png"},
		{"image/gif; x=" + strings.Repeat("y", 300), "image/png"},
	} {
		in := &decode.Input{Body: []byte(png), ContentType: test.header}
		in.MediaType, _ = decode.ContentType(test.header)
		w := decode.NewWriter(nil, decode.Limits{})
		if err := new(Bytes).Decode(t.Context(), in, w); err != nil {
			t.Fatalf("%q: %v", test.header, err)
		}
		var got struct {
			Type string `json:"content_type"`
		}
		if err := json.Unmarshal(w.Bytes(), &got); err != nil || got.Type != test.want {
			t.Errorf("%q: got %q (%v), want %q", test.header, got.Type, err, test.want)
		}
	}
}

// TestBytesComeBack decodes bodies around the size of a piece and compares what their text stands for.
func TestBytesComeBack(t *testing.T) {
	t.Parallel()
	const piece = 3 << 12
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 3, 4, 1000, piece - 1, piece, piece + 1, 2*piece + 2} {
		body := make([]byte, n)
		for i := range body {
			body[i] = byte(rnd.Uint32())
		}
		bytesComeBack(t, body)
	}
}

func bytesComeBack(t *testing.T, body []byte) {
	t.Helper()
	text, err := decodetest.Both(t, new(Bytes), body)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Size   int    `json:"size"`
		Base64 string `json:"base64"`
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	back, err := base64.StdEncoding.DecodeString(got.Base64)
	if err != nil || !bytes.Equal(back, body) || got.Size != len(body) {
		t.Fatalf("%d bytes come back as %d, said to be %d (%v)", len(body), len(back), got.Size, err)
	}
}

func TestFactorBinary(t *testing.T) {
	bodies := []string{strings.Repeat("\x00", 256<<10), strings.Repeat("text ", 50<<10)}
	decodetest.CheckFactor(t, "binary", new(Bytes), bodies)
	decodetest.CheckFactor(t, "binary sha256", &Bytes{SHA256: true}, bodies)
}

func TestCorpusBinary(t *testing.T) {
	t.Parallel()
	decodetest.Corpus(t, "binary", 8, func() decodetest.Checked { return new(Bytes) })
}

func FuzzBytes(f *testing.F) {
	for _, s := range []string{"", "a", "\x89PNG\r\n\x1a\n", "%PDF-1.4", "<html>", "PK\x03\x04", "\xff\xd8\xff", "\x1f\x8b\x08"} {
		f.Add([]byte(s))
	}
	f.Fuzz(bytesComeBack)
}
