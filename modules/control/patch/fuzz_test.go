package patch_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/modules/control/patch"
)

// FuzzPatch holds that no patch panics, takes long or makes something large, that what comes is JSON, that errors are typed and
// short, and that package json-patch comes to the same where it is right.
func FuzzPatch(f *testing.F) {
	for _, file := range []string{"operations.json", "merges.json"} {
		for _, v := range vectors(&testing.T{}, file) {
			f.Add([]byte(v.Doc), []byte(v.Patch))
		}
	}
	f.Add([]byte(`{"a":{}}`), []byte(`[{"op":"copy","from":"","path":"/a"},{"op":"copy","from":"","path":"/a"}]`))
	f.Add([]byte(`[1e400]`), []byte(`[{"op":"test","path":"/0","value":1e-400}]`))
	f.Fuzz(func(t *testing.T, doc, body []byte) {
		if len(doc) > 1<<16 || len(body) > 1<<16 {
			return
		}
		before, begun := bytes.Clone(doc), time.Now()
		p, err := patch.Parse("", body, patch.Limits{})
		var next []byte
		if err == nil {
			next, _, err = p.Apply(t.Context(), doc, patch.Rules{})
		}
		if took := time.Since(begun); took > 10*time.Second {
			t.Fatalf("it took %s", took)
		}
		if !bytes.Equal(before, doc) {
			t.Fatal("the document is changed")
		}
		if err != nil {
			if len(err.Error()) > 400 || statusOf(err) == 0 && !strings.HasPrefix(err.Error(), "the document to be patched") {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		if !json.Valid(next) || len(next) > 6*(len(doc)+len(body)+1<<20) {
			t.Fatalf("%d bytes of %d and %d", len(next), len(doc), len(body))
		}
		second(t, p, doc, body, next)
	})
}

// second asks package json-patch.
func second(t *testing.T, p *patch.Patch, doc, body, next []byte) {
	t.Helper()
	if !p.IsMerge() && !known(p) || !bytes.ContainsAny(bytes.TrimSpace(doc)[:1], "[{") {
		return
	}
	var other []byte
	var err error
	if p.IsMerge() {
		if !bytes.HasPrefix(bytes.TrimSpace(doc), []byte("{")) || bytes.Contains(body, []byte("null")) {
			return // it leaves null in new objects, and takes arrays for errors
		}
		other, err = jsonpatch.MergePatch(doc, body)
	} else {
		var all jsonpatch.Patch
		if all, err = jsonpatch.DecodePatch(body); err == nil {
			o := jsonpatch.NewApplyOptions()
			o.SupportNegativeIndices = false
			other, err = all.ApplyWithOptions(doc, o)
		}
	}
	if err != nil {
		t.Fatalf("json-patch says %v, and not %s", err, next)
	}
	if diff := cmp.Diff(values(t, other), values(t, next)); diff != "" {
		t.Fatalf("(-json-patch +we):\n%s", diff)
	}
}

// known says that all operations are such as package json-patch does well.
func known(p *patch.Patch) bool {
	for _, o := range p.Operations() {
		if o.Op == patch.Test || o.Path == "" || o.Op == patch.Copy && o.From == "" || o.Op == patch.Move && o.From == "" || strings.HasSuffix(o.Path, "/") || strings.HasSuffix(o.From, "/") {
			return false
		}
	}
	return true
}

// FuzzRules holds that rules are kept by every patch: what is read-only stays, what is write-only is not shown.
func FuzzRules(f *testing.F) {
	f.Add([]byte(`[{"op":"copy","from":"/name","path":"/password"},{"op":"move","from":"/tags","path":"/nick"}]`))
	f.Add([]byte(`{"id":7,"password":"x","profile":{"a":{"b":null}}}`))
	f.Add([]byte(`[{"op":"remove","path":"/password"},{"op":"add","path":"/profile/x/-","value":{}}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := patch.Parse("", body, patch.Limits{})
		if err != nil {
			return
		}
		next, changed, err := patch.To(t.Context(), p, ann(), patch.Rules{Fields: fields(), IgnoreUnknown: true, RemoveByValue: true})
		if err != nil {
			if statusOf(err) == 0 {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		if next.ID != 7 || next.Active || next.Name == "" && !bytes.Contains(body, []byte("name")) {
			t.Fatalf("%+v", next)
		}
		if diff := cmp.Diff(ann(), next); len(changed) == 0 && diff != "" {
			t.Fatalf("nothing is changed, and %s", diff)
		}
	})
}
