package fairway

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// drawn is a secret as if by lot.
func drawn() []byte {
	sum := sha256.Sum256([]byte("a seed"))
	return sum[:]
}

func TestParseSecret(t *testing.T) {
	t.Parallel()
	secret := drawn()
	for name, text := range map[string]string{
		"base64":            base64.StdEncoding.EncodeToString(secret),
		"base64 with a end": base64.StdEncoding.EncodeToString(secret) + "\r\n",
		"unpadded":          base64.RawStdEncoding.EncodeToString(secret),
		"for URLs":          base64.URLEncoding.EncodeToString(secret),
		"hex":               hex.EncodeToString(secret),
		"HEX":               " " + strings.ToUpper(hex.EncodeToString(secret)) + "\n",
		"as it is":          string(secret),
	} {
		if got, err := parseSecret([]byte(text)); err != nil || !bytes.Equal(got, secret) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for text, says := range map[string]string{
		"":                                 "is empty",
		" \r\n":                            "is empty",
		"s3cret":                           "32 bytes",
		"s3cret\x00":                       "32 bytes",
		"s3cret-s3cret-s3cret-s3cret-word": "32 bytes", // 32 letters are no 32 random bytes
		base64.StdEncoding.EncodeToString(secret[:31]):                                        "32 bytes",
		base64.StdEncoding.EncodeToString(append(secret, 1)):                                  "32 bytes",
		hex.EncodeToString(secret[:16]):                                                       "32 bytes",
		string(secret) + "\x00":                                                               "32 bytes",
		strings.Repeat("0", 64):                                                               "not random",
		base64.StdEncoding.EncodeToString([]byte("s3cret-s3cret-s3cret-s3cret-word")):         "not random",
		base64.StdEncoding.EncodeToString([]byte("The quick brown fox jumps over!!")):         "not random",
		hex.EncodeToString(bytes.Repeat([]byte{1, 200, 3, 99, 5, 6, 255, 8}, 4)):              "not random",
		string(bytes.Repeat([]byte{0, 1, 2, 250}, 8)):                                         "not random",
		base64.StdEncoding.EncodeToString(secret) + base64.StdEncoding.EncodeToString(secret): "32 bytes",
	} {
		got, err := parseSecret([]byte(text))
		if err == nil || !strings.Contains(err.Error(), says) || got != nil {
			t.Errorf("%q: %v", text, err)
		} else if strings.Contains(err.Error(), "s3cret") || len(text) > 8 && strings.Contains(err.Error(), text[:8]) {
			t.Errorf("it tells what the secret is: %v", err)
		}
	}
}

func TestGivenSecret(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "secret")
	secret := drawn()
	secret[31] = '\n' // it belongs to the secret
	if err := os.WriteFile(file, secret, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("FAIRWAY_TEST_SECRET", base64.StdEncoding.EncodeToString(secret))
	t.Setenv("FAIRWAY_TEST_SHORT", "s3cret")
	for _, given := range []string{"{env.FAIRWAY_TEST_SECRET}", "{file." + file + "}"} {
		if got, err := givenSecret(given); err != nil || !bytes.Equal(got, secret) {
			t.Errorf("%s: %v", given, err)
		}
	}
	for given, says := range map[string]string{
		"{env.FAIRWAY_TEST_NONE}":  "{env.FAIRWAY_TEST_NONE} is not set or empty",
		"{env.FAIRWAY_TEST_SHORT}": "{env.FAIRWAY_TEST_SHORT} is not a secret of 32 bytes",
		"{file./nowhere/at/all}":   "{file./nowhere/at/all} cannot be read: no such file",
		"{file." + dir + "}":       "cannot be read",
	} {
		if _, err := givenSecret(given); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", given, err)
		}
	}
}

// TestOwnSecretRace holds that all who make the secret of a machine at once get the same one.
func TestOwnSecretRace(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "b")
	path := filepath.Join(dir, secretFile)
	var mu sync.Mutex
	seen := map[string]int{}
	start := make(chan struct{})
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			<-start
			got, err := ownSecret(path)
			if err != nil || len(got) != secretSize {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			mu.Lock()
			defer mu.Unlock()
			seen[string(got)]++
		})
	}
	close(start)
	all.Wait()
	if len(seen) != 1 {
		t.Errorf("there are %d secrets", len(seen))
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Errorf("files are left: %v, %v", files, err)
	}
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := makeOwnSecret(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("it is made again: %v", err)
	}
}

func TestOwnSecretRefused(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("rights are another matter there")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, secretFile)
	if _, err := ownSecret(path); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o644, 0o660} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := ownSecret(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("%v: %v", mode, err)
		}
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	if _, err := ownSecret(path); err != nil {
		t.Errorf("read only: %v", err)
	}
	for name, text := range map[string]string{"empty": "", "cut": "AAAA", "of one byte": strings.Repeat("00", 32)} {
		broken := filepath.Join(dir, name)
		if err := os.WriteFile(broken, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ownSecret(broken); err == nil || !strings.Contains(err.Error(), broken) {
			t.Errorf("%s: %v", name, err)
		}
		if got, err := os.ReadFile(broken); err != nil || string(got) != text {
			t.Errorf("%s: it is overwritten", name)
		}
	}
	if _, err := ownSecret(filepath.Join(path, "below a file")); err == nil {
		t.Error("below a file there is a secret")
	}
}

