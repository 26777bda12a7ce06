// Package tokenstest is a store of tokens in memory, for tests, and what every store of tokens is held to.
package tokenstest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/tokens"
)

// Memory is a tokens.Store in memory.
type Memory struct {
	mu          sync.Mutex
	failing     error
	asked       map[string]int
	keys        []tokens.StoredKey
	clients     map[string]tokens.Client
	users       map[string]tokens.User
	families    map[string]*family
	refresh     map[string]*refresh
	access      map[string]time.Time
	programs    map[string]tokens.APIToken
	revocations []tokens.Revocation
}

type family struct {
	tokens.NewFamily
	created, used, ends time.Time
	revoked             bool
}

type refresh struct {
	family  *family
	expires time.Time
	usedAt  time.Time
	next    []byte
}

// NewMemory makes an empty store.
func NewMemory() *Memory {
	return &Memory{
		asked: map[string]int{}, clients: map[string]tokens.Client{}, users: map[string]tokens.User{},
		families: map[string]*family{}, refresh: map[string]*refresh{}, access: map[string]time.Time{},
		programs: map[string]tokens.APIToken{},
	}
}

// Fail has every method fail from now on, or, with nil, not any more.
func (m *Memory) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failing = err
}

// Asked says how often a method was called.
func (m *Memory) Asked(method string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.asked[method]
}

// enter locks the store for a method.
func (m *Memory) enter(method string) (func(), error) {
	m.mu.Lock()
	m.asked[method]++
	return m.mu.Unlock, m.failing
}

func (m *Memory) tell(kind, id string) {
	m.revocations = append(m.revocations, tokens.Revocation{Number: int64(len(m.revocations)) + 1, Kind: kind, ID: id})
}

// PutUser adds a user, or changes one.
func (m *Memory) PutUser(_ context.Context, u tokens.User) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, there := m.users[u.ID]; there {
		m.tell(tokens.RevokedUser, u.ID)
	}
	m.users[u.ID] = u
	return nil
}

// DeleteUser deletes a user.
func (m *Memory) DeleteUser(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.users, id)
	m.tell(tokens.RevokedUser, id)
	return nil
}

// PutClient adds a client, or changes one.
func (m *Memory) PutClient(_ context.Context, c tokens.Client) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clients[c.ID] = c
	return nil
}

// PutAPIToken adds a program's token.
func (m *Memory) PutAPIToken(_ context.Context, t tokens.APIToken, hash []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.programs[string(hash)] = t
	return nil
}

// RevokeAPIToken ends a program's token.
func (m *Memory) RevokeAPIToken(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for hash, t := range m.programs {
		if t.ID == id {
			delete(m.programs, hash)
		}
	}
	m.tell(tokens.RevokedToken, id)
	return nil
}

// APIToken implements tokens.APITokenStore.
func (m *Memory) APIToken(_ context.Context, hash []byte) (tokens.APIToken, bool, error) {
	leave, err := m.enter("APIToken")
	defer leave()
	if err != nil {
		return tokens.APIToken{}, false, err
	}
	t, ok := m.programs[string(hash)]
	if !ok || !t.Expires.IsZero() && !time.Now().Before(t.Expires) {
		return tokens.APIToken{}, false, nil
	}
	if u, lives := m.users[t.User]; t.User != "" && (!lives || !u.Active) {
		return tokens.APIToken{}, false, nil
	}
	return t, true, nil
}

// APITokenUsed implements tokens.APITokenStore.
func (m *Memory) APITokenUsed(context.Context, string) error {
	leave, err := m.enter("APITokenUsed")
	defer leave()
	return err
}

// RevokeClient ends a client.
func (m *Memory) RevokeClient(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.clients, id)
	m.tell(tokens.RevokedClient, id)
	return nil
}

