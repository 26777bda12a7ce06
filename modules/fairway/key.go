package fairway

import (
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

const (
	// secretSize is how many bytes the secret has.
	secretSize = 32
	// secretLeast is how many different bytes it has at least: of 32 that are random, fewer are never seen.
	secretLeast = 16
	// secretFile is where the secret is that was made here, in Caddy's data directory.
	secretFile = "fairway.key"
	// secretFileLimit is how large a file with a secret may be, in bytes.
	secretFileLimit = 4096
	// makeSecret is how people make one.
	makeSecret = "openssl rand -base64 32" //nolint:gosec // a command
)

func errNoSecret() error {
	return errors.New("the store is PostgreSQL, which gateways share, and then they share a secret, too: write secret {env.FAIRWAY_SECRET} into the option fairway, with what `" + makeSecret + "` prints in that variable")
}

// checkSecret says what is wrong with the secret as it is written.
func checkSecret(s string) error {
	if s != "" && (placeholders().FindString(s) != s) {
		return errors.New("a secret must not stand in the configuration; write secret {env.FAIRWAY_SECRET} or secret {file./run/secrets/fairway}")
	}
	return nil
}

// checkSecrets says what is wrong with the secrets as they are written.
func (a *App) checkSecrets() error {
	if a.Secret == "" && len(a.OldSecrets) > 0 {
		return errors.New("there are old secrets, but none that seals")
	}
	all := a.placeholders()
	for i, s := range all {
		if err := checkSecret(s); err != nil {
			return err
		}
		if slices.Contains(all[:i], s) {
			return fmt.Errorf("%s is among the secrets twice", s)
		}
	}
	return nil
}

// placeholders are the secrets as they are written.
func (a *App) placeholders() []string {
	if a.Secret == "" {
		return nil
	}
	return append([]string{a.Secret}, a.OldSecrets...)
}

// Keys gives the keys of 32 bytes for a purpose ("sessions"), of which the first seals, and all open. They are derived (HKDF
// with SHA-256) from the secrets of the option fairway, or from the one of this machine, which is made where there is none:
// so it is called when the configuration is started, or later, and not when it is provisioned; SecretID is for that. All
// gateways that share a secret have the same keys. They are the caller's to change.
func (a *App) Keys(purpose string) ([][]byte, error) {
	secrets, err := a.secrets()
	if err != nil {
		return nil, err
	}
	out := make([][]byte, len(secrets))
	for i, s := range secrets {
		if out[i], err = hkdf.Key(sha256.New, s, nil, "fairway "+purpose, secretSize); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// SecretID tells the secrets apart from others, without telling them, to a module that is being provisioned and will want
// Keys. It makes no secret: one that is still to be made when the configuration is started is told apart, too, and is the same
// after that.
func (a *App) SecretID() (string, error) {
	a.secretWanted = true
	var own []byte
	if a.Secret == "" {
		var err error
		own, err = readOwnSecret(ownSecretPath())
		if errors.Is(err, fs.ErrNotExist) {
			a.secretUnmade = true
			return unmade, nil
		}
		if err != nil {
			return "", fmt.Errorf("secret: %w", err)
		}
		if a.madeHere(own) {
			return unmade, nil
		}
	}
	secrets := [][]byte{own}
	if own == nil {
		var err error
		if secrets, err = a.secrets(); err != nil {
			return "", err
		}
	}
	return idOf(secrets...), nil
}

// unmade is the id of a secret that is still to be made, and of the same when this process has: what is found by the id must be
// found by the next configuration, too.
const unmade = "to be made"

// madeHere says that a secret is the one that this process has made.
func (a *App) madeHere(own []byte) bool {
	if a.process == nil {
		return false
	}
	made := a.process.secret.Load()
	return made != nil && *made == idOf(own)
}

func idOf(secrets ...[]byte) string {
	h := sha256.New()
	for _, s := range secrets {
		h.Write(s)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func ownSecretPath() string { return filepath.Join(caddy.AppDataDir(), secretFile) }

// secrets gives the secrets, which are read once.
func (a *App) secrets() ([][]byte, error) {
	a.secretOnce.Do(func() {
		if a.secretBytes, a.secretErr = a.readSecrets(); a.secretErr != nil {
			a.secretErr = fmt.Errorf("secret: %w", a.secretErr)
		}
	})
	return a.secretBytes, a.secretErr
}

func (a *App) readSecrets() ([][]byte, error) {
	if a.Secret == "" {
		own, err := ownSecret(ownSecretPath())
		if err == nil && a.secretUnmade && a.process != nil {
			id := idOf(own)
			a.process.secret.Store(&id)
		}
		return [][]byte{own}, err
	}
	all := a.placeholders()
	out := make([][]byte, len(all))
	for i, placeholder := range all {
		var err error
		if out[i], err = givenSecret(placeholder); err != nil {
			return nil, err
		}
		if j := slices.IndexFunc(out[:i], func(s []byte) bool { return bytes.Equal(s, out[i]) }); j >= 0 {
			return nil, fmt.Errorf("%s and %s are the same", all[j], placeholder)
		}
	}
	return out, nil
}

// givenSecret resolves {env.X} or {file./path}. A file may have the bytes as they are.
func givenSecret(placeholder string) ([]byte, error) {
	var text []byte
	if path, ok := strings.CutPrefix(placeholder, "{file."); ok {
		f, err := os.Open(strings.TrimSuffix(path, "}"))
		if err == nil {
			defer f.Close()
			text, err = io.ReadAll(io.LimitReader(f, secretFileLimit))
		}
		if err != nil {
			return nil, fmt.Errorf("%s cannot be read: %w", placeholder, withoutPath(err))
		}
	} else {
		v, err := Secret(placeholder)
		if err != nil {
			return nil, fmt.Errorf("%s %w", placeholder, err)
		}
		text = []byte(v)
	}
	secret, err := parseSecret(text)
	if err != nil {
		return nil, fmt.Errorf("%s %w", placeholder, err)
	}
	return secret, nil
}

func withoutPath(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

// parseSecret reads 32 bytes: as they are, in base64 or in hex. Its errors say nothing of them.
func parseSecret(text []byte) ([]byte, error) {
	if len(text) == secretSize && !printable(text) {
		return strong(text)
	}
	trimmed := string(bytes.TrimSpace(text))
	if trimmed == "" {
		return nil, errors.New("is empty")
	}
	if b, err := hex.DecodeString(trimmed); err == nil && len(b) == secretSize {
		return strong(b)
	}
	plain := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(trimmed, "="))
	if b, err := base64.RawStdEncoding.DecodeString(plain); err == nil && len(b) == secretSize {
		return strong(b)
	}
	return nil, fmt.Errorf("is not a secret of %d bytes in base64 or hex; `%s` makes one", secretSize, makeSecret)
}

// strong refuses what nobody has drawn by lot.
func strong(b []byte) ([]byte, error) {
	var seen [256]bool
	different := 0
	for _, c := range b {
		if !seen[c] {
			seen[c] = true
			different++
		}
	}
	if different < secretLeast || printable(b) {
		return nil, fmt.Errorf("is not random: it is a word, or repeats itself; `%s` makes one that is", makeSecret)
	}
	return b, nil
}

// printable says that bytes are text of ASCII, which 32 random ones never are.
func printable(b []byte) bool {
	return !bytes.ContainsFunc(b, func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' || r > '~' })
}

// ownSecret reads the secret of this machine, and makes it where there is none. Of processes that do so at once, all get
// the same.
func ownSecret(path string) ([]byte, error) {
	secret, err := readOwnSecret(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return secret, err
	}
	if err := makeOwnSecret(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("making %s: %w", path, err)
	}
	return readOwnSecret(path)
}

func readOwnSecret(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if others := info.Mode().Perm() & 0o077; others != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("others than its owner may use %s (its rights are %04o); if nobody has read it write chmod 600 %s, else remove it: all sessions are then logged in anew", path, info.Mode().Perm(), path)
	}
	text, err := io.ReadAll(io.LimitReader(f, secretFileLimit))
	if err != nil {
		return nil, err
	}
	secret, err := parseSecret(text)
	if err != nil {
		return nil, fmt.Errorf("%s %w", path, err)
	}
	return secret, nil
}

// makeOwnSecret writes a new secret beside path and links it there when it is whole, so that nobody reads a half, and
// nobody's is replaced: the error is fs.ErrExist where somebody was quicker.
func makeOwnSecret(path string) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	secret := make([]byte, secretSize)
	_, _ = rand.Read(secret)                                     // it never fails
	f, err := os.CreateTemp(filepath.Dir(path), secretFile+".*") // 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(secret) + "\n")
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), path)
}
