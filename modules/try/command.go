// Package try is the command `fairway try`: it runs one route of a configuration without a server and prints every
// step from the request to the answer.
package try

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/fairway-gateway/fairway/proxies/requestid"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// Exit codes of the command.
const (
	exitAnswer  = 0 // a 2xx answer
	exitProblem = 1 // any other
	exitUsage   = 2 // the command line or the configuration is at fault: nothing was run
)

func init() { caddycmd.RegisterCommand(command()) }

func command() caddycmd.Command {
	return caddycmd.Command{
		Name:  "try",
		Usage: "[<method>] <path> [--user u[:password]] [--backend-file [name=]saved] [--config file] [--header 'X: y']",
		Short: "Runs one route without a server and prints every step",
		Long: `
Runs one route of a configuration without a server and prints every step: what is
sent to the backend, what comes back, its charset and why, the decoded value, the
result of each jq program, the verdict, and the answer. Nothing listens, no
certificate is asked for.

With --backend-file the backend's answer comes from a file: a recorded response if
it begins with HTTP/, else a body. Write name=file for a fetch that has a name.

A password that is not in --user is taken from FAIRWAY_PASSWORD or asked for.
Credentials and values of {env.X} and {file./path} are printed as ***.

The exit code is 0 for a 2xx answer, 1 for any other, 2 when nothing was run.`,
		CobraFunc: func(cmd *cobra.Command) {
			f := cmd.Flags()
			f.StringP("config", "c", "", "Configuration file (default: Caddyfile)")
			f.StringP("adapter", "a", "", "Name of the config adapter")
			f.StringP("user", "u", "", "The caller's name, or name:password")
			f.StringArrayP("header", "H", nil, "Header of the caller, 'Name: value'; repeatable")
			f.StringP("data", "d", "", "Body of the caller's request")
			f.StringArray("backend-file", nil, "Answer fetches from a file; name=file for a named fetch; repeatable")
			f.String("content-type", "", "Content type of --backend-file bodies (default: none)")
			cmd.RunE = func(cmd *cobra.Command, _ []string) error {
				code, err := run(caddycmd.Flags{FlagSet: cmd.Flags()}, cmd.OutOrStdout())
				return exit(cmd, code, err)
			}
			cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return exit(cmd, exitUsage, meant(f, err)) })
		},
	}
}

// meant adds to the error of a flag that there is none of the one that was probably meant.
func meant(f *pflag.FlagSet, err error) error {
	name, ok := strings.CutPrefix(err.Error(), "unknown flag: --")
	if !ok {
		return err
	}
	var known []string
	f.VisitAll(func(flag *pflag.Flag) { known = append(known, flag.Name) })
	return fmt.Errorf("there is no option --%s%s", name, wrap.Suggest(name, known))
}

// errProblem ends the process with 1. It is not printed: the answer was.
var errProblem = errors.New("the answer is a problem")

// exit prints err, which Caddy would log as JSON, and gives what makes Caddy's main end with code.
func exit(cmd *cobra.Command, code int, err error) error {
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	if err != nil && !errors.Is(err, errProblem) {
		fmt.Fprintf(cmd.ErrOrStderr(), "fairway try: %v\n", err)
	}
	if code == exitProblem {
		return errProblem
	}
	return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return code, nil })(cmd, nil)
}

// options is the command line, read.
type options struct {
	method, target  string
	config, adapter string
	user, password  string
	header          http.Header
	body            string
	saved           map[string]*saved
}

func run(fl caddycmd.Flags, out io.Writer) (int, error) {
	o, err := read(fl)
	if err != nil {
		return exitUsage, err
	}
	l, err := load(o.config, o.adapter)
	if err != nil {
		return exitUsage, errors.New(redactor(o.secrets()).Replace(err.Error()))
	}
	return o.try(l, out)
}

