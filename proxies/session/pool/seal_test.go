package pool

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/session"
)

// TestOUT10 looks for what is in the store, without and with the key, and replaces the key.
func TestOUT10(t *testing.T) {
	t.Parallel()
	t.Run("the store tells nothing", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := newServer("annabel")
			store := NewMemory(nil)
			ss := gateways(t, 1, store, s)[0]
			if _, err := s.ask(t.Context(), ss, right("annabel")); err != nil {
				t.Fatal(err)
			}
			_, err := s.ask(t.Context(), ss, session.Credentials{User: "annabel", Password: "misspelt"})
			wantKind(t, err, session.BadCredentials)
			dump := string(store.Dump())
			if len(dump) < 300 {
				t.Fatalf("there is little in the store: %d bytes", len(dump))
			}
			for _, secret := range []string{"annabel", "misspelt", "cookie-", "_oauth2", "backend"} {
				if strings.Contains(dump, secret) {
					t.Errorf("the store holds %q", secret)
				}
			}
		})
	})
	t.Run("a stolen record stays shut", func(t *testing.T) {
		t.Parallel()
		k, err := newMaster(key(1))
		if err != nil {
			t.Fatal(err)
		}
		index := func(k *master, parts ...string) Index { return k.hash(prefix(forSession, parts[0]), parts[1:]...) }
		made := func(k *master, at Index, parts ...string) *sealer {
			s, err := newSealer(at, k.hash(prefix(forSessionSeal, parts[0]), parts[1:]...))
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		at := index(k, "b", "ann", "right")
		sealed := made(k, at, "b", "ann", "right").seal([]byte("secret"))
		if plain, err := made(k, at, "b", "ann", "right").open(sealed); string(plain) != "secret" || err != nil {
			t.Fatalf("%q %v", plain, err)
		}
		other, _ := newMaster(key(2))
		for name, s := range map[string]*sealer{
			"another password": made(k, at, "b", "ann", "wrong"),
			"another user":     made(k, at, "b", "ben", "right"),
			"another backend":  made(k, at, "c", "ann", "right"),
			"another index":    made(k, index(k, "b", "ben", "right"), "b", "ann", "right"),
			"another key":      made(other, at, "b", "ann", "right"),
			"shifted parts":    made(k, at, "b", "annr", "ight"),
		} {
			if plain, err := s.open(sealed); !errors.Is(err, errSealed) {
				t.Errorf("%s: %q %v", name, plain, err)
			}
		}
		for i := range sealed {
			changed := bytes.Clone(sealed)
			changed[i] ^= 1 << (i % 8)
			if _, err := made(k, at, "b", "ann", "right").open(changed); err == nil {
				t.Errorf("a changed byte %d is not noticed", i)
			}
			if _, err := made(k, at, "b", "ann", "right").open(sealed[:i]); err == nil {
				t.Errorf("cut to %d bytes it opens", i)
			}
		}
	})
	t.Run("garbage in the store", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := newServer("ann")
			store := NewMemory(nil)
			all := gateways(t, 2, store, s)
			index := all[0].pool.keys[0].hash(all[0].prefix, "ann", "right-ann")
			if ok, err := store.ReplaceSession(t.Context(), index[:], session.Version{}, session.Record{
				Version: session.Version{Generation: 1 << 62}, Sealed: []byte("\x01nonsense"), Expires: time.Now().Add(time.Hour),
			}); !ok || err != nil {
				t.Fatal(err)
			}
			for _, ss := range all {
				if u, err := s.ask(t.Context(), ss, right("ann")); u != "ann" || err != nil || s.logins() != 1 {
					t.Errorf("%q %v, %d logins", u, err, s.logins())
				}
			}
		})
	})
	t.Run("another key", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := newServer("ann")
			store := NewMemory(nil)
			for i, keys := range [][][]byte{{key(1)}, {key(2), key(1)}, {key(2)}, {key(3)}} {
				p := newPool(t, Options{Store: store, Keys: keys})
				if u, err := s.ask(t.Context(), p.Sessions(Config{ID: "b", Login: s}), right("ann")); u != "ann" || err != nil {
					t.Errorf("%q %v", u, err)
				}
				synctest.Wait() // what is written in the background
				want := 1
				if i == 3 {
					want = 2
				}
				if s.logins() != want {
					t.Errorf("%d logins with keys %d", s.logins(), i)
				}
			}
		})
	})
	t.Run("no key", func(t *testing.T) {
		t.Parallel()
		if _, err := New(Options{Keys: [][]byte{make([]byte, KeySize-1)}}); err == nil {
			t.Error("a short key is taken")
		}
	})
}

