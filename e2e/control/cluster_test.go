package control_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/e2e/gateway"
	"github.com/fairway-gateway/fairway/queries/db"
)

// pair is two gateways over one store.
type pair struct {
	*world
	second *world
}

func startPair(t *testing.T, e engine, o gateway.Options) pair {
	t.Helper()
	w := start(t, e, o)
	other := *w
	other.gateway = gateway.Start(t, builder, o)
	return pair{world: w, second: &other}
}

// rated is a service that twenty requests from an address may be made to.
func rated(t *testing.T) string {
	t.Helper()
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }))
	t.Cleanup(backend.Close)
	return `
	service /rated {
		version 1.0.0
		repository https://github.com/example/rated
		description "Twenty an hour"
		rate 20/h by address
		backend ` + backend.URL + `
		GET /x {
			fetch /x {
				decode json
			}
		}
	}`
}

// scenes are the same scene at each of the gateways: what one knows the other does, too.
func (p pair) scenes(t *testing.T) (one, two *scene) {
	t.Helper()
	one, two = p.scene(t), p.second.scene(t)
	two.vars, two.address = one.vars, one.address
	return one, two
}

// together runs n functions at the same time.
func together(n int, run func(i int)) {
	var ready, done sync.WaitGroup
	begin := make(chan struct{})
	ready.Add(n)
	for i := range n {
		done.Go(func() {
			ready.Done()
			<-begin
			run(i)
		})
	}
	ready.Wait()
	close(begin)
	done.Wait()
}

// TestTwoGateways has two gateways over one store: what one gives the other takes, what one ends is ended at the other within
// two seconds, and they count together.
func TestTwoGateways(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, e engine) {
		t.Helper()
		o := e.options()
		o.Site += rated(t)
		p := startPair(t, e, o)
		t.Run("a token of one is good at the other", func(t *testing.T) {
			t.Parallel()
			one, two := p.scenes(t)
			lives("{user.access}").do(two)
			lives("{user.oauth}").do(one)
			post("/auth/refresh").json(`{"refresh_token":"{user.refresh}"}`).gives(200, loginAnswer).do(two)
			lives("{access}").do(one)
			again401("client_id", "documentation", "refresh_token", "{user.oauth_refresh}").gives(200, grantAnswer).do(two)
			again401("client_id", "documentation", "refresh_token", "{refresh}").gives(200, grantAnswer).do(one)
			issue("user", usr).gives(201, issued).do(one)
			get(programTokens).bearer("{token}").gives(200).do(two)
		})
		for _, end := range revocations() {
			t.Run("revoked at one, it counts at the other within 2 s: "+end.says, func(t *testing.T) {
				t.Parallel()
				one, two := p.scenes(t)
				for _, m := range end.before {
					m.do(one)
				}
				end.taken.do(two)
				end.taken.do(two) // from memory
				for _, m := range end.moves {
					m.do(one)
				}
				began := time.Now()
				await(two, 5*time.Millisecond, func() error {
					if a := two.send(end.taken); a.Status != http.StatusUnauthorized {
						return fmt.Errorf("%s", a)
					}
					return nil
				})
				t.Logf("%s, measured: %d ms", end.says, time.Since(began).Milliseconds())
			})
		}
		t.Run("attempts on a password are counted by both", func(t *testing.T) {
			t.Parallel()
			one, two := p.scenes(t)
			// The delay grows with each attempt: it is waited for until it is so long that the other gateway is asked before it is over.
			const long = 8
			for {
				a := one.send(wrongPassword("{user.email}"))
				if a.Status == http.StatusUnauthorized {
					continue
				}
				after, err := strconv.Atoi(a.Header.Get("Retry-After"))
				if a.Status != http.StatusTooManyRequests || err != nil {
					t.Fatalf("%s", a)
				}
				if after >= long {
					break
				}
				<-time.After(time.Duration(after) * time.Second)
			}
			wrongPassword("{user.email}").gives(429).do(two)
		})
		t.Run("recoveries are counted by both", func(t *testing.T) {
			t.Parallel()
			one, two := p.scenes(t)
			post("/api/v1/user/{user.email}/recover-password").gives(200).do(one)
			post("/api/v1/user/{user.email}/recover-password").gives(429).do(two)
		})
		t.Run("refresh of one token at both at once gives one successor", func(t *testing.T) {
			t.Parallel()
			one, two := p.scenes(t)
			one.value("user.oauth_refresh")
			ask := again401("client_id", "documentation", "refresh_token", "{user.oauth_refresh}")
			const n = 40
			answers := make([]gateway.Answer, n)
			requests := make([]*http.Request, n)
			for i := range requests {
				requests[i] = one.request([]*gateway.Gateway{one.gateway, two.gateway}[i%2], ask)
			}
			together(n, func(i int) {
				a, err := one.gateway.Do(requests[i])
				if err != nil {
					t.Error(err)
				}
				answers[i] = a
			})
			successors := map[string]bool{}
			for _, a := range answers {
				one.judge(ask.gives(200, grantAnswer), a)
				successors[one.vars["refresh"]] = true
			}
			if len(successors) != 1 {
				t.Errorf("%d successors", len(successors))
			}
			again401("client_id", "documentation", "refresh_token", "{refresh}").gives(200, grantAnswer).do(two)
		})
		t.Run("a rate is counted by both", func(t *testing.T) {
			t.Parallel()
			if e.rateless {
				t.Skip("counted in the store with PostgreSQL")
			}
			one, two := p.scenes(t)
			allowed := 0
			for i := range 40 {
				a := []*scene{one, two}[i%2].send(get("/rated/x"))
				switch a.Status {
				case http.StatusOK:
					allowed++
				case http.StatusTooManyRequests:
					if a.Header.Get("Retry-After") == "" || a.Header.Get("RateLimit") == "" && a.Header.Get("RateLimit-Limit") == "" {
						t.Errorf("without Retry-After or RateLimit: %v", a.Header)
					}
				default:
					t.Errorf("%s", a)
				}
			}
			if allowed != 20 {
				t.Errorf("%d were let through, not 20", allowed)
			}
		})
	})
}