// read takes the command line apart.
func read(fl caddycmd.Flags) (*options, error) {
	args := fl.Args()
	if len(args) == 1 && strings.Contains(args[0], "/") {
		args = []string{http.MethodGet, args[0]}
	}
	if len(args) != 2 {
		return nil, errors.New("try needs a method and a path: fairway try GET /name/path")
	}
	o := &options{
		method: strings.ToUpper(args[0]), target: args[1], config: fl.String("config"), adapter: fl.String("adapter"),
		body: fl.String("data"), header: http.Header{},
	}
	// An address may be that of a browser or curl.
	if u, err := url.Parse(o.target); err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" {
		o.target = u.RequestURI()
	}
	if !strings.HasPrefix(o.target, "/") {
		return nil, fmt.Errorf("the path %q must start with /", o.target)
	}
	lines, err := fl.GetStringArray("header")
	if err != nil {
		return nil, err
	}
	for _, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(name) == "" {
			return nil, errors.New("--header takes 'Name: value'")
		}
		o.header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	files, err := fl.GetStringArray("backend-file")
	if err != nil {
		return nil, err
	}
	if o.saved, err = readSaved(files, fl.String("content-type")); err != nil {
		return nil, err
	}
	if user := fl.String("user"); user != "" {
		if o.user, o.password, err = credentials(user, os.Getenv("FAIRWAY_PASSWORD"), os.Stdin, os.Stderr); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// secrets are the texts of the command line that are not printed.
func (o *options) secrets() []string {
	out := []string{o.password}
	if o.password != "" {
		out = append(out, o.user+":"+o.password)
	}
	for _, name := range [...]string{"Authorization", "Cookie"} {
		out = append(out, o.header[name]...)
	}
	if _, token, ok := strings.Cut(o.header.Get("Authorization"), " "); ok {
		out = append(out, strings.TrimSpace(token))
	}
	return out
}

// try runs the request and prints it.
func (o *options) try(l *loaded, out io.Writer) (int, error) {
	r, err := o.request()
	if err != nil {
		return exitUsage, err
	}
	s := choose(l.services, r.URL.EscapedPath())
	if s == nil {
		return exitUsage, fmt.Errorf("no service has the path %s; there are:\n%s", r.URL.Path, strings.TrimSuffix(prefixes(l.services), "\n"))
	}
	if err := checkSaved(o.saved, s); err != nil {
		return exitUsage, err
	}
	t := newTranscript(o.saved, slices.Concat(l.secrets, o.secrets()))
	w := httptest.NewRecorder()
	s.Serve(w, r, requestid.Of(r.Header), t.trace())

	var text bytes.Buffer
	t.write(&text)
	answer(&text, w)
	if t.route == "" && (w.Code == http.StatusNotFound || w.Code == http.StatusMethodNotAllowed) {
		fmt.Fprintf(&text, "\nno route fits; %s has:\n%s", s.Name, routes(s))
	}
	secrets := redactor(t.secrets)
	if _, err := io.WriteString(out, secrets.Replace(text.String())); err != nil {
		return exitProblem, err
	}
	if w.Code < 200 || w.Code > 299 {
		return exitProblem, errProblem
	}
	return exitAnswer, nil
}

func (o *options) request() (*http.Request, error) {
	r, err := http.NewRequest(o.method, "http://localhost"+o.target, strings.NewReader(o.body)) //nolint:noctx // the process is the context
	if err != nil {
		return nil, err
	}
	r.Header, r.RequestURI = o.header, o.target
	r.Host = cmp.Or(o.header.Get("Host"), "localhost")
	if o.user != "" {
		r.SetBasicAuth(o.user, o.password)
	}
	return r, nil
}

// choose gives the service whose prefix is the longest that fits.
func choose(services []*wrap.Service, path string) *wrap.Service {
	var best *wrap.Service
	length := 0
	for _, s := range services {
		for _, p := range s.Describe().Prefixes {
			fits := p == "/" || path == p || strings.HasPrefix(path, p+"/")
			if fits && len(p) > length {
				best, length = s, len(p)
			}
		}
	}
	return best
}

func prefixes(services []*wrap.Service) string {
	var b strings.Builder
	for _, s := range services {
		fmt.Fprintf(&b, "  %s (%s)\n", strings.Join(s.Describe().Prefixes, " "), s.Name)
	}
	return b.String()
}

func routes(s *wrap.Service) string {
	d := s.Describe()
	var b strings.Builder
	for _, r := range d.Routes {
		fmt.Fprintf(&b, "  %s %s%s\n", r.Method, strings.TrimSuffix(d.Prefixes[0], "/"), r.Pattern)
	}
	return b.String()
}
