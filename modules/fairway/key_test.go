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

// TestKey holds that keys are of their purpose and their secret, the same at each load, and nobody's to spoil.
func TestKey(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	t.Setenv("FAIRWAY_TEST_SECRET", hex.EncodeToString(drawn()))
	key := func(a *App, purpose string) string {
		t.Helper()
		k, err := a.Key(purpose)
		if err != nil || len(k) != 32 {
			t.Fatalf("%d bytes, %v", len(k), err)
		}
		out := string(k)
		clear(k)
		return out
	}
	one, again, given := new(App), new(App), &App{Secret: "{env.FAIRWAY_TEST_SECRET}"}
	first := key(one, "sessions")
	if key(one, "sessions") != first || key(again, "sessions") != first {
		t.Error("the key of this machine changes")
	}
	if key(one, "other") == first || key(given, "sessions") == first {
		t.Error("keys of another purpose or secret are the same")
	}
	// What is stored today must be readable by every later version.
	if got := hex.EncodeToString([]byte(key(given, "sessions"))); got != keyOfDrawn {
		t.Errorf("the key is %s", got)
	}
	if _, err := (&App{Secret: "{env.FAIRWAY_TEST_NONE}"}).Key("sessions"); err == nil {
		t.Error("there is a key without a secret")
	}
}

// keyOfDrawn is the key for sessions of the secret drawn.
const keyOfDrawn = "2b309b1041595cf9e886b0e23cb6829de19f51a941632e0fd6e840cdee803022"
