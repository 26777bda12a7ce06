package fairway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/queries"
)

// Read gives the app of a configuration, Caddy's JSON, to a command: it is not provisioned, so only Schema, OpenStore, Keys and
// TokensConfig work.
func Read(config []byte) (*App, error) {
	var cfg struct {
		Apps struct {
			Fairway *App `json:"fairway"`
		} `json:"apps"`
	}
	if err := json.Unmarshal(config, &cfg); err != nil {
		return nil, fmt.Errorf("the configuration: %w", err)
	}
	a := cfg.Apps.Fairway
	if a == nil {
		a = new(App)
	}
	if i, err := checkDatabases(a.Databases); err != nil {
		return nil, fmt.Errorf("database %s: %w", a.Databases[i].label(), err)
	}
	return a, a.checkSecrets()
}

// Address is where the store is, its placeholders resolved.
func (a *App) Address() (string, error) {
	_, dsn, err := a.storeAddress()
	return dsn, err
}

// OpenStore connects to the store, which is migrated where it is of an earlier version. The error is a *queries.UnavailableError
// where it does not answer. The caller closes it.
func (a *App) OpenStore(ctx context.Context) (*queries.Store, error) {
	s, err := a.Schema(storeName)
	if err != nil {
		return nil, err
	}
	return queries.Open(ctx, queries.Config{DSN: s.dsn})
}

// TokensConfig is how tokens are, with the secrets that seal what signs them.
func (a *App) TokensConfig() (tokens.Config, error) {
	cfg := a.Tokens.config()
	var err error
	cfg.Secrets, err = a.Keys(tokensPurpose)
	return cfg, err
}

// SecretMissing gives the file where the secret of this machine should be, and is not; empty: there is a secret, which may be
// that of the configuration.
func (a *App) SecretMissing() (string, error) {
	if a.Secret != "" {
		return "", nil
	}
	_, err := readOwnSecret(ownSecretPath())
	if errors.Is(err, fs.ErrNotExist) {
		return ownSecretPath(), nil
	}
	return "", err
}

// tokensPurpose is that of the keys of tokens.
const tokensPurpose = "tokens"

// SecretNames are the secrets as a configuration has them: first the one that seals, then those that only open. Where it has
// none, the file of this machine is.
func (a *App) SecretNames() []string {
	if a.Secret == "" {
		return []string{"{file." + ownSecretPath() + "}"}
	}
	return a.placeholders()
}
