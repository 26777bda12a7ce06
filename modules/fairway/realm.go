package fairway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/fairway-gateway/fairway/modules/control/accounts"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/realm"
	"github.com/fairway-gateway/fairway/modules/request"
)

// realmEntry is the realm in the usage pool.
type realmEntry struct{ *realm.Realm }

// Destruct ends what the realm does.
func (r realmEntry) Destruct() error {
	r.Close()
	return nil
}

// Realm gives users, tokens and callers to a module that is being provisioned: those of an earlier configuration, if nothing of
// the store, the secret and the settings has changed. That one asks is why this configuration has a store. Nothing is opened
// before App.Start or the first call.
func (a *App) Realm() (*realm.Realm, error) {
	if a.realm != nil {
		return a.realm, nil
	}
	if err := a.useStore(); err != nil {
		return nil, err
	}
	id, err := a.SecretID()
	if err != nil {
		return nil, err
	}
	cfg := realm.Config{
		Store: a.store.serving, Keys: a.Keys, Tokens: a.Tokens.config(), Mail: a.MailConfig(), Accounts: a.Users.config(), Table: permit.New(), Scopes: a.ScopesOfServices(),
		FirstAdmin: accounts.FirstAdminOf(os.Getenv, os.Stderr), Blobs: a.blobs.get, Packing: a.process.packing, Executions: a.executionsConfig(), Webhooks: a.webhooksConfig(), Refusals: a.refusals, Metrics: a.process.metrics, Logger: a.ctx.Slogger(),
	}
	cfg.Tokens.Address, cfg.Tokens.RequestID = ClientAddress, request.ID
	letters, err := a.mail.Fingerprint() // templates and certificates are replaced in their place, too
	if err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	settings, err := json.Marshal([]any{a.Tokens, a.Users, letters, a.blobs.address, a.executionsConfig(), a.webhooksConfig()})
	if err != nil {
		return nil, err
	}
	a.realmKey = fmt.Sprintf("realm %s %s %s", id, settings, a.store.dsn)
	v, err := a.take(a.realmKey, func() (caddy.Destructor, error) {
		return realmEntry{realm.New(cfg)}, nil
	})
	if err != nil {
		return nil, err
	}
	a.realm = v.(realmEntry).Realm
	return a.realm, nil
}

// startStore opens the store, and what there is of users; it waits a while for both.
func (a *App) startStore() error {
	ctx, cancel := context.WithTimeout(a.ctx, storePatience)
	defer cancel()
	if a.store != nil {
		if err := a.store.start(ctx); err != nil {
			return err
		}
	}
	if a.realm != nil {
		return a.realm.Start(ctx)
	}
	return nil
}

// ClientAddress is where Caddy says that a request comes from, trusted proxies looked through.
func ClientAddress(r *http.Request) string {
	if ip, ok := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string); ok {
		return ip
	}
	return r.RemoteAddr
}
