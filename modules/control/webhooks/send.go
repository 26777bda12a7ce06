package webhooks

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/events"
	"github.com/fairway-gateway/fairway/modules/control/outbox"
	"github.com/fairway-gateway/fairway/proxies/upstream"
	"github.com/fairway-gateway/fairway/queries"
)

const (
	// mostAnswer is how much of an answer is read, so that its connection can be used again.
	mostAnswer = 4 << 10
	// mostHeader is how long the header of an answer may be.
	mostHeader = 32 << 10
)

// newClient makes what connects to addresses that others chose.
func newClient(cfg Config) *http.Client {
	dialer := net.Dialer{Timeout: cfg.Timeout, Resolver: cfg.Resolver, Control: upstream.Outward(cfg.Allowed)}
	return &http.Client{
		Timeout:       cfg.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: cfg.Timeout, ResponseHeaderTimeout: cfg.Timeout, MaxResponseHeaderBytes: mostHeader,
			DisableCompression: true, MaxIdleConns: 100, MaxIdleConnsPerHost: 4, IdleConnTimeout: 30 * time.Second, ForceAttemptHTTP2: true,
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
		},
	}
}

// handle has one letter leave.
func (w *Webhooks) handle(ctx context.Context, l outbox.Letter) error {
	var of sent
	if err := json.Unmarshal(l.Payload, &of); err != nil {
		return outbox.Permanent(errors.New("the letter cannot be read"))
	}
	hook, err := w.store.Webhook(ctx, of.Webhook)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // it is gone
	}
	if err != nil {
		return errors.New("the store does not answer")
	}
	if hook.Disabled != "" {
		return outbox.Permanent(errors.New("the webhook is disabled"))
	}
	key, err := w.sealer.Open(hook.ID.String(), hook.Secret)
	if err != nil {
		return outbox.Permanent(err)
	}
	status, err := w.post(ctx, hook.Url, key, of.Event)
	lane := queries.LaneOfWebhook(hook.ID)
	if err == nil && status/100 == 2 {
		if err := w.store.FreeLane(ctx, lane); err != nil {
			w.log.DebugContext(ctx, "a webhook stays paused for a while")
		}
		return nil
	}
	if ctx.Err() != nil { // the gateway stops: it is nobody's fault
		return ctx.Err()
	}
	if err == nil {
		err = fmt.Errorf("it answered %d", status)
	}
	if status == http.StatusGone {
		w.disable(ctx, hook, "it answered that it is gone (410)")
		return outbox.Permanent(err)
	}
	before, laneErr := w.store.Lane(ctx, lane)
	if laneErr == nil && !before.Paused.After(w.store.Now()) { // of several at once the first counts
		before, laneErr = w.store.FailLane(ctx, lane, w.pause(before.Failures))
	}
	if laneErr == nil && !before.Since.IsZero() && w.store.Now().Sub(before.Since) > w.cfg.GiveUp {
		w.disable(ctx, hook, "it has not taken any for "+w.cfg.GiveUp.String())
	}
	return err
}

// pause is for how long nothing goes to a webhook after so many failures and another one.
func (w *Webhooks) pause(failures int) time.Duration {
	d := w.cfg.Pause
	for range failures {
		if d *= 2; d >= w.cfg.Longest {
			return w.cfg.Longest
		}
	}
	return d
}

// post sends an event. What an error says has nothing of the address or the answer: it is shown to who chose the address.
func (w *Webhooks) post(ctx context.Context, to string, key []byte, e events.CloudEvent) (status int, err error) {
	if err := w.checkURL(to); err != nil { // what is allowed may have changed
		return 0, err
	}
	body, err := json.Marshal(e)
	if err != nil {
		return 0, errors.New("the event cannot be written")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return 0, errors.New("its address cannot be used")
	}
	now := time.Now()
	req.Header.Set("Content-Type", events.ContentType)
	req.Header.Set("User-Agent", "Fairway-Webhooks")
	req.Header.Set(HeaderID, e.ID)
	req.Header.Set(HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
	req.Header.Set(HeaderSignature, Sign(key, e.ID, now, body))
	res, err := w.client.Do(req)
	if err != nil {
		return 0, plainly(err)
	}
	_, _ = io.CopyN(io.Discard, res.Body, mostAnswer) // what it is does not matter
	_ = res.Body.Close()                              // it was only read
	return res.StatusCode, nil
}

// plainly says what kind of failure it is, and no more: else whoever chooses addresses could look around in networks by them.
func plainly(err error) error {
	var timeout interface{ Timeout() bool }
	var record tls.RecordHeaderError
	var lies *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.Is(err, upstream.ErrInside):
		return errors.New("its address is of a network that webhooks may not go to")
	case errors.As(err, &lies), errors.As(err, &unknown), errors.As(err, &record):
		return errors.New("its certificate is not good, or it does not speak TLS")
	case errors.As(err, &timeout) && timeout.Timeout():
		return errors.New("it did not answer in time")
	}
	return errors.New("it could not be reached")
}