// FuzzSeal opens what was sealed and nothing else, and takes no two lists of parts for one.
func FuzzSeal(f *testing.F) {
	f.Add("b", "ann", "right", []byte("state"), 0)
	f.Add("", "a", "", []byte{}, 3)
	f.Add("x\x00y", "ü", "\xff", bytes.Repeat([]byte("z"), 300), 40)
	k, err := newMaster(key(7))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, id, user, password string, plain []byte, at int) {
		index := k.hash(prefix(forSession, id), user, password)
		s, err := newSealer(index, k.hash(prefix(forSessionSeal, id), user, password))
		if err != nil {
			t.Fatal(err)
		}
		sealed := s.seal(plain)
		if again := s.seal(plain); bytes.Equal(again, sealed) {
			t.Error("two of the same are equal")
		}
		if got, err := s.open(sealed); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%q %v", got, err)
		}
		if len(plain) > 8 && bytes.Contains(sealed, plain) {
			t.Error("it is not sealed")
		}
		at = (at%len(sealed) + len(sealed)) % len(sealed)
		sealed[at] ^= 0x10
		if _, err := s.open(sealed); err == nil {
			t.Error("a change is not noticed")
		}
		if _, err := s.open(plain); err == nil {
			t.Error("anything opens")
		}
		for _, other := range [][3]string{{id + user, "", password}, {id, user + password, ""}, {id, password, user}, {user, id, password}} {
			if other != [3]string{id, user, password} && k.hash(prefix(forSession, other[0]), other[1], other[2]) == index {
				t.Errorf("%q has the same index", other)
			}
		}
	})
}

// TestOUT09 has the backend change cookies with its answers.
func TestOUT09(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer("ann")
		store := NewMemory(nil)
		all := gateways(t, 2, store, s)
		ss := all[0]
		header := func(ss *Sessions, held *Session, cookie string) string {
			req, _ := http.NewRequest(http.MethodGet, "https://backend.example/a/b", nil)
			if cookie != "" {
				req.Header.Set("Cookie", cookie)
			}
			ss.Apply(req, held)
			return req.Header.Get("Cookie")
		}
		answer := func(ss *Sessions, challenged bool, set ...string) []string {
			held, err := ss.Get(t.Context(), testSite(), right("ann"))
			if err != nil {
				t.Fatal(err)
			}
			resp := &http.Response{Header: http.Header{"Set-Cookie": set}}
			ss.Answered(resp, held, challenged)
			synctest.Wait()
			return resp.Header["Set-Cookie"]
		}
		now := func(ss *Sessions) *Session {
			held, err := ss.Get(t.Context(), testSite(), right("ann"))
			if err != nil {
				t.Fatal(err)
			}
			return held
		}
		want := func(ss *Sessions, cookie string) {
			t.Helper()
			if diff := cmp.Diff(cookie, header(ss, now(ss), "")); diff != "" {
				t.Error(diff)
			}
		}
		want(ss, "_oauth2_proxy=cookie-1-of-ann")
		want(all[1], "_oauth2_proxy=cookie-1-of-ann")
		got := answer(ss, false, "_oauth2_proxy=two; Path=/; HttpOnly", "theme=dark", "_oauth2_proxy_csrf=x", "_oauth2_proxyother=1")
		if diff := cmp.Diff([]string{"theme=dark", "_oauth2_proxyother=1"}, got); diff != "" {
			t.Errorf("shown: %s", diff)
		}
		want(ss, "_oauth2_proxy=two")
		// The other gateway has the older one, and finds the newer when that is challenged; its rotation follows.
		next, err := all[1].Renew(t.Context(), testSite(), right("ann"), now(all[1]))
		if err != nil || !next.Adopted() {
			t.Fatal(err)
		}
		want(all[1], "_oauth2_proxy=two")
		answer(all[1], false, "_oauth2_proxy=three")
		answer(ss, false, "_oauth2_proxy=four")
		third := newPool(t, Options{Store: store, Keys: [][]byte{key(1)}}).Sessions(Config{ID: "b", Login: s})
		want(third, "_oauth2_proxy=four")
		// More parts, and fewer.
		answer(ss, false, "_oauth2_proxy_0=a", "_oauth2_proxy_1=b", "_oauth2_proxy_2=c")
		want(ss, "_oauth2_proxy_0=a; _oauth2_proxy_1=b; _oauth2_proxy_2=c")
		answer(ss, false, "_oauth2_proxy_0=d", "_oauth2_proxy_1=e")
		want(ss, "_oauth2_proxy_0=d; _oauth2_proxy_1=e")
		answer(ss, false, "_oauth2_proxy=f")
		want(ss, "_oauth2_proxy=f")
		// A challenge clears the cookie of a browser.
		if got := answer(ss, true, "_oauth2_proxy=; Max-Age=0"); got != nil {
			t.Errorf("shown: %v", got)
		}
		want(ss, "_oauth2_proxy=f")
		if s.logins() != 1 {
			t.Errorf("%d logins", s.logins())
		}
		if got := header(ss, now(ss), "a=b; _oauth2_proxy=evil; _oauth2_proxy_0=evil; c=d"); got != "a=b; c=d; _oauth2_proxy=f" {
			t.Errorf("the caller's cookies: %q", got)
		}
	})
}

