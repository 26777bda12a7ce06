package fairway

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/modules/control/webhooks"
)

// Webhooks is what holds for all webhooks of the store.
type Webhooks struct {
	// Allow are addresses of private networks, of the link and of this machine that webhooks may have all the same, as 10.0.0.0/8; where
	// there are some, they may also be http. Default: none, and https.
	Allow []netip.Prefix `json:"allow,omitempty"`
	// GiveUp is after how long without a good answer a webhook is disabled. Default 72h, at least 1m.
	GiveUp caddy.Duration `json:"give_up,omitempty"`
}

// webhooksConfig is what webhooks are told.
func (a *App) webhooksConfig() webhooks.Config {
	var out webhooks.Config
	if a.Events == nil {
		return out
	}
	out.Source = a.Events.Source
	if w := a.Events.Webhooks; w != nil {
		out.Allowed, out.GiveUp = w.Allow, time.Duration(w.GiveUp)
	}
	return out
}

func (w *Webhooks) check() error {
	if w == nil {
		return nil
	}
	for _, p := range w.Allow {
		if !p.IsValid() {
			return fmt.Errorf("%s is no network, like 10.0.0.0/8", p)
		}
	}
	if w.GiveUp != 0 && time.Duration(w.GiveUp) < time.Minute {
		return errors.New("give_up is at least 1m")
	}
	return nil
}

// parseWebhooks reads:
//
//	webhooks {
//		allow   <network>...
//		give_up <duration>
//	}
func (e *Events) parseWebhooks(n caddyfiles.Node) error {
	w := new(Webhooks)
	e.Webhooks = w
	if len(n.Args) > 0 {
		return caddyfiles.Errorf(n.Args[0], "webhooks takes nothing on its line; write: webhooks { allow 10.0.0.0/8 }")
	}
	return caddyfiles.Words{Owner: "webhooks", Known: map[string]caddyfiles.Word{
		"allow": {Parse: func(n caddyfiles.Node) error {
			if n.HasBlock || len(n.Args) == 0 {
				return n.Errorf("allow takes networks: allow 10.0.0.0/8")
			}
			for _, t := range n.Args {
				p, err := netip.ParsePrefix(t.Text)
				if err != nil || p != p.Masked() {
					return caddyfiles.Errorf(t, "%q is no network, like 10.0.0.0/8", t.Text)
				}
				w.Allow = append(w.Allow, p)
			}
			return nil
		}},
		"give_up": {Parse: func(n caddyfiles.Node) error {
			t, err := n.One("give_up 72h")
			if err != nil {
				return err
			}
			if w.GiveUp, err = duration(t.Text); err == nil {
				err = w.check()
			}
			if err != nil {
				return caddyfiles.Errorf(t, "%w", err)
			}
			return nil
		}},
	}}.Parse(n)
}
