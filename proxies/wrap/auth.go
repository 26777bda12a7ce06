package wrap

import (
	"slices"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

// setHeaders are the headers that a strategy sets and nobody else may.
func setHeaders(s session.Strategy) []string {
	if setter, ok := s.(session.HeaderSetter); ok {
		return setter.SetsHeaders()
	}
	if s.Mode() != session.ModeNone { // one that does not say it, of somebody else's plugin
		return []string{"Authorization"}
	}
	return nil
}

// checkAuth refuses what a backend says twice: a header that its auth sets, a second certificate. A certificate is taken over into
// what the connections are made of.
func checkAuth(b *backend, at place) error {
	set := setHeaders(b.Auth)
	for i, h := range b.header {
		if slices.Contains(set, h.name) {
			return at.field("header/"+itoa(i)).errf("the backend's auth sets %s already", h.name)
		}
	}
	certified, ok := b.Auth.(session.Certified)
	if !ok {
		return nil
	}
	secure := func(address string) bool {
		return strings.HasPrefix(address, "https://") || strings.HasPrefix(address, "{")
	}
	switch {
	case b.TLS.ClientCertificate != "" || b.TLS.ClientKey != "":
		return at.field("auth").errf("the backend's auth shows a certificate, and so does client_certificate in tls; one of them is enough")
	case len(b.Addresses) > 0 && !slices.ContainsFunc(b.Addresses, secure):
		return at.field("auth").errf("a certificate is shown on https addresses, and the backend has none")
	}
	b.TLS.ClientCertificate, b.TLS.ClientKey = certified.ClientCertificate()
	return nil
}

// bind tells a strategy of its backend.
func (s *Service) bind(b *backend, at place) error {
	bound, ok := b.Auth.(session.Bound)
	if !ok {
		return nil
	}
	elsewhere, err := upstream.Elsewhere(b.config)
	if err != nil {
		return at.errf("%v", err)
	}
	s.release = append(s.release, elsewhere.CloseIdleConnections)
	err = bound.Bind(session.Backend{Service: s.Name, Name: b.Name, Addresses: b.config.Addresses, Elsewhere: elsewhere})
	if err != nil {
		return at.field("auth").errf("%v", err)
	}
	return nil
}
