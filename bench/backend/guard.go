package main

import (
	"bytes"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// loginTime is how long a login takes.
const loginTime = 200 * time.Millisecond

// guard stands before the paths below /guarded/, as an OAuth2 proxy and its identity provider do in one:
//
//	/oauth2/start     sends to the form
//	/login            a form; who posts it is known after loginTime
//	/oauth2/callback  gives the cookie of a session
//	/oauth2/auth      says whether a session is good
//	/expire           ends all sessions and forgets the logins
//	/logins           how many logins there were, and the most of one user
type guard struct {
	// generation is part of every cookie: one of an older generation has ended.
	generation atomic.Int64

	mu     sync.Mutex
	logins map[string]int
}

const (
	guardCookie = "_oauth2_proxy"
	// cookieSize is about how many bytes the cookies of oauth2-proxy have.
	cookieSize = 2200
)

// answer answers what is the guard's business, the requests below /guarded/ without a session among it; else nil.
func (g *guard) answer(q question) []byte {
	path, query, _ := bytes.Cut(q.target, []byte("?"))
	switch {
	case bytes.HasPrefix(path, []byte("/guarded/")):
		if g.known(q.cookie) {
			return nil
		}
		return response("403 Forbidden", "text/html; charset=utf-8",
			[]byte(`<!DOCTYPE html><title>Sign In</title><form method="GET" action="/oauth2/start"><button type="submit">Sign in</button></form>`))
	case string(path) == "/oauth2/auth":
		if g.known(q.cookie) {
			return admitted(response("202 Accepted", "text/plain", nil))
		}
		return response("401 Unauthorized", "text/plain", []byte("Unauthorized\n"))
	case string(path) == "/oauth2/start":
		return redirect("/login?"+string(query), "_oauth2_proxy_csrf=1; Path=/; HttpOnly")
	case string(path) == "/login" && q.body == nil:
		return response("200 OK", "text/html; charset=utf-8",
			[]byte(`<!DOCTYPE html><title>Log in</title><form method="POST" action=""><input type="text" name="login"><input type="password" name="password"><button type="submit">Log in</button></form>`))
	case string(path) == "/login":
		return g.login(string(q.body))
	case string(path) == "/oauth2/callback":
		return redirect("/", fmt.Sprintf("%s=%d.%s.%s; Path=/; HttpOnly; Max-Age=604800", guardCookie, g.generation.Load(), query, strings.Repeat("x", cookieSize)))
	case string(path) == "/expire":
		g.mu.Lock()
		defer g.mu.Unlock()
		g.logins = nil
		g.generation.Add(1)
		return response("200 OK", "text/plain", nil)
	case string(path) == "/logins":
		g.mu.Lock()
		defer g.mu.Unlock()
		sum, most := 0, 0
		for _, n := range g.logins {
			sum, most = sum+n, max(most, n)
		}
		return response("200 OK", "text/plain", fmt.Appendf(nil, "%d %d", sum, most))
	}
	return nil
}

// login takes its time.
func (g *guard) login(body string) []byte {
	form, err := url.ParseQuery(body)
	if err != nil || form.Get("login") == "" || form.Get("password") != "secret" {
		return response("401 Unauthorized", "text/plain", []byte("wrong\n"))
	}
	time.Sleep(loginTime)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.logins == nil {
		g.logins = map[string]int{}
	}
	g.logins[form.Get("login")]++
	return redirect("/oauth2/callback?"+url.QueryEscape(form.Get("login")), "")
}

// known says whether a Cookie header has a session that has not ended.
func (g *guard) known(header []byte) bool {
	for header != nil {
		var pair []byte
		pair, header, _ = bytes.Cut(header, []byte("; "))
		if value, ok := bytes.CutPrefix(pair, []byte(guardCookie+"=")); ok {
			generation, _, _ := bytes.Cut(value, []byte("."))
			n, err := strconv.ParseInt(string(generation), 10, 64)
			return err == nil && n == g.generation.Load()
		}
		if len(header) == 0 {
			return false
		}
	}
	return false
}

func redirect(to, cookie string) []byte {
	if cookie != "" {
		cookie = "Set-Cookie: " + cookie + "\r\n"
	}
	return fmt.Appendf(nil, "HTTP/1.1 302 Found\r\nLocation: %s\r\n%sContent-Length: 0\r\n\r\n", to, cookie)
}

// admitted is an answer to somebody with a session.
func admitted(answer []byte) []byte {
	return bytes.Replace(answer, []byte("\r\n"), []byte("\r\nGap-Auth: somebody@example.org\r\n"), 1)
}
