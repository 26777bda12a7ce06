package courier

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/fairway-gateway/fairway/runner/bundle"
	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/kubernetes/agent"
)

// mostParams is how long parameters may be, in bytes.
const mostParams = 16 << 20

// fetch brings the script's files and parameters to where its container looks for them.
func fetch(ctx context.Context, spec *agent.Spec) error {
	gateway, err := newGateway(spec)
	if err != nil {
		return err
	}
	if err := gateway.get(ctx, agent.PathFiles, unpack); err != nil {
		return fmt.Errorf("fetch the script's files: %w", err)
	}
	if err := gateway.get(ctx, agent.PathParams, func(_ context.Context, body io.Reader) error { return keep(agent.Params, body, mostParams) }); err != nil {
		return fmt.Errorf("fetch the parameters: %w", err)
	}
	if spec.Python {
		if err := os.WriteFile(agent.Harness, executor.Harness, 0o644); err != nil { //nolint:gosec // the script's container may have another user
			return fmt.Errorf("write the harness: %w", err)
		}
	}
	return nil
}

// keep writes a file.
func keep(name string, body io.Reader, most int64) (err error) {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644) //nolint:gosec // as above
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	n, err := io.Copy(file, io.LimitReader(body, most+1))
	if err == nil && n > most {
		err = fmt.Errorf("there are more than %d bytes", most)
	}
	return err
}

// unpack makes the script's files of their bundle, in place of what came of a try before.
func unpack(ctx context.Context, body io.Reader) (err error) {
	if err := os.RemoveAll(agent.Script); err != nil {
		return fmt.Errorf("make room for the script: %w", err)
	}
	if err := os.MkdirAll(agent.Script, 0o755); err != nil { //nolint:gosec // the script's container may have another user
		return fmt.Errorf("make room for the script: %w", err)
	}
	root, err := os.OpenRoot(agent.Script)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	return bundle.Extract(ctx, body, root, bundle.Limits{})
}

// gateway is what the agent asks.
type gateway struct {
	spec   *agent.Spec
	client *http.Client
}

func newGateway(spec *agent.Spec) (*gateway, error) {
	// Who does not answer at all is asked anew: a pod that is to end has little time.
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	transport := &http.Transport{DialContext: dialer.DialContext, ResponseHeaderTimeout: time.Minute, Proxy: nil}
	if spec.CA != "" {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM([]byte(spec.CA)) {
			return nil, errors.New("the gateway's certificates are none")
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return &gateway{spec: spec, client: &http.Client{
		Transport: transport,
		// The token is for the gateway alone.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// refusedError is what the gateway says that is not to be asked again.
type refusedError struct {
	status int
	text   string
}

func (e *refusedError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("the gateway answers %d %s", e.status, e.text))
}

func (g *gateway) get(ctx context.Context, path string, use func(context.Context, io.Reader) error) error {
	return g.insist(ctx, func(ctx context.Context) error {
		return g.once(ctx, http.MethodGet, path, nil, 0, use)
	})
}

// insist asks as long as there is hope.
func (g *gateway) insist(ctx context.Context, ask func(context.Context) error) error {
	ctx, stop := context.WithTimeout(ctx, g.spec.Patience)
	defer stop()
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		err := ask(ctx)
		// 409: another pod of the attempt was first. Were this one to fail, the cluster would take that for the end of both; so it waits
		// until it is removed.
		if refused, is := errors.AsType[*refusedError](err); err == nil || is && refused.status != http.StatusTooManyRequests && refused.status != http.StatusConflict && refused.status < http.StatusInternalServerError {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
}

func (g *gateway) once(ctx context.Context, method, path string, body io.Reader, size int64, use func(context.Context, io.Reader) error) error {
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(g.spec.Gateway, "/")+agent.PathExecution(g.spec.Execution)+path, body)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+g.spec.Token)
	if pod := os.Getenv(agent.EnvPod); pod != "" {
		request.Header.Set(agent.HeaderPod, pod)
	}
	if body != nil {
		request.ContentLength = size
		request.Header.Set("Content-Type", "application/octet-stream")
	}
	response, err := g.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 300))
		return &refusedError{response.StatusCode, string(text)}
	}
	return use(ctx, response.Body)
}
