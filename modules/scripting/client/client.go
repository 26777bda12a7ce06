// Package client speaks with the control API of a gateway as commands need it: scripts, executions, and logins that are kept in a
// file.
//
// Credentials go to the origin that they are for and nowhere else: no redirect is followed, and nothing is sent in the clear to
// another machine unless that was asked for.
package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

const (
	// patience is how long a request may take that is no transfer of files and no stream.
	patience = time.Minute
	// transfer is how long files may take.
	transfer = 15 * time.Minute
	// mostAnswer is how long an answer in JSON may be, in bytes, and mostError that of an error.
	mostAnswer, mostError = 256 << 20, 1 << 20
)

// Credentials give the token that is sent with requests.
type Credentials interface {
	// Token gives one. refused is the one that the gateway has just refused, so that another is wanted; it is empty at first. Where
	// there is none, it is a *LoginError.
	Token(ctx context.Context, refused string) (string, error)
}

// Options are what a Client is made of.
type Options struct {
	// URL is the gateway's origin, https://gateway.example.org. Required.
	URL string
	// CA is a file with certificates of authorities, in PEM, beside those of the system. Default: none.
	CA string
	// LocalCA is likewise that of a gateway on this machine. It counts for one that is, and if it can be read. Default: none.
	LocalCA string
	// AllowHTTP has credentials be sent unencrypted to other machines. Default: only to this one.
	AllowHTTP bool
	// Credentials give the token of requests. Default: requests have none.
	Credentials Credentials
	// Agent is what the client calls itself. Default: fairway.
	Agent string
}

// Client makes requests of one gateway. It is used concurrently.
type Client struct {
	origin      string
	http        *http.Client
	credentials Credentials
	agent       string
}

// New makes a client. It asks for nothing yet.
func New(o Options) (*Client, error) {
	origin, err := Origin(o.URL)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(origin, "http://") && !o.AllowHTTP && !Local(origin) {
		return nil, fmt.Errorf("%s is not encrypted, and credentials would be sent to it: use https, or allow it by --allow-http", origin)
	}
	roots, err := o.authorities(origin)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout: 15 * time.Second, ResponseHeaderTimeout: transfer, ForceAttemptHTTP2: true,
		MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 1 << 20,
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}
	c := &Client{origin: origin, credentials: o.Credentials, agent: o.Agent}
	if c.agent == "" {
		c.agent = "fairway"
	}
	c.http = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return c, nil
}

// Close gives back connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Origin is the scheme, host and port of a URL, which has nothing else.
func Origin(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.Opaque != "" {
		return "", fmt.Errorf("%.200q is no address of a gateway, as https://gateway.example.org is one", text)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return "", fmt.Errorf("the address of a gateway is scheme, host and port alone, as in %s://%s", u.Scheme, u.Host)
	}
	host := strings.ToLower(u.Hostname())
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port := u.Port(); port != "" && !(u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80") {
		host += ":" + port
	}
	return u.Scheme + "://" + host, nil
}

// Local says whether an origin is on this machine.
func Local(origin string) bool {
	u, err := url.Parse(origin)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// authorities are those of the system and of files; nil: those of the system.
func (o Options) authorities(origin string) (*x509.CertPool, error) {
	var local []byte
	if o.LocalCA != "" && Local(origin) {
		local, _ = os.ReadFile(o.LocalCA) // there may be none
	}
	if o.CA == "" && local == nil {
		return nil, nil //nolint:nilnil // as it is documented
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	roots.AppendCertsFromPEM(local)
	if o.CA == "" {
		return roots, nil
	}
	text, err := os.ReadFile(o.CA)
	if err != nil {
		return nil, fmt.Errorf("reading certificates of authorities: %w", err)
	}
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s has no certificate in PEM", o.CA)
	}
	return roots, nil
}

// request is one request of the API.
type request struct {
	method, path string
	query        url.Values
	header       http.Header
	kind         string // Content-Type of the body
	body         []byte
	bare         bool // without credentials
}

// do makes a request and reads what is in the envelope into out, unless that is nil.
func (c *Client) do(ctx context.Context, r request, out any) error {
	return c.list(ctx, r, out, nil)
}

// list does likewise for a page of a list, whose total is told.
func (c *Client) list(ctx context.Context, r request, out any, total *int) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	envelope := struct {
		Data  any  `json:"data"`
		Total *int `json:"total"`
	}{Data: out, Total: total}
	if out == nil {
		return c.plain(ctx, r, nil)
	}
	return c.plain(ctx, r, &envelope)
}

// plain makes a request and reads its answer into out, unless that is nil.
func (c *Client) plain(ctx context.Context, r request, out any) error {
	resp, err := c.send(ctx, r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswer+1))
	if err != nil {
		return unreachable(c.origin, err)
	}
	if len(raw) > mostAnswer {
		return fmt.Errorf("%s answers with more than %d bytes", c.origin, mostAnswer)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("%s does not answer as a gateway does: %w", c.origin, err)
	}
	return nil
}

// send makes a request, once more with another token if the gateway refused the first. The answer is one of success, and its body is
// the caller's to close.
func (c *Client) send(ctx context.Context, r request) (*http.Response, error) {
	token, err := c.token(ctx, r, "")
	if err != nil {
		return nil, err
	}
	resp, err := c.once(ctx, r, token)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusUnauthorized && token != "" {
		failure := failureOf(resp)
		if token, err = c.token(ctx, r, token); err != nil {
			if _, is := errors.AsType[*LoginError](err); is {
				return nil, &LoginError{Origin: c.origin, Because: failure}
			}
			return nil, err
		}
		if resp, err = c.once(ctx, r, token); err != nil {
			return nil, err
		}
	}
	switch {
	case resp.StatusCode >= 200 && resp.StatusCode < 300:
		return resp, nil
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		resp.Body.Close()
		return nil, redirected(c.origin, resp)
	}
	failure := failureOf(resp)
	if resp.StatusCode == http.StatusUnauthorized && !r.bare {
		return nil, &LoginError{Origin: c.origin, Because: failure}
	}
	return nil, failure
}

func (c *Client) token(ctx context.Context, r request, refused string) (string, error) {
	if r.bare || c.credentials == nil {
		return "", nil
	}
	return c.credentials.Token(ctx, refused)
}

func (c *Client) once(ctx context.Context, r request, token string) (*http.Response, error) {
	target := c.origin + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, bytes.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, r.header)
	req.Header.Set("User-Agent", c.agent)
	if req.Header.Get("Accept") == "" {
		req.Header.Set("Accept", "application/json")
	}
	if r.kind != "" {
		req.Header.Set("Content-Type", r.kind)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, unreachable(c.origin, err)
	}
	return resp, nil
}

// onceOnly makes a header that has something be done once, however often it is sent.
func onceOnly() http.Header {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return http.Header{"Idempotency-Key": {hex.EncodeToString(b[:])}}
}

// sendJSON makes a request with a body of JSON.
func sendJSON(method, path string, v any) (request, error) {
	body, err := json.Marshal(v)
	return request{method: method, path: path, kind: "application/json", body: body}, err
}

// named is a name in a path: an id, or a slug.
func named(name string) string { return url.PathEscape(name) }
