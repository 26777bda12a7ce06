// Package wrap is a service: it is compiled from its configuration and answers HTTP requests with JSON made of what
// backends answer. It knows nothing of Caddy; the struct tags named caddy only say where guest modules stand in JSON.
package wrap

import (
	"encoding/json"

	"github.com/fairway-gateway/fairway/proxies/cors"
	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/rate"
	"github.com/fairway-gateway/fairway/proxies/session"
)

// Config is one service: a public API under one or more prefixes.
type Config struct {
	// Prefixes are the paths under which routes and metadata exist: literal, starting with "/", without a trailing
	// one. "/" alone is the root. At least one.
	Prefixes []string `json:"prefixes,omitempty"`
	// Metadata is the service's description of itself.
	Metadata
	// Callers is who may call. Default: anyone.
	Callers Callers `json:"callers,omitzero"`
	// Budget is the time for one request of a caller, retries included. Default 30s.
	Budget Duration `json:"budget,omitempty"`
	// Debug lets callers ask by the header Fairway-Debug: decode for how the bodies of backends were read, which the header
	// Fairway-Decode of the answer then says. Default false.
	Debug bool `json:"debug,omitempty"`
	// Rate is how many requests may be made, all limits at once; what is by nobody's word is by caller where callers are known, else
	// by address. Routes may have limits beside these. Metadata and questions of browsers are not counted. Default: any number.
	Rate []rate.Limit `json:"rate,omitempty"`
	// CORS says which pages of other origins may read answers. Default: none.
	CORS *cors.Config `json:"cors,omitempty"`
	// Backends are what the routes' fetches speak to. At most one has no name: the default of a fetch.
	Backends []Backend `json:"backends,omitempty"`
	// Routes are tried most specific first, as in net/http's ServeMux. At least one.
	Routes []Route `json:"routes,omitempty"`
}

// Metadata is the six words of a service (the contract of sqre-apikit).
type Metadata struct {
	// Name of the service. Default: the last segment of the first prefix.
	Name string `json:"name,omitempty"`
	// Version of the service, required.
	Version string `json:"version,omitempty"`
	// Repository is where its source is, required.
	Repository string `json:"repository,omitempty"`
	// Description in a sentence, required.
	Description string `json:"description,omitempty"`
	// APIVersion stands in the paths of the metadata document. Default 1.0.
	APIVersion string `json:"api_version,omitempty"`
	// Auth is what a caller must send: none, basic or bitly-proxy. Default: what the backends need.
	Auth session.Mode `json:"auth,omitempty"`
}

// Backend is an HTTP server, at one or several addresses.
type Backend struct {
	// Name is what fetches call it. Default: none, and it is then the backend of fetches that name none.
	Name string `json:"name,omitempty"`
	// Addresses are origins (https://host[:port], unix//path), balanced by least busy. {env.X} and {file./path} are
	// resolved when the configuration is loaded. At least one.
	Addresses []string `json:"addresses,omitempty"`
	// AuthRaw says how the backend knows the caller. Default: none.
	AuthRaw json.RawMessage `json:"auth,omitempty" caddy:"namespace=fairway.auth inline_key=mode"`
	// Timeout is for one attempt. Default 10s.
	Timeout Duration `json:"timeout,omitempty"`
	// Retries is how many attempts may follow the first. Default 2.
	Retries *int `json:"retries,omitempty"`
	// Breaker opens for an address that fails. Default: 5 consecutive failures, for 30s.
	Breaker Breaker `json:"breaker,omitzero"`
	// Limit is the longest body in bytes, after content decoding. Default 10MiB.
	Limit Size `json:"limit,omitempty"`
	// Origins are what URLs in values of this backend may lead to beside its own addresses: https://host[:port]. Timeout,
	// Retries, Breaker, Limit and Redirects hold there too. Nothing that belongs to the backend is sent there: no credentials,
	// none of its headers. An origin named by an IP address, or localhost,
	// may be inside; a name may not lead to loopback, link-local or metadata addresses. Default: none.
	Origins []string `json:"origins,omitempty"`
	// Redirects is how many redirects within the same origin are followed. Default 0: a redirect is a failure.
	Redirects int `json:"redirects,omitempty"`
	// Charset overrules what the backend says of its charset (a WHATWG label). Default: none.
	Charset string `json:"charset,omitempty"`
	// CharsetErrors says what becomes of bytes that are not of the charset: fail makes the attempt a failure, replace makes
	// U+FFFD of them. Default: fail.
	CharsetErrors string `json:"charset_errors,omitempty"`
	// Header is added to every request. Values are templates as in a fetch, without path parameters.
	Header []Header `json:"header,omitempty"`
	// Identity are headers of the family that package identity knows, by which the backend is told of the user who calls: in
	// each what those use to have, as X-Forwarded-Email has the e-mail address. Only with Callers users. Default: none.
	Identity []string `json:"identity,omitempty"`
	// TLS is how an https backend is trusted. Default: the system's roots.
	TLS TLS `json:"tls,omitzero"`
	// Proxy is the URL of a forward proxy (http, https, socks5), or "environment" for HTTP_PROXY and friends. Default: none.
	Proxy string `json:"proxy,omitempty"`

	// Auth is AuthRaw loaded, set by who loads guest modules. Nil means none.
	Auth session.Strategy `json:"-"`

	guarded bool // it comes from a value: see upstream.Config
}

