package session

import "net/http"

// Certificate shows a client certificate (mutual TLS). What a connection shows is settled when it is opened, so the backend's
// connections are made with it and requests are sent as they are.
type Certificate struct {
	// Chain and Key are PEM files, read when the configuration is loaded; Chain begins with the certificate itself.
	Chain, Key string
}

// Mode is none: a caller sends nothing.
func (Certificate) Mode() Mode { return ModeNone }

// PerCaller is false: the certificate is the gateway's.
func (Certificate) PerCaller() bool { return false }

// ServiceAccount is true.
func (Certificate) ServiceAccount() bool { return true }

// ClientCertificate gives the files.
func (c Certificate) ClientCertificate() (certificate, key string) { return c.Chain, c.Key }

// RoundTrip sends req as it is.
func (Certificate) RoundTrip(req *http.Request, _ Caller, next http.RoundTripper) (*http.Response, error) {
	return next.RoundTrip(req)
}

// Interface guard.
var _ Certified = Certificate{}
