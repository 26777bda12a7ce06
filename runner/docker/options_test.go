//go:build linux

package docker_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/runner/docker"
	"github.com/fairway-gateway/fairway/runner/executor"
)

func TestOptions(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*docker.Options){
		"absolute path":            func(o *docker.Options) { o.Directory = "x" },
		"pull \"now\" is not":      func(o *docker.Options) { o.Pull = "now" },
		"keep has to be at least":  func(o *docker.Options) { o.Keep = time.Second },
		"not root's":               func(o *docker.Options) { o.User = "0" },
		"user \"1000:0\"":          func(o *docker.Options) { o.User = "1000:0" },
		"user \"nobody\"":          func(o *docker.Options) { o.User = "nobody" },
		"network \"host\"":         func(o *docker.Options) { o.Network = "host" },
		"network \"container:x\"":  func(o *docker.Options) { o.Network = "container:x" },
		"image or environments":    func(o *docker.Options) { o.Image = "" },
		"image \"UPPER\"":          func(o *docker.Options) { o.Image = "UPPER" },
		"environment r: image \"R": func(o *docker.Options) { o.Environments = map[string]string{"r": "R:{version}"} },
		"tag alone":                func(o *docker.Options) { o.Environments = map[string]string{"r": "r{version}:1"} },
		"r: {version} can":         func(o *docker.Options) { o.Environments = map[string]string{"r": "x/{version}/y:{version}"} },
		"host nowhere":             func(o *docker.Options) { o.Host = "nowhere" },
		"there is no Docker Engine at unix:///nowhere/docker.sock: start it": func(o *docker.Options) { o.Host = "unix:///nowhere/docker.sock" },
	} {
		o := docker.Options{Directory: filepath.Join(t.TempDir(), "d"), Image: "busybox", Host: "unix:///nowhere/docker.sock"}
		change(&o)
		if _, err := docker.New(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestImages(t *testing.T) {
	t.Parallel()
	o := docker.Options{Directory: t.TempDir(), Image: "base:1", Environments: map[string]string{"r": "registry.example:5000/r:{version}", "gdal": "gdal@sha256:" + strings.Repeat("a", 64)}}
	for _, test := range []struct{ environment, version, image, err string }{
		{"", "", "base:1", ""},
		{"", "9", "base:1", ""},
		{"r", "4.5.1", "registry.example:5000/r:4.5.1", ""},
		{"gdal", "anything", "gdal@sha256:" + strings.Repeat("a", 64), ""},
		{"r", "", "", "needs an environment_version"},
		{"r", "1@sha256:" + strings.Repeat("a", 64), "", "cannot be one"},
		{"r", "../evil", "", "cannot be one"},
		{"r", "1\nRUN evil", "", "cannot be one"},
		{"evil/image", "1", "", "is not known to this runner: there are gdal, r"},
	} {
		image, err := o.ImageOf(test.environment, test.version)
		if image != test.image || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%q %q: %q, %v", test.environment, test.version, image, err)
		}
	}
}

func FuzzImages(f *testing.F) {
	f.Add("r", "1.2")
	f.Add("r", "1:2@x/..\n")
	o := docker.Options{Directory: "/nowhere", Image: "base:1", Environments: map[string]string{"r": "example/r:{version}"}}
	f.Fuzz(func(t *testing.T, environment, version string) {
		image, err := o.ImageOf(environment, version)
		if err == nil && image != "base:1" && (!strings.HasPrefix(image, "example/r:") || strings.ContainsAny(strings.TrimPrefix(image, "example/r:"), "/:@ \n\x00")) {
			t.Errorf("%q", image)
		}
	})
}

func FuzzMessages(f *testing.F) {
	f.Add(byte(1), []byte("2026-11-21T21:03:20.144098326Z a line\n"))
	f.Add(byte(2), []byte("2026-11-21T21:03:20.144098326Z "))
	f.Add(byte(1), []byte("no time"))
	f.Fuzz(func(t *testing.T, stream byte, message []byte) {
		record, err := docker.ParseMessage(stream, message)
		if err != nil {
			return
		}
		if len(record.Text) > len(message) || record.Part && strings.HasSuffix(string(message), "\n") || record.Stream != executor.Stdout && record.Stream != executor.Stderr {
			t.Errorf("%q: %+v", message, record)
		}
	})
}
