package faults_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// basic is the header of a caller.
func basic(user, password string) []string {
	return []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))}
}

// numbered answers who asked and a number that nobody else gets.
func numbered(n *atomic.Int32) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		_, _ = fmt.Fprintf(w, `{"number":%d,"who":%q,"key":%q}`, n.Add(1), user+":"+password, r.Header.Get("X-Key"))
	}
}

// perCaller are the ways in which it may matter whose request it is, each with one fetch that is kept.
func perCaller() map[string]func(url string) ([]wrap.Backend, wrap.Route) {
	passedOn := func(b *wrap.Backend) { b.Auth = session.Basic{} }
	ofBackend := func(b *wrap.Backend) { b.Header = []wrap.Header{{Name: "X-Key", Value: "k {caller.user}"}} }
	one := func(f wrap.Fetch) []wrap.Fetch { return []wrap.Fetch{f} }
	own := func(f *wrap.Fetch) { f.Header = []wrap.Header{{Name: "X-Key", Value: "{caller.user}"}} }
	byURL := func(f *wrap.Fetch) { f.Target, f.URL = "", `"/x?u=\($caller.user)"` }
	type made = func(url string) ([]wrap.Backend, wrap.Route)
	with := func(fetches []wrap.Fetch, more ...func(*wrap.Backend)) made {
		return func(url string) ([]wrap.Backend, wrap.Route) {
			return []wrap.Backend{backend("main", url, more...)}, wrap.Route{Pattern: "/x", Fetches: fetches, Reply: "[.. | .number? // empty]"}
		}
	}
	several := func(list string, f wrap.Fetch) []wrap.Fetch {
		return []wrap.Fetch{fanned("list", list, 2, f)}
	}
	named := func(m made) made {
		return func(url string) ([]wrap.Backend, wrap.Route) {
			b, r := m(url)
			r.Reply = "[$list | .. | .number? // empty]"
			return b, r
		}
	}
	return map[string]made{
		"credentials passed on":    with(one(gets("", "main", "/x", kept)), passedOn),
		"a header of the backend":  with(one(gets("", "main", "/x", kept)), ofBackend),
		"a header of the fetch":    with(one(gets("", "main", "/x", kept, own))),
		"the target":               with(one(gets("", "main", "/x/{caller.user}", kept))),
		"a URL that a program has": with(one(gets("", "main", "", kept, byURL))),
		"items, passed on":         named(with(several("[1,1,2]", gets("", "main", "/x?i={item}", kept)), passedOn)),
		"items, the backend's":     named(with(several("[1,1,2]", gets("", "main", "/x?i={item}", kept)), ofBackend)),
		"items that are callers":   named(with(several("[$caller.user]", gets("", "main", "/x?i={item}", kept)))),
	}
}

// TestNobodyGetsAnothersNumber asks as two callers and as one with two passwords, one after the other and all at once.
func TestNobodyGetsAnothersNumber(t *testing.T) {
	t.Parallel()
	callers := [][]string{basic("u", "p"), basic("u", "q"), basic("v", "p")}
	for name, made := range perCaller() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, concurrent := range []bool{false, true} {
				var n atomic.Int32
				_, url := served(t, numbered(&n))
				backends, route := made(url)
				r := rigged(t, backends, route)
				var mu sync.Mutex
				owner := map[string]int{} // of an answer
				var all sync.WaitGroup
				for range 10 {
					for i, c := range callers {
						ask := func() {
							a := r.ask(t.Context(), t, "/x", c...)
							mu.Lock()
							defer mu.Unlock()
							if before, known := owner[a.text]; a.status != http.StatusOK || known && before != i {
								t.Errorf("caller %d: %d %s, which caller %d had", i, a.status, a.text, before)
							}
							owner[a.text] = i
						}
						if concurrent {
							all.Go(ask)
						} else {
							ask()
						}
					}
				}
				all.Wait()
				if len(owner) != len(callers) {
					t.Errorf("concurrent %t: %d different answers of %d callers: %v", concurrent, len(owner), len(callers), owner)
				}
			}
		})
	}
}

