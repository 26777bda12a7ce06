package try

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"github.com/spf13/cobra"

	_ "github.com/fairway-gateway/fairway/modules/auth"
	_ "github.com/fairway-gateway/fairway/modules/decoders"
	_ "github.com/fairway-gateway/fairway/modules/service"
)

// config is a Caddyfile whose backend is at %[1]s.
const config = `
{
	skip_install_trust
	log {
		output discard
	}
}
https://fairway.test {
	service /svc {
		version 1.0.0
		repository https://example.org/a
		description Tests
		backend %[1]s {
			retries 0
			header X-Key {env.TRY_TEST_KEY}
		}
		backend private %[1]s {
			retries 0
			auth basic
		}
		GET /text/{name} {
			fetch /text?name={name} {
				decode text
			}
			reply ` + "`{ name: $name, text: . }`" + `
		}
		GET /judged {
			fetch /judged {
				decode regexp ` + "`^(?P<word>OK|ERROR)[ :]+(?P<rest>.*)`" + `
				fail_when ` + "`if .word == \"ERROR\" then .rest else false end`" + `
			}
		}
		GET /auto {
			fetch /auto {
				decode auto
			}
		}
		GET /json {
			fetch /json {
				decode json
			}
			reply ` + "`.a + 1`" + `
		}
		backend retried %[1]s
		GET /retried {
			fetch /retried {
				backend retried
				decode json
			}
		}
		GET /utf8 {
			fetch /utf8 {
				decode text
				charset utf-8
			}
		}
		GET /private {
			fetch /private {
				backend private
				decode text
			}
		}
	}
	service /svc/inner {
		version 1.0.0
		repository https://example.org/a
		description Tests
		GET / {
			fetch a %[1]s/a {
				decode text
			}
			fetch b %[1]s/b {
				decode text
			}
		}
	}
}
`

const (
	key      = "s3cr3t/key+1"
	password = "pass word&1"
)

func TestMain(m *testing.M) {
	os.Setenv("TRY_TEST_KEY", key)
	os.Exit(m.Run())
}

