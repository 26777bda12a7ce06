package kubetest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"strings"
	"sync"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/kubernetes/agent"
)

// Gateway is what of a gateway pods need, and where an executor finds results: what every attempt of its executors has is kept in memory.
type Gateway struct {
	mu       sync.Mutex
	files    map[string][]byte // bundles, by version
	attempts map[string]executor.Attempt
	results  map[string][]byte
	// Before, if it is there, is asked before each answer, and answers itself if it says so.
	Before func(w http.ResponseWriter, r *http.Request) bool

	given, refused map[string]int
	pods           map[string]string // that have attempts
}

// NewGateway makes one that knows nothing.
func NewGateway() *Gateway {
	return &Gateway{files: map[string][]byte{}, attempts: map[string]executor.Attempt{}, results: map[string][]byte{}, given: map[string]int{}, refused: map[string]int{}, pods: map[string]string{}}
}

// Token is that of an attempt, as a Gateway knows it.
func Token(attempt string) string { return "token-of-" + attempt }

// Executor is another one whose attempts the gateway knows.
func (g *Gateway) Executor(of executor.Executor) executor.Executor { return &knowing{of, g} }

type knowing struct {
	executor.Executor
	gateway *Gateway
}

// Prepare keeps the files that the executor asks for.
func (k *knowing) Prepare(ctx context.Context, script executor.Script, log func(string)) error {
	files := script.Files
	script.Files = func(ctx context.Context, directory string) error {
		if err := files(ctx, directory); err != nil {
			return err
		}
		packed, err := pack(directory)
		if err != nil {
			return err
		}
		k.gateway.mu.Lock()
		defer k.gateway.mu.Unlock()
		k.gateway.files[script.Version] = packed
		return nil
	}
	return k.Executor.Prepare(ctx, script, log) //nolint:wrapcheck // it is what is tested
}

// Know has the gateway answer the agent of an attempt, as it was the first time that it was told of it.
func (g *Gateway) Know(attempt executor.Attempt) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, known := g.attempts[attempt.ID]; !known {
		g.attempts[attempt.ID] = attempt
	}
}

// Start gives an attempt its token.
func (k *knowing) Start(ctx context.Context, attempt executor.Attempt) (executor.Run, error) {
	attempt.Token = Token(attempt.ID)
	k.gateway.Know(attempt)
	return k.Executor.Start(ctx, attempt) //nolint:wrapcheck // as above
}

// pack makes a bundle of a directory.
func pack(directory string) ([]byte, error) {
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	archive := tar.NewWriter(zipped)
	root := os.DirFS(directory)
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(root, name)
		if err == nil {
			err = archive.WriteHeader(&tar.Header{Name: path.Clean(name), Mode: 0o755, Size: int64(len(text))})
		}
		if err == nil {
			_, err = archive.Write(text)
		}
		return err
	})
	err = errors.Join(err, archive.Close(), zipped.Close())
	return out.Bytes(), err
}

// Count is how often the files of an attempt were given.
func (g *Gateway) Count(id string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.given[id]
}

// ServeHTTP answers agents.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if g.Before != nil && g.Before(w, r) {
		return
	}
	what := r.URL.Path[strings.LastIndex(r.URL.Path, "/"):]
	id, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer token-of-")
	g.mu.Lock()
	attempt, known := g.attempts[id]
	g.mu.Unlock()
	switch {
	case !known || r.URL.Path != agent.PathExecution(attempt.Execution)+what:
		http.Error(w, "whose token is that?", http.StatusUnauthorized)
	case r.Method == http.MethodGet && what == agent.PathFiles:
		files, first := g.give(id, attempt.Script.Version, r.Header.Get(agent.HeaderPod))
		if !first {
			http.Error(w, "another pod has the attempt", http.StatusConflict)
			return
		}
		_, _ = w.Write(files)
	case r.Method == http.MethodGet && what == agent.PathParams:
		if len(attempt.Params) == 0 {
			attempt.Params = []byte("{}")
		}
		_, _ = w.Write(attempt.Params)
	case r.Method == http.MethodPut && what == agent.PathResults:
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		g.results[id] = text
	default:
		http.NotFound(w, r)
	}
}

// give gives the files of an attempt to the first pod that asks.
func (g *Gateway) give(id, version, pod string) (files []byte, first bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if has := g.pods[id]; has != "" && pod != has {
		g.refused[id]++
		return nil, false
	}
	g.pods[id] = pod
	g.given[id]++
	return g.files[version], true
}

// Refused is how often a pod asked for files of an attempt that another one has.
func (g *Gateway) Refused(id string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.refused[id]
}

// Results opens what was handed over.
func (g *Gateway) Results(_ context.Context, attempt string) (io.ReadCloser, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	text, is := g.results[attempt]
	if !is {
		return nil, executor.ErrNoResults
	}
	return io.NopCloser(bytes.NewReader(text)), nil
}

// Remove forgets an attempt.
func (g *Gateway) Remove(_ context.Context, attempt string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.results, attempt)
	return nil
}
