package scripts_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"mime/multipart"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/scripts"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/runner/blobs"
)

// engines are those of this package's tests.
var engines = controltest.NewEngines()

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

var must = controltest.Must

// world is the API of scripts over a store, with users whose passwords are their names.
type world struct {
	*controltest.Gateway
	blobs *blobs.Blobs
	dir   string
	// away says that the blobs cannot be reached.
	away bool
}

// both runs a test over a store of each engine that has users: root and boss, who are administrators, ann, ben and cid.
func both(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	engines.Both(t, func(t *testing.T, dsn string) {
		t.Helper()
		w := &world{dir: t.TempDir()}
		var err error
		w.blobs, err = blobs.Open(t.Context(), "", w.dir)
		must(t, err)
		t.Cleanup(func() { _ = w.blobs.Close() })
		w.Gateway = controltest.Open(t, dsn, func(g *controltest.Gateway) {
			one, err := scripts.New(g.Store, scripts.Options{Blobs: func(context.Context) (*blobs.Blobs, error) {
				if w.away {
					return nil, fmt.Errorf("they are away")
				}
				return w.blobs, nil
			}})
			must(t, err)
			one.Register(g.API, typed.New(g.API, ""))
		})
		w.User(t, "root", permit.Superadmin)
		w.User(t, "boss", permit.Admin)
		for _, name := range []string{"ann", "ben", "cid"} {
			w.User(t, name, permit.User)
		}
		test(t, w)
	})
}

// find gives a user by his name.
func (w *world) find(t testing.TB, name string) db.User {
	t.Helper()
	u, err := w.Store.FindUser(t.Context(), name+"@example.org")
	must(t, err)
	return u
}

// file is one of an archive.
type file struct{ name, text string }

// archive is a .tar.gz of files.
func archive(files ...file) string {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := tar.NewWriter(z)
	for _, f := range files {
		_ = w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: f.name, Size: int64(len(f.text)), Mode: 0o644}) // to memory
		_, _ = w.Write([]byte(f.text))
	}
	_ = w.Close()
	_ = z.Close()
	return out.String()
}

// named is a script of a name, with more members of its configuration.
func named(name string, more ...string) string {
	return archive(
		file{"configuration.json", fmt.Sprintf(`{"name":%q%s}`, name, strings.Join(more, ""))},
		file{"requirements.txt", "numpy\n"},
		file{"src/main.py", "def run(params, logger):\n    return params\n"},
	)
}

// form is a form with a file.
func form(field, name, content string) (body, kind string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	_ = w.WriteField("comment", "mine") // to memory
	part, _ := w.CreateFormFile(field, name)
	_, _ = part.Write([]byte(content))
	_ = w.Close()
	return b.String(), w.FormDataContentType()
}

// send sends a body of a type.
func (w *world) send(t testing.TB, who controltest.As, method, target, kind, body string, header ...string) controltest.Answer {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if name, ok := strings.CutSuffix(string(who), ":"); ok {
		r.SetBasicAuth(name+"@example.org", name)
	} else if who != "" {
		r.Header.Set("Authorization", "Bearer "+string(who))
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	for pair := range slices.Chunk(header, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	return w.Do(r)
}

// upload uploads a file.
func (w *world) upload(t testing.TB, who controltest.As, method, target, name, content string) controltest.Answer {
	t.Helper()
	body, kind := form("file", name, content)
	return w.send(t, who, method, target, kind, body)
}

const all = "/api/v1/script"

// script is one as it is answered.
type script struct {
	Data struct {
		ID, Name, Slug, Description, Status string
		UserID                              string `json:"user_id"`
		Public, Restricted                  bool
		Version                             int64
		CPULimit                            int64 `json:"cpu_limit"`
	}
}

// made uploads a script.
func (w *world) made(t testing.TB, who controltest.As, name string) script {
	t.Helper()
	a := w.upload(t, who, "POST", all, "script.tar.gz", named(name))
	var out script
	if a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	a.JSON(t, &out)
	return out
}