// Breaker is when a backend that fails is left alone.
type Breaker struct {
	// Failures in a row that open it. Default 5.
	Failures int `json:"failures,omitempty"`
	// Open is for how long. Default 30s.
	Open Duration `json:"open,omitempty"`
}

// TLS is how an https backend is trusted, and what it is shown.
type TLS struct {
	// CA are files of PEM certificates. Default: the system's roots.
	CA []string `json:"ca,omitempty"`
	// ServerName is asked for and verified. Default: the address's host.
	ServerName string `json:"server_name,omitempty"`
	// ClientCertificate and ClientKey are PEM files; both or neither. Default: none.
	ClientCertificate string `json:"client_certificate,omitempty"`
	ClientKey         string `json:"client_key,omitempty"`
	// InsecureSkipVerify trusts anybody. Default false.
	InsecureSkipVerify bool `json:"insecure_skip_verify,omitempty"`
}

// Header is one header field; the value is a template where the field stands in a fetch.
type Header struct {
	// Name of the header.
	Name string `json:"name"`
	// Value may hold placeholders of a route: {job}, {query.x}, {env.X}.
	Value string `json:"value"`
}

// Route is a method and path pattern: it fetches, then replies.
type Route struct {
	// Method, in capitals. GET answers HEAD too.
	Method string `json:"method"`
	// Pattern as in net/http's ServeMux, except that a trailing "/" matches that path only.
	Pattern string `json:"pattern"`
	// Params declares and checks what the caller sends. Path parameters that are not declared are strings.
	Params []Param `json:"params,omitempty"`
	// ParamsStrict refuses query parameters that are not declared. Default false.
	ParamsStrict bool `json:"params_strict,omitempty"`
	// Body is what a caller sends, which is then $body. Default: the route takes none, and refuses one.
	Body *RequestBody `json:"body,omitempty"`
	// Fetches run at once, or as soon as those are over whose values they use. At least one; at most one without a name.
	Fetches []Fetch `json:"fetches,omitempty"`
	// FailWhen is a jq program over the fetched values that says whether the whole is a failure: see Fetch.FailWhen.
	// Nothing is tried again for it. Default: none.
	FailWhen string `json:"fail_when,omitempty"`
	// Reply is the jq program that makes the answer. Default: the fetched value, or an object of the named ones.
	Reply string `json:"reply,omitempty"`
	// Status is a jq program, over the same values as Reply, that gives the status of the answer: 200 to 599. Default: 200.
	Status string `json:"status,omitempty"`
	// Header is added to good answers, before which it is made over the same values as Reply. Default: none.
	Header []ReplyHeader `json:"header,omitempty"`
	// Each answers record by record while the backend's answer comes; Reply is then run for each record, which is the dot,
	// and may give any number of values. Default: the whole is fetched before it is answered.
	Each *Each `json:"each,omitempty"`
	// Output lists what callers may ask for by the header Accept: json, csv, ndjson; the first is the default. Default: json
	// alone, whatever is accepted.
	Output []string `json:"output,omitempty"`
	// OutputSuffix lets a path end in .json, .csv or .ndjson for one of Output. Default false.
	OutputSuffix bool `json:"output_suffix,omitempty"`
	// Schema is a file of JSON Schema (2020-12) that answers promise to follow; with Each, every record. Relative to the
	// working directory. Default: none.
	Schema string `json:"schema,omitempty"`
	// Columns promise rows of these members, and are the columns of CSV. Default: none.
	Columns []Column `json:"columns,omitempty"`
	// OnDrift says what becomes of an answer that breaks Schema or Columns: fail, count or header. Default: fail.
	OnDrift string `json:"on_drift,omitempty"`
	// Execute has answers that take long become executions. Default: whoever asks waits.
	Execute *Execute `json:"execute,omitempty"`
	// Budget is the time for one request. Default: the service's.
	Budget Duration `json:"budget,omitempty"`
	// Rate is how many requests of this route may be made, beside the limits of the service. Default: any number.
	Rate []rate.Limit `json:"rate,omitempty"`
	// CORS says which pages of other origins may read answers of this route. Default: the service's.
	CORS *cors.Config `json:"cors,omitempty"`
	// Summary, Describe and Example are for the API document. Example is JSON text.
	Summary  string `json:"summary,omitempty"`
	Describe string `json:"describe,omitempty"`
	Example  string `json:"example,omitempty"`
}

