package upstream

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConfigCheck(t *testing.T) {
	t.Parallel()
	at := func(addresses ...string) Config { return Config{Addresses: addresses} }
	for name, c := range map[string]struct {
		cfg  Config
		want string // part of the error; empty: none
	}{
		"http":             {at("http://h"), ""},
		"https":            {at("https://h:443", "https://[::1]:8443"), ""},
		"unix":             {at("unix//run/x.sock"), ""},
		"none":             {at(), "needs an address"},
		"no scheme":        {at("h:80"), "must begin with"},
		"only a host":      {at("h"), "must begin with"},
		"ftp":              {at("ftp://h"), "must begin with"},
		"no host":          {at("http://"), "needs a host"},
		"no host, port":    {at("http://:80"), "needs a host"},
		"port":             {at("http://h:99999"), "port"},
		"port 0":           {at("http://h:0"), "port"},
		"empty port":       {at("http://h:"), "port"},
		"path":             {at("http://h/a"), "no path"},
		"slash":            {at("http://h/"), "no path"},
		"query":            {at("http://h?a"), "no query"},
		"empty query":      {at("http://h?"), "no query"},
		"fragment":         {at("http://h#a"), "fragment"},
		"user":             {at("http://u:hunter2@h"), "auth"},
		"bad escape":       {at("http://%zz:hunter2@h"), "not a URL"},
		"relative socket":  {at("unix/run/x.sock"), "unix//path"},
		"no socket":        {at("unix//"), "unix//path"},
		"twice":            {at("http://h", "HTTP://H"), "twice"},
		"negative timeout": {Config{Addresses: []string{"http://h"}, Timeout: -1}, "timeout is negative"},
		"negative limit":   {Config{Addresses: []string{"http://h"}, Limit: -1}, "limit is negative"},
		"negative retries": {Config{Addresses: []string{"http://h"}, Retries: -1}, "retries is negative"},
		"half a pair":      {Config{Addresses: []string{"https://h"}, TLS: TLS{ClientKeyFile: "x"}}, "both"},
		"tls without":      {Config{Addresses: []string{"http://h"}, TLS: TLS{InsecureSkipVerify: true}}, "https"},
		"proxy":            {Config{Addresses: []string{"http://h"}, Proxy: "socks5://u:p@h:1080"}, ""},
		"environment":      {Config{Addresses: []string{"unix//x"}, Proxy: "environment"}, ""},
		"proxy scheme":     {Config{Addresses: []string{"http://h"}, Proxy: "ftp://u:hunter2@h"}, "scheme"},
		"proxy no URL":     {Config{Addresses: []string{"http://h"}, Proxy: "http://u:hunter2@h:x"}, "not a URL"},
		"proxy path":       {Config{Addresses: []string{"http://h"}, Proxy: "http://h/x"}, "path"},
		"proxy and unix":   {Config{Addresses: []string{"unix//x"}, Proxy: "http://h"}, "unix"},
	} {
		err := c.cfg.WithDefaults().Check()
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", name, err, c.want)
		case err != nil && strings.Contains(err.Error(), "hunter2"):
			t.Errorf("%s: the error tells a password: %v", name, err)
		}
		if _, made := New(c.cfg, Options{}); (made != nil) != (err != nil) {
			t.Errorf("%s: New says %v", name, made)
		}
	}
}

func TestWithDefaults(t *testing.T) {
	t.Parallel()
	want := Config{Timeout: DefaultTimeout, BreakerFailures: DefaultBreakerFailures, BreakerOpen: DefaultBreakerOpen, Limit: DefaultLimit}
	if diff := cmp.Diff(want, Config{}.WithDefaults()); diff != "" {
		t.Error(diff)
	}
	want = Config{Timeout: 1, Retries: 2, BreakerFailures: 3, BreakerOpen: 4, Limit: 5, Redirects: 6}
	if diff := cmp.Diff(want, want.WithDefaults()); diff != "" {
		t.Error(diff)
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, a := range []string{"http://h", "https://[::1]:1", "unix//x", "http://u@h", "unix//../x"} {
		f.Add(a)
	}
	f.Fuzz(func(t *testing.T, address string) {
		o, err := parseAddress(address)
		if err != nil {
			return
		}
		again, err := parseAddress(o.String())
		if err != nil || again != o {
			t.Errorf("%q is %+v, which reads %+v (%v)", address, o, again, err)
		}
	})
}
