package tokens

import (
	"context"
	"errors"
	"time"
)

// Store keeps what tokens need. Times that it gives are by the clock of this process; what is decided by time it decides by
// its own. tokenstest.Conformance holds it to what is said here.
type Store interface {
	KeyStore
	FamilyStore
	APITokenStore
	// Client gives a client that lives: neither revoked nor expired.
	Client(ctx context.Context, id string) (Client, bool, error)
	// ClientUsed remembers that a client was given a token now.
	ClientUsed(ctx context.Context, id string) error
	// RevokeAccess ends an access token, and is kept for as long as that lasts at most.
	RevokeAccess(ctx context.Context, id string, lasts time.Duration) error
	// Standing says in one statement what has become of a token, its family, client and user.
	Standing(ctx context.Context, of Subject) (Standing, error)
	// RevocationNumber is the number of the newest revocation, 0 before the first.
	RevocationNumber(ctx context.Context) (int64, error)
	// Revocations gives those after a number, oldest first, at most so many. They become visible in the order of their numbers:
	// who has seen one has seen all before it.
	Revocations(ctx context.Context, after int64, most int) ([]Revocation, error)
}

// Waker is a Store that tells when there are revocations, before Config.Poll would have them be asked for.
type Waker interface {
	// RevocationsWanted is received from before revocations are asked for. It ends with ctx.
	RevocationsWanted(ctx context.Context) <-chan struct{}
}

// KeyStore keeps signing keys.
type KeyStore interface {
	// SigningKeys gives those that have not retired, oldest first.
	SigningKeys(ctx context.Context) ([]StoredKey, error)
	// AddSigningKey adds a key, if the newest is still the one that is named, none if it is empty. False: another was faster.
	AddSigningKey(ctx context.Context, key NewKey, newest string) (bool, error)
}

// ErrNoUser says that there is no such living user.
var ErrNoUser = errors.New("there is no such user")

// FamilyStore keeps logins and their refresh tokens.
type FamilyStore interface {
	// StartFamily begins a login with its first refresh token. The error is ErrNoUser where its user was deleted meanwhile.
	StartFamily(ctx context.Context, f NewFamily) error
	// Refresh looks a refresh token up by its hash, whatever has become of it.
	Refresh(ctx context.Context, hash []byte) (Refresh, bool, error)
	// UseRefresh uses a token without replacing it: it lives on for a time from now, but not longer than its family. One that
	// was replaced is Again or Reused, as in RotateRefresh.
	UseRefresh(ctx context.Context, u Use) (Outcome, error)
	// RotateRefresh replaces a token in one statement: of those who try at once one is Fresh, the others get its successor.
	RotateRefresh(ctx context.Context, r Rotation) (Outcome, error)
	// Sessions gives a user's living families, newest first.
	Sessions(ctx context.Context, user string) ([]Session, error)
	// RevokeFamily ends one living family of a user. False: there is none such.
	RevokeFamily(ctx context.Context, user, family string) (bool, error)
	// RevokeFamilies ends all living families of a user and says how many.
	RevokeFamilies(ctx context.Context, user string) (int, error)
}

// APITokenStore keeps the tokens of programs, which show them as they are.
type APITokenStore interface {
	// APIToken gives a token by its hash that is taken now: not revoked, not disabled, not expired, and already valid.
	APIToken(ctx context.Context, hash []byte) (APIToken, bool, error)
	// APITokenUsed remembers that a token was shown now.
	APITokenUsed(ctx context.Context, id string) error
}

// APIToken is a token of a program.
type APIToken struct {
	ID string
	// User is as whom it acts; empty: as nobody, with its scopes alone.
	User   string
	Scopes []string
	// Created is when it was made; Expires when it ends, zero: never.
	Created, Expires time.Time
}

