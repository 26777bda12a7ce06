// Package blobs_test holds blobs in S3 to the same as those in a directory, before a server that speaks as S3 does.
package blobs_test

import (
	"context"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/e2e/build"
	"github.com/fairway-gateway/fairway/e2e/process"
	"github.com/fairway-gateway/fairway/internal/required"
	"github.com/fairway-gateway/fairway/runner/blobs"
	"github.com/fairway-gateway/fairway/runner/blobs/blobstest"
)

func TestS3(t *testing.T) {
	const key, secret = "AKIAEXAMPLE", "not-much-of-a-secret"
	t.Setenv("AWS_ACCESS_KEY_ID", key)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	address := startS3(t, "--access", key, "--secret", secret)
	for name, query := range map[string]url.Values{"whole": {}, "prefix": {"prefix": {"fairway/here"}}} {
		query.Set("region", "us-east-1")
		query.Set("endpoint", "http://"+address)
		query.Set("use_path_style", "true")
		t.Run(name, func(t *testing.T) {
			blobstest.Conformance(t, func(t *testing.T) *blobs.Blobs {
				t.Helper()
				return open(t, "s3://bucket?"+query.Encode())
			})
		})
	}
	query := url.Values{"region": {"us-east-1"}, "endpoint": {"http://" + address}, "use_path_style": {"true"}}
	if err := open(t, "s3://absent?"+query.Encode()).Ready(t.Context()); err == nil {
		t.Error("a bucket that is not there is ready")
	}
}

func open(t *testing.T, address string) *blobs.Blobs {
	t.Helper()
	b, err := blobs.Open(t.Context(), address, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// startS3 starts a server with the bucket "bucket" and gives its address. It ends with the test.
func startS3(t *testing.T, options ...string) string {
	t.Helper()
	dir := t.TempDir()
	builder := build.Builder{Module: "..", Temporary: dir}
	path, err := builder.Peer(build.VersityGW())
	if err != nil {
		required.Absent(t, "e2e", err)
	}
	port, err := process.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	data, meta := filepath.Join(dir, "data"), filepath.Join(dir, "meta")
	for _, folder := range []string{filepath.Join(data, "bucket"), meta} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	address := net.JoinHostPort("127.0.0.1", port)
	p, err := process.Start(process.Spec{
		Path: path, Args: append(options, "--port", address, "posix", "--sidecar", meta, data),
		Env: []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}, Dir: dir, Log: filepath.Join(dir, "log"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Errorf("%v\n%s", err, p.Log())
		}
	})
	await(t, address, p)
	return address
}

func await(t *testing.T, address string, p *process.Process) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			_ = conn.Close() // nothing was sent
			return
		}
		if ctx.Err() != nil || !p.Running() {
			t.Fatalf("no server: %v\n%s", err, p.Log())
		}
	}
}
