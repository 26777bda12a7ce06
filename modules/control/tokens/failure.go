package tokens

import (
	"net/http"
	"time"

	"github.com/fairway-gateway/fairway/proxies/problem"
)

// failure is what a caller on Trends.Earth's paths is told.
type failure struct {
	status int
	// msg is the sentence; code and err are error_code and error, where clients know one.
	msg, code, err string
	retryAfter     time.Duration
}

// document is RFC 9457's, with the members that clients of Trends.Earth read.
type document struct {
	Type       string `json:"type"`
	Title      string `json:"title"`
	Status     int    `json:"status"`
	Detail     string `json:"detail"`
	Instance   string `json:"instance,omitempty"`
	RequestID  string `json:"request_id,omitempty"`
	Msg        string `json:"msg"`
	Message    string `json:"message"`
	ErrorCode  string `json:"error_code,omitempty"`
	Error      string `json:"error,omitempty"`
	RetryAfter int    `json:"retry_after,omitempty"`
}

func (a *Authority) fail(w http.ResponseWriter, r *http.Request, f failure) {
	h := w.Header()
	h.Set("Content-Type", problem.ContentType)
	if f.status == http.StatusUnauthorized {
		challenge := "Bearer"
		if f.err != "" && f.err != string(Missing) {
			challenge = `Bearer error="invalid_token"`
		}
		h.Set("WWW-Authenticate", challenge)
	}
	setRetryAfter(h, f.retryAfter)
	answer(w, f.status, document{
		Type: "about:blank", Title: http.StatusText(f.status), Status: f.status, Detail: f.msg,
		Instance: r.URL.EscapedPath(), RequestID: a.cfg.RequestID(r),
		Msg: f.msg, Message: f.msg, ErrorCode: f.code, Error: f.err, RetryAfter: seconds(f.retryAfter),
	})
}
