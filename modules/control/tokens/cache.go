package tokens

import (
	"crypto/sha256"

	"github.com/fairway-gateway/fairway/modules/control/memo"
)

// cache keeps tokens that were checked, by their hash: whoever reads this memory has no token.
type cache = memo.Memo[[sha256.Size]byte, *Access]

func newCache(size int) *cache { return memo.New[[sha256.Size]byte, *Access](size) }

// heard takes what the feed tells, and has others take it who keep something.
func (a *Authority) heard(all []Revocation) {
	a.Forget(all...)
	if a.cfg.Heard != nil {
		a.cfg.Heard(all)
	}
}

// silent forgets everything: the feed has not told what has changed.
func (a *Authority) silent() {
	a.cache.Clear()
	if a.cfg.Silent != nil {
		a.cfg.Silent()
	}
}

// Forget has this authority know at once of what was revoked in its store by somebody else in this process; the authorities of
// other gateways, and Config.Heard, hear of it by the feed.
func (a *Authority) Forget(all ...Revocation) {
	if len(all) == 0 {
		return
	}
	gone := make(map[[2]string]bool, len(all))
	for _, r := range all {
		gone[[2]string{r.Kind, r.ID}] = true
	}
	a.cache.Drop(func(t *Access) bool {
		return gone[[2]string{RevokedAccess, t.ID}] || gone[[2]string{RevokedFamily, t.Family}] ||
			gone[[2]string{RevokedClient, t.Client}] || t.ByAPIToken && gone[[2]string{RevokedToken, t.ID}] || gone[[2]string{RevokedUser, t.User.ID}]
	})
}
