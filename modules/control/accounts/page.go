package accounts

import (
	"bytes"
	_ "embed"
	"errors"
	"html/template"
	"net/http"
	"strconv"

	"github.com/fairway-gateway/fairway/modules/control/api"
)

//go:embed page.html
var pageText string //nolint:gochecknoglobals // embedded

// page is where mailed links lead: a form in which a password is set, for who has no other program for that.
type page struct {
	Token string
	Wrong []string
	// Done: the password is set. Dead: the link is not good.
	Done, Dead bool
}

// longestForm is how many bytes of a form are read.
const longestForm = 16 << 10

// servePage shows the form. Whether the link is good is found out when it is used: a program that looks at links in mail must not
// use it up, nor learn anything.
func (a *Accounts) servePage(w http.ResponseWriter, r *http.Request) {
	a.show(w, r, http.StatusOK, page{Token: r.URL.Query().Get("token"), Dead: r.URL.Query().Get("token") == ""})
}

// serveForm sets the password.
func (a *Accounts) serveForm(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, longestForm)
	if err := r.ParseForm(); err != nil {
		a.show(w, r, http.StatusBadRequest, page{Dead: true})
		return
	}
	p := page{Token: r.PostForm.Get("token")}
	if r.PostForm.Get("password") != r.PostForm.Get("again") {
		p.Wrong = []string{"The two passwords are not the same"}
		a.show(w, r, http.StatusUnprocessableEntity, p)
		return
	}
	_, err := a.ResetPassword(r.Context(), a.anybody(r), p.Token, r.PostForm.Get("password"))
	if err == nil {
		a.show(w, r, http.StatusOK, page{Done: true})
		return
	}
	if weak, ok := errors.AsType[*WeakError](err); ok {
		p.Wrong = weak.Weaknesses
		a.show(w, r, http.StatusUnprocessableEntity, p)
		return
	}
	f, ok := Failure(err)
	switch {
	case !ok:
		fail(w, r, err)
	case errors.Is(err, ErrLink):
		a.show(w, r, f.Status, page{Dead: true})
	default:
		p.Wrong = []string{f.Detail}
		if f.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter.Seconds())+1))
		}
		a.show(w, r, f.Status, p)
	}
}

func (a *Accounts) show(w http.ResponseWriter, r *http.Request, status int, p page) {
	var out bytes.Buffer
	if err := a.page.Execute(&out, p); err != nil {
		api.Refuse(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	// The address has the link in it, which is to go nowhere, and the page is to be in nobody's frame.
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes()) // the caller may have left
}

func pageTemplate() (*template.Template, error) { return template.New("page").Parse(pageText) }
