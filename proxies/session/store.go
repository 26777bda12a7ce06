package session

import (
	"context"
	"time"
)

// Store keeps sealed sessions for all gateways, and the leases under which they log in. It sees neither credentials nor
// what a session holds: indexes are keyed hashes, and records are sealed with a key that needs the password. Any number of
// processes use one store.
type Store interface {
	// Session gives the record of an index (32 bytes); false: there is none, or it has expired.
	Session(ctx context.Context, index []byte) (Record, bool, error)
	// ReplaceSession writes next in the place of the record whose version is old, in one statement; the zero Version stands
	// for none, and an expired one counts as none. next is written as it is; it may have the version that is there, with a
	// longer life. False: somebody was quicker, and nothing is written.
	ReplaceSession(ctx context.Context, index []byte, old Version, next Record) (bool, error)
	// DeleteSession deletes the record of this version, if it is still there.
	DeleteSession(ctx context.Context, index []byte, old Version) error
	// Lease takes the lease of a name for a time, or makes its own one longer. False: another holder has it.
	Lease(ctx context.Context, name, holder string, d time.Duration) (bool, error)
	// Release gives a lease back, if the holder still has it.
	Release(ctx context.Context, name, holder string) error
}

// Version names one state of a record.
type Version struct {
	// Generation grows with each login. It is made of the time, so that it goes on where a record was forgotten.
	Generation int64
	// Revision grows by one with each change within a generation: rotated cookies, refreshed tokens.
	Revision int64
}

// Record is one session as a store has it.
type Record struct {
	Version
	// Sealed is the state, encrypted.
	Sealed []byte
	// Expires is when a store may forget it.
	Expires time.Time
}