// TestCallersWaitForTheirOwn has callers of one URL wait at once: each load is for one of them and his equals.
func TestCallersWaitForTheirOwn(t *testing.T) {
	t.Parallel()
	const users, each = 5, 8
	var n atomic.Int32
	gate := make(chan struct{})
	says := numbered(&n)
	main, url := served(t, func(w http.ResponseWriter, r *http.Request) {
		<-gate
		says(w, r)
	})
	r := rigged(t, []wrap.Backend{backend("main", url, func(b *wrap.Backend) { b.Auth = session.Basic{} })}, wrap.Route{
		Pattern: "/x", Fetches: []wrap.Fetch{gets("", "main", "/x", kept)}, Reply: ".who",
	})
	var all sync.WaitGroup
	for i := range users * each {
		all.Go(func() {
			user := fmt.Sprint("user", i%users)
			a := r.ask(t.Context(), t, "/x", basic(user, "p")...)
			if a.status != http.StatusOK || a.text != `"`+user+`:p"` {
				t.Errorf("%s: %d %s", user, a.status, a.text)
			}
		})
	}
	eventually(t, "all wait", func() bool { return r.cache.Waiting() == users*each })
	close(gate)
	all.Wait()
	if got := main.asked.Load(); got != users {
		t.Errorf("it was asked %d times for %d callers", got, users)
	}
}

// TestStaleIsOnesOwn: where the backend fails, nobody gets what was kept of another.
func TestStaleIsOnesOwn(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]func(*wrap.Fetch){
		"stale":                  func(f *wrap.Fetch) { f.Stale = wrap.Duration(time.Hour) },
		"stale_if_error":         func(f *wrap.Fetch) { f.Cache = &wrap.Cache{TTL: 1, StaleIfError: wrap.Duration(time.Hour)} },
		"stale_while_revalidate": func(f *wrap.Fetch) { f.Cache = &wrap.Cache{TTL: 1, StaleWhileRevalidate: wrap.Duration(time.Hour)} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var n atomic.Int32
			var broken atomic.Bool
			says := numbered(&n)
			_, url := served(t, func(w http.ResponseWriter, r *http.Request) {
				if broken.Load() {
					w.WriteHeader(http.StatusInternalServerError)
					return
				}
				says(w, r)
			})
			r := rigged(t, []wrap.Backend{backend("main", url, func(b *wrap.Backend) { b.Auth = session.Basic{} })}, wrap.Route{
				Pattern: "/x", Fetches: []wrap.Fetch{gets("", "main", "/x", more)}, Reply: ".who",
			})
			r.ask(t.Context(), t, "/x", basic("u", "p")...)
			broken.Store(true)
			for range 3 {
				if a := r.ask(t.Context(), t, "/x", basic("u", "p")...); a.status != http.StatusOK || a.text != `"u:p"` {
					t.Errorf("the same: %d %s", a.status, a.text)
				}
				for _, other := range [][]string{basic("u", "q"), basic("v", "p")} {
					if a := r.ask(t.Context(), t, "/x", other...); a.status != http.StatusBadGateway {
						t.Errorf("another: %d %s", a.status, a.text)
					}
				}
			}
		})
	}
}

