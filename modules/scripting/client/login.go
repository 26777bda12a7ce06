package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

const (
	// ahead is how long before its end a token is replaced, or half of its time if that is less.
	ahead = 5 * time.Minute
	// lockRetry is how often the lock of the file is asked for.
	lockRetry = 25 * time.Millisecond
	// mostFile is how long the file of logins may be, in bytes.
	mostFile = 1 << 20
)

// Login is a login at one gateway.
type Login struct {
	URL     string `json:"url"`
	Email   string `json:"email"`
	User    string `json:"user_id"`
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	// RefreshAt is when the access token is to be replaced, Expires when it ends.
	RefreshAt time.Time `json:"refresh_at"`
	Expires   time.Time `json:"expires_at"`
	// CA is a file with the certificate of the gateway's authority, AllowHTTP what Options has.
	CA        string `json:"ca,omitempty"`
	AllowHTTP bool   `json:"allow_http,omitempty"`
}

// kept is the file.
type kept struct {
	// Current is the origin of the last login.
	Current string           `json:"current"`
	Logins  map[string]Login `json:"logins"`
}

// Logins is the file with the logins of a user, one for each gateway. It is written by renaming another one, which only the user can
// read; who changes it holds a lock beside it.
type Logins struct {
	// Path is the file's. Required.
	Path string
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

func (l *Logins) now() time.Time {
	if l.Now != nil {
		return l.Now().UTC()
	}
	return time.Now().UTC()
}

// Find gives the login at an origin; empty: the last one. Where there is none it is a *LoginError.
func (l *Logins) Find(origin string) (Login, error) {
	all, err := l.read()
	if err != nil {
		return Login{}, err
	}
	if origin == "" {
		origin = all.Current
	}
	login, ok := all.Logins[origin]
	if !ok {
		return Login{}, &LoginError{Origin: origin}
	}
	return login, nil
}

// All lists logins by their origins, and which of them is the last.
func (l *Logins) All() (all []Login, current string, err error) {
	file, err := l.read()
	if err != nil {
		return nil, "", err
	}
	for _, login := range file.Logins {
		all = append(all, login)
	}
	slices.SortFunc(all, func(a, b Login) int { return strings.Compare(a.URL, b.URL) })
	return all, file.Current, nil
}

// Keep writes a login down as the last one.
func (l *Logins) Keep(ctx context.Context, login Login) error {
	return l.change(ctx, func(all *kept) error {
		all.Logins[login.URL], all.Current = login, login.URL
		return nil
	})
}

// Forget removes the login at an origin.
func (l *Logins) Forget(ctx context.Context, origin string) error {
	return l.change(ctx, func(all *kept) error {
		delete(all.Logins, origin)
		if all.Current == origin {
			all.Current = ""
		}
		return nil
	})
}

func (l *Logins) read() (*kept, error) {
	out := &kept{Logins: map[string]Login{}}
	info, err := os.Stat(l.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading logins: %w", err)
	}
	if info.Size() > mostFile {
		return nil, l.damaged()
	}
	text, err := os.ReadFile(l.Path)
	if err != nil {
		return nil, fmt.Errorf("reading logins: %w", err)
	}
	if err := json.Unmarshal(text, out); err != nil {
		return nil, l.damaged()
	}
	if out.Logins == nil {
		out.Logins = map[string]Login{}
	}
	for origin, login := range out.Logins {
		if login.URL != origin { // a token goes to no other origin than its own
			return nil, l.damaged()
		}
	}
	return out, nil
}

func (l *Logins) damaged() error {
	return fmt.Errorf("%s is damaged: remove it, and log in again", l.Path)
}

// change has the file be changed by one process at a time.
func (l *Logins) change(ctx context.Context, do func(*kept) error) (err error) {
	if err := os.MkdirAll(filepath.Dir(l.Path), 0o700); err != nil {
		return fmt.Errorf("keeping logins: %w", err)
	}
	lock := flock.New(l.Path+".lock", flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, lockRetry); err != nil {
		return fmt.Errorf("keeping logins: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	all, err := l.read()
	if err != nil {
		return err
	}
	if err := do(all); err != nil {
		return err
	}
	text, err := json.MarshalIndent(all, "", "\t")
	if err != nil {
		return err
	}
	return Replace(l.Path, append(text, '\n'), 0o600)
}

// Replace has a file have other content, at once or not at all.
func Replace(path string, content []byte, mode fs.FileMode) error {
	return Write(path, mode, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

// Write makes a file of what is written, or has one have that for its content: at once or not at all.
func Write(path string, mode fs.FileMode, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // the error that matters is told
		}
	}()
	err = write(f)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// granted is what the gateway gives for a password or a refresh token.
type granted struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	User    string `json:"user_id"`
	Lasts   int64  `json:"expires_in"`
}

// take puts what was granted into a login.
func (login *Login) take(g granted, now time.Time) error {
	if g.Access == "" {
		return fmt.Errorf("%s does not answer as a gateway does: there is no token", login.URL)
	}
	lasts := time.Duration(min(max(g.Lasts, 0), 365*24*3600)) * time.Second
	login.Access, login.Expires, login.RefreshAt = g.Access, now.Add(lasts), now.Add(lasts-min(ahead, lasts/2))
	if g.Refresh != "" {
		login.Refresh = g.Refresh
	}
	if g.User != "" {
		login.User = g.User
	}
	return nil
}

// LogIn gets tokens for an address and a password. The client needs no credentials for that.
func (c *Client) LogIn(ctx context.Context, email, password string, now time.Time) (Login, error) {
	r, err := sendJSON(http.MethodPost, "/auth", map[string]string{"email": email, "password": password})
	if err != nil {
		return Login{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r.bare = true
	var g granted
	if err := c.plain(ctx, r, &g); err != nil {
		return Login{}, err
	}
	login := Login{URL: c.origin, Email: email}
	return login, login.take(g, now)
}

// LogOut ends a login at the gateway, or all logins of its user.
func (c *Client) LogOut(ctx context.Context, login Login, all bool) error {
	path, body := "/auth/logout", map[string]string{"refresh_token": login.Refresh}
	if all {
		path, body = "/auth/logout-all", map[string]string{}
	}
	r, err := sendJSON(http.MethodPost, path, body)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return c.plain(ctx, r, nil)
}

// Session is the login at one gateway as Credentials: its token is replaced before its end, for all processes of the user.
type Session struct {
	// Logins is the file, Origin the gateway's. Both are required.
	Logins *Logins
	Origin string
	// Client is one without credentials, at the origin. Required.
	Client *Client
}

// Token gives the login's access token, or another one in its place.
func (s *Session) Token(ctx context.Context, refused string) (string, error) {
	login, err := s.Logins.Find(s.Origin)
	if err != nil {
		return "", err
	}
	if s.good(login, refused) {
		return login.Access, nil
	}
	token := ""
	err = s.Logins.change(ctx, func(all *kept) error {
		login, ok := all.Logins[s.Origin]
		if !ok {
			return &LoginError{Origin: s.Origin}
		}
		if s.good(login, refused) { // somebody else was faster
			token = login.Access
			return nil
		}
		now := s.Logins.now()
		g, err := s.renew(ctx, login.Refresh)
		if err == nil {
			err = login.take(g, now)
		}
		if _, ended := errors.AsType[*LoginError](err); err != nil && !ended && refused == "" && now.Before(login.Expires) {
			token = login.Access // it is good for a while yet
			return nil
		}
		if err != nil {
			return err
		}
		all.Logins[s.Origin], token = login, login.Access
		return nil
	})
	return token, err
}

// good says whether a token is to be sent as it is.
func (s *Session) good(login Login, refused string) bool {
	return login.Access != "" && login.Access != refused && s.Logins.now().Before(login.RefreshAt)
}

func (s *Session) renew(ctx context.Context, refresh string) (granted, error) {
	var g granted
	r, err := sendJSON(http.MethodPost, "/auth/refresh", map[string]string{"refresh_token": refresh})
	if err != nil {
		return g, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r.bare, r.query = true, map[string][]string{"rotate": {"true"}}
	err = s.Client.plain(ctx, r, &g)
	if no, is := errors.AsType[*Error](err); is && (no.Status == http.StatusUnauthorized || no.Status == http.StatusBadRequest) {
		err = &LoginError{Origin: s.Origin, Because: no}
	}
	return g, err
}

// Fixed is a token that is always the same, one of a program.
type Fixed struct{ Value, Origin string }

// Token gives it.
func (f Fixed) Token(_ context.Context, refused string) (string, error) {
	if refused != "" {
		return "", &LoginError{Origin: f.Origin}
	}
	return f.Value, nil
}

// Interface guards.
var (
	_ Credentials = (*Session)(nil)
	_ Credentials = Fixed{}
)
