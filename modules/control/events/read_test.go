package events

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
)

func headers(of map[string]string) func(string) string {
	return func(name string) string { return of[name] }
}

// TestRead reads events in both modes, and refuses what is none.
func TestRead(t *testing.T) {
	t.Parallel()
	whole := `{"specversion":"1.0","id":"9","source":"/x","type":"t","subject":"s","time":"2026-01-02T03:04:05Z","data":{"a":1.50}}`
	binary := map[string]string{"ce-specversion": "1.0", "ce-id": "9", "ce-source": "/x", "ce-type": "t", "ce-subject": "s", "ce-time": "2026-01-02T03:04:05Z", "content-type": "application/json; charset=utf-8"}
	for _, one := range []struct {
		header map[string]string
		text   string
	}{{nil, whole}, {map[string]string{"content-type": "application/cloudevents+json; charset=utf-8"}, whole}, {binary, `{"a":1.50}`}} {
		e, err := Read(headers(one.header), []byte(one.text))
		if err != nil || e.Name() != "/x 9" || e.Type != "t" || e.Subject != "s" || string(e.Data) != `{"a":1.50}` || e.Time == "" {
			t.Errorf("%+v, %v", e, err)
		}
	}
	bad := func(change string) map[string]string {
		out := map[string]string{}
		maps.Copy(out, binary)
		name, value, _ := strings.Cut(change, "=")
		out[name] = value
		return out
	}
	for says, one := range map[string]struct {
		header map[string]string
		text   string
	}{
		"no JSON object":   {nil, `[1]`},
		"each member once": {nil, `{"specversion":"1.0","specversion":"1.0"}`},
		"version 1.0":      {nil, `{"id":"1"}`},
		"has no id":        {nil, `{"specversion":"1.0","source":"/x","type":"t"}`},
		"is no text":       {nil, `{"specversion":"1.0","id":1,"source":"/x","type":"t"}`},
		"no URI":           {nil, `{"specversion":"1.0","id":"1","source":"/x y","type":"t"}`},
		"no line of text":  {nil, `{"specversion":"1.0","id":"1\n","source":"/x","type":"t"}`},
		"is longer":        {nil, `{"specversion":"1.0","id":"1","source":"/x","type":"` + strings.Repeat("t", 600) + `"}`},
		"bytes":            {nil, `{"specversion":"1.0","id":"1","source":"/x","type":"t","data_base64":"AA=="}`},
		"no CloudEvent":    {map[string]string{"content-type": "application/cloudevents-batch+json"}, "[]"},
		"data is no JSON":  {binary, `{"a":`},
		"and no JSON":      {bad("content-type=text/plain"), `x`},
		"has no source":    {bad("ce-source="), `1`},
	} {
		if e, err := Read(headers(one.header), []byte(one.text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %+v, %v", says, e, err)
		}
	}
}

// FuzzRead holds that what is read is an event that can be written and read again.
func FuzzRead(f *testing.F) {
	f.Add("", "", []byte(`{"specversion":"1.0","id":"9","source":"/x","type":"t","data":{"a":1}}`))
	f.Add("1.0", "application/json", []byte(`{}`))
	f.Add("1.0", "", []byte(nil))
	f.Fuzz(func(t *testing.T, version, kind string, text []byte) {
		e, err := Read(headers(map[string]string{"ce-specversion": version, "content-type": kind, "ce-id": "1", "ce-source": kind, "ce-type": "t"}), text)
		if err != nil {
			return
		}
		m, err := e.Message()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Read(headers(nil), m.Payload)
		if err != nil || again.Name() != e.Name() || !json.Valid(m.Payload) {
			t.Errorf("%s: %v", m.Payload, err)
		}
	})
}
