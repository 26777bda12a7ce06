package scripts_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"mime/multipart"
	"os"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/scripts"
	"github.com/fairway-gateway/fairway/modules/control/typed"
)

// engines are those of this package's tests.
var engines = controltest.NewEngines()

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

var must = controltest.Must

// world is the API of scripts over a store, with users whose passwords are their names.
type world struct {
	*controltest.Gateway
	blobs *controltest.Blobs
}

// both runs a test over a store of each engine that has users: root and boss, who are administrators, ann, ben and cid.
func both(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	engines.Both(t, func(t *testing.T, dsn string) {
		t.Helper()
		w := &world{blobs: controltest.NewBlobs(t)}
		w.Gateway = controltest.Open(t, dsn, func(g *controltest.Gateway) {
			one, err := scripts.New(g.Store, scripts.Options{Blobs: w.blobs.Open})
			must(t, err)
			one.Register(g.API, typed.New(g.API, ""))
		})
		w.People(t)
		test(t, w)
	})
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

// upload uploads a file.
func (w *world) upload(t testing.TB, who controltest.As, method, target, name, content string) controltest.Answer {
	t.Helper()
	body, kind := form("file", name, content)
	return w.Send(t, who, method, target, kind, body)
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
