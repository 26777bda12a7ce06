// Package session says who the gateway is towards a backend: without credentials, with the caller's or with its own.
package session

import "net/http"

// Caller is who calls the gateway, as far as it said so. The zero value is an anonymous caller.
type Caller struct {
	// User and Password are of the caller's HTTP Basic header; Basic says whether there was one.
	User, Password string
	Basic          bool
}

// Mode is what metadata says of a service that uses a strategy: what the caller must send.
type Mode string

// The modes, in the order in which they win when a service has several backends.
const (
	ModeNone       Mode = "none"
	ModeBasic      Mode = "basic"
	ModeBitlyProxy Mode = "bitly-proxy"
)

// Backend is what a strategy may know of the backend that it is for.
type Backend struct {
	// Service and Name are for metrics, spans and logs.
	Service, Name string
	// Addresses are its origins: https://host[:port] or unix//path. None: in pass-through they are chosen by request, and each
	// origin (of the request's URL) is a backend of its own, whose sessions no other sees.
	Addresses []string
	// Elsewhere leads to other origins, with the backend's trust (its TLS certificates of authorities, its forward proxy) and
	// without what the backend is shown. A name that leads to an address inside is refused; an IP address or localhost is not.
	Elsewhere http.RoundTripper
}

// Bound is a Strategy that is told of its backend, once, before it is used.
type Bound interface {
	Bind(b Backend) error
}

// Strategy is how one backend is told who calls. Strategies are used concurrently.
//
// Guest modules in the Caddy namespace fairway.auth implement it. A strategy that logs in does so inside RoundTrip:
// it sees the request before it is sent and the answer before it is read, and may send more than one request.
type Strategy interface {
	// Mode is for the metadata document.
	Mode() Mode
	// PerCaller says that the caller's own Basic credentials are needed: a request without them is answered 401
	// and no backend is asked. A strategy that is not PerCaller is either anonymous or a service account.
	PerCaller() bool
	// ServiceAccount says that the gateway's own credentials are used, so that a 401 or 403 of the backend
	// is the operator's fault and not the caller's.
	ServiceAccount() bool
	// RoundTrip sends req through next as http.RoundTripper does, with whatever this backend needs to know the
	// caller. req is the strategy's to change; its header is not shared.
	RoundTrip(req *http.Request, caller Caller, next http.RoundTripper) (*http.Response, error)
}

// HeaderSetter is a Strategy that sets headers of what it sends. A configuration that sets one of them too is refused, since
// one of the two would silently win.
type HeaderSetter interface {
	Strategy
	// SetsHeaders gives their names in canonical spelling.
	SetsHeaders() []string
}

// Certified is a Strategy that shows the backend a certificate when a connection begins.
type Certified interface {
	Strategy
	// ClientCertificate gives the PEM files of the certificate, with its chain, and of its key.
	ClientCertificate() (certificate, key string)
}