// TestRefreshIsNobodys refuses to load in the background what is different for each caller.
func TestRefreshIsNobodys(t *testing.T) {
	t.Parallel()
	for name, made := range perCaller() {
		backends, route := made("http://127.0.0.1:1")
		f := &route.Fetches[0]
		if f.Each != nil {
			f = &f.Each.Fetches[0]
		}
		f.Cache, f.Refresh = nil, &wrap.Refresh{Every: wrap.Duration(time.Hour)}
		route.Method = http.MethodGet
		_, err := wrap.Compile(&wrap.Config{
			Prefixes: []string{"/s"}, Metadata: wrap.Metadata{Version: "1", Repository: "https://example.org", Description: "d"},
			Backends: backends, Routes: []wrap.Route{route},
		}, wrap.Deps{})
		if err == nil || !strings.Contains(err.Error(), "nothing of a request or of another fetch may go into it") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestVerdictOnWhatIsShared: one request or load may be for several; what fail_when says of it is each one's own.
func TestVerdictOnWhatIsShared(t *testing.T) {
	t.Parallel()
	t.Run("items", func(t *testing.T) {
		t.Parallel()
		for _, list := range []string{`[{n: 5}, {n: 0}, {n: 5}]`, `[{n: 0}, {n: 5}, {n: 0}]`} {
			_, url := served(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"n":3}`)) })
			e := fanned("list", list, 1, gets("", "main", "/x", func(f *wrap.Fetch) { f.FailWhen = `.n < $item.n` }))
			optional(&e)
			r := rigged(t, []wrap.Backend{backend("main", url)}, wrap.Route{Pattern: "/x", Fetches: []wrap.Fetch{e}, Reply: "[$list[] | [.item.n, .status]]"})
			want := strings.NewReplacer("{n: 5}", "[5,502]", "{n: 0}", "[0,200]", " ", "").Replace(list)
			if a := r.ask(t.Context(), t, "/x"); a.status != http.StatusOK || a.text != want {
				t.Errorf("%d %s, want %s", a.status, a.text, want)
			}
		}
	})
	t.Run("callers", func(t *testing.T) {
		t.Parallel()
		for _, first := range []string{"5", "0"} {
			gate := make(chan struct{})
			main, url := served(t, func(w http.ResponseWriter, _ *http.Request) {
				<-gate
				_, _ = w.Write([]byte(`{"n":3}`))
			})
			r := rigged(t, []wrap.Backend{backend("main", url)}, wrap.Route{Pattern: "/x", Fetches: []wrap.Fetch{
				gets("", "main", "/x", kept, func(f *wrap.Fetch) { f.FailWhen = `.n < ($query.least | tonumber)` }),
			}})
			var all sync.WaitGroup
			for _, least := range []string{first, "5", "0", "4", "3", "5", "0"} {
				all.Go(func() {
					want := http.StatusOK
					if least > "3" {
						want = http.StatusBadGateway
					}
					if a := r.ask(t.Context(), t, "/x?least="+least); a.status != want {
						t.Errorf("after %s, at least %s: %d %s", first, least, a.status, a.text)
					}
				})
				eventually(t, "the first has asked", func() bool { return main.asked.Load() > 0 })
			}
			eventually(t, "all wait", func() bool { return r.cache.Waiting() == 7 })
			close(gate)
			all.Wait()
		}
	})
}

// TestVerdictOnWhatIsKept: a kept value is answered only to whom fail_when allows it, which sees what it saw the first time: of
// pages each page.
func TestVerdictOnWhatIsKept(t *testing.T) {
	t.Parallel()
	above := func(f *wrap.Fetch) { f.FailWhen = `.n < ($query.least | tonumber)` }
	for name, f := range map[string]wrap.Fetch{
		"a value":        gets("", "main", "/x", kept, above),
		"pages":          gets("", "main", "/pages", kept, above, func(f *wrap.Fetch) { f.Pages = &wrap.Pages{By: wrap.PagesLink, Items: "[.]"} }),
		"pages, by next": gets("", "main", "/pages", kept, above, func(f *wrap.Fetch) { f.Pages = &wrap.Pages{By: wrap.PagesNext, JQ: ".next", Items: "[.]"} }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, url := served(t, func(w http.ResponseWriter, r *http.Request) {
				next := "null"
				if r.URL.Path == "/pages" && r.URL.RawQuery == "" {
					w.Header().Set("Link", "</pages?p=2>; rel=next")
					next = `"/pages?p=2"`
				}
				_, _ = fmt.Fprintf(w, `{"n":3,"next":%s}`, next)
			})
			r := rigged(t, []wrap.Backend{backend("main", url)}, wrap.Route{Pattern: "/x", Fetches: []wrap.Fetch{f}})
			for _, c := range []struct{ least, status int }{{0, 200}, {5, 502}, {3, 200}, {4, 502}, {0, 200}, {3, 200}} {
				if a := r.ask(t.Context(), t, fmt.Sprint("/x?least=", c.least)); a.status != c.status {
					t.Errorf("at least %d: %d %s", c.least, a.status, a.text)
				}
			}
		})
	}
}

// TestEqualItemsHavePages: items that share requests share what leads to the next page too.
func TestEqualItemsHavePages(t *testing.T) {
	t.Parallel()
	main, url := served(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery == "" {
			w.Header().Set("Link", "</list?p=2>; rel=next")
		}
		_, _ = fmt.Fprintf(w, `[%q]`, r.URL.RawQuery)
	})
	r := rigged(t, []wrap.Backend{backend("main", url)}, wrap.Route{
		Pattern: "/x", Fetches: []wrap.Fetch{fanned("list", `["list","list","list"]`, 2, gets("", "main", "/{item}", linked))}, Reply: "[$list[].value]",
	})
	if a := r.ask(t.Context(), t, "/x"); a.status != http.StatusOK || a.text != `[["","p=2"],["","p=2"],["","p=2"]]` {
		t.Errorf("%d %s", a.status, a.text)
	}
	if n := main.asked.Load(); n != 2 {
		t.Errorf("it was asked %d times, for two pages", n)
	}
}

// TestRedirectsAndOrigins: an origin that values may lead to is none that redirects may lead to, and the other way round; nobody
// is asked as a user whom a URL names.
func TestRedirectsAndOrigins(t *testing.T) {
	t.Parallel()
	stray, strayURL := served(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`"stray"`)) })
	var own, listed string
	leads := func(w http.ResponseWriter, r *http.Request) bool {
		user := strings.NewReplacer("://", "://u:p@")
		to := map[string]string{
			"/to/listed": listed + "/end", "/to/own": own + "/end", "/to/stray": strayURL + "/end", "/to/user": user.Replace(own) + "/end",
			"/to/scheme": "//" + strings.TrimPrefix(listed, "http://") + "/end", "/to/relative": "end",
		}[r.URL.Path]
		if to == "" {
			return false
		}
		switch r.URL.Query().Get("by") {
		case "link":
			w.Header().Set("Link", "<"+to+">; rel=next")
			_, _ = w.Write([]byte(`[]`))
		case "value":
			_, _ = fmt.Fprintf(w, `{"next":%q}`, to)
		default:
			w.Header().Set("Location", to)
			w.WriteHeader(http.StatusFound)
		}
		return true
	}
	echo := func(name string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if !leads(w, r) {
				_, _ = fmt.Fprintf(w, `["%s %s"]`, name, r.Header.Get("Authorization"))
			}
		}
	}
	_, own = served(t, echo("own"))
	_, listed = served(t, echo("listed"))
	leadsOn := func(f *wrap.Fetch) { f.Target, f.URL = "", "$a.next" }
	ends := func(f *wrap.Fetch) { f.Target, f.URL = "", `"LISTED" + $query.to` }
	routes := []wrap.Route{
		{Pattern: "/redirect", Fetches: []wrap.Fetch{gets("", "main", "/to/{query.to}")}},
		{Pattern: "/link", Fetches: []wrap.Fetch{gets("", "main", "/to/{query.to}?by=link", linked)}},
		{Pattern: "/value", Fetches: []wrap.Fetch{gets("a", "main", "/to/{query.to}?by=value"), gets("b", "main", "", leadsOn)}, Reply: "$b"},
		{Pattern: "/origin", Fetches: []wrap.Fetch{gets("b", "main", "", ends)}, Reply: "$b"},
	}
	routes[3].Fetches[0].URL = strings.Replace(routes[3].Fetches[0].URL, "LISTED", listed+"/to/", 1)
	r := rigged(t, []wrap.Backend{backend("main", own, func(b *wrap.Backend) {
		b.Redirects, b.Origins, b.Auth = 3, []string{listed}, session.Basic{User: "service", Password: "secret"}
	})}, routes...)
	const auth = "Basic c2VydmljZTpzZWNyZXQ="
	for path, want := range map[string]string{
		"/redirect?to=own": `["own ` + auth + `"]`, "/redirect?to=listed": "backend_redirect", "/redirect?to=stray": "backend_redirect",
		"/redirect?to=user": "backend_redirect", "/redirect?to=scheme": "backend_redirect", "/redirect?to=relative": "",
		"/link?to=own": `["own ` + auth + `"]`, "/link?to=listed": `["listed "]`, "/link?to=stray": "origin_not_allowed",
		"/link?to=user": "origin_not_allowed", "/link?to=scheme": "origin_not_allowed",
		"/value?to=own": `["own ` + auth + `"]`, "/value?to=listed": `["listed "]`, "/value?to=stray": "origin_not_allowed", "/value?to=user": "origin_not_allowed",
		"/value?to=scheme": "origin_not_allowed", "/value?to=relative": "bad_value",
		"/origin?to=own": "backend_redirect", "/origin?to=listed": `["listed "]`, "/origin?to=stray": "backend_redirect", "/origin?to=user": "backend_redirect",
	} {
		a := r.ask(t.Context(), t, path)
		if strings.Contains(a.text, "secret") {
			t.Errorf("%s tells the password: %s", path, a.text)
		}
		if want != "" && a.text != want && a.Type != want {
			t.Errorf("%s: %d %s, want %s", path, a.status, a.text, want)
		}
	}
	if n := stray.asked.Load(); n != 0 {
		t.Errorf("the stray server was asked %d times", n)
	}
}
