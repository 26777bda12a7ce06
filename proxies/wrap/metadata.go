package wrap

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/session"
)

// Document is the metadata of a service ready to be written: six string keys in alphabetical order, as
// sqre-apikit writes them. It is immutable.
type Document struct {
	pretty, compact []byte
	version         string // "/1.0"
}

// Check says what is missing in a service's description of itself.
func (m Metadata) Check() error {
	at := place{}
	switch {
	case m.Name == "":
		return at.field("name").errf("the service needs a name")
	case m.Version == "":
		return at.field("version").errf("the service needs a version: version 1.0.0")
	case m.Repository == "":
		return at.field("repository").errf("the service needs a repository: repository https://example.org/source")
	case m.Description == "":
		return at.field("description").errf("the service needs a description")
	case m.APIVersion == "" || strings.ContainsAny(m.APIVersion, "/?#%{} "):
		return at.field("api_version").errf("the api_version %q must be a word that can stand in a path, like 1.0", m.APIVersion)
	case m.Auth != session.ModeNone && m.Auth != session.ModeBasic && m.Auth != session.ModeBitlyProxy:
		return at.field("auth").errf("auth is none, basic or bitly-proxy, not %q%s", m.Auth, Suggest(string(m.Auth), []string{"none", "basic", "bitly-proxy"}))
	}
	return nil
}

// Document makes the document. The metadata must have passed Check.
func (m Metadata) Document() (*Document, error) {
	// In alphabetical order.
	fields := struct {
		APIVersion  string       `json:"api_version"`
		Auth        session.Mode `json:"auth"`
		Description string       `json:"description"`
		Name        string       `json:"name"`
		Repository  string       `json:"repository"`
		Version     string       `json:"version"`
	}{m.APIVersion, m.Auth, m.Description, m.Name, m.Repository, m.Version}
	var compact, pretty bytes.Buffer
	e := json.NewEncoder(&compact)
	e.SetEscapeHTML(false)
	if err := e.Encode(fields); err != nil {
		return nil, err
	}
	if err := json.Indent(&pretty, compact.Bytes(), "", "  "); err != nil {
		return nil, err
	}
	return &Document{version: "/" + m.APIVersion, compact: compact.Bytes(), pretty: pretty.Bytes()}, nil
}

// Has says whether the document stands at path, the prefix taken off: /metadata, /v1.0/metadata, /1.0/metadata,
// each also with .json or one trailing slash.
func (d *Document) Has(path string) bool {
	const name = "/metadata"
	at := strings.LastIndex(path, name)
	if at < 0 {
		return false
	}
	switch path[at+len(name):] {
	case "", ".json", "/":
	default:
		return false
	}
	base := path[:at]
	return base == "" || base == d.version || len(base) > 1 && base[1] == 'v' && base[2:] == d.version[1:]
}

// Write answers r: 200 with the document, compact for XMLHttpRequest as apikit has it, or 405.
func (d *Document) Write(w http.ResponseWriter, r *http.Request, id string) int {
	const allow = "GET, HEAD, OPTIONS"
	h := w.Header()
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodOptions:
		h.Set("Allow", allow)
		w.WriteHeader(http.StatusOK)
		return http.StatusOK
	default:
		notAllowed(allow).Write(w, r, id)
		return http.StatusMethodNotAllowed
	}
	body := d.pretty
	if r.Header.Get("X-Requested-With") == "XMLHttpRequest" {
		body = d.compact
	}
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	h["Vary"] = append(h["Vary"], "X-Requested-With")
	_, _ = w.Write(body) // a caller who has gone is nobody's failure
	return http.StatusOK
}

func notAllowed(allow string) *problem.Problem {
	return &problem.Problem{
		Status: http.StatusMethodNotAllowed, Detail: "This path does not know the method; Allow lists those that it knows.",
		Header: http.Header{"Allow": {allow}},
	}
}
