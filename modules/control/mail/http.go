package mail

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/proxies/problem"
)

const (
	// mostRequest is how large the body of a request may be, in bytes: JSON may need more than its HTML.
	mostRequest = 1 << 20
	// fullAgain is after how long somebody may try again where too many letters wait.
	fullAgain = time.Minute
)

// Register adds the handlers to an API, which knows who may.
func (m *Mailer) Register(a *api.API) {
	a.Handle("mail.send", m)
	a.Handle("mail.send.bare", m)
}

// ServeHTTP answers POST /email: JSON with recipients (addresses, or one), subject and html, which becomes a letter to each of
// them. The answer is 200 when they are in the outbox, as it was when the service of mail had taken them:
//
//	{"data":{"id":"0198…","recipients":2,"status":"queued"}}
func (m *Mailer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	msg, failed := readMessage(w, r)
	if failed != nil {
		api.Fail(w, r, *failed)
		return
	}
	id, n, err := m.Send(r.Context(), api.By(r), msg)
	if err != nil {
		api.Fail(w, r, failureOf(err))
		return
	}
	api.Answer(w, http.StatusOK, api.Data{Data: struct {
		ID         string `json:"id"`
		Recipients int    `json:"recipients"`
		Status     string `json:"status"`
	}{id, n, "queued"}})
}

func failureOf(err error) api.Failure {
	if no, ok := errors.AsType[*InvalidError](err); ok {
		f := api.BadBody("%s", no.Text)
		f.Messages = map[string][]string{no.Field: {no.Text}}
		return f
	}
	if errors.Is(err, ErrFull) {
		return api.Failure{Status: http.StatusServiceUnavailable, Detail: ErrFull.Error(), RetryAfter: fullAgain}
	}
	return api.Failure{Status: http.StatusInternalServerError, Type: problem.Internal, Detail: "The mail could not be written into the outbox.", Cause: err}
}

// readMessage reads a request.
func readMessage(w http.ResponseWriter, r *http.Request) (Message, *api.Failure) {
	// A page elsewhere can have a browser post a form, or plain text, with a password that it knows; but not JSON.
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" && !strings.HasSuffix(kind, "+json") {
		return Message{}, &api.Failure{Status: http.StatusUnsupportedMediaType, Type: problem.BadBody, Detail: "Mail is sent as application/json."}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostRequest))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return Message{}, &api.Failure{Status: http.StatusRequestEntityTooLarge, Type: problem.BadBody, Detail: fmt.Sprintf("The body is longer than %d bytes.", mostRequest)}
	}
	if err != nil {
		f := api.BadBody("The body cannot be read.")
		return Message{}, &f
	}
	msg, err := parseMessage(body)
	if err != nil {
		f := api.BadBody("%s", err.Error())
		return Message{}, &f
	}
	return msg, nil
}

// parseMessage reads JSON: {"recipients": ["a@example.org"], "subject": "…", "html": "…"}. One recipient may stand for itself.
func parseMessage(body []byte) (Message, error) {
	var in struct {
		Recipients json.RawMessage `json:"recipients"`
		Subject    string          `json:"subject"`
		HTML       string          `json:"html"`
	}
	if !utf8.Valid(body) {
		return Message{}, errors.New("the body is not UTF-8")
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return Message{}, errors.New("the body is JSON with recipients, subject and html")
	}
	out := Message{Subject: in.Subject, HTML: in.HTML}
	var one string
	if json.Unmarshal(in.Recipients, &one) == nil && one != "" {
		out.Recipients = []string{one}
		return out, nil
	}
	if len(in.Recipients) > 0 {
		if err := json.Unmarshal(in.Recipients, &out.Recipients); err != nil {
			return Message{}, errors.New("recipients are addresses, [\"a@example.org\"]")
		}
	}
	return out, nil
}

// Interface guard.
var _ http.Handler = (*Mailer)(nil)
