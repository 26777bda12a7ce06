package operate

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	"github.com/fairway-gateway/fairway/modules/command"
	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/modules/control/tokens/stored"
	"github.com/fairway-gateway/fairway/proxies/session/pool"
)

func secretsGroup() caddycmd.Command {
	rotate := command.Sub("rotate", "Replaces the key that signs tokens, and seals what is stored with the first secret", rotateSecrets)
	rotate.Flags().Bool("revoke", false, "Have all that older keys signed be invalid at once, because one may have been stolen")
	return command.Group("secrets", "rotate [--revoke] [--config file] [--json]", "Replaces secrets", `
Makes another key sign access tokens, within seconds and at every gateway. What the older
keys signed stays valid until it has expired; with --revoke it is invalid at once, and who
is logged in goes on with his refresh token.

The keys in the store are sealed with the secret of the option fairway. To replace that,
write the new one before it:

    secret {env.FAIRWAY_SECRET} {env.FAIRWAY_OLD_SECRET}

have every gateway load this, and call rotate: it seals what the old one has sealed, and
says what is left to do until the old one can be taken out.
`+exitCodes, rotate)
}

// rotated is what rotate did.
type rotated struct {
	Key string `json:"key"`
	// Signs is when the new key begins, OthersEnd when nothing is valid that others signed.
	Signs     time.Time `json:"signs_at"`
	OthersEnd time.Time `json:"others_end_at"`
	Sealed    int       `json:"sealed"`
	// Shut are keys that no secret opens.
	Shut []string `json:"shut"`
	Left []string `json:"left"`

	secret string
}

// Text implements command.Report.
func (r *rotated) Text(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "the key %s signs tokens from %s on\n", r.Key, command.Time(&r.Signs))
	fmt.Fprintf(&b, "what older keys signed is valid until %s at most\n", command.Time(&r.OthersEnd))
	if r.Sealed > 0 {
		fmt.Fprintf(&b, "keys that were sealed anew with %s: %d\n", r.secret, r.Sealed)
	}
	for _, kid := range r.Shut {
		fmt.Fprintf(&b, "no secret opens the key %s, so it signs no more\n", kid)
	}
	for _, left := range r.Left {
		fmt.Fprintf(&b, "left to do: %s\n", left)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func rotateSecrets(ctx context.Context, c *command.Call) (command.Report, error) {
	revoke, err := c.Flags().GetBool("revoke")
	if err != nil {
		return nil, err
	}
	if missing, err := c.App.SecretMissing(); err != nil || missing != "" {
		if err == nil {
			err = fmt.Errorf("there is no %s: call this as the user whose gateway it is", missing)
		}
		return nil, &command.Error{Code: command.Usage, Err: err}
	}
	cfg, err := c.App.TokensConfig()
	if err != nil {
		return nil, &command.Error{Code: command.Usage, Err: err}
	}
	s, err := c.Store(ctx)
	if err != nil {
		return nil, err
	}
	done, err := tokens.Rotate(ctx, stored.NewRotator(s, c.By()), cfg, revoke)
	if err != nil {
		return nil, err
	}
	names := c.App.SecretNames()
	return &rotated{
		Key: done.ID, Signs: done.Signs.UTC().Truncate(time.Second), OthersEnd: done.OthersEnd.UTC().Truncate(time.Second),
		Sealed: done.Sealed, Shut: append([]string{}, done.Shut...), Left: left(names), secret: names[0],
	}, nil
}

// left says what is left to do for the secrets.
func left(names []string) []string {
	if len(names) == 1 {
		return []string{}
	}
	return []string{fmt.Sprintf(
		"take %s out of the configuration of every gateway; sessions with backends that it sealed are then logged in anew, of which there are none %.0f hours after %s came first",
		strings.Join(names[1:], " and "), pool.MaxAge.Hours(), names[0],
	)}
}
