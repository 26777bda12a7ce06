package integration_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	moby "github.com/moby/moby/client"

	"github.com/fairway-gateway/fairway/internal/dockertest"
	"github.com/fairway-gateway/fairway/internal/required"
)

// containedScript does what its parameter what says.
const containedScript = `#!/bin/sh
what=$(sed -n 's/.*"what": *"\([a-z]*\)".*/\1/p')
echo "begins in $PWD, as $(id -u)"
case $what in
results)
	echo "::fairway progress 50"
	echo "to the other stream" >&2
	echo '{"in": "a container"}' >"$FAIRWAY_RESULTS" ;;
waits)
	while :; do sleep 0.05; done ;;
memory)
	head -c 200000000 /dev/zero >/tmp/much ;;
fails)
	exit 7 ;;
esac
`

// TestExecutionsInContainers goes the whole way with the executor docker: a script is uploaded and becomes an image, is run, followed, cancelled, and ends in every way.
func TestExecutionsInContainers(t *testing.T) {
	t.Parallel()
	engine, err := dockertest.Start("--live-restore")
	if err != nil {
		required.Absent(t, "docker", err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	var archive bytes.Buffer
	if err := dockertest.Busybox(&archive, nil); err != nil {
		t.Fatal(err)
	}
	if err := engine.Load("fairway-test/whole:1", &archive); err != nil {
		t.Fatal(err)
	}
	t.Run("whole", func(t *testing.T) { // ends when those of both stores have
		eachEngine(t, func(t *testing.T, dsn string) {
			t.Helper()
			contained(t, engine, dsn)
		})
	})
	if err := patiently(func() error { return nothingIn(t, engine) }); err != nil {
		t.Error(err)
	}
}

// contained does so with a store.
func contained(t *testing.T, engine *dockertest.Engine, dsn string) {
	t.Helper()
	newUser(t, dsn, "root@example.org", "correct horse battery", "SUPERADMIN")
	newUser(t, dsn, runnerUser, runnerPassword, "ADMIN")
	site := siteWith("\tfairway {\n\t\tdatabase {env.DATABASE_URL}\n\t\tsecret {env.FAIRWAY_SECRET}\n\t\trunner embedded {\n\t\t\tslots 4\n\t\t\texecutor docker {\n\t\t\t\thost "+engine.Host()+
		"\n\t\t\t\tdirectory "+t.TempDir()+"\n\t\t\t\timage fairway-test/whole:1\n\t\t\t\tpull never\n\t\t\t}\n\t\t}\n\t}", "\thealth\n\tcontrol\n")
	g := startGateway(t, site, "DATABASE_URL="+dsn, "FAIRWAY_SECRET="+someSecret)
	var packed bytes.Buffer
	zipped := gzip.NewWriter(&packed)
	files := dockertest.NewArchive(zipped)
	files.Add(tar.Header{Name: "configuration.json", Mode: 0o644}, []byte(`{"name": "contained", "command": ["./main.sh"], "memory_limit": 64000000, "memory_reservation": 32000000}`))
	files.Add(tar.Header{Name: "main.sh"}, []byte(containedScript))
	if err := errors.Join(files.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	slug := g.uploads(t, "contained.tar.gz", packed.String())
	if log := g.until(t, "/api/v1/script/"+slug+"/log", "Build successful."); !strings.Contains(log, "Build started.") {
		t.Error(log)
	}
	run := func(what string, timeout ...string) string {
		t.Helper()
		a := g.ask(t, request{
			method: http.MethodPost, path: "/api/v1/script/" + slug + "/run", user: liveRoot, body: `{"what": "` + what + `"}`,
			header: http.Header{"Content-Type": {"application/json"}, "Fairway-Timeout": timeout},
		})
		var made struct{ Data struct{ ID string } }
		if err := json.Unmarshal([]byte(a.body), &made); err != nil || a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.body)
		}
		return made.Data.ID
	}

	id := run("results")
	s := g.stream(t, id, "")
	s.until(t, "")
	all := strings.Join(s.data, "\n")
	for _, want := range []string{"begins in /fairway/work, as 65534", "to the other stream", `"progress":50`, `"status":"FINISHED"`} {
		if !strings.Contains(all, want) {
			t.Errorf("%s has no %s", all, want)
		}
	}
	g.until(t, "/api/v1/execution/"+id, `"results":{"in":"a container"}`)

	id = run("waits")
	s = g.stream(t, id, "")
	if !s.until(t, "begins in") { // while it runs
		t.Errorf("%v", s.data)
	}
	if a := g.ask(t, request{method: http.MethodPost, path: "/api/v1/execution/" + id + "/cancel", user: liveRoot}); a.status != http.StatusAccepted {
		t.Errorf("%d %s", a.status, a.body)
	}
	if s.until(t, ""); !strings.Contains(strings.Join(s.data, "\n"), `"status":"CANCELLED"`) {
		t.Errorf("%v", s.data)
	}

	for what, want := range map[string]string{"memory": "bytes of memory", "fails": "it exited with 7", "waits": "it took"} {
		var timeout []string
		if what == "waits" {
			timeout = []string{"1s"}
		}
		id := run(what, timeout...)
		g.stream(t, id, "").until(t, "") // to its end
		if got := g.until(t, "/api/v1/execution/"+id, `"status":"FAILED"`); !strings.Contains(got, want) {
			t.Errorf("%s: %s", what, got)
		}
	}
}

// nothingIn says what containers an engine has.
func nothingIn(t *testing.T, engine *dockertest.Engine) error {
	t.Helper()
	api, err := engine.API()
	if err != nil {
		return err
	}
	defer api.Close()
	found, err := api.ContainerList(t.Context(), moby.ContainerListOptions{All: true})
	if err != nil {
		return err
	}
	for _, item := range found.Items {
		return fmt.Errorf("%d containers are left, as %v, %s", len(found.Items), item.Names, item.State)
	}
	return nil
}
