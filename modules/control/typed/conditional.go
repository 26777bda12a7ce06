package typed

import (
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/fairway-gateway/fairway/modules/control/patch"
)

// tagged says that the answers of an operation have an entity tag.
func tagged[O any]() bool {
	out := reflect.TypeFor[O]()
	if out.Kind() != reflect.Struct {
		return false
	}
	for f := range out.Fields() {
		if f.Tag.Get("header") == "ETag" {
			return true
		}
	}
	return false
}

// describeNotModified has the document say that who has the answer already is told so.
func describeNotModified(h *huma.Operation) {
	h.Responses[strconv.Itoa(http.StatusNotModified)] = &huma.Response{Description: "It is as it was: If-None-Match has its ETag."}
	h.Parameters = append(h.Parameters, &huma.Param{
		Name: "If-None-Match", In: "header", Description: "An ETag that the caller has the answer of.", Schema: &huma.Schema{Type: huma.TypeString},
	})
}

// notModified has h answer 304, without a body, who shows by If-None-Match that he has the answer of its ETag.
func notModified(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if values := r.Header["If-None-Match"]; len(values) > 0 {
			w = &unlessKnown{ResponseWriter: w, values: values}
		}
		h.ServeHTTP(w, r)
	})
}

// unlessKnown writes an answer unless its reader has it.
type unlessKnown struct {
	http.ResponseWriter
	values       []string
	begun, known bool
}

// WriteHeader implements http.ResponseWriter.
func (w *unlessKnown) WriteHeader(status int) {
	if w.begun {
		return
	}
	w.begun = true
	tag := w.Header().Get("ETag")
	if w.known = status == http.StatusOK && tag != "" && patch.NotModified(tag, w.values...); w.known {
		w.Header().Del("Content-Type")
		w.Header().Del("Content-Length")
		status = http.StatusNotModified
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *unlessKnown) Write(p []byte) (int, error) {
	if !w.begun {
		w.WriteHeader(http.StatusOK)
	}
	if w.known {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (w *unlessKnown) Unwrap() http.ResponseWriter { return w.ResponseWriter }
