package webhooks

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/proxies/upstream"
	"github.com/fairway-gateway/fairway/queries"
)

// TestWebhooks has a receiver that fails now and then get each event, those of one execution in order, its owner's alone.
func TestWebhooks(t *testing.T) {
	t.Parallel()
	engines.Both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := open(t, dsn, quick())
		other, admin := s.person(t, "b@x.org", "USER"), s.person(t, "c@x.org", "ADMIN")
		mine, theirs := receive(t), receive(t)
		mine.answer = func(call int) int {
			if call%3 == 0 {
				return http.StatusInternalServerError
			}
			return 0
		}
		_, mine.key = s.hook(t, s.user, mine.URL+"/x?y=1", false, "fairway.execution.*")
		_, theirs.key = s.hook(t, admin, theirs.URL, true, "fairway.execution.running")
		stop := s.start(t)
		s.happen(t, s.user, "one", 0, 4)
		s.happen(t, other, "two", 0, 4)
		s.happen(t, s.user, "three", 0, 4)
		controltest.Eventually(t, "the owner gets all", func() bool { return len(mine.events()) >= 10 })
		controltest.Eventually(t, "the administrator gets all", func() bool { return len(theirs.events()) >= 15 })
		stop()
		next := map[string]int{}
		for _, e := range mine.events() {
			var of struct{ N int }
			must(t, json.Unmarshal(e.Data, &of))
			if of.N != next[e.Subject] || e.Subject == "execution/two" {
				t.Errorf("%s %d, %d is next", e.Subject, of.N, next[e.Subject])
			}
			next[e.Subject]++
		}
		if mine.bad != "" || theirs.bad != "" {
			t.Error(mine.bad, theirs.bad)
		}
	})
}

// TestDeadEvents has a receiver fail until an event is laid aside, which is sent when somebody says so.
func TestDeadEvents(t *testing.T) {
	t.Parallel()
	engines.Both(t, func(t *testing.T, dsn string) {
		t.Helper()
		cfg := quick()
		cfg.Outbox.Attempts = 3
		s := open(t, dsn, cfg)
		r := receive(t)
		fail := true
		r.answer = func(int) int {
			if fail {
				return http.StatusTeapot
			}
			return 0
		}
		hook, key := s.hook(t, s.user, r.URL, false, "fairway.execution.*")
		r.key = key
		s.start(t)
		s.happen(t, s.user, "one", 0, 0)
		controltest.Eventually(t, "it is laid aside", func() bool { return s.dead1(t, hook) == "it answered 418" })
		r.mu.Lock()
		fail = false
		r.mu.Unlock()
		all, err := s.store.DeadOfLane(t.Context(), queries.LaneOfWebhook(hook.ID), 10)
		must(t, err)
		if ok, err := s.store.RetryOfLane(t.Context(), queries.LaneOfWebhook(hook.ID), all[0].ID); !ok || err != nil {
			t.Fatal(ok, err)
		}
		controltest.Eventually(t, "it is sent", func() bool { return len(r.events()) == 1 })
	})
}

// TestWebhookIsDisabled holds that one that fails for long, or says that it is gone, gets nothing more, and that its owner is told.
func TestWebhookIsDisabled(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{"gone": http.StatusGone, "failing": http.StatusBadGateway} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			engines.Both(t, func(t *testing.T, dsn string) {
				t.Helper()
				cfg := quick()
				cfg.GiveUp = 20 * time.Millisecond
				s := open(t, dsn, cfg)
				r := receive(t)
				r.answer = func(int) int { return status }
				hook, key := s.hook(t, s.user, r.URL, false)
				r.key = key
				s.start(t)
				s.happen(t, s.user, "one", 0, 2)
				controltest.Eventually(t, "its owner is told", func() bool { return len(s.mail.sent()) == 1 })
				if m := s.mail.sent()[0]; m.Recipients[0] != "a@x.org" || !strings.Contains(m.Text, hook.ID.String()) {
					t.Error(m)
				}
				now, err := s.store.Webhook(t.Context(), hook.ID)
				if err != nil || now.Disabled == "" {
					t.Error(now, err)
				}
				controltest.Eventually(t, "what waits is laid aside", func() bool {
					waiting, dead, err := s.store.CountLane(t.Context(), queries.LaneOfWebhook(hook.ID))
					return err == nil && waiting == 0 && dead >= 1
				})
				must(t, s.store.DeleteWebhook(t.Context(), queries.By{Actor: "test"}, hook.ID))
			})
		})
	}
}

