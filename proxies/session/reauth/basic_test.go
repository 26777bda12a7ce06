package reauth

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/session/challenge"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestBasic tells refusals of a proxy from those of the application behind it.
func TestBasic(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		password   string
		proxy, app int // what they answer with this password; 0: the proxy asks the application
		want       int // 0: bad credentials
		probes     int
	}{
		"let in":                        {"right", 0, 200, 200, 0},
		"refused with a page":           {"wrong", 403, 200, 0, 1},
		"refused":                       {"wrong", 401, 200, 0, 1},
		"refused by the application":    {"right", 0, 403, 403, 0},
		"refused where nobody signs in": {"right", -1, 403, 403, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			probes := 0
			next := roundTrip(func(r *http.Request) (*http.Response, error) {
				rec := httptest.NewRecorder()
				_, password, _ := r.BasicAuth()
				switch {
				case r.URL.Path == "/oauth2/auth":
					probes++
					status := http.StatusUnauthorized
					if password == "right" {
						status = http.StatusAccepted
					}
					rec.WriteHeader(status)
				case c.proxy > 0:
					rec.WriteHeader(c.proxy)
				default:
					if c.proxy == 0 {
						rec.Header().Set("Gap-Auth", "ann")
					}
					rec.Header().Add("Set-Cookie", "_oauth2_proxy_1=x; Path=/")
					rec.Header().Add("Set-Cookie", "theme=dark")
					rec.WriteHeader(c.app)
					_, _ = io.WriteString(rec, r.Header.Get("Cookie"))
				}
				resp := rec.Result()
				resp.Request = r
				return resp, nil
			})
			b := &Basic{Challenge: challenge.Detector{Start: "/oauth2/start"}, Probe: "/oauth2/auth", Hidden: "_oauth2_proxy"}
			req := httptest.NewRequest(http.MethodGet, "http://backend.example.org/x", nil)
			req.Header.Set("Cookie", "_oauth2_proxy=of-somebody; a=b;_oauth2_proxy_csrf=y; c=d")
			resp, err := b.RoundTrip(req, session.Caller{User: "ann", Password: c.password, Basic: true}, next)
			if probes != c.probes {
				t.Errorf("the proxy was asked %d times who that is, want %d", probes, c.probes)
			}
			if c.want == 0 {
				if failed, ok := errors.AsType[*session.LoginError](err); !ok || failed.Kind != session.BadCredentials || strings.Contains(err.Error(), c.password) {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil || resp.StatusCode != c.want {
				t.Fatalf("%v %v", resp, err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil || string(body) != "a=b; c=d" {
				t.Errorf("the application got the cookies %q, %v", body, err)
			}
			if diff := cmp.Diff(http.Header{"Set-Cookie": {"theme=dark"}}, resp.Header); diff != "" {
				t.Error(diff)
			}
		})
	}
}
