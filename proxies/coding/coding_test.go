package coding

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/fairway-gateway/fairway/internal/required"
)

// encoders are those that a test can encode with; "raw" is deflate without its envelope.
func encoders() []string { return []string{"gzip", "deflate", "raw", "br", "zstd"} }

func encoder(t testing.TB, name string, out io.Writer) io.WriteCloser {
	t.Helper()
	switch name {
	case "gzip", "x-gzip":
		return gzip.NewWriter(out)
	case "deflate":
		return zlib.NewWriter(out)
	case "br":
		return brotli.NewWriter(out)
	case "raw":
		w, err := flate.NewWriter(out, 6)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	w, err := zstd.NewWriter(out, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// encoded applies encoders in the order of the header.
func encoded(t testing.TB, body []byte, names ...string) []byte {
	t.Helper()
	for _, name := range names {
		var out bytes.Buffer
		w := encoder(t, name, &out)
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		body = out.Bytes()
	}
	return body
}

func joined(parts ...[]byte) []byte { return slices.Concat(parts...) }

func TestReader(t *testing.T) {
	t.Parallel()
	hello := []byte("hello")
	zip, zlibbed, raw := encoded(t, hello, "gzip"), encoded(t, hello, "deflate"), encoded(t, hello, "raw")
	br, zst := encoded(t, hello, "br"), encoded(t, hello, "zstd")
	damaged := bytes.Clone(zip)
	damaged[len(damaged)-5] ^= 1
	page := []byte("<html><body>" + strings.Repeat("An honest page, of ASCII. ", 40))
	rows := []byte(strings.Repeat("1;2;3\r\n", 500))
	for _, test := range []struct {
		name, encoding string
		body           []byte
		want           string
		undone         string
		fail           string // what the error says; "" is none
	}{
		{name: "none", body: hello, want: "hello"},
		{name: "identity", encoding: "Identity", body: hello, want: "hello"},
		{name: "gzip", encoding: "gzip", body: zip, want: "hello", undone: "gzip"},
		{name: "x-gzip", encoding: " X-GZIP ", body: zip, want: "hello", undone: "gzip"},
		{name: "deflate", encoding: "deflate", body: zlibbed, want: "hello", undone: "deflate"},
		{name: "deflate without envelope", encoding: "deflate", body: raw, want: "hello", undone: "deflate"},
		{name: "br", encoding: "br", body: br, want: "hello", undone: "br"},
		{name: "zstd", encoding: "zstd", body: zst, want: "hello", undone: "zstd"},
		{name: "empty text", encoding: "gzip", body: encoded(t, nil, "gzip"), undone: "gzip"},
		{name: "twice", encoding: "gzip, gzip", body: encoded(t, hello, "gzip", "gzip"), want: "hello", undone: "gzip, gzip"},
		{name: "stacked", encoding: "gzip, br", body: encoded(t, hello, "gzip", "br"), want: "hello", undone: "gzip, br"},
		{name: "stacked otherwise", encoding: "deflate,gzip", body: encoded(t, hello, "raw", "gzip"), want: "hello", undone: "deflate, gzip"},
		{name: "five", encoding: "gzip,deflate,br,zstd,gzip", body: encoded(t, hello, "gzip", "deflate", "br", "zstd", "gzip"), want: "hello", undone: "gzip, deflate, br, zstd, gzip"},
		{name: "with identity", encoding: "gzip, identity", body: zip, want: "hello", undone: "gzip"},
		{name: "two members", encoding: "gzip", body: joined(zip, zip), want: "hellohello", undone: "gzip"},
		{name: "two frames", encoding: "zstd", body: joined(zst, zst), want: "hellohello", undone: "zstd"},
		{name: "a frame to skip", encoding: "zstd", body: joined([]byte("\x50\x2a\x4d\x18\x02\x00\x00\x00xx"), zst), want: "hello", undone: "zstd"},
		{name: "padded", encoding: "gzip", body: joined(zip, make([]byte, 100), []byte("\r\n")), want: "hello", undone: "gzip"},
		{name: "deflate padded", encoding: "deflate", body: joined(raw, []byte("\n")), want: "hello", undone: "deflate"},

		{name: "gzip that is plain", encoding: "gzip", body: page, want: string(page)},
		{name: "gzip that is short and plain", encoding: "gzip", body: []byte("O"), want: "O"},
		{name: "zstd that is plain", encoding: "zstd", body: page, want: string(page)},
		{name: "zstd that is short and plain", encoding: "zstd", body: []byte("OK"), want: "OK"},
		{name: "deflate that is plain", encoding: "deflate", body: page, want: string(page)},
		{name: "br that is plain", encoding: "br", body: page, want: string(page)},
		{name: "br that is rows", encoding: "br", body: rows, want: string(rows)},
		{name: "deflate that is rows", encoding: "deflate", body: rows, want: string(rows)},
		{name: "deflate that is gzip", encoding: "deflate", body: zip, want: "hello", undone: "gzip"},
		{name: "gzip that is zstd", encoding: "gzip", body: zst, want: "hello", undone: "zstd"},
		{name: "zstd that is gzip", encoding: "zstd", body: zip, want: "hello", undone: "gzip"},
		{name: "twice that is once", encoding: "gzip, gzip", body: zip, want: "hello", undone: "gzip"},

		{name: "half a header", encoding: "gzip", body: zip[:5], undone: "gzip", fail: "gzip: unexpected EOF"},
		{name: "a byte of a header", encoding: "gzip", body: zip[:1], undone: "gzip", fail: "gzip: unexpected EOF"},
		{name: "half a body", encoding: "gzip", body: zip[:len(zip)-3], undone: "gzip", fail: "gzip: unexpected EOF"},
		{name: "half a second member", encoding: "gzip", body: joined(zip, zip[:5]), undone: "gzip", fail: "gzip: unexpected EOF"},
		{name: "half a body of zlib", encoding: "deflate", body: zlibbed[:len(zlibbed)-3], undone: "deflate", fail: "deflate: unexpected EOF"},
		{name: "half a body of deflate", encoding: "deflate", body: raw[:len(raw)-3], undone: "deflate", fail: "deflate: unexpected EOF"},
		{name: "half a body of br", encoding: "br", body: br[:len(br)-3], undone: "br", fail: "br: unexpected EOF"},
		{name: "half a body of zstd", encoding: "zstd", body: zst[:len(zst)-3], undone: "zstd", fail: "zstd: unexpected EOF"},
		{name: "damaged", encoding: "gzip", body: damaged, undone: "gzip", fail: "gzip"},
		{name: "rest", encoding: "gzip", body: joined(zip, []byte("<b>Warning")), undone: "gzip", fail: "gzip: there is more behind its end, beginning with the byte 0x3c"},
		{name: "rest of deflate", encoding: "deflate", body: joined(zlibbed, []byte("x")), undone: "deflate", fail: "deflate: there is more behind its end, beginning with the byte 0x78"},
		{name: "bytes", encoding: "deflate", body: []byte("\xff\x01\x02\x03 and so on"), undone: "deflate", fail: "deflate: flate: corrupt input"},
		{name: "a dictionary", encoding: "deflate", body: []byte("\x78\xbb\x00\x00\x00\x02abc"), undone: "deflate", fail: "deflate: zlib: invalid dictionary"},
		{name: "a large window", encoding: "zstd", body: []byte("\x28\xb5\x2f\xfd\x00\x98\x01\x00\x00"), undone: "zstd", fail: "zstd: window size exceeded"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for name, from := range map[string]io.Reader{
				"whole": bytes.NewReader(test.body), "by bytes": iotest.OneByteReader(bytes.NewReader(test.body)), "with its end": iotest.DataErrReader(bytes.NewReader(test.body)),
			} {
				r, err := New(from, Options{Encoding: test.encoding})
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(r)
				switch {
				case err != nil && (test.fail == "" || !strings.Contains(err.Error(), "content encoding "+test.fail)):
					t.Errorf("%s: %v, want %q", name, err, test.fail)
				case err == nil && (test.fail != "" || string(got) != test.want):
					t.Errorf("%s: %.60q, want %.60q or %q", name, got, test.want, test.fail)
				case r.Undone() != test.undone:
					t.Errorf("%s: undone %q", name, r.Undone())
				}
				if _, again := r.Read(make([]byte, 1)); err == nil && !errors.Is(again, io.EOF) || err != nil && again.Error() != err.Error() {
					t.Errorf("%s: %v, then %v", name, err, again)
				}
			}
		})
	}
}

func TestEmpty(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{"", "gzip", "deflate", "br", "zstd", "gzip, br"} {
		for _, unlabelled := range []bool{false, true} {
			r, err := New(strings.NewReader(""), Options{Encoding: encoding, Unlabelled: unlabelled})
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); err != nil || len(got) > 0 || r.Undone() != "" {
				t.Errorf("%s: %q, %v", encoding, got, err)
			}
		}
	}
}

func TestUnlabelled(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		encoding     string
		body         []byte
		want, undone string
	}{
		"gzip":                       {"", encoded(t, []byte("hello"), "gzip"), "hello", "gzip"},
		"twice, said once":           {"gzip", encoded(t, []byte("hello"), "gzip", "gzip"), "hello", "gzip, gzip"},
		"plain":                      {"", []byte("hello"), "hello", ""},
		"a byte":                     {"", []byte("\x1f"), "\x1f", ""},
		"no method of gzip":          {"", []byte("\x1f\x8b\x07"), "\x1f\x8b\x07", ""},
		"zstd is not what is sought": {"", []byte("\x28\xb5\x2f\xfd"), "\x28\xb5\x2f\xfd", ""},
	} {
		r, err := New(iotest.OneByteReader(bytes.NewReader(c.body)), Options{Encoding: c.encoding, Unlabelled: true})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || string(got) != c.want || r.Undone() != c.undone {
			t.Errorf("%s: %q, %v, undone %q", name, got, err, r.Undone())
		}
	}
}

