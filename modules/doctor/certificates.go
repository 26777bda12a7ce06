package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/fairway-gateway/fairway/modules/fairway"
)

// How long before its end a certificate is told of: from then on it is a warning, and from then on a failure. One that lasts for a short time,
// as some authorities make them, is told of when a third of that, and a tenth, is left.
const (
	soon = 30 * 24 * time.Hour
	now  = 7 * 24 * time.Hour
)

// mostPEM is how large a file with certificates may be, in bytes.
const mostPEM = 1 << 20

// validity says until when a chain is valid, a server's own certificate first.
func validity(check string, chain []*x509.Certificate, at time.Time) Finding {
	first, last := chain[0], chain[0]
	for _, c := range chain {
		if c.NotAfter.Before(first.NotAfter) {
			first = c
		}
		if c.NotBefore.After(last.NotBefore) {
			last = c
		}
	}
	lasts, left := first.NotAfter.Sub(first.NotBefore), first.NotAfter.Sub(at)
	out := fine(check, "its certificate is valid until %s", first.NotAfter.UTC().Format(time.RFC3339))
	if first != chain[0] {
		out.Found = fmt.Sprintf("the certificate of %q, which signed it, is valid until %s", first.Subject.CommonName, first.NotAfter.UTC().Format(time.RFC3339))
	}
	const renew = "renew it"
	switch {
	case at.Before(last.NotBefore):
		out.State = Failure
		out.Found = fmt.Sprintf("its certificate begins at %s, and here it is %s", last.NotBefore.UTC().Format(time.RFC3339), at.UTC().Format(time.RFC3339))
		out.Do = "set the clock of this machine, or of the one that made it"
	case left <= 0:
		out.State, out.Do = Failure, renew
		out.Found += ", which is over"
	case left < min(now, lasts/10):
		out.State, out.Do = Failure, renew+" now"
	case left < min(soon, lasts/3):
		out.State, out.Do = Warning, renew
	}
	return out
}

// file is a certificate that the configuration names.
type file struct{ check, certificate, key string }

// files are the certificates that the gateway shows callers, and those that it shows backends.
func (e *examination) files() []file {
	var cfg struct {
		Apps struct {
			TLS struct {
				Certificates struct {
					Files []struct {
						Certificate string `json:"certificate"`
						Key         string `json:"key"`
					} `json:"load_files"`
				} `json:"certificates"`
			} `json:"tls"`
		} `json:"apps"`
	}
	var out []file
	seen := map[string]bool{}
	add := func(check, certificate, key string) {
		if check += " " + certificate; !seen[check] {
			seen[check] = true
			out = append(out, file{check, certificate, key})
		}
	}
	if json.Unmarshal(e.raw, &cfg) == nil {
		for _, f := range cfg.Apps.TLS.Certificates.Files {
			add("certificate", f.Certificate, f.Key)
		}
	}
	for _, b := range e.backends() {
		for _, ca := range b.tls.CA {
			add("authority", ca, "")
		}
		if b.tls.ClientCertificate != "" {
			add("client certificate", b.tls.ClientCertificate, b.tls.ClientKey)
		}
	}
	return out
}

// certificates looks at the files.
func (e *examination) certificates(context.Context) []Finding {
	var out []Finding
	for _, f := range e.files() {
		chain, err := f.read()
		if err != nil {
			out = append(out, Finding{f.check, Failure, err.Error(), "see that both files are there, are PEM and belong together, and that this user may read them"})
			continue
		}
		out = append(out, validity(f.check, chain, e.now()))
	}
	return out
}

// read gives the certificates of a file, whose key has to be its.
func (f file) read() ([]*x509.Certificate, error) {
	text, err := readPEM(f.certificate)
	if err != nil {
		return nil, err
	}
	var chain []*x509.Certificate
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		chain = append(chain, c)
	}
	if len(chain) == 0 {
		return nil, errors.New("it has no certificate in PEM")
	}
	if f.key == "" {
		return chain, nil
	}
	key, err := readPEM(f.key)
	if err != nil {
		return nil, err
	}
	if _, err := tls.X509KeyPair(text, key); err != nil {
		return nil, err
	}
	return chain, nil
}

func readPEM(name string) ([]byte, error) {
	path, err := fairway.Resolve(name)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > mostPEM {
		return nil, fmt.Errorf("%s is no file, or larger than 1 MiB", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, mostPEM))
}
