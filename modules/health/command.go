package health

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/pflag"

	"github.com/fairway-gateway/fairway/modules/command"
)

func init() {
	caddycmd.RegisterCommand(command.Single("health [<url>]", "Asks a gateway or a runner on this machine whether it is up", `
Asks the gateway or the runner on this machine for / and ends with 0 if the answer is 200,
and with 1 if not. It is for containers, whose images have no other program to ask with.

Without an address the one of the variable FAIRWAY_LISTEN is asked, and the first one of
SITE_ADDRESS, which is https://localhost:8443 where it is not set; one that answers is enough.
A site's name is asked for on this machine, wherever the name leads, and its certificate is
not looked at. Say an address to ask for something else: http://127.0.0.1:8080/ready`,
		func(f *pflag.FlagSet) {
			f.Duration("timeout", patience, "How long the answer may take")
		}, check))
}

// patience is how long an answer may take where nothing is said.
const patience = 4 * time.Second

// check asks until one address answers.
func check(ctx context.Context, c *command.Call) (command.Report, error) {
	timeout, err := c.Flags().GetDuration("timeout")
	if err != nil {
		return nil, err
	}
	addresses := c.Args
	if len(addresses) == 0 {
		addresses = usual(os.Getenv)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var failed error
	for _, address := range addresses {
		u, err := addressed(address)
		if err != nil {
			return nil, &command.Error{Code: command.Usage, Err: err}
		}
		if err = ask(ctx, u); err == nil {
			return nil, nil //nolint:nilnil // there is nothing to print
		}
		if err = fmt.Errorf("%s: %w", u, err); failed != nil {
			err = fmt.Errorf("%w; %w", failed, err)
		}
		failed = err
	}
	return nil, failed
}

// usual are the addresses that the environment of an image names.
func usual(env func(string) string) []string {
	var out []string
	if listen := env("FAIRWAY_LISTEN"); listen != "" {
		out = append(out, "http://"+listen)
	}
	site, _, _ := strings.Cut(cmp.Or(env("SITE_ADDRESS"), "https://localhost:8443"), ",")
	return append(out, strings.TrimSpace(site))
}

// addressed makes an address of a Caddyfile one that can be asked for: without a scheme it is HTTPS, unless its port is that of HTTP.
func addressed(address string) (*url.URL, error) {
	if !strings.Contains(address, "://") {
		scheme := "https://"
		if strings.HasSuffix(address, ":80") {
			scheme = "http://"
		}
		address = scheme + address
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		return nil, fmt.Errorf("%q is no address like http://127.0.0.1:8080/", u.Redacted())
	}
	if u.Path == "" {
		u.Path = "/"
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() == "" || ip != nil && ip.IsUnspecified() { // it listens everywhere
		u.Host = strings.TrimSuffix("127.0.0.1:"+u.Port(), ":")
	}
	return u, nil
}

// ask says why the answer is not 200. Wherever a name leads, this machine is asked.
func ask(ctx context.Context, u *url.URL) error {
	host := "127.0.0.1"
	if net.ParseIP(u.Hostname()) != nil {
		host = u.Hostname()
	}
	port := cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(host, port))
		},
		// It is asked on this machine, and told nothing.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: u.Hostname()}, //nolint:gosec // as above
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return err
	}
	request.Header.Set("User-Agent", "fairway-health")
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<10)) // what came is enough
		return fmt.Errorf("%s: %s", answer.Status, strings.TrimSpace(strings.ToValidUTF8(string(text), "")))
	}
	return nil
}
