package docs

import (
	"maps"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// fails adds what is written of an operation that is typed, too: its failures, and the media type of an answer that is written by hand.
// What its path, its parameters and its body have in common with those of others need not be written.
func (d *document) fails(op *huma.Operation, text described) {
	said := maps.Clone(text.fails)
	if said == nil {
		said = map[int]string{}
	}
	add := func(status int, what string) {
		if said[status] == "" {
			said[status] = what
		}
	}
	for _, p := range op.Parameters {
		if p.Schema != nil && p.Schema.MaxLength != nil {
			add(http.StatusUnprocessableEntity, "A parameter is too long.")
		}
		switch {
		case p.In == "path":
			add(http.StatusNotFound, "There is nothing of that name.")
		case p.Name == "include":
			add(http.StatusBadRequest, "A parameter is wrong.")
		case p.Name == "filter":
			add(http.StatusBadRequest, "A parameter is wrong.")
			add(http.StatusUnprocessableEntity, "A number is out of its range.")
		case p.Name == "exclude":
			add(http.StatusBadRequest, "A parameter is wrong.")
		case p.Name == idempotencyKey:
			add(http.StatusBadRequest, "The key is none.")
			add(http.StatusConflict, "A request with this key is under way.")
			add(http.StatusUnprocessableEntity, "The key was sent with another request before.")
		case p.Name == "If-Match":
			add(http.StatusPreconditionFailed, "It has changed since the ETag of If-Match.")
		}
	}
	if op.RequestBody != nil {
		add(http.StatusBadRequest, "The body is wrong.")
		if !text.oauth && !text.page {
			add(http.StatusRequestEntityTooLarge, "The body is too long, or becomes so when it is inflated.")
			add(http.StatusUnsupportedMediaType, "The body is of another type, or compressed by something else than gzip.")
		}
		if op.RequestBody.Content["application/json-patch+json"] != nil {
			add(http.StatusConflict, "A test of the patch does not hold.")
			add(http.StatusUnprocessableEntity, "The patch is none, or a member is wrong.")
		}
	}
	for status, what := range said {
		if key := strconv.Itoa(status); op.Responses[key] == nil {
			op.Responses[key] = &huma.Response{Description: what}
		}
		if text.page && text.fails[status] != "" {
			op.Responses[strconv.Itoa(status)].Content = map[string]*huma.MediaType{text.media: {Schema: d.schema("")}}
		}
	}
	if good := op.Responses["200"]; good != nil && good.Content == nil && text.media != "" {
		good.Content = map[string]*huma.MediaType{text.media: {Schema: d.schema(text.answer)}}
		if text.also != nil {
			good.Content[jsonMedia] = &huma.MediaType{Schema: d.schema(text.also)}
		}
	}
	if text.nothing != "" {
		op.Responses[strconv.Itoa(http.StatusNoContent)] = &huma.Response{Description: text.nothing}
	}
}

const idempotencyKey = "Idempotency-Key"

// onceKey is the header by which something is made once.
func onceKey() *huma.Param {
	least, most := 1, 255
	return &huma.Param{
		Name: idempotencyKey, In: "header", Description: "Made up by the caller: with the same key and body it is not done again, and the answer is the first one.",
		Schema: &huma.Schema{Type: huma.TypeString, MinLength: &least, MaxLength: &most},
	}
}