// TestTouchKeepsRotated has a gateway that knows an older cookie make the session's life longer: it keeps the newer one.
func TestTouchKeepsRotated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer("ann")
		store := NewMemory(nil)
		all := gateways(t, 2, store, s)
		for _, ss := range all {
			if _, err := s.ask(t.Context(), ss, right("ann")); err != nil {
				t.Fatal(err)
			}
		}
		held, _ := all[0].Get(t.Context(), testSite(), right("ann"))
		all[0].Answered(&http.Response{Header: http.Header{"Set-Cookie": {"_oauth2_proxy=two"}}}, held, false)
		synctest.Wait()
		time.Sleep(DefaultTTL / 2)
		for range 2 { // the second time it knows
			if _, err := all[1].Get(t.Context(), testSite(), right("ann")); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		for i, ss := range all {
			held, err := ss.Get(t.Context(), testSite(), right("ann"))
			if err != nil {
				t.Fatal(err)
			}
			if got := held.State().Cookies[0].Value; got != "two" {
				t.Errorf("gateway %d has %q", i, got)
			}
		}
	})
}

// TestManyRotations changes the cookie with every answer, at once, as some applications do.
func TestManyRotations(t *testing.T) {
	t.Parallel()
	s := newServer("ann")
	store := NewMemory(nil)
	p, err := New(Options{Store: store, Keys: [][]byte{key(1)}})
	if err != nil {
		t.Fatal(err)
	}
	ss := p.Sessions(Config{ID: "b", Login: s})
	done := make(chan struct{})
	for g := range 8 {
		go func() {
			defer func() { done <- struct{}{} }()
			for i := range 100 {
				held, err := ss.Get(t.Context(), testSite(), right("ann"))
				if err != nil {
					t.Error(err)
					return
				}
				ss.Answered(&http.Response{Header: http.Header{"Set-Cookie": {fmt.Sprintf("_oauth2_proxy=v-%d-%d", g, i)}}}, held, false)
			}
		}()
	}
	for range 8 {
		<-done
	}
	last, err := ss.Get(t.Context(), testSite(), right("ann"))
	if err != nil {
		t.Fatal(err)
	}
	if v := last.version; v.Revision != 800 {
		t.Errorf("%+v", v)
	}
	p.tasks.Wait()
	there, ok, err := store.Session(t.Context(), last.slot.sealer.index[:])
	if !ok || err != nil || there.Version != last.version {
		t.Errorf("the store has %+v %v %v", there.Version, ok, err)
	}
	p.Close()
}

// BenchmarkHit is what a pooled session adds to a request.
func BenchmarkHit(b *testing.B) {
	s := newServer("ann")
	p, err := New(Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	ss := p.Sessions(Config{ID: "login_form /oauth2/start\x00https://backend.example", Login: s})
	ctx, site, c := b.Context(), testSite(), right("ann")
	if _, err := ss.Get(ctx, site, c); err != nil {
		b.Fatal(err)
	}
	req, _ := http.NewRequest(http.MethodGet, "https://backend.example/x", nil)
	resp := &http.Response{Header: http.Header{"Content-Type": {"application/json"}, "Gap-Auth": {"ann"}}}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		req := &http.Request{URL: req.URL, Header: http.Header{"Accept": {"*/*"}}}
		for pb.Next() {
			held, err := ss.Get(ctx, site, c)
			if err != nil {
				b.Error(err)
				return
			}
			delete(req.Header, "Cookie")
			ss.Apply(req, held)
			ss.Answered(resp, held, false)
		}
	})
}

// TestHitAllocates holds what BenchmarkHit shows.
func TestHitAllocates(t *testing.T) {
	if raceDetector {
		t.Skip("it has pools forget what they hold")
	}
	s := newServer("ann")
	p := newPool(t, Options{})
	ss := p.Sessions(Config{ID: "b", Login: s})
	ctx, site, c := t.Context(), testSite(), right("ann")
	req, _ := http.NewRequest(http.MethodGet, "https://backend.example/x", nil)
	if n := testing.AllocsPerRun(1000, func() {
		held, err := ss.Get(ctx, site, c)
		if err != nil {
			t.Fatal(err)
		}
		delete(req.Header, "Cookie")
		ss.Apply(req, held)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
