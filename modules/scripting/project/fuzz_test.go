package project

import (
	"encoding/json"
	"reflect"
	"testing"
)

// FuzzWithID holds that a configuration with an id has that id, and all else as it was.
func FuzzWithID(f *testing.F) {
	for _, seed := range []string{`{}`, `{"id":1,"a":[{}]}`, "{\n\t\"name\": \"a\"\n}", `{"id":"a","id":"b"}`, `[]`, ``, `{"a":1,}`, `{"a":1} x`, "\ufeff{}"} {
		f.Add([]byte(seed), "x")
	}
	f.Fuzz(func(t *testing.T, text []byte, id string) {
		var before map[string]any
		known := json.Unmarshal(text, &before)
		next, err := withID(text, id)
		if known != nil || before == nil {
			return // what is none is not made one, and was refused before
		}
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		var after map[string]any
		if err := json.Unmarshal(next, &after); err != nil {
			t.Fatalf("%s: %v", next, err)
		}
		shown, _ := json.Marshal(id) // of a text
		var want any
		_ = json.Unmarshal(shown, &want) // it was just made
		if _, had := before["id"]; !had && after["id"] != want {
			t.Errorf("%s", next)
		}
		delete(before, "id")
		delete(after, "id")
		if !reflect.DeepEqual(before, after) {
			t.Errorf("%s became %s", text, next)
		}
	})
}

// FuzzRules holds that whatever is in the file is refused, or says of each path whether it is left out.
func FuzzRules(f *testing.F) {
	f.Add("*.tif\n/a/b/\n# x\n", "a/b/c.tif")
	f.Add("[", "[")
	f.Add("!a\n**", "a")
	f.Fuzz(func(t *testing.T, text, name string) {
		all, err := parseRules(text)
		if err != nil {
			return
		}
		for _, dir := range []bool{false, true} {
			if rules(nil).leaveOut(name, dir) && !all.leaveOut(name, dir) {
				t.Errorf("%q has %q be packed", text, name)
			}
		}
	})
}
