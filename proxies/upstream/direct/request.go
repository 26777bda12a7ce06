package direct

import (
	"fmt"
	"net/http"
	"strconv"

	"golang.org/x/net/http/httpguts"
)

// appendHead appends the request line and the header, each value checked: nothing in them ends a line.
func appendHead(b []byte, req *http.Request) ([]byte, error) {
	target := req.URL.RequestURI()
	host := req.Host
	if host == "" {
		host = req.URL.Host
	}
	if !httpguts.ValidHeaderFieldName(req.Method) || !plain(target) || !httpguts.ValidHostHeader(host) {
		return nil, ErrUnsendable
	}
	b = append(append(append(b, req.Method...), ' '), target...)
	b = append(append(append(b, " HTTP/1.1\r\nHost: "...), host...), "\r\n"...)
	for name, values := range req.Header {
		switch http.CanonicalHeaderKey(name) {
		case "Host", "Content-Length", "Transfer-Encoding", "Connection", "Trailer", "Upgrade":
			continue
		}
		if !httpguts.ValidHeaderFieldName(name) {
			return nil, fmt.Errorf("header %q: %w", name, ErrUnsendable)
		}
		for _, v := range values {
			if !httpguts.ValidHeaderFieldValue(v) {
				return nil, fmt.Errorf("header %s: %w", name, ErrUnsendable)
			}
			b = append(append(append(append(b, name...), ": "...), v...), "\r\n"...)
		}
	}
	if req.Close {
		b = append(b, "Connection: close\r\n"...)
	}
	return appendLength(b, req)
}

func appendLength(b []byte, req *http.Request) ([]byte, error) {
	switch {
	case req.ContentLength > 0 && req.Body != nil:
		b = append(b, "Content-Length: "...)
		b = append(strconv.AppendInt(b, req.ContentLength, 10), "\r\n"...)
	case req.ContentLength < 0:
		return nil, ErrBodyLength
	case req.Method == http.MethodPost || req.Method == http.MethodPut || req.Method == http.MethodPatch:
		b = append(b, "Content-Length: 0\r\n"...)
	}
	return append(b, "\r\n"...), nil
}

// plain says that a target holds nothing that ends it or the line.
func plain(target string) bool {
	for i := range len(target) {
		if c := target[i]; c <= ' ' || c == 0x7f {
			return false
		}
	}
	return target != ""
}
