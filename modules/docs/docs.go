// Package docs makes the API document of a gateway, and serves it: OpenAPI 3.1 in JSON and YAML, Swagger 2.0, and a page on which
// people log in and try operations. It has the operations of the control API, those of package typed as huma has them and the others
// as they are described here, and the routes of all services.
//
//	d := docs.New(docs.Options{Table: table, Typed: typed.OpenAPI(), Services: app.Services, Version: "0.1.0"})
//	d.Register(api)
package docs

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// Formats of a document.
const (
	OpenAPI31 = "3.1"
	OpenAPI30 = "3.0"
	Swagger20 = "2.0"
)

// Make writes a document. The format is one of OpenAPI31, OpenAPI30 and Swagger20; in the later two, what they have no words for is
// left out of schemas.
func Make(src Source, format string) ([]byte, error) {
	d := newDocument(&src)
	d.services(src.Services)
	doc, err := json.Marshal(d)
	if err != nil || format == OpenAPI31 {
		return doc, err
	}
	if doc, err = lower(doc); err != nil || format == OpenAPI30 {
		return doc, err
	}
	if format != Swagger20 {
		return nil, fmt.Errorf("there is no format %q: it is %s, %s or %s", format, OpenAPI31, OpenAPI30, Swagger20)
	}
	return swagger(doc, src.Address)
}

// Options are what documents are made of.
type Options struct {
	// Table has the operations of the control API.
	Table *permit.Table
	// Typed are those that huma knows. It is read when the document is first asked for.
	Typed *huma.OpenAPI
	// Services gives those of the configuration. A document is made again where they are others than before. Default: none.
	Services func() []*wrap.Service
	// Scopes are those of services.
	Scopes []permit.Scope
	// Once are the operations that are done once for each Idempotency-Key. Default: none.
	Once []string
	// Version is that of the gateway.
	Version string
}

// Docs serves documents, which are kept as they were made. It is used concurrently.
type Docs struct {
	options Options
	assets  map[string]asset

	making   sync.Mutex
	services []*wrap.Service
	kept     map[string]file
}

// file is an answer that is kept, with its entity tag.
type file struct {
	body []byte
	tag  string
	err  error
}

// New makes an empty Docs.
func New(o Options) *Docs {
	if o.Services == nil {
		o.Services = func() []*wrap.Service { return nil }
	}
	return &Docs{options: o, assets: assets()}
}

// Register adds the handlers to an API.
func (d *Docs) Register(a *api.API) {
	a.HandleFunc("docs.openapi", d.serve(OpenAPI31, jsonMedia, func() ([]byte, error) { return d.make(OpenAPI31) }))
	a.HandleFunc("docs.openapi_yaml", d.serve("yaml", "application/yaml", func() ([]byte, error) {
		doc, err := d.make(OpenAPI31)
		if err != nil {
			return nil, err
		}
		return yamlOf(doc)
	}))
	a.HandleFunc("docs.swagger", d.serve(Swagger20, jsonMedia, func() ([]byte, error) { return d.make(Swagger20) }))
	a.HandleFunc("docs.trends", d.serve(OpenAPI30, jsonMedia, func() ([]byte, error) { return d.make(OpenAPI30) }))
	a.HandleFunc("docs.trends_pages", servePage)
	a.HandleFunc("docs.pages", servePage)
	a.HandleFunc("docs.assets", d.serveAsset)
}

func (d *Docs) make(format string) ([]byte, error) {
	src := Source{Table: d.options.Table, Typed: d.options.Typed, Scopes: d.options.Scopes, Once: d.options.Once, Version: d.options.Version, Address: nowhere}
	for _, s := range d.services {
		src.Services = append(src.Services, s.Describe())
	}
	return Make(src, format)
}

// serve answers with a document, which is made when it is first asked for.
func (d *Docs) serve(key, media string, do func() ([]byte, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f := d.file(key, do)
		if f.err != nil {
			api.Refuse(w, r, f.err)
			return
		}
		h := w.Header()
		h.Set("Cache-Control", "no-cache")
		h.Set("ETag", f.tag)
		if r.Header.Get("If-None-Match") == f.tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		body := f.body
		if key == Swagger20 {
			body = bytes.ReplaceAll(body, []byte(nowhere), []byte(addressOf(r)))
		}
		h.Set("Content-Type", media)
		h.Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body) // the caller may have left
	}
}

// nowhere stands in a document that is kept for the address by which it is asked for.
const nowhere = "https://gateway.invalid"

// addressOf is the address by which somebody reaches the gateway, as far as he says so; only he is told.
func addressOf(r *http.Request) string {
	u := url.URL{Scheme: "http", Host: r.Host}
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		u.Scheme = "https"
	}
	if text := u.String(); r.Host != "" && !strings.ContainsAny(text, `"\<>&`) {
		return text
	}
	return ""
}

// file gives what is kept, or makes it.
func (d *Docs) file(key string, do func() ([]byte, error)) file {
	now := d.options.Services()
	d.making.Lock()
	defer d.making.Unlock()
	if d.kept == nil || !slices.Equal(now, d.services) {
		d.kept, d.services = map[string]file{}, now
	}
	f, ok := d.kept[key]
	if !ok {
		f.body, f.err = do()
		sum := sha256.Sum256(f.body)
		f.tag = `"` + hex.EncodeToString(sum[:16]) + `"`
		d.kept[key] = f
	}
	return f
}
