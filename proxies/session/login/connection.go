package login

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"

	"github.com/fairway-gateway/fairway/proxies/upstream"
)

// connectionError gives what of a transport's error may be told: errors of net/http quote what a server has sent.
func connectionError(err error) error {
	if errors.Is(err, upstream.ErrInside) {
		return upstream.ErrInside
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return e
	}
	if e, ok := errors.AsType[x509.HostnameError](err); ok {
		return e
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return context.DeadlineExceeded
	}
	if errors.Is(err, context.Canceled) {
		return context.Canceled
	}
	return errors.New("the connection broke, or what came was no HTTP")
}
