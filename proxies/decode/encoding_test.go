package decode

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func gzipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestInflate(t *testing.T) {
	t.Parallel()
	zip := gzipped(t, []byte("hello"))
	damaged := bytes.Clone(zip)
	damaged[len(damaged)-5] ^= 1
	tests := []struct {
		name, encoding string
		body           []byte
		want           string
		fail           error // what errors.Is finds when the body is read
	}{
		{"none", "", []byte("hello"), "hello", nil},
		{"identity", "Identity", []byte("hello"), "hello", nil},
		{"gzip", "gzip", zip, "hello", nil},
		{"x-gzip", " X-GZIP ", zip, "hello", nil},
		{"empty", "gzip", nil, "", nil},
		{"empty text", "gzip", gzipped(t, nil), "", nil},
		{"twice", "gzip, gzip", gzipped(t, zip), "hello", nil},
		{"with identity", "gzip, identity", zip, "hello", nil},
		{"two members", "gzip", append(bytes.Clone(zip), zip...), "hellohello", nil},
		{"a lie", "gzip", []byte("{\"a\":1, \"b\":2}"), "", gzip.ErrHeader},
		{"a short lie", "gzip", []byte("OK"), "", io.ErrUnexpectedEOF},
		{"half a header", "gzip", zip[:5], "", io.ErrUnexpectedEOF},
		{"half a body", "gzip", zip[:len(zip)-3], "", io.ErrUnexpectedEOF},
		{"damaged", "gzip", damaged, "", gzip.ErrChecksum},
		{"rest", "gzip", append(bytes.Clone(zip), "and more text"...), "", gzip.ErrHeader},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r, err := Inflate(iotest.OneByteReader(bytes.NewReader(test.body)), test.encoding)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if !errors.Is(err, test.fail) || err == nil && string(got) != test.want {
				t.Fatalf("got %q, %v; want %q, %v", got, err, test.want, test.fail)
			}
			if _, again := r.Read(make([]byte, 1)); err != nil && !errors.Is(again, test.fail) || err == nil && again != io.EOF {
				t.Errorf("%v, then %v", err, again)
			}
		})
	}
}

func TestInflateUnknown(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{"br", "compress", "gzip, zstd", "gzip;q=1", strings.Repeat("x", 1<<16)} {
		var e *EncodingError
		if _, err := Inflate(strings.NewReader(""), encoding); !errors.As(err, &e) || len(err.Error()) > 200 {
			t.Errorf("%s: %v", excerpt(encoding), err)
		}
	}
	if _, err := Inflate(strings.NewReader(""), "gzip,gzip,gzip,gzip"); err == nil {
		t.Error("four encodings accepted")
	}
}

func TestInflateReadError(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection reset")
	zip := gzipped(t, []byte("hello"))
	for _, n := range []int{0, 4, 12} {
		r, err := Inflate(io.MultiReader(bytes.NewReader(zip[:n]), iotest.ErrReader(broken)), "gzip")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(r); !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}

func FuzzInflate(f *testing.F) {
	f.Add([]byte("hello"), "gzip")
	f.Add(gzipped(f, []byte("hello")), "x-gzip, identity")
	f.Add([]byte{}, "gzip,")
	f.Fuzz(func(t *testing.T, body []byte, encoding string) {
		if r, err := Inflate(bytes.NewReader(body), encoding); err == nil {
			if _, err := io.Copy(io.Discard, io.LimitReader(r, 1<<20)); err != nil && len(body) == 0 {
				t.Fatalf("%q: an empty body: %v", encoding, err)
			}
		}
		r, err := Inflate(bytes.NewReader(gzipped(t, body)), "gzip")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, body) {
			t.Fatalf("%q came back as %q, %v", body, got, err)
		}
	})
}
