// Package challenge tells the answer of an application from that of what stands before it and wants a login.
package challenge

import (
	"mime"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
)

// gapAuth is what oauth2-proxy sets on every answer of the application to a request with a session, and on no challenge.
const gapAuth = "Gap-Auth"

// Detector knows the challenges of one backend. It is used concurrently.
type Detector struct {
	// Start is where a login begins: a path of the backend or a whole URL. A redirect there, or beside it (/oauth2/sign_in),
	// is a challenge. Default: none.
	Start string
	// Origins are where logins lead to, https://host[:port]; a redirect there is a challenge.
	Origins []string
	// Statuses are those that are a challenge; others, and pages, are none then, and what the proxy says of itself does not
	// count. Default: 401, 403, redirects to a login and pages with a login form.
	Statuses []int
	// Redirect is a path; a redirect to it, or below it, is a challenge. With Statuses it is looked at beside them. Default: none.
	Redirect string
	// Pages is how many bytes of a page of status 200 are looked at for a login form. Default 64KiB.
	Pages int
	// Slow lets a page that comes slowly go on to who reads it; it is then none of a login. The answers must be those of net/http,
	// whose bodies can be closed while they are read. Default false: the whole beginning is waited for.
	Slow bool
}

// Is says whether an answer is a challenge. The answer can be read afterwards as if nobody had looked.
func (d *Detector) Is(resp *http.Response) bool {
	if resp.StatusCode < 200 || resp.StatusCode == http.StatusNoContent {
		return false
	}
	redirected := resp.StatusCode >= 300 && resp.StatusCode <= 399
	if len(d.Statuses) > 0 || d.Redirect != "" {
		return slices.Contains(d.Statuses, resp.StatusCode) || redirected && d.Redirect != "" && d.leads(resp, d.Redirect)
	}
	if resp.Header.Get(gapAuth) != "" {
		return false
	}
	switch {
	case resp.StatusCode == http.StatusUnauthorized, resp.StatusCode == http.StatusForbidden:
		return true
	case redirected:
		return d.toLogin(resp)
	}
	return resp.StatusCode == http.StatusOK && d.page(resp)
}

// location is where a redirect leads to.
func location(resp *http.Response) *url.URL {
	to, err := resp.Location() // resolved against the request
	if err != nil {
		return nil
	}
	return to
}

// leads says that a redirect leads to a path of the backend, or below it.
func (*Detector) leads(resp *http.Response, to string) bool {
	u := location(resp)
	return u != nil && sameOrigin(u, resp.Request) && (u.Path == to || strings.HasPrefix(u.Path, strings.TrimSuffix(to, "/")+"/"))
}

// toLogin says that a redirect leads to a login: to its start, to a login server, or to any server with what only logins have.
func (d *Detector) toLogin(resp *http.Response) bool {
	u := location(resp)
	if u == nil {
		return false
	}
	if start, err := url.Parse(d.Start); err == nil && d.Start != "" {
		if home := path.Dir(start.Path); (start.Host == "" && sameOrigin(u, resp.Request) || start.Host != "" && origin(u) == origin(start)) &&
			(u.Path == start.Path || home != "/" && strings.HasPrefix(u.Path, home+"/")) {
			return true
		}
	}
	if slices.ContainsFunc(d.Origins, func(o string) bool {
		listed, err := url.Parse(o)
		return err == nil && origin(listed) == origin(u) && !sameOrigin(u, resp.Request)
	}) {
		return true
	}
	q := u.Query()
	return q.Has("client_id") && (q.Has("response_type") || q.Has("redirect_uri")) || q.Has("SAMLRequest")
}

func origin(u *url.URL) string {
	host := strings.ToLower(u.Host)
	switch u.Scheme {
	case "http":
		host = strings.TrimSuffix(host, ":80")
	case "https":
		host = strings.TrimSuffix(host, ":443")
	}
	return u.Scheme + "://" + host
}

func sameOrigin(u *url.URL, req *http.Request) bool {
	return req != nil && req.URL != nil && origin(u) == origin(req.URL)
}

// page says that a body is HTML with a login form.
func (d *Detector) page(resp *http.Response) bool {
	if resp.Request != nil && resp.Request.Method == http.MethodHead || resp.Body == nil || resp.Body == http.NoBody {
		return false
	}
	mediaType, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if mediaType != "text/html" && mediaType != "application/xhtml+xml" {
		return false
	}
	limit := d.Pages
	if limit <= 0 {
		limit = defaultPages
	}
	head := peek(resp, limit, d.Slow)
	home := ""
	if start, err := url.Parse(d.Start); err == nil && d.Start != "" {
		home = path.Dir(start.Path)
	}
	return form(plain(head, resp.Header["Content-Encoding"], limit), home)
}
