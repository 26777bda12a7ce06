// Package patch changes JSON documents as a caller's PATCH says: by operations (RFC 6902, JSON Patch) or by a document that is
// laid over them (RFC 7396, merge patch). Which of the two it is the media type says, or else the shape of the body.
//
//	p, err := patch.Parse(r.Header.Get("Content-Type"), body, patch.Limits{})
//	next, changed, err := patch.To(ctx, p, current, patch.Rules{Fields: map[string]patch.Field{
//		"id":       {Access: patch.ReadOnly},
//		"name":     {NotNull: true},
//		"password": {Access: patch.WriteOnly},
//	}})
//
// A patch is done as a whole or not at all. Bodies are taken as hostile: names that occur twice, text that is no UTF-8 or has a
// NUL, deep nesting, too many operations, and operations that copy the document into itself are refused. Errors have a method
// Status, the status of HTTP that an answer should have, and never show more than a few bytes of the body.
//
// The operations are our own code on a tree of values: package evanphx/json-patch compares numbers by their text, takes a test
// without a value for one of null, accepts array indexes that begin with 0, and cannot test the member whose name is empty. In
// the tests it is the second opinion on everything else.
package patch

import (
	"mime"
	"net/http"
	"strings"
)

// Media types of patches, and what a server says of them in the header Accept-Patch.
const (
	OperationsType = "application/json-patch+json"
	MergeType      = "application/merge-patch+json"
	AcceptPatch    = OperationsType + ", " + MergeType + ", application/json"
)

// Limits bound what a patch may cost. The zero value has the defaults.
type Limits struct {
	// Body is the length of a body in bytes. Default 256 KiB.
	Body int
	// Operations is how many there may be. Default 100.
	Operations int
	// Depth is how deep arrays and objects may be in each other, in a body and in what comes of it. Default 32.
	Depth int
	// Copied is what operations may copy and move in all, in bytes of JSON. Default 1 MiB.
	Copied int
}

func (l Limits) complete() Limits {
	set := func(to *int, usual int) {
		if *to <= 0 {
			*to = usual
		}
	}
	set(&l.Body, 256<<10)
	set(&l.Operations, 100)
	set(&l.Depth, 32)
	set(&l.Copied, 1<<20)
	return l
}

// Patch is what a caller wants to be changed. It does not change, and is used concurrently.
type Patch struct {
	operations []Operation
	merge      map[string]any // nil: it is operations
	limits     Limits
}

// Operations gives the operations in their order; nil: it is a merge patch. Change nothing of them.
func (p *Patch) Operations() []Operation { return p.operations }

// IsMerge says that it is a document that is laid over another (RFC 7396).
func (p *Patch) IsMerge() bool { return p.merge != nil }

// Parse reads a patch. With the media types of RFC 6902 and 7396 the body must be what they say; with application/json, or where
// nothing is said, an array is operations and an object is a merge patch. The error is a *LimitError, *MediaTypeError,
// *SyntaxError or *OperationError.
func Parse(contentType string, body []byte, l Limits) (*Patch, error) {
	l = l.complete()
	if len(body) > l.Body {
		return nil, &LimitError{What: "the body", Most: l.Body, Unit: "bytes"}
	}
	kind, err := kindOf(contentType)
	if err != nil {
		return nil, err
	}
	value, err := decode(body, l.Depth)
	if err != nil {
		return nil, err
	}
	p := &Patch{limits: l}
	switch v := value.(type) {
	case []any:
		if kind == MergeType {
			return nil, &SyntaxError{status: http.StatusUnprocessableEntity, Reason: "a merge patch is an object, and this is an array"}
		}
		p.operations, err = operations(v, l)
		return p, err
	case map[string]any:
		if kind == OperationsType {
			return nil, &SyntaxError{status: http.StatusUnprocessableEntity, Reason: notAList}
		}
		p.merge = v
		return p, nil
	}
	return nil, &SyntaxError{status: http.StatusUnprocessableEntity, Reason: notAList}
}

// notAList is Houston's sentence.
const notAList = "PATCH input data must be a list of operations (JSON objects)"

// kindOf gives the media type that decides, "" where the body does.
func kindOf(contentType string) (string, error) {
	if contentType == "" {
		return "", nil
	}
	t, params, err := mime.ParseMediaType(contentType)
	if c := params["charset"]; err != nil || c != "" && !strings.EqualFold(c, "utf-8") {
		return "", &MediaTypeError{}
	}
	switch t {
	case OperationsType, MergeType:
		return t, nil
	case "application/json", "text/json":
		return "", nil
	}
	return "", &MediaTypeError{}
}