// RequestBody is the body that a route takes of its callers.
type RequestBody struct {
	// Kind is json or form.
	Kind string `json:"kind"`
	// Types are the media types that are taken, in small letters. Default: application/json and application/*+json, or
	// application/x-www-form-urlencoded.
	Types []string `json:"types,omitempty"`
	// List are the fields of a form that are arrays, however often they occur; others are texts, and may occur once. Default: none.
	List []string `json:"list,omitempty"`
	// Schema is a file of JSON Schema (2020-12) that the body must follow, relative to the working directory. Default: any shape.
	Schema string `json:"schema,omitempty"`
	// Limit is the longest body in bytes. Default 1MiB.
	Limit Size `json:"limit,omitempty"`
	// Optional takes a request without a body, too; $body is then null. Default false. A form without a body is one without
	// fields in any case.
	Optional bool `json:"optional,omitempty"`
}

// ReplyHeader is a header of an answer.
type ReplyHeader struct {
	// Name of the header.
	Name string `json:"name"`
	// JQ is a program that gives a text, number or bool; null leaves the header out.
	JQ string `json:"jq"`
}

// Each is how a route answers record by record.
type Each struct {
	// OnError is what becomes of a failure midway: abort ends the connection, record adds a last line to NDJSON and aborts
	// other outputs. Default: abort.
	OnError string `json:"on_error,omitempty"`
	// Limit is the longest body of the backend in bytes, after content decoding; that of the backend does not count.
	// Default: any.
	Limit Size `json:"limit,omitempty"`
}

// Param is one parameter of a route.
type Param struct {
	// Name is that of the path's wildcard, of the query's parameter or of the header; programs have it as $name.
	Name string `json:"name"`
	// In is path, query or header. Default: path where the pattern has the name, else query.
	In string `json:"in,omitempty"`
	// Type is string, integer, number, bool or date (RFC 3339 full-date).
	Type string `json:"type"`
	// Required refuses a request without it. Default false; path parameters always are.
	Required bool `json:"required,omitempty"`
	// Default is the value of one not sent, as text. Default: none, jq sees null.
	Default *string `json:"default,omitempty"`
	// Enum lists the allowed values as text. Default: any.
	Enum []string `json:"enum,omitempty"`
	// Pattern is an RE2 expression that the whole text must match. Default: any.
	Pattern string `json:"pattern,omitempty"`
	// Min and Max bound numbers (inclusive) and the length of strings in characters. Default: none.
	Min *float64 `json:"min,omitempty"`
	Max *float64 `json:"max,omitempty"`
	// Description for the API document.
	Description string `json:"description,omitempty"`
}