// Dump gives all that is kept, as a thief of the database would read it.
func (m *Memory) Dump() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []byte
	for _, k := range m.keys {
		out = append(append(append(out, k.ID...), k.Public...), k.Sealed...)
	}
	for _, c := range m.clients {
		out = append(append(out, c.ID...), c.SecretHash...)
	}
	for hash, r := range m.refresh {
		out = append(append(append(out, hash...), r.next...), r.family.Hash...)
	}
	for id := range m.access {
		out = append(out, id...)
	}
	for hash, t := range m.programs {
		out = append(append(out, hash...), t.ID...)
	}
	return out
}

// SigningKeys implements tokens.KeyStore.
func (m *Memory) SigningKeys(context.Context) ([]tokens.StoredKey, error) {
	leave, err := m.enter("SigningKeys")
	defer leave()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	m.keys = slices.DeleteFunc(m.keys, func(k tokens.StoredKey) bool { return !now.Before(k.Retires) })
	return slices.Clone(m.keys), nil
}

// AddSigningKey implements tokens.KeyStore.
func (m *Memory) AddSigningKey(_ context.Context, k tokens.NewKey, newest string) (bool, error) {
	leave, err := m.enter("AddSigningKey")
	defer leave()
	if err != nil {
		return false, err
	}
	last := ""
	if n := len(m.keys); n > 0 {
		last = m.keys[n-1].ID
	}
	if last != newest {
		return false, nil
	}
	now := time.Now()
	m.keys = append(m.keys, tokens.StoredKey{
		ID: k.ID, Public: slices.Clone(k.Public), Sealed: slices.Clone(k.Sealed), Signs: now.Add(k.SignsIn), Retires: now.Add(k.RetiresIn),
	})
	m.tell(tokens.RevokedKeys, "")
	return true, nil
}

// Client implements tokens.Store.
func (m *Memory) Client(_ context.Context, id string) (tokens.Client, bool, error) {
	leave, err := m.enter("Client")
	defer leave()
	if err != nil {
		return tokens.Client{}, false, err
	}
	c, ok := m.clients[id]
	return c, ok, nil
}

// ClientUsed implements tokens.Store.
func (m *Memory) ClientUsed(context.Context, string) error {
	leave, err := m.enter("ClientUsed")
	defer leave()
	return err
}

// RevokeAccess implements tokens.Store.
func (m *Memory) RevokeAccess(_ context.Context, id string, lasts time.Duration) error {
	leave, err := m.enter("RevokeAccess")
	defer leave()
	if err != nil {
		return err
	}
	if _, there := m.access[id]; !there {
		m.tell(tokens.RevokedAccess, id)
	}
	m.access[id] = time.Now().Add(lasts)
	return nil
}

// Standing implements tokens.Store.
func (m *Memory) Standing(_ context.Context, of tokens.Subject) (tokens.Standing, error) {
	leave, err := m.enter("Standing")
	defer leave()
	if err != nil {
		return tokens.Standing{}, err
	}
	gone := tokens.Standing{Revoked: true}
	if until, there := m.access[of.Access]; there && time.Now().Before(until) {
		return gone, nil
	}
	if of.Family != "" {
		if f := m.families[of.Family]; f == nil || f.revoked || f.User != of.User {
			return gone, nil
		}
	}
	if of.Client != "" {
		if _, lives := m.clients[of.Client]; !lives {
			return gone, nil
		}
	}
	u, lives := m.users[of.User]
	if !lives {
		return gone, nil
	}
	return tokens.Standing{User: u}, nil
}

// RevocationNumber implements tokens.Store.
func (m *Memory) RevocationNumber(context.Context) (int64, error) {
	leave, err := m.enter("RevocationNumber")
	defer leave()
	return int64(len(m.revocations)), err
}

// Revocations implements tokens.Store.
func (m *Memory) Revocations(_ context.Context, after int64, most int) ([]tokens.Revocation, error) {
	leave, err := m.enter("Revocations")
	defer leave()
	if err != nil {
		return nil, err
	}
	if after < 0 {
		return nil, errors.New("there is no such number")
	}
	from := min(int(after), len(m.revocations))
	return slices.Clone(m.revocations[from:min(from+most, len(m.revocations))]), nil
}
