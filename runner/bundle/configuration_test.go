package bundle_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/runner/bundle"
)

func configured(t *testing.T, text string) (bundle.Configuration, error) {
	t.Helper()
	b, _, err := pack(t, "x", tarball(t, file{name: "configuration.json", text: text}, file{name: "src/main.py"}), bundle.Limits{})
	if err != nil {
		return bundle.Configuration{}, err
	}
	return b.Configuration, nil
}

func TestConfiguration(t *testing.T) {
	t.Parallel()
	defaults := bundle.Configuration{CPUReservation: 1e8, CPULimit: 5e8, MemoryReservation: 1e8, MemoryLimit: 1e9}
	for text, change := range map[string]func(*bundle.Configuration){
		`{"name": "a"}`: func(c *bundle.Configuration) { c.Name = "a" },
		"\ufeff" + `{"name": " a ", "id": "x", "cpu_reservation": null}`: func(c *bundle.Configuration) { c.Name = "a" },
		// As the sample projects of Trends.Earth have it.
		`{"name": "land-cover 2_0", "cpu_reservation": 100000000.0, "cpu_limit": 500000000.0, "memory_reservation": 100000000.0, "memory_limit": 1000000000.0, "environment": "trends.earth-environment", "environment_version": "0.1.6"}`: func(c *bundle.Configuration) {
			c.Name, c.Environment, c.EnvironmentVersion = "land-cover 2_0", "trends.earth-environment", "0.1.6"
		},
		`{"name": "a", "compute_type": "gee", "uses_gee": true, "memory_limit": 5e7, "cpu_reservation": 1e9}`: func(c *bundle.Configuration) {
			c.Name, c.ComputeType, c.UsesGEE, c.MemoryLimit, c.MemoryReservation, c.CPUReservation, c.CPULimit = "a", "gee", true, 5e7, 5e7, 1e9, 1e9
		},
		`{"name": "a", "command": ["./run", "-v"], "timeout": "90m", "retries": 2, "labels": ["gpu"], "description": "x\ny", "parameters": {"type": "object"}}`: func(c *bundle.Configuration) {
			c.Name, c.Command, c.Timeout, c.Retries, c.Labels, c.Description = "a", []string{"./run", "-v"}, 90*time.Minute, 2, []string{"gpu"}, "x\ny"
			c.Parameters = json.RawMessage(`{"type":"object"}`)
		},
		`{"name": "a", "timeout": 90}`: func(c *bundle.Configuration) { c.Name, c.Timeout = "a", 90*time.Second },
	} {
		want := defaults
		change(&want)
		got, err := configured(t, text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if !json.Valid(got.Raw) {
			t.Errorf("%s: raw %s", text, got.Raw)
		}
		got.Raw = nil
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

func TestConfigurationRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		``: "it is no JSON object", `null`: "it is no JSON object", `[]`: "it is no JSON object", `{"name":"a"} x`: "it is no JSON object",
		"{\"name\":\"a\xff\"}": "it is not UTF-8",
		`{}`:                   "name is missing", `{"name":" "}`: "name is missing", `{"name":null}`: "name is missing", `{"name":"—"}`: "name has neither a letter nor a digit",
		`{"name":7}`: "name is not a text", `{"name":"` + strings.Repeat("a", 121) + `"}`: "name has more than 120 characters", `{"name":"a\u0000"}`: "name has control characters",
		`{"name":"a","cpu_limit":-1}`: "cpu_limit is not an integer from 0 to", `{"name":"a","cpu_limit":1.5}`: "cpu_limit is not an integer", `{"name":"a","cpu_limit":1e300}`: "cpu_limit is not",
		`{"name":"a","cpu_limit":"1"}`: "cpu_limit is not a number", `{"name":"a","cpu_limit":0}`: "a limit of nothing",
		`{"name":"a","cpu_limit":1,"cpu_reservation":2}`: "cpu_limit is less than cpu_reservation", `{"name":"a","memory_limit":1,"memory_reservation":2}`: "memory_limit is less",
		`{"name":"a","command":[]}`: "command is empty", `{"name":"a","command":[""]}`: "command is empty", `{"name":"a","command":"ls"}`: "command is not a list of texts", `{"name":"a","command":["a\u0000"]}`: "command has control characters",
		`{"name":"a","timeout":"soon"}`: "timeout is not a duration", `{"name":"a","timeout":"1ms"}`: "timeout is not a duration", `{"name":"a","timeout":-5}`: "timeout is not", `{"name":"a","timeout":"9000h"}`: "timeout is not",
		`{"name":"a","retries":101}`: "retries is not an integer from 0 to 100", `{"name":"a","uses_gee":"yes"}`: "uses_gee is not true or false",
		`{"name":"a","parameters":{"type":"objct"}}`: "parameters is no JSON Schema", `{"name":"a","parameters":{"$ref":"file:///etc/passwd"}}`: "is outside of the schema", `{"name":"a","parameters":{"$ref":"http://169.254.169.254/"}}`: "is outside of the schema",
		`{"name":"a","parameters":{"properties":{"x":{"pattern":"("}}}}`: "parameters is no JSON Schema",
	} {
		if _, err := configured(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestSchema(t *testing.T) {
	t.Parallel()
	s, err := bundle.ReadSchema([]byte(`{"type":"object","required":["year"],"properties":{"year":{"type":"integer","minimum":2000},"a/b~c":{"enum":["x"]}},"additionalProperties":false}`))
	if err != nil {
		t.Fatal(err)
	}
	for parameters, want := range map[string][]bundle.Mistake{
		`{"year":2001}`:             nil,
		`{}`:                        {{Detail: "missing property 'year'"}},
		`{"year":1999}`:             {{At: "/year", Detail: "minimum: got 1,999, want 2,000"}},
		`{"year":2001,"a/b~c":"y"}`: {{At: "/a~1b~0c", Detail: "value must be 'x'"}},
		`{"year":`:                  {{Detail: "the parameters are no JSON"}},
		`[]`:                        {{Detail: "got array, want object"}},
	} {
		if diff := cmp.Diff(want, s.Mistakes([]byte(parameters))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", parameters, diff)
		}
	}
	if _, err := bundle.ReadSchema(make([]byte, 1<<20)); err == nil {
		t.Error("a schema of 1 MiB was read")
	}
}

func TestSlug(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"land-productivity 2_3_2": "land-productivity-2-3-2", " A  b ": "a-b", "Größe & Maß": "grosse-mass", "北京": "bei-jing", "don't": "dont", "--": "", "": "",
		strings.Repeat("ab ", 60): strings.TrimSuffix(strings.Repeat("ab-", 40), "-"),
	} {
		if got := bundle.Slug(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