// Fetch is one request to a backend, inside a route.
type Fetch struct {
	// Name is the jq variable of its value. Default: none, and its value is the dot.
	Name string `json:"name,omitempty"`
	// Method, in capitals. Default GET.
	Method string `json:"method,omitempty"`
	// Target is a template: /path?query, an absolute URL or {env.X}/path.
	Target string `json:"target,omitempty"`
	// URL is a jq program that gives the whole URL instead of a target: one of the backend's own addresses or Origins, or a
	// path. Default: none.
	URL string `json:"url,omitempty"`
	// Backend is a backend's name. Default: the one without a name, or the only one. None for an absolute URL.
	Backend string `json:"backend,omitempty"`
	// Header is added to the request; values are templates.
	Header []Header `json:"header,omitempty"`
	// Body is made by jq. Default: none.
	Body *Body `json:"body,omitempty"`
	// Idempotent says that a POST or PATCH does no harm when it is made twice; it is then tried again as others are. Default false.
	Idempotent bool `json:"idempotent,omitempty"`
	// IdempotencyKey sends the header Idempotency-Key, the same with each attempt: the caller's, or a new one. The backend takes
	// attempts for one request by it, so it implies Idempotent. Default false.
	IdempotencyKey bool `json:"idempotency_key,omitempty"`
	// Meta makes the value {status, headers, value}: that of the backend's answer, its headers by name in small letters, and what
	// was decoded. FailWhen has the decoded value alone. Default false.
	Meta bool `json:"meta,omitempty"`
	// Timeout is for one attempt. Default: the backend's.
	Timeout Duration `json:"timeout,omitempty"`
	// Budget is the time for the fetch with all its attempts, within that of the request. Default: the request's.
	Budget Duration `json:"budget,omitempty"`
	// Optional lets the answer go on without the value, which is then null, when the fetch fails: see Fallback. Default
	// false: the answer fails.
	Optional bool `json:"optional,omitempty"`
	// Fallback is a jq program that makes the value when the fetch fails; the dot is the problem, and other fetches are
	// bound. The answer names the fetch in its header Fairway-Partial, and has its problem in the member "partial" where it
	// is an object. Default: none.
	Fallback string `json:"fallback,omitempty"`
	// DecodeRaw says how the bytes become a value. Default: by the answer's media type is a later format; required.
	DecodeRaw json.RawMessage `json:"decode,omitempty" caddy:"namespace=fairway.decoders inline_key=format"`
	// Charset overrules what the backend says of its charset (a WHATWG label). Default: the backend's.
	Charset string `json:"charset,omitempty"`
	// CharsetErrors is fail or replace, as for a Backend. Default: the backend's.
	CharsetErrors string `json:"charset_errors,omitempty"`
	// FailWhen is a jq program over the decoded value: false or null is a success; true, a text (the reason) or an
	// object {status, detail} a failure of the attempt. Default: none.
	FailWhen string `json:"fail_when,omitempty"`

	// Cache keeps the value. Default: every request asks the backend.
	Cache *Cache `json:"cache,omitempty"`
	// Refresh loads the value in the background. Default: it is fetched when it is asked for.
	Refresh *Refresh `json:"refresh,omitempty"`
	// Stale is how long an older value stands in for one that cannot be fetched; the answer then says so as it does of a failed
	// part. Default: not at all.
	Stale Duration `json:"stale,omitempty"`
	// Pages asks for one page after the other; the value is the list of all their items. Default: one answer is the whole.
	Pages *Pages `json:"pages,omitempty"`
	// Each makes it a fan-out, which has a name, Each, and of the other fields Budget, Optional and Fallback; with Optional,
	// items may fail each for itself. Default: it is one request.
	Each *FanOut `json:"each,omitempty"`
	// SQL makes it a query of a database, which has a name, SQL, and of the other fields Timeout (default 10s), Budget, Optional
	// and Fallback. Default: it is a request.
	SQL *SQL `json:"sql,omitempty"`
	// Decoder is DecodeRaw loaded, and Format its name; set by who loads guest modules.
	Decoder decode.Decoder `json:"-"`
	Format  string         `json:"-"`
}