// NewKey is a key that is to sign.
type NewKey struct {
	// ID is the kid.
	ID string
	// Public is an Ed25519 key of 32 bytes, Sealed what it was made of, sealed.
	Public, Sealed []byte
	// SignsIn is after how long it may sign, RetiresIn after how long nothing that it signed is valid.
	SignsIn, RetiresIn time.Duration
}

// StoredKey is a key as it was added.
type StoredKey struct {
	ID             string
	Public, Sealed []byte
	Signs, Retires time.Time
}

// Client is an OAuth2 client.
type Client struct {
	ID string
	// Confidential: it has to prove itself by its secret for every grant. Others do for client_credentials alone.
	Confidential bool
	// SecretHash is HashSecret of its secret; empty: it has none.
	SecretHash []byte
	// Owner is the id of the user as whom it acts with client_credentials.
	Owner string
	// Scopes are what its tokens may have, and have where it asks for none.
	Scopes []string
	// Grants are those that it may use; nil: all.
	Grants []string
}

// NewFamily is a login with its first refresh token.
type NewFamily struct {
	// ID is a UUID; User the user's.
	ID, User string
	// Client is the client that may use it; empty: it came from /auth.
	Client string
	Scopes []string
	// Device is what the caller calls itself and where it is, at most 500 bytes.
	Device string
	// Hash is that of the token. Lasts is for how long that lives, FamilyLasts for how long any of the family may.
	Hash               []byte
	Lasts, FamilyLasts time.Duration
}

// Refresh is what the store knows of a refresh token.
type Refresh struct {
	Family, User, Client string
	Scopes               []string
}

// Use is a refresh token that is shown.
type Use struct {
	// Hash is that of the token; Client who showed it: another's token is Unknown.
	Hash   []byte
	Client string
	// Lasts is for how long it, or its successor, lives from now, but not longer than its family.
	Lasts time.Duration
	// Grace is for how long after it was replaced a token gives the same successor again.
	Grace time.Duration
}

// Rotation replaces a refresh token.
type Rotation struct {
	Use
	// NextHash is that of its successor; Next the successor, sealed with the token.
	NextHash, Next []byte
}

// Outcome is what came of using a refresh token.
type Outcome struct {
	State RefreshState
	// Next is, where the state is Again, the successor as it was sealed.
	Next []byte
}

// RefreshState says what a refresh token was when it was used.
type RefreshState int

const (
	// Unknown tokens never were, or are somebody else's, expired, or of a family that was ended.
	Unknown RefreshState = iota
	// Fresh ones lived, and were used now.
	Fresh
	// Again says that the token was used a moment ago.
	Again
	// Reused says that the token was used before: the family was ended now, or was already.
	Reused
)

// Session is a living family, for its user to see.
type Session struct {
	ID, Device                 string
	Created, LastUsed, Expires time.Time
}

// Subject names what a token speaks of. Family and Client may be empty.
type Subject struct{ Access, Family, Client, User string }

// Standing is what has become of a subject.
type Standing struct {
	// Revoked: the token, its family or its client has ended or is unknown, or its user was deleted.
	Revoked bool
	// User is the token's user as it is now, where nothing was revoked.
	User User
}

// User is a user as far as permissions go.
type User struct {
	ID string
	// Number is the id in Houston's representation.
	Number          int64
	Email, Username string
	// Name is what people call the user.
	Name string
	// Role is SUPERADMIN, ADMIN or USER.
	Role string
	// Active: its tokens are taken.
	Active bool
	// Regular users may write, as Houston has it; Internal ones count as its staff.
	Regular, Internal bool
}

// Kinds of revocations.
const (
	RevokedAccess = "access" // an access token: ID is its jti
	RevokedFamily = "family" // a login
	RevokedClient = "client" // a client has ended
	RevokedUser   = "user"   // a user has changed in what permissions depend on, or was deleted
	RevokedToken  = "token"  // a program's token has changed or ended
	RevokedKeys   = "keys"   // a signing key was added; ID is empty
)

// Revocation is something that makes what was checked be checked again.
type Revocation struct {
	Number   int64
	Kind, ID string
}
