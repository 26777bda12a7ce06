package tokens

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"
)

// oauthError is an error of RFC 6749, 5.2. Its statuses are Houston's: 401 for whatever is wrong with credentials or what they
// may have, where the RFC has 400.
type oauthError struct {
	status     int
	code, text string
	retryAfter time.Duration
}

func invalidRequest(text string) *oauthError {
	return &oauthError{status: http.StatusBadRequest, code: "invalid_request", text: text}
}

func missing(name string) *oauthError {
	return invalidRequest("Request is missing " + name + " parameter.")
}

func unsupportedGrant() *oauthError {
	return &oauthError{status: http.StatusBadRequest, code: "unsupported_grant_type"}
}

func invalidClient() *oauthError {
	return &oauthError{status: http.StatusUnauthorized, code: "invalid_client"}
}

func invalidGrant() *oauthError {
	return &oauthError{status: http.StatusUnauthorized, code: "invalid_grant", text: "Invalid credentials given."}
}

func invalidScope() *oauthError {
	return &oauthError{status: http.StatusUnauthorized, code: "invalid_scope"}
}

func unauthorizedClient() *oauthError {
	return &oauthError{status: http.StatusUnauthorized, code: "unauthorized_client"}
}

func notNow(err *BusyError) *oauthError {
	e := &oauthError{status: http.StatusServiceUnavailable, code: "temporarily_unavailable", text: "Try again later.", retryAfter: err.RetryAfter}
	if err.Throttled {
		e.status, e.text = http.StatusTooManyRequests, "Too many attempts. Try again later."
	}
	return e
}

func serverError() *oauthError {
	return &oauthError{status: http.StatusInternalServerError, code: "server_error"}
}

// write answers with the error.
func (e *oauthError) write(w http.ResponseWriter) {
	if e.status == http.StatusUnauthorized {
		// HTTP wants one with every 401. Basic is for clients alone: a browser would ask its user.
		challenge := "Bearer"
		if e.code == "invalid_client" {
			challenge = `Basic realm="fairway"`
		}
		w.Header().Set("WWW-Authenticate", challenge)
	}
	setRetryAfter(w.Header(), e.retryAfter)
	answer(w, e.status, struct {
		Error       string `json:"error"`
		Description string `json:"error_description,omitempty"`
	}{e.code, e.text})
}

// RefuseBody tells clients of the endpoints of OAuth2 that their body cannot be taken: an invalid_request of RFC 6749.
func RefuseBody(w http.ResponseWriter, _ *http.Request, err error) {
	invalidRequest(err.Error()).write(w)
}

func setRetryAfter(h http.Header, d time.Duration) {
	if d > 0 {
		h.Set("Retry-After", strconv.Itoa(seconds(d)))
	}
}

// seconds are whole ones, rounded up.
func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }

// answer writes a document that nobody may keep.
func answer(w http.ResponseWriter, status int, v any) {
	h := w.Header()
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/json")
	}
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"server_error"}`)
	}
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the caller may have left
}
