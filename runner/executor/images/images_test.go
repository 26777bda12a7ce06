package images_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/fairway-gateway/fairway/runner/executor/images"
)

func TestOf(t *testing.T) {
	t.Parallel()
	all := images.Images{Usual: "python:3.13-slim", Environments: map[string]string{"gdal": "ghcr.io/osgeo/gdal:small-{version}", "r": "r-base:4.4"}}
	if err := all.Check(); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		``:                               "python:3.13-slim",
		`{}`:                             "python:3.13-slim",
		"\ufeff" + `{"environment":"r"}`: "r-base:4.4",
		`{"environment":"gdal","environment_version":"3.9.2"}`:      "ghcr.io/osgeo/gdal:small-3.9.2",
		`{"environment":"gdal"}`:                                    "error: needs an environment_version",
		`{"environment":"gdal","environment_version":"1@sha256:1"}`: "error: cannot be one",
		`{"environment":"gdal","environment_version":"../x"}`:       "error: cannot be one",
		`{"environment":"evil/image"}`:                              "error: there are gdal, r",
		`{"environment":`:                                           "error: configuration.json",
	} {
		files := fstest.MapFS{}
		if text != "" {
			files["configuration.json"] = &fstest.MapFile{Data: []byte(text)}
		}
		asked, err := images.Ask(files)
		got := ""
		if err == nil {
			got, err = all.Of(asked)
		}
		if wanted, failure := strings.CutPrefix(want, "error: "); failure {
			if err == nil || !strings.Contains(err.Error(), wanted) {
				t.Errorf("%s: %q %v", text, got, err)
			}
			continue
		}
		if got != want || err != nil {
			t.Errorf("%s: %q %v", text, got, err)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]images.Images{
		"a name":           {Usual: "Not An Image"},
		"a repository":     {Environments: map[string]string{"x": "a/{version}:1"}},
		"a host":           {Environments: map[string]string{"x": "{version}.example.org/a:1"}},
		"nothing":          {Environments: map[string]string{"x": ""}},
		"another mistake ": {Environments: map[string]string{"x": "a:b:c"}},
	} {
		if err := bad.Check(); err == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
	if _, err := (images.Images{}).Of(images.Asked{}); err == nil || !strings.Contains(err.Error(), "there are none") {
		t.Error(err)
	}
}
