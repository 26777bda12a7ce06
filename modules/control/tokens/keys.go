package tokens

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	// publishLead is how long a key is known before it signs, so that no gateway meets a token whose key it does not know.
	publishLead = 10 * time.Minute
	// keepKey is how long a key is kept after the last token that it signed has expired.
	keepKey = time.Hour
	// reloadEvery is how often tokens with unknown keys may have the store be asked, whoever shows them.
	reloadEvery = time.Second
	// signEarly is how much too early a key may sign: the store's clock says when, and its answer took a while.
	signEarly = 5 * time.Second
	// keysEvery is how often keys are loaded without a reason.
	keysEvery = time.Minute
)

// keyring has the signing keys as the store had them a moment ago.
type keyring struct {
	store KeyStore
	cfg   Config
	log   *slog.Logger
	now   atomic.Pointer[keySet]

	mu     sync.Mutex // of loading
	loaded time.Time
	failed error // of the last time
}

type keySet struct {
	byID map[string]*signingKey
	// list is ordered by when they begin to sign.
	list []*signingKey
	jwks []byte
}

type signingKey struct {
	id             string
	public         ed25519.PublicKey
	signer         jose.Signer // nil: it could not be opened
	signs, retires time.Time
}

func newKeyring(store KeyStore, cfg Config) *keyring {
	k := &keyring{store: store, cfg: cfg, log: cfg.Logger}
	k.now.Store(&keySet{jwks: []byte(`{"keys":[]}`)})
	return k
}

// ensure loads the keys, and adds one where it is time.
func (k *keyring) ensure(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	const tries = 3
	for range tries {
		if err := k.load(ctx); err != nil {
			return err
		}
		now := time.Now()
		in, due := k.due(now)
		if !due {
			return nil
		}
		if err := k.add(ctx, in); err != nil {
			return err
		}
	}
	if k.signer(time.Now()) == nil {
		return errors.New("there is no key to sign tokens with")
	}
	return nil
}

// due says whether another key is needed, and in how long it is to sign.
func (k *keyring) due(now time.Time) (time.Duration, bool) {
	set := k.now.Load()
	if k.signer(now) == nil {
		return 0, true
	}
	next := set.list[len(set.list)-1].signs.Add(k.cfg.Rotate)
	if now.Before(next.Add(-publishLead)) {
		return 0, false
	}
	return max(publishLead, next.Sub(now)), true
}

// rotate adds a key that signs as soon as every gateway may know it.
func (k *keyring) rotate(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.load(ctx); err != nil {
		return err
	}
	if err := k.add(ctx, publishLead); err != nil {
		return err
	}
	return k.load(ctx)
}

func (k *keyring) add(ctx context.Context, in time.Duration) error {
	key, err := newKey(k.cfg, in)
	if err != nil {
		return err
	}
	newest := ""
	if list := k.now.Load().list; len(list) > 0 {
		newest = list[len(list)-1].id
	}
	ok, err := k.store.AddSigningKey(ctx, key, newest)
	if err != nil {
		return fmt.Errorf("adding a signing key: %w", err)
	}
	if ok {
		k.log.InfoContext(ctx, "a key to sign tokens was added", slog.String("kid", key.ID), slog.Duration("signs_in", in))
	}
	return nil
}

// load reads the keys of the store. Its caller has the lock.
func (k *keyring) load(ctx context.Context) error {
	k.loaded = time.Now()
	k.failed = k.read(ctx)
	return k.failed
}

func (k *keyring) read(ctx context.Context) error {
	stored, err := k.store.SigningKeys(ctx)
	if err != nil {
		return fmt.Errorf("loading the signing keys: %w", err)
	}
	old := k.now.Load()
	set := &keySet{byID: make(map[string]*signingKey, len(stored))}
	public := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, s := range stored {
		if len(s.Public) != ed25519.PublicKeySize || s.ID == "" {
			k.log.WarnContext(ctx, "a signing key of the store is none", slog.String("kid", s.ID))
			continue
		}
		key := &signingKey{id: s.ID, public: ed25519.PublicKey(s.Public), signs: s.Signs, retires: s.Retires}
		if before := old.byID[s.ID]; before != nil && before.signer != nil {
			key.signer = before.signer
		} else if key.signer, err = k.open(s); err != nil {
			k.log.WarnContext(ctx, "a signing key cannot be opened, so it only verifies", slog.String("kid", s.ID), slog.Any("error", err))
		}
		set.byID[key.id] = key
		set.list = append(set.list, key)
		public.Keys = append(public.Keys, jose.JSONWebKey{Key: key.public, KeyID: key.id, Algorithm: string(jose.EdDSA), Use: "sig"})
	}
	if set.jwks, err = json.Marshal(public); err != nil {
		return err
	}
	k.now.Store(set)
	return nil
}

// open makes a signer of a stored key by whichever secret fits.
func (k *keyring) open(s StoredKey) (jose.Signer, error) {
	var failed error
	for _, secret := range k.cfg.Secrets {
		seed, err := unseal(secret, labelKeys, s.Sealed, []byte(s.ID))
		if err != nil {
			failed = err
			continue
		}
		if len(seed) != ed25519.SeedSize {
			return nil, errors.New("it is no Ed25519 key")
		}
		private := ed25519.NewKeyFromSeed(seed)
		if !private.Public().(ed25519.PublicKey).Equal(ed25519.PublicKey(s.Public)) { //nolint:forcetypeassert // it is one
			return nil, errors.New("its halves do not belong together")
		}
		return jose.NewSigner(
			jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: private, KeyID: s.ID}},
			(&jose.SignerOptions{}).WithType(accessType),
		)
	}
	return nil, failed
}

// signer gives the newest key that may sign; nil: none.
func (k *keyring) signer(now time.Time) *signingKey {
	list := k.now.Load().list
	for _, key := range slices.Backward(list) {
		if key.signer != nil && !key.signs.After(now.Add(signEarly)) && now.Add(k.cfg.Access).Before(key.retires) {
			return key
		}
	}
	return nil
}

// public gives the key of a kid; nil: there is none. One that is unknown has the store be asked, once in a second.
func (k *keyring) public(ctx context.Context, id string) (ed25519.PublicKey, error) {
	if key := k.known(id); key != nil {
		return key, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if key := k.known(id); key != nil {
		return key, nil
	}
	if time.Since(k.loaded) < reloadEvery {
		return nil, k.failed
	}
	// For all who wait, whether this caller leaves or not.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), feedTimeout)
	defer cancel()
	if err := k.load(ctx); err != nil {
		return nil, err
	}
	return k.known(id), nil
}

func (k *keyring) known(id string) ed25519.PublicKey {
	key := k.now.Load().byID[id]
	if key == nil || !time.Now().Before(key.retires) {
		return nil
	}
	return key.public
}

// RotateKeys adds a signing key. It signs in ten minutes, when every gateway knows it; what older ones signed stays valid.
func (a *Authority) RotateKeys(ctx context.Context) error { return a.keys.rotate(ctx) }

// newID makes an id of 128 random bits.
func newID() string {
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(raw[:])
}