// TestKeys holds that keys are of their purpose and their secret, the same at each load, and nobody's to spoil.
func TestKeys(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	t.Setenv("FAIRWAY_TEST_SECRET", hex.EncodeToString(drawn()))
	t.Setenv("FAIRWAY_TEST_NEW", newSecret)
	keys := func(a *App, purpose string) []string {
		t.Helper()
		all, err := a.Keys(purpose)
		if err != nil || len(all) != 1+len(a.OldSecrets) {
			t.Fatalf("%d keys, %v", len(all), err)
		}
		out := make([]string, len(all))
		for i, k := range all {
			if len(k) != 32 {
				t.Fatalf("%d bytes", len(k))
			}
			out[i] = string(k)
			clear(k)
		}
		return out
	}
	one, again, given := new(App), new(App), &App{Secret: "{env.FAIRWAY_TEST_SECRET}"}
	first := keys(one, "sessions")[0]
	if keys(one, "sessions")[0] != first || keys(again, "sessions")[0] != first {
		t.Error("the key of this machine changes")
	}
	if keys(one, "other")[0] == first || keys(given, "sessions")[0] == first {
		t.Error("keys of another purpose or secret are the same")
	}
	// What is stored today must be readable by every later version.
	if got := hex.EncodeToString([]byte(keys(given, "sessions")[0])); got != keyOfDrawn {
		t.Errorf("the key is %s", got)
	}
	rotated := &App{Secret: "{env.FAIRWAY_TEST_NEW}", OldSecrets: []string{"{env.FAIRWAY_TEST_SECRET}"}}
	alone := &App{Secret: "{env.FAIRWAY_TEST_NEW}"}
	if all := keys(rotated, "sessions"); all[0] != keys(alone, "sessions")[0] || all[1] != keys(given, "sessions")[0] {
		t.Error("the first key is not the new one, or the second not the old one")
	}
	for name, a := range map[string]*App{
		"is not set":              {Secret: "{env.FAIRWAY_TEST_NONE}"},
		"TEST_NONE} is not set":   {Secret: "{env.FAIRWAY_TEST_NEW}", OldSecrets: []string{"{env.FAIRWAY_TEST_NONE}"}},
		"TEST_ALSO} are the same": {Secret: "{env.FAIRWAY_TEST_SECRET}", OldSecrets: []string{"{env.FAIRWAY_TEST_NEW}", "{env.FAIRWAY_TEST_ALSO}"}},
	} {
		t.Setenv("FAIRWAY_TEST_ALSO", newSecret)
		if _, err := a.Keys("sessions"); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// newSecret is another secret than drawn.
const newSecret = "984ca5162200734c592148f1820b71057f098573d138666b48663e4e30cd8d3a"

// TestSecretID holds that a module that is provisioned makes no secret, and that starting does.
func TestSecretID(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	t.Setenv("FAIRWAY_TEST_SECRET", hex.EncodeToString(drawn()))
	t.Setenv("FAIRWAY_TEST_NEW", newSecret)
	id := func(a *App) string {
		t.Helper()
		got, err := a.SecretID()
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	a := mustLoad(t, new(App))
	if _, err := a.SessionPool(); err != nil {
		t.Fatal(err)
	}
	unmade := id(a)
	if _, err := os.Stat(ownSecretPath()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the secret is made before the configuration is started: %v", err)
	}
	if err := a.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(ownSecretPath()); err != nil {
		t.Error(err)
	}
	// A configuration that is loaded after that finds the logins that are under way.
	if got := id(mustLoad(t, new(App))); got != unmade {
		t.Errorf("the secret is %s after it was made, and was %s", got, unmade)
	}
	seen := map[string]bool{unmade: true}
	for _, one := range []*App{
		new(App),
		{Secret: "{env.FAIRWAY_TEST_SECRET}"},
		{Secret: "{env.FAIRWAY_TEST_NEW}"},
		{Secret: "{env.FAIRWAY_TEST_NEW}", OldSecrets: []string{"{env.FAIRWAY_TEST_SECRET}"}},
		{Secret: "{env.FAIRWAY_TEST_SECRET}", OldSecrets: []string{"{env.FAIRWAY_TEST_NEW}"}},
	} {
		got := id(one)
		if seen[got] || id(one) != got {
			t.Errorf("%+v is not told apart", one.placeholders())
		}
		seen[got] = true
	}
	if err := os.Chmod(ownSecretPath(), os.FileMode(0o644)); err != nil {
		t.Fatal(err)
	}
	if _, err := new(App).SecretID(); err == nil && runtime.GOOS != "windows" {
		t.Error("a secret that others may read is taken when a configuration is loaded")
	}
}

// keyOfDrawn is the key for sessions of the secret drawn.
const keyOfDrawn = "2b309b1041595cf9e886b0e23cb6829de19f51a941632e0fd6e840cdee803022"
