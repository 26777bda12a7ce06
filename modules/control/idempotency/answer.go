package idempotency

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"maps"
	"mime"
	"net/http"
	"slices"
)

// identity is what a request is told by.
type identity struct {
	key, body []byte // SHA-256
	secret    []byte // of key and body, as they were sent
}

// Labels, so that no hash is good for two things.
const (
	labelKey    = "fairway idempotency key 1"
	labelBody   = "fairway idempotency body 1"
	labelAnswer = "fairway idempotency answer 1"
)

// identify makes an identity. The body is the same whatever words a multipart form parts its fields by: those are made up anew
// for each request.
func identify(operation, caller, key string, r *http.Request, body []byte) identity {
	mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		mediaType = r.Header.Get("Content-Type")
	}
	if b := params["boundary"]; b != "" {
		body = bytes.ReplaceAll(body, []byte("--"+b), []byte("--"))
	}
	where := r.Method + " " + r.URL.EscapedPath() + "?" + r.URL.RawQuery
	one := identity{
		key:  hash(labelKey, []byte(caller), []byte(operation), []byte(where), []byte(key)),
		body: hash(labelBody, []byte(mediaType), body),
	}
	one.secret = slices.Concat([]byte(key), []byte{0}, one.body)
	return one
}

// hash is SHA-256 of several texts, each with its length before it.
func hash(label string, parts ...[]byte) []byte {
	h := sha256.New()
	h.Write([]byte(label))
	for _, p := range parts {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(p))))
		h.Write(p)
	}
	return h.Sum(nil)
}

// sealer makes what seals an answer.
func (one identity) sealer(secret []byte) (cipher.AEAD, error) {
	if len(secret) < 16 {
		return nil, errors.New("a secret has 16 bytes or more")
	}
	key, err := hkdf.Key(sha256.New, slices.Concat(secret, one.secret), nil, labelAnswer, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// answer is one that was given.
type answer struct {
	status int
	Header http.Header `json:"header"`
	Body   []byte      `json:"body"`
	// TooLong says that the body is not there.
	TooLong bool `json:"too_long,omitempty"`
}

// seal makes what is kept of an answer.
func (one identity) seal(secret []byte, rec *recorder) ([]byte, error) {
	a := answer{Header: rec.own(), Body: rec.body.Bytes()}
	if rec.passed {
		a = answer{TooLong: true}
	}
	plain, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	c, err := one.sealer(secret)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, c.NonceSize(), c.NonceSize()+len(plain)+c.Overhead())
	_, _ = rand.Read(nonce) // never fails
	return c.Seal(nonce, nonce, plain, one.key), nil
}

// open makes an answer of what was kept.
func (one identity) open(secret []byte, status int, sealed []byte) (answer, error) {
	c, err := one.sealer(secret)
	if err != nil {
		return answer{}, err
	}
	if len(sealed) < c.NonceSize() {
		return answer{}, errors.New("what was sealed is cut")
	}
	plain, err := c.Open(nil, sealed[:c.NonceSize()], sealed[c.NonceSize():], one.key)
	if err != nil {
		return answer{}, errors.New("it was sealed with another secret, or changed")
	}
	a := answer{status: status}
	if err := json.Unmarshal(plain, &a); err != nil {
		return answer{}, err
	}
	if a.TooLong {
		return answer{}, errors.New("it was too long")
	}
	return a, nil
}

// write gives the answer again.
func (a answer) write(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.Header)
	w.Header().Set(ReplayedHeader, "true")
	w.WriteHeader(a.status)
	_, _ = w.Write(a.Body) // the caller may have left
}

// recorder holds an answer back until it is kept. One that is too long goes on as it comes.
type recorder struct {
	under  http.ResponseWriter
	before http.Header // what was set for every answer
	header http.Header
	status int
	body   bytes.Buffer
	passed bool
}

func newRecorder(w http.ResponseWriter) *recorder {
	return &recorder{under: w, before: w.Header().Clone(), header: w.Header().Clone()}
}

// Header implements http.ResponseWriter.
func (rec *recorder) Header() http.Header {
	if rec.passed {
		return rec.under.Header()
	}
	return rec.header
}

// WriteHeader implements http.ResponseWriter.
func (rec *recorder) WriteHeader(status int) {
	if rec.status == 0 && status >= http.StatusOK {
		rec.status = status
	}
}

// Write implements http.ResponseWriter.
func (rec *recorder) Write(p []byte) (int, error) {
	rec.WriteHeader(http.StatusOK)
	if !rec.passed && rec.body.Len()+len(p) > mostAnswer {
		rec.flush()
		rec.passed = true
	}
	if rec.passed {
		return rec.under.Write(p)
	}
	return rec.body.Write(p)
}

// flush gives on what was held back.
func (rec *recorder) flush() {
	if rec.passed {
		return
	}
	h := rec.under.Header()
	for name := range h {
		if _, ok := rec.header[name]; !ok {
			delete(h, name)
		}
	}
	maps.Copy(h, rec.header)
	rec.under.WriteHeader(rec.status)
	_, _ = rec.under.Write(rec.body.Bytes()) // the caller may have left
	rec.body = bytes.Buffer{}
}

// keep says whether the answer is one that is given again: not one that says to come back, or that is about who asks now.
func (rec *recorder) keep() bool {
	switch rec.status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return rec.status < http.StatusInternalServerError
}

// own are the headers that the handler has set, but for those that are of one connection or one session.
func (rec *recorder) own() http.Header {
	out := http.Header{}
	for name, values := range rec.header {
		if !slices.Equal(values, rec.before[name]) && !slices.Contains([]string{"Set-Cookie", "Date", "Connection", "Transfer-Encoding", "Retry-After"}, name) {
			out[name] = values
		}
	}
	return out
}

var _ http.ResponseWriter = (*recorder)(nil)
