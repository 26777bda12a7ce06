package people_test

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDocument holds what the API document says of bodies that are read as they are.
func TestDocument(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite:"+filepath.Join(t.TempDir(), "store.db"))
	doc := w.typed.OpenAPI()
	if _, err := json.Marshal(doc); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][]string{
		"/api/v1/user/me":      {"application/json", "application/json-patch+json", "application/merge-patch+json"},
		"/api/v1/user/{user}":  {"application/json", "application/json-patch+json", "application/merge-patch+json"},
		"/api/v1/users/{user}": {"application/json", "application/json-patch+json", "application/merge-patch+json"},
	} {
		if d := cmp.Diff(want, slices.Sorted(maps.Keys(doc.Paths[path].Patch.RequestBody.Content))); d != "" {
			t.Errorf("%s: %s", path, d)
		}
	}
	if d := cmp.Diff([]string{"application/json", "application/x-www-form-urlencoded", "multipart/form-data"}, slices.Sorted(maps.Keys(doc.Paths["/api/v1/users"].Post.RequestBody.Content))); d != "" {
		t.Error(d)
	}
	list := doc.Paths["/api/v1/users"].Get
	if list.Responses["200"].Headers["X-Total-Count"] == nil || len(list.Parameters) != 9 {
		t.Errorf("%+v", list)
	}
}
