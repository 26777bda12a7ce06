package fairway

import (
	"context"
	"errors"
	"time"

	"github.com/fairway-gateway/fairway/proxies/session"
)

// Sessions gives the store of sessions to a module that is being provisioned; who asks has the store be opened with this
// configuration. Nothing is connected before App.Start or the first call.
func (*App) Sessions() (session.Store, error) {
	return absent{}, nil
}

// Key gives the key of 32 bytes for a purpose ("sessions"), to a module that is being provisioned. It is derived (HKDF with
// SHA-256) from the secret of the option fairway, or from the one that was made for this machine. All gateways that share a
// secret have the same keys. It is the caller's to change.
func (*App) Key(purpose string) ([]byte, error) {
	return nil, errors.New("no key for " + purpose + ": not available in this version of Fairway")
}

// absent is the store until there is one.
type absent struct{}

var errAbsent = errors.New("the store is not available in this version of Fairway")

func (absent) Session(context.Context, []byte) (session.Record, bool, error) {
	return session.Record{}, false, errAbsent
}

func (absent) ReplaceSession(context.Context, []byte, session.Version, session.Record) (bool, error) {
	return false, errAbsent
}

func (absent) DeleteSession(context.Context, []byte, session.Version) error { return errAbsent }

func (absent) Lease(context.Context, string, string, time.Duration) (bool, error) {
	return false, errAbsent
}

func (absent) Release(context.Context, string, string) error { return errAbsent }