func TestUnknown(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{"compress", "gzip, lzma", "gzip;q=1", "x-deflate", strings.Repeat("x", 1<<16), strings.Repeat("é", 99)} {
		var e *UnknownError
		if _, err := New(strings.NewReader(""), Options{Encoding: encoding}); !errors.As(err, &e) || len(err.Error()) > 200 {
			t.Errorf("%.40s: %v", encoding, err)
		}
	}
	if _, err := New(strings.NewReader(""), Options{Encoding: "gzip,gzip,gzip,gzip,gzip,gzip"}); err == nil {
		t.Error("six encodings are taken")
	}
}

func TestBodyFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection reset")
	for _, name := range encoders() {
		body := encoded(t, []byte(strings.Repeat("hello ", 100)), name)
		encoding := strings.Replace(name, "raw", "deflate", 1)
		for n := range body {
			r, err := New(io.MultiReader(bytes.NewReader(body[:n]), iotest.ErrReader(broken)), Options{Encoding: encoding})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAll(r); !errors.Is(err, broken) {
				t.Errorf("%s after %d bytes: %v", name, n, err)
			}
		}
	}
}

// zeros is a body of NULs that nobody has in memory.
func zeros(t testing.TB, n int64, names ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := encoder(t, names[0], &out)
	chunk := make([]byte, 1<<20)
	for ; n > 0; n -= int64(len(chunk)) {
		if _, err := w.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return encoded(t, out.Bytes(), names[1:]...)
}

// TestBombs reads of each a little more than the limit, as who limits it does. Not parallel: it measures.
func TestBombs(t *testing.T) { //nolint:paralleltest // it measures memory
	const limit = 1 << 20
	for _, names := range [][]string{{"gzip"}, {"deflate"}, {"raw"}, {"br"}, {"zstd"}, {"gzip", "gzip"}, {"br", "br"}, {"zstd", "zstd"}, {"gzip", "br", "zstd"}} {
		body := zeros(t, 16<<20, names...)
		encoding := strings.ReplaceAll(strings.Join(names, ","), "raw", "deflate")
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r, err := New(bytes.NewReader(body), Options{Encoding: encoding, Limit: limit})
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, io.LimitReader(r, limit+1))
		runtime.ReadMemStats(&after)
		if n != limit+1 && !errors.Is(err, ErrTooLong) {
			t.Errorf("%s of %d bytes: %d bytes, %v", encoding, len(body), n, err)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 12<<20 {
			t.Errorf("%s of %d bytes took %d bytes of memory", encoding, len(body), took)
		}
	}
}

func TestCharge(t *testing.T) {
	t.Parallel()
	for _, name := range encoders() {
		body := encoded(t, []byte("hello"), name)
		encoding := strings.Replace(name, "raw", "deflate", 1)
		var charged int64
		r, err := New(bytes.NewReader(body), Options{Encoding: encoding, Charge: func(n int64) bool { charged = n; return false }})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(r); !errors.Is(err, ErrMemory) || charged < 64<<10 || charged > 32<<20 {
			t.Errorf("%s: %v, charged %d", name, err, charged)
		}
	}
}

// TestTools undoes what the compressors of other people make.
func TestTools(t *testing.T) {
	t.Parallel()
	body := []byte(strings.Repeat("hello, world of gateways\n", 5000))
	for _, c := range []struct {
		encoding string
		command  []string
	}{
		{"gzip", []string{"gzip", "-c", "-9"}},
		{"gzip", []string{"gzip", "-c", "-1"}},
		{"zstd", []string{"zstd", "-c", "-q"}},
		{"zstd", []string{"zstd", "-c", "-q", "-19"}},
		{"br", []string{"brotli", "-c"}},
		{"deflate", []string{"python3", "-c", "import sys,zlib; sys.stdout.buffer.write(zlib.compress(sys.stdin.buffer.read()))"}},
		{"deflate", []string{"python3", "-c", "import sys,zlib; c=zlib.compressobj(wbits=-15); sys.stdout.buffer.write(c.compress(sys.stdin.buffer.read())+c.flush())"}},
	} {
		path, err := exec.LookPath(c.command[0])
		if err != nil {
			if required.Is(c.command[0]) {
				t.Fatalf("%s is required and not there", c.command[0])
			}
			continue
		}
		cmd := exec.CommandContext(t.Context(), path, c.command[1:]...)
		cmd.Stdin = bytes.NewReader(body)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		r, err := New(bytes.NewReader(out), Options{Encoding: c.encoding, Limit: 10 << 20})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, body) {
			t.Errorf("%v: %d bytes, %v", c.command, len(got), err)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte("hello"), "gzip")
	f.Add(encoded(f, []byte("hello"), "gzip"), "x-gzip, identity")
	f.Add([]byte{}, "gzip,")
	for _, name := range encoders() {
		f.Add(encoded(f, []byte("hello, hello"), name), strings.Replace(name, "raw", "deflate", 1))
		f.Add(encoded(f, []byte("hello, hello"), name, "gzip"), strings.Replace(name, "raw", "deflate", 1)+",gzip")
	}
	f.Fuzz(func(t *testing.T, body []byte, encoding string) {
		const limit = 1 << 20
		for _, unlabelled := range []bool{false, true} {
			whole, err := New(bytes.NewReader(body), Options{Encoding: encoding, Unlabelled: unlabelled, Limit: limit})
			if err != nil {
				continue
			}
			got, err := io.ReadAll(io.LimitReader(whole, limit))
			if err != nil && len(body) == 0 {
				t.Fatalf("%q: an empty body: %v", encoding, err)
			}
			pieces, _ := New(iotest.HalfReader(bytes.NewReader(body)), Options{Encoding: encoding, Unlabelled: unlabelled, Limit: limit})
			again, errAgain := io.ReadAll(io.LimitReader(pieces, limit))
			if (err == nil) != (errAgain == nil) || err == nil && !bytes.Equal(got, again) {
				t.Fatalf("%q as %q: %v, in pieces %v", body, encoding, err, errAgain)
			}
		}
		for _, name := range encoders() {
			r, err := New(bytes.NewReader(encoded(t, body, name)), Options{Encoding: strings.Replace(name, "raw", "deflate", 1)})
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, body) {
				t.Fatalf("%s of %q: %q, %v", name, body, got, err)
			}
		}
	})
}