// TestHostileReceivers holds what becomes of receivers that do harm, and what is told of them.
func TestHostileReceivers(t *testing.T) {
	t.Parallel()
	inner := receive(t)
	hang := make(chan struct{})
	handlers := map[string]struct {
		serve http.HandlerFunc
		want  string
	}{
		"it redirects to the metadata of a cloud": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, inner.URL, http.StatusTemporaryRedirect)
		}, "it answered 307"},
		"it hangs": {func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-hang:
			case <-r.Context().Done():
			}
		}, "it did not answer in time"},
		"it hangs up": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "it could not be reached"},
		"its header is endless": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 1<<20))
			w.WriteHeader(http.StatusOK)
		}, "it could not be reached"},
	}
	cfg := quick()
	cfg.Timeout = time.Minute // of a machine that is busy
	s := open(t, "sqlite:"+t.TempDir()+"/s.db", cfg)
	cfg.Timeout = 500 * time.Millisecond
	hasty := open(t, "sqlite:"+t.TempDir()+"/s.db", cfg)
	for name, h := range handlers {
		srv := httptest.NewServer(h.serve)
		t.Cleanup(srv.Close)
		asked := s
		if name == "it hangs" {
			asked = hasty
		}
		status, err := asked.post(t.Context(), srv.URL, []byte("k"), newEvent())
		if err == nil && status/100 != 2 {
			err = errors.New("it answered " + http.StatusText(status))
			if status == http.StatusTemporaryRedirect {
				err = errors.New("it answered 307")
			}
		}
		if err == nil || err.Error() != h.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	close(hang)
	if inner.calls > 0 {
		t.Error("a redirect was followed")
	}
	// A gigabyte is not read.
	written := make(chan int64, 1)
	large := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		chunk := make([]byte, 1<<20)
		var n int64
		for range 1 << 10 {
			m, err := w.Write(chunk)
			if n += int64(m); err != nil {
				break
			}
		}
		written <- n
	}))
	t.Cleanup(large.Close)
	if status, err := s.post(t.Context(), large.URL, []byte("k"), newEvent()); status != http.StatusOK || err != nil {
		t.Error(status, err)
	}
	if n := <-written; n >= 1<<30 {
		t.Error("all of it was read")
	}
	liar := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(liar.Close)
	if _, err := s.post(t.Context(), liar.URL, []byte("k"), newEvent()); err == nil || err.Error() != "its certificate is not good, or it does not speak TLS" {
		t.Error(err)
	}
	if _, err := s.post(t.Context(), strings.Replace(inner.URL, "http:", "https:", 1), []byte("k"), newEvent()); err == nil || err.Error() != "it could not be reached" { // it speaks no TLS
		t.Error(err)
	}
}

// TestGuard holds where webhooks do not go, whatever a name leads to at that moment.
func TestGuard(t *testing.T) {
	t.Parallel()
	s := open(t, "sqlite:"+t.TempDir()+"/s.db", Config{})
	for _, host := range []string{
		"127.0.0.1", "localhost", "[::1]", "169.254.169.254", "10.0.0.1", "192.168.1.1", "172.16.0.1", "100.64.0.1", "[fd00::1]", "[fe80::1]", "[::ffff:10.0.0.1]", "[64:ff9b::a00:1]", "[2002:a00:1::]", "0.0.0.0", "[::]", "255.255.255.255",
		"2130706433", "0x7f.1",
	} {
		_, err := s.post(t.Context(), "https://"+host+":9/", []byte("k"), newEvent())
		if err == nil || err.Error() != "its address is of a network that webhooks may not go to" && err.Error() != "it could not be reached" {
			t.Errorf("%s: %v", host, err)
		}
	}
	// What a name leads to is looked at when it is connected to: so no later answer of a name server counts.
	control := upstream.Outward([]netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")})
	for address, ok := range map[string]bool{"10.1.2.3:443": true, "10.2.2.3:443": false, "93.184.216.34:443": true, "[::ffff:10.1.2.3]:443": true, "[2606:2800:220:1::1]:443": true, "x": false, "[fec0::1]:1": false} {
		if err := control("tcp", address, nil); (err == nil) != ok {
			t.Error(address, err)
		}
	}
	for url, ok := range map[string]bool{
		"https://example.org/x?y=z": true, "http://example.org": false, "https://u:p@example.org": false, "https://": false, "ftp://x": false, "https:x": false, "": false, "https://e.org/#a": false, "https://e.org/ a": false,
		"https://e.org/" + strings.Repeat("x", 2000): false,
	} {
		if (s.checkURL(url) == nil) != ok {
			t.Error(url)
		}
	}
}

// TestSign holds the example of the specification of Standard Webhooks, and what is refused.
func TestSign(t *testing.T) {
	t.Parallel()
	key, at, body := []byte("0123456789abcdef0123456789abcdef"), time.Unix(1674087231, 0), []byte(`{"test": 2432232314}`)
	sig := Sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, body)
	for name, c := range map[string]struct {
		id, timestamp, signatures string
		now                       time.Time
		ok                        bool
	}{
		"right":          {"msg_p5jXN8AQM9LWM0D4loKWxJek", "1674087231", sig, at, true},
		"one of several": {"msg_p5jXN8AQM9LWM0D4loKWxJek", "1674087231", "v1a,x " + sig, at.Add(4 * time.Minute), true},
		"another id":     {"other", "1674087231", sig, at, false},
		"another time":   {"msg_p5jXN8AQM9LWM0D4loKWxJek", "1674087232", sig, at, false},
		"too late":       {"msg_p5jXN8AQM9LWM0D4loKWxJek", "1674087231", sig, at.Add(6 * time.Minute), false},
		"too early":      {"msg_p5jXN8AQM9LWM0D4loKWxJek", "1674087231", sig, at.Add(-6 * time.Minute), false},
		"no time":        {"msg_p5jXN8AQM9LWM0D4loKWxJek", "x", sig, at, false},
		"no signature":   {"msg_p5jXN8AQM9LWM0D4loKWxJek", "1674087231", "", at, false},
		"no id":          {"", "1674087231", sig, at, false},
	} {
		if err := Verify(key, c.id, c.timestamp, c.signatures, body, c.now); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