// ending is something that ends what a gateway remembers as good.
type ending struct {
	says   string
	before []move
	taken  *ask
	moves  []move
}

func revocations() []ending {
	login := act(func(s *scene) { s.value("user.access") })
	return []ending{
		{"logout", does(login), lives("{user.access}"), does(post("/auth/logout").bearer("{user.access}").gives(200))},
		{"logout-all", does(login), lives("{user.access}"), does(post("/auth/logout-all").bearer("{user.access}").gives(200))},
		{"a session", does(login, whole("{user.access}").gives(200, `{"data":[{"id":"<uuid:id>","...":0}]}`)), lives("{user.access}"), does(remove("/api/v1/user/me/sessions/{id}").bearer("{user.access}").gives(200))},
		{"an OAuth2 token", does(act(func(s *scene) { s.value("user.oauth") })), lives("{user.oauth}"), does(post("/auth/oauth2/revoke").form("client_id", "documentation", "token", "{user.oauth}").nothing(200))},
		{"an OAuth2 login", does(act(func(s *scene) { s.value("user.oauth") })), lives("{user.oauth}"), does(post("/auth/oauth2/revoke").form("client_id", "documentation", "token", "{user.oauth_refresh}").nothing(200))},
		{
			"a client", does(
				post("/api/v1/oauth/clients").bearer("{user.access}").json(`{"name":"x","scopes":"auth:read"}`).gives(201, `{"data":{"id":"<uuid:id>","client_id":"<text:made.id>","client_secret":"<text:made.secret>","...":0}}`),
				serviceToken().json(`{"grant_type":"client_credentials","client_id":"{made.id}","client_secret":"{made.secret}"}`).gives(200, serviceAnswer)),
			lives("{access}"), does(remove("/api/v1/oauth/clients/{id}").bearer("{user.access}").gives(200)),
		},
		{"a program's token", does(issue("user", usr).gives(201, issued)), get(programTokens).bearer("{token}").gives(200), does(remove(programTokens + "/{id}").bearer("{user.access}").nothing(204))},
		{"another password", does(login), lives("{user.access}"), does(patch("/api/v1/user/me/change-password").bearer("{user.access}").json(`{"old_password":"{user.password}","new_password":"` + strongOther + `"}`).gives(200))},
		{
			"a password that is remembered", does(login), get("/api/v1/auth/oauth2_clients/?user_id={user.number}").basic("{user.email}", "{user.password}").gives(200),
			does(patch("/api/v1/user/me/change-password").bearer("{user.access}").json(`{"old_password":"{user.password}","new_password":"` + strongOther + `"}`).gives(200)),
		},
		{"a user who is deleted", does(login), lives("{user.access}"), does(deleted("user"))},
		{"a user who is made inactive", does(login), lives("{user.access}"), does(change("user", func(u *db.User) { u.IsActive = false }))},
		{
			"reuse of a refresh token", does(act(func(s *scene) { s.value("user.refresh") }),
				post("/auth/refresh?rotate=true").json(`{"refresh_token":"{user.refresh}"}`).gives(200, loginAnswer)), lives("{access}"),
			does(seldom(post("/auth/refresh").json(`{"refresh_token":"{user.refresh}"}`).gives(401))),
		},
	}
}
