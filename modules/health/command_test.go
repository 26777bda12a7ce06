package health

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUsualAddresses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		env  map[string]string
		want []string
	}{
		{nil, []string{"https://localhost:8443/"}},
		{map[string]string{"SITE_ADDRESS": "http://:8080"}, []string{"http://127.0.0.1:8080/"}},
		{map[string]string{"SITE_ADDRESS": "api.example.org, www.example.org", "FAIRWAY_LISTEN": ":9090"}, []string{"http://127.0.0.1:9090/", "https://api.example.org/"}},
		{map[string]string{"SITE_ADDRESS": "api.example.org:80", "FAIRWAY_LISTEN": "[::]:9090"}, []string{"http://127.0.0.1:9090/", "http://api.example.org:80/"}},
		{map[string]string{"SITE_ADDRESS": "http://10.1.2.3"}, []string{"http://10.1.2.3/"}},
	} {
		var got []string
		for _, address := range usual(func(name string) string { return c.env[name] }) {
			u, err := addressed(address)
			if err != nil {
				t.Fatal(c.env, err)
			}
			got = append(got, u.String())
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", c.env, diff)
		}
	}
	for _, wrong := range []string{"ftp://127.0.0.1/", "http://a:secret@127.0.0.1/", "http://[::1"} {
		if u, err := addressed(wrong); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v %v", wrong, u, err)
		}
	}
}

func TestAsk(t *testing.T) {
	t.Parallel()
	hosts := make(chan string, 10)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hosts <- r.Host
		switch r.URL.Path {
		case "/":
		case "/moved":
			http.Redirect(w, r, "/", http.StatusFound)
		default:
			http.Error(w, "not\xffready\n"+strings.Repeat("x", 1<<20), http.StatusServiceUnavailable)
		}
	})
	plain, secure := httptest.NewServer(handler), httptest.NewTLSServer(handler)
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	_, port, _ := strings.Cut(strings.TrimPrefix(secure.URL, "https://"), ":")
	for _, c := range []struct{ url, host, want string }{
		{plain.URL, strings.TrimPrefix(plain.URL, "http://"), ""},
		{secure.URL, strings.TrimPrefix(secure.URL, "https://"), ""},
		{"https://api.example.org:" + port, "api.example.org:" + port, ""}, // which nobody looks up
		{plain.URL + "/moved", strings.TrimPrefix(plain.URL, "http://"), "302 Found"},
		{plain.URL + "/ready", strings.TrimPrefix(plain.URL, "http://"), "503 Service Unavailable: notready"},
	} {
		u, err := addressed(c.url)
		if err != nil {
			t.Fatal(err)
		}
		switch err = ask(t.Context(), u); {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want) || len(err.Error()) > 2<<10):
			t.Errorf("%s: %.100v, want %q", c.url, err, c.want)
		}
		if host := <-hosts; host != c.host {
			t.Errorf("%s asks for %s, want %s", c.url, host, c.host)
		}
	}
	plain.Close()
	u, err := addressed(plain.URL)
	if err != nil {
		t.Fatal(err)
	}
	if err := ask(t.Context(), u); err == nil {
		t.Error("nobody listens, and it is well")
	}
}