// backend echoes what it should not, as legacy ones do.
func backend(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/text":
			w.Header().Set("Content-Type", "text/plain; charset=iso-8859-1")
			_, _ = w.Write([]byte("Troms\xf8 " + r.URL.Query().Get("name")))
		case "/judged":
			_, _ = io.WriteString(w, "ERROR: database is locked")
		case "/private":
			user, pass, _ := r.BasicAuth()
			fmt.Fprintf(w, "%s %s %s %s", user, pass, r.Header.Get("Authorization"), r.Header.Get("X-Key"))
		default:
			http.Error(w, "your key is "+r.Header.Get("X-Key"), http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// write makes a file in a new folder.
func write(t *testing.T, name, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// invoke runs the command as cobra does, and gives its exit code and what it printed.
func invoke(t *testing.T, args ...string) (code int, out string) {
	t.Helper()
	c := command()
	cmd := &cobra.Command{Use: c.Name}
	c.CobraFunc(cmd)
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	code, err := run(caddycmd.Flags{FlagSet: cmd.Flags()}, &b)
	if err != nil {
		b.WriteString(err.Error())
	}
	return code, b.String()
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Not parallel: provisioning writes variables of Caddy's.
func TestTry(t *testing.T) { //nolint:paralleltest // see above
	caddyfile := write(t, "Caddyfile", fmt.Sprintf(config, backend(t)))
	zip := zipped(t, `{"a": 41}`)
	recorded := fmt.Sprintf("HTTP/1.1 200 Fine\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", len(zip), zip)
	tests := map[string]struct {
		args []string
		code int
		want []string
	}{
		"latin-1 from the network": {
			args: []string{"GET", "/svc/text/x"},
			want: []string{
				"route GET /text/{name}", "sent      GET /text?name=x", "X-Key: ***", "200 OK from http://127.0.0.1:",
				"text/plain; charset=iso-8859-1, 8 bytes", "windows-1252 (the Content-Type says so)", "body      Tromsø x",
				`decoded   "Tromsø x"`, "reply     { name: $name, text: . }", "verdict   success", "status    200 OK", `"text": "Tromsø x"`,
			},
		},
		"latin-1 body from a file": {
			args: []string{"get", "/svc/text/x", "--backend-file", write(t, "saved.bin", "Troms\xf8")},
			want: []string{"from file ", "no content type, 6 bytes", "(detected: nothing says what it is)", "Tromsø", "status    200 OK"},
		},
		"content type of a file": {
			args: []string{"GET", "/svc/text/x", "--content-type", "text/plain; charset=koi8-r", "--backend-file", write(t, "saved.bin", "\xc4\xc1")},
			want: []string{"text/plain; charset=koi8-r, 2 bytes", "koi8-r (the Content-Type says so)", "да"},
		},
		"found by auto": {
			args: []string{"GET", "/svc/auto", "--backend-file", write(t, "a", "a: 1\nb: caf\xe9\n")},
			want: []string{"found     kv", "charset   windows-1252 (detected", "b: café", `"b": "café"`, "status    200 OK"},
		},
		"recorded gzip": {
			args: []string{"GET", "/svc/json", "--backend-file", write(t, "saved.bin", recorded)},
			want: []string{"received  200 Fine from file", "application/json, 9 bytes, gzip undone", `body      {"a": 41}`, "gives   42", "status    200 OK"},
		},
		"recorded HTTP/2": {
			args: []string{"GET", "/svc/json", "--backend-file", write(t, "saved.bin", "HTTP/2 200 \r\ncontent-type: application/json\r\n\r\n{\"a\": 1}")},
			want: []string{"received  200 OK from file", "application/json, 8 bytes", "gives   2"},
		},
		"recorded chunks that curl has undone": {
			args: []string{"GET", "/svc/json", "--backend-file", write(t, "saved.bin", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{\"a\": 1}")},
			want: []string{"no content type, 8 bytes", "gives   2"},
		},
		"recorded chunks": {
			args: []string{"GET", "/svc/json", "--backend-file", write(t, "saved.bin", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{\"a\": 1}\r\n0\r\n\r\n")},
			want: []string{"no content type, 8 bytes", "gives   2"},
		},
		"200 ERROR": {
			args: []string{"GET", "/svc/judged"}, code: 1,
			want: []string{"gives   \"database is locked\"", "verdict   failed: database is locked", "status    502 Bad Gateway", "application/problem+json"},
		},
		"undecodable bytes": {
			args: []string{"GET", "/svc/utf8", "--backend-file", write(t, "saved.bin", "good \xff bad")}, code: 1,
			want: []string{"utf-8 (the configuration says so)", "around offset 5 (0x5)", "67 6f 6f 64 20 ff 20 62 61 64", "good . bad", "undecodable", "byte 0xff at offset 5"},
		},
		"one attempt for a file": {
			args: []string{"GET", "/svc/retried", "--backend-file", write(t, "saved.bin", "no JSON")}, code: 1,
			want: []string{"attempt 1", "verdict   undecodable", "json: "},
		},
		"a secret among undecodable bytes": {
			args: []string{"GET", "/svc/utf8", "--backend-file", write(t, "saved.bin", "1234567890"+key+"\xff")}, code: 1,
			want: []string{"1234567890******", "******."},
		},
		"a secret where the body is cut": {
			args: []string{"GET", "/svc/json", "--backend-file", write(t, "saved.bin", `{"a": 1, "b": "`+strings.Repeat("x", shownBytes-20)+key+strings.Repeat("y", 99)+`"}`)},
			want: []string{"more bytes", "xxx***", "status    200"},
		},
		"jq's error": {
			args: []string{"GET", "/svc/json", "--backend-file", write(t, "saved.bin", `{"a": {}}`)}, code: 1,
			want: []string{"reply     .a + 1", "failed  ", "cannot add", "status    502"},
		},
		"a status of failure that tells a secret": {
			args: []string{"GET", "/svc/json"}, code: 1,
			want: []string{"503 Service Unavailable", "your key is ***", "verdict   status"},
		},
		"credentials that come back": {
			args: []string{"GET", "/svc/private", "--user", "ann:" + password},
			want: []string{"Authorization: ***", "body      ann *** ***", "status    200 OK"},
		},
		"no credentials": {
			args: []string{"GET", "/svc/private"}, code: 1,
			want: []string{"status    401 Unauthorized", "header    WWW-Authenticate: Basic "},
		},
		"named fetches of the longer prefix": {
			args: []string{"GET", "/svc/inner/", "--backend-file", "a=" + write(t, "a", "one"), "--backend-file", "b=" + write(t, "b", "two")},
			want: []string{"fetch a\n", "fetch b\n", `"a": "one"`, `"b": "two"`},
		},
		"no route": {
			args: []string{"GET", "/svc/nothing"}, code: 1,
			want: []string{"status    404", "no route fits; svc has:", "GET /svc/text/{name}"},
		},
		"no service": {args: []string{"GET", "/other"}, code: 2, want: []string{"no service has the path /other", "/svc (svc)", "/svc/inner (inner)"}},
		"no such fetch": {
			args: []string{"GET", "/svc/json", "--backend-file", "zzz=" + write(t, "a", "")}, code: 2,
			want: []string{"no fetch of this name; its fetches have no names; write --backend-file and the file alone"},
		},
		"no such fetch among named ones": {
			args: []string{"GET", "/svc/inner/", "--backend-file", "c=" + write(t, "a", "")}, code: 2,
			want: []string{"no fetch of this name; it has a, b"},
		},
		"no method":                  {args: []string{"/svc/json", "--backend-file", write(t, "a", `{"a": 1}`)}, want: []string{"gives   2"}},
		"an address":                 {args: []string{"GET", "https://fairway.test:8443/svc/text/x?y=z", "--backend-file", write(t, "a", "x")}, want: []string{"sent      GET /text?name=x"}},
		"a method that is not there": {args: []string{"POST", "/svc/json"}, code: 1, want: []string{"status    405", "header    Allow: GET, HEAD, OPTIONS"}},
		"no such file":               {args: []string{"GET", "/svc/json", "--backend-file", "/nonexistent"}, code: 2, want: []string{"no such file"}},
		"broken recording":           {args: []string{"GET", "/svc/json", "--backend-file", write(t, "a", "HTTP/nonsense")}, code: 2, want: []string{"begins like a recorded response"}},
		"no path":                    {args: []string{"GET"}, code: 2, want: []string{"needs a method and a path"}},
		"header without :":           {args: []string{"GET", "/svc/json", "--header", "x"}, code: 2, want: []string{"--header takes"}},
		"method with space":          {args: []string{"G T", "/svc/json"}, code: 2, want: []string{"invalid method"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { //nolint:paralleltest // see above
			code, out := invoke(t, append(tt.args, "--config", caddyfile, "--adapter", "caddyfile")...)
			if code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			for _, want := range tt.want {
				if !strings.Contains(out, want) {
					t.Errorf("the output lacks %q", want)
				}
			}
			if strings.Contains(out, "from file") && strings.Contains(out, "attempt 2") {
				t.Error("a file was asked twice")
			}
			for _, secret := range []string{key, key[:5], password, "YW5uOnBhc3Mgd29yZCYx"} {
				if strings.Contains(out, secret) {
					t.Errorf("the output has the secret %q", secret)
				}
			}
			if t.Failed() {
				t.Log(out)
			}
		})
	}
}

func TestPasswordFromTheEnvironment(t *testing.T) {
	caddyfile := write(t, "Caddyfile", fmt.Sprintf(config, backend(t)))
	t.Setenv("FAIRWAY_PASSWORD", password)
	code, out := invoke(t, "GET", "/svc/private", "--user", "ann", "--config", caddyfile, "--adapter", "caddyfile")
	if code != 0 || !strings.Contains(out, "ann ***") || strings.Contains(out, password) {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}

func TestBrokenConfiguration(t *testing.T) { //nolint:paralleltest // see TestTry
	for name, tt := range map[string]struct{ text, want string }{
		"syntax":       {"service {", "Caddyfile"},
		"no services":  {":80 {\n}\n", "has no service"},
		"unset secret": {"http://a.test {\nservice /a {\nversion 1.0.0\nrepository https://example.org/a\ndescription Tests\nGET / {\nfetch http://127.0.0.1:1/x {\nheader X {env.TRY_TEST_UNSET}\ndecode text\n}\n}\n}\n}\n", "TRY_TEST_UNSET"},
	} {
		t.Run(name, func(t *testing.T) { //nolint:paralleltest // see TestTry
			code, out := invoke(t, "GET", "/a", "--config", write(t, "Caddyfile", tt.text), "--adapter", "caddyfile")
			if code != exitUsage || !strings.Contains(out, tt.want) {
				t.Errorf("exit code %d: %q", code, out)
			}
		})
	}
}

func TestConfiguration(t *testing.T) { //nolint:paralleltest // see TestTry
	text := fmt.Sprintf(config, backend(t))
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": "Caddyfile"})
	if err != nil {
		t.Fatal(err)
	}
	body := write(t, "saved", `{"a": 1}`)
	for name, tt := range map[string]struct {
		args []string
		code int
		want string
	}{
		"any name":         {[]string{"--config", write(t, "gateway.conf", text)}, 0, "gives   2"},
		"JSON":             {[]string{"--config", write(t, "gateway.json", string(adapted))}, 0, "gives   2"},
		"no such file":     {[]string{"--config", "/nonexistent"}, 2, "--config: open /nonexistent: no such file"},
		"no such adapter":  {[]string{"--config", write(t, "x", text), "--adapter", "toml9"}, 2, `there is none that is called "toml9"`},
		"nothing":          {[]string{"--config", write(t, "x", "")}, 2, "is empty"},
		"a misspelt word":  {[]string{"--config", write(t, "x", strings.Replace(text, "decode text", "decode txt", 1))}, 2, `there is no decode "txt"`},
		"half of the JSON": {[]string{"--config", write(t, "x.json", string(adapted[:len(adapted)/2])), "--adapter", ""}, 2, "x.json:"},
		"no Caddyfile":     {nil, 2, "there is no Caddyfile here"},
	} {
		t.Run(name, func(t *testing.T) { //nolint:paralleltest // see TestTry
			t.Chdir(t.TempDir())
			code, out := invoke(t, append([]string{"GET", "/svc/json", "--backend-file", body}, tt.args...)...)
			if code != tt.code || !strings.Contains(out, tt.want) {
				t.Errorf("exit code %d, want %d and %q:\n%s", code, tt.code, tt.want, out)
			}
		})
	}
}

func TestMisspeltOption(t *testing.T) {
	t.Parallel()
	c := command()
	cmd := &cobra.Command{Use: c.Name, Run: func(*cobra.Command, []string) {}}
	c.CobraFunc(cmd)
	var b bytes.Buffer
	cmd.SetErr(&b)
	cmd.SetArgs([]string{"GET", "/", "--backend-fil", "x"})
	if err := cmd.Execute(); err == nil {
		t.Error("it is accepted")
	}
	if want := `there is no option --backend-fil; did you mean "backend-file"?`; !strings.Contains(b.String(), want) {
		t.Errorf("%s\nwant %s", b.String(), want)
	}
}