// SQL is one statement for a named database. Its value is a list of the rows, objects with the columns in their order:
//
//	[{"id": 1, "name": "a"}]
//
// A statement that gives no rows gives {"rows_affected": 2}.
type SQL struct {
	// Database is its name in the app fairway.
	Database string `json:"database"`
	// Query is the statement. Its placeholders, as in a target, are parameters of it, whatever stands in them.
	Query string `json:"query"`
	// Exec lets it change data, in routes that are no GET. It is a transaction of its own, which is never tried again. Default
	// false: the transaction is read-only.
	Exec bool `json:"exec,omitempty"`
	// LimitRows is how many rows it may give; more are a failure. Default 1000.
	LimitRows int `json:"limit_rows,omitempty"`
	// Limit is how many bytes the values of all rows may have. Default 10MiB.
	Limit Size `json:"limit,omitempty"`
}

// FanOut fetches for each item of a list, several at once. Its value is a list in the same order:
//
//	{"item": ..., "status": 200, "value": ...}
//
// status is that of the backend, or of the problem that an item failed with, which is then its member problem.
type FanOut struct {
	// List is a jq program that gives the array; other fetches are bound.
	List string `json:"list"`
	// Concurrency is how many items are under way at once, at most 256. Default 8.
	Concurrency int `json:"concurrency,omitempty"`
	// Limit is how many items the list may have, at most 100000; more are a failure. Default 1000.
	Limit int `json:"limit,omitempty"`
	// Fetches are made for each item, which is {item} and $item in them; one without a name gives the value, named ones an
	// object. Equal requests are sent once.
	Fetches []Fetch `json:"fetches,omitempty"`
}

// Cache is how long a value is kept, decoded. What is sent, how it is decoded, and where it matters whose it is, user and
// password, name the value: nobody gets another's.
type Cache struct {
	// TTL is how long it is fresh.
	TTL Duration `json:"ttl"`
	// Honour lets the answer's own header say how long (RFC 9111), and TTL where it does not. Default false: it is not asked.
	Honour bool `json:"honour,omitempty"`
	// StaleWhileRevalidate is how long afterwards it is used while it is fetched again in the background. Default 0.
	StaleWhileRevalidate Duration `json:"stale_while_revalidate,omitempty"`
	// StaleIfError is how long afterwards it is used where it cannot be fetched. Default 0.
	StaleIfError Duration `json:"stale_if_error,omitempty"`
	// Negative is how long a 404 or 410 of the backend is remembered. Default: TTL, at most 10s.
	Negative Duration `json:"negative,omitempty"`
	// NegativeOff remembers none. Default false.
	NegativeOff bool `json:"negative_off,omitempty"`
}

// Refresh is how a value is loaded in the background, whether anybody asks for it or not. Answers have the value of the last
// time; one that grows older than its period, and as long again as Stale says (default 24h), is said to be as a failed part.
type Refresh struct {
	// Every is the period, from the end of one load to the next.
	Every Duration `json:"every"`
	// Ready keeps the gateway from being ready before the first value is there. Default false.
	Ready bool `json:"ready,omitempty"`
}

// Pages is how the pages of a list follow each other.
type Pages struct {
	// By is how the next page is found: link, the header Link with rel=next; next, JQ gives its URL; cursor, JQ gives the value
	// of the query parameter Param; page, Param is its number, until a page is empty or not found.
	By string `json:"by"`
	// JQ is a program over the decoded page; null, false and "" say that it is the last one.
	JQ string `json:"jq,omitempty"`
	// Param is a query parameter.
	Param string `json:"param,omitempty"`
	// First is the number of the first page, of page. Default 1.
	First *int `json:"first,omitempty"`
	// Items is a jq program over the decoded page that gives its list. Default: the page is the list.
	Items string `json:"items,omitempty"`
	// MaxPages and MaxItems are how many there may be; what is over is left out, which the answer says as it does of a failed
	// part. Default 100 and 10000.
	MaxPages int `json:"max_pages,omitempty"`
	MaxItems int `json:"max_items,omitempty"`
}

// Body is the body of a fetch.
type Body struct {
	// Kind is json, form, xml or text.
	Kind string `json:"kind"`
	// JQ is the program that makes it, with the same variables as reply but the fetched values.
	JQ string `json:"jq"`
}
