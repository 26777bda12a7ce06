package fairway

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries"
)

// rootRunners is where runners of root keep what they have to: scripts run as other users, who have to be able to enter.
const rootRunners = "/var/lib/fairway"

// dataDir is Caddy's data directory, absolute.
func dataDir() string {
	dir, err := filepath.Abs(caddy.AppDataDir())
	if err != nil {
		return caddy.AppDataDir()
	}
	return dir
}

// digest is a short name made of words.
func digest(words ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(words, "\x00")))
	return hex.EncodeToString(sum[:6])
}

// runnerHome is where a runner keeps what it has to, where nobody says: below Caddy's data directory, or, if it is root, below
// stateDir, by that directory. own is the name of one that is alone in its process.
func runnerHome(own string, root bool) string {
	if root {
		return filepath.Join(stateDir(), "runner-"+digest(dataDir(), own))
	}
	if own != "" {
		return filepath.Join(dataDir(), "runners", own)
	}
	return filepath.Join(dataDir(), "runner")
}

// runnerIDFile is where the id of the runner is whose directory that is.
func runnerIDFile(home, executor string) string {
	return filepath.Join(dataDir(), "runner-"+digest(home, executor)+".id")
}

// runnerID reads the id of a runner, and makes it where there is none. Who calls it has the lock of the runner's directory.
func runnerID(path string) (uuid.UUID, error) {
	text, err := os.ReadFile(path)
	if err == nil {
		if id, err := uuid.ParseBytes(trimmed(text)); err == nil {
			return id, nil
		}
		return uuid.Nil, fmt.Errorf("%s is not the id of a runner; remove it: what the runner held is tried again then", path)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return uuid.Nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return uuid.Nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return uuid.Nil, err
	}
	// There whole, or not at all.
	fresh := path + ".new"
	if err := os.WriteFile(fresh, []byte(id.String()+"\n"), 0o600); err != nil {
		return uuid.Nil, err
	}
	return id, os.Rename(fresh, path)
}

func trimmed(text []byte) []byte { return []byte(strings.TrimSpace(string(text))) }

// makeHome makes the directory of a runner, which users of scripts may pass through if the runner is root.
func makeHome(home string, root bool) error {
	mode := fs.FileMode(0o700)
	if root {
		mode = 0o711
	}
	return os.MkdirAll(home, mode)
}

// hidden are the files and directories of this configuration that scripts must not be able to read.
func (a *App) hidden(dsn string) []string {
	config, err := filepath.Abs(caddy.AppConfigDir())
	if err != nil {
		config = caddy.AppConfigDir()
	}
	out := []string{dataDir(), config}
	if file, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
		file, _, _ = strings.Cut(file, "?")
		out = append(out, file, file+"-wal", file+"-shm")
	} else {
		sockets, _ := queries.Sockets(dsn)
		out = append(out, sockets...)
	}
	if a.blobs.address == "" {
		out = append(out, a.blobs.directory)
	} else if at, ok := strings.CutPrefix(a.blobs.address, "file://"); ok {
		out = append(out, at)
	}
	texts := append(a.placeholders(), a.BlobsAt)
	for i := range a.Databases {
		texts = append(texts, a.Databases[i].DSN)
	}
	for _, text := range texts {
		for _, p := range placeholders().FindAllString(text, -1) {
			if file, ok := strings.CutPrefix(p, "{file."); ok {
				out = append(out, strings.TrimSuffix(file, "}"))
			}
		}
	}
	out = append(out, configFiles(os.Args)...)
	if dir := os.Getenv("CREDENTIALS_DIRECTORY"); dir != "" { // systemd's
		out = append(out, dir)
	}
	for i, path := range out {
		if absolute, err := filepath.Abs(path); err == nil {
			out[i] = absolute
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// configFiles are the files of the configuration that a command line names, or the one that is taken without a name.
func configFiles(args []string) []string {
	var out []string
	for i, arg := range args {
		for _, option := range []string{"--config", "-config", "-c"} {
			if v, ok := strings.CutPrefix(arg, option+"="); ok && v != "-" {
				out = append(out, v)
			}
			if arg == option && i+1 < len(args) && args[i+1] != "-" {
				out = append(out, args[i+1])
			}
		}
	}
	if len(out) > 0 {
		return out
	}
	if _, err := os.Stat("Caddyfile"); err == nil {
		out = append(out, "Caddyfile")
	}
	return out
}
