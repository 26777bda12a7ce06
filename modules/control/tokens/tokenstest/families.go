package tokenstest

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/tokens"
)

// StartFamily implements tokens.FamilyStore.
func (m *Memory) StartFamily(_ context.Context, f tokens.NewFamily) error {
	leave, err := m.enter("StartFamily")
	defer leave()
	if err != nil {
		return err
	}
	if _, there := m.users[f.User]; !there {
		return tokens.ErrNoUser
	}
	if m.families[f.ID] != nil || m.refresh[string(f.Hash)] != nil {
		return errors.New("it is there already")
	}
	now := time.Now()
	one := &family{NewFamily: f, created: now, ends: now.Add(f.FamilyLasts)}
	m.families[f.ID] = one
	m.refresh[string(f.Hash)] = &refresh{family: one, expires: one.until(now, f.Lasts)}
	return nil
}

// until is when a token of a family ends that would last for a time.
func (f *family) until(now time.Time, lasts time.Duration) time.Time {
	if end := now.Add(lasts); end.Before(f.ends) {
		return end
	}
	return f.ends
}

// Refresh implements tokens.FamilyStore.
func (m *Memory) Refresh(_ context.Context, hash []byte) (tokens.Refresh, bool, error) {
	leave, err := m.enter("Refresh")
	defer leave()
	if err != nil {
		return tokens.Refresh{}, false, err
	}
	r := m.refresh[string(hash)]
	if r == nil {
		return tokens.Refresh{}, false, nil
	}
	return tokens.Refresh{Family: r.family.ID, User: r.family.User, Client: r.family.Client, Scopes: slices.Clone(r.family.Scopes)}, true, nil
}

// show says what a token is that is shown. Its caller has the lock.
func (m *Memory) show(u tokens.Use, now time.Time) (*refresh, tokens.Outcome) {
	r := m.refresh[string(u.Hash)]
	if r == nil || r.family.Client != u.Client {
		return nil, tokens.Outcome{}
	}
	if _, lives := m.users[r.family.User]; !lives {
		return nil, tokens.Outcome{}
	}
	used := !r.usedAt.IsZero()
	switch {
	case used && !r.family.revoked && now.Before(r.usedAt.Add(u.Grace)):
		return r, tokens.Outcome{State: tokens.Again, Next: slices.Clone(r.next)}
	case used:
		m.end(r.family)
		return r, tokens.Outcome{State: tokens.Reused}
	case r.family.revoked || !now.Before(r.expires):
		return r, tokens.Outcome{}
	}
	return r, tokens.Outcome{State: tokens.Fresh}
}

// UseRefresh implements tokens.FamilyStore.
func (m *Memory) UseRefresh(_ context.Context, u tokens.Use) (tokens.Outcome, error) {
	leave, err := m.enter("UseRefresh")
	defer leave()
	if err != nil {
		return tokens.Outcome{}, err
	}
	now := time.Now()
	r, out := m.show(u, now)
	if out.State == tokens.Fresh {
		r.expires, r.family.used = r.family.until(now, u.Lasts), now
	}
	return out, nil
}

// RotateRefresh implements tokens.FamilyStore.
func (m *Memory) RotateRefresh(_ context.Context, n tokens.Rotation) (tokens.Outcome, error) {
	leave, err := m.enter("RotateRefresh")
	defer leave()
	if err != nil {
		return tokens.Outcome{}, err
	}
	now := time.Now()
	r, out := m.show(n.Use, now)
	if out.State == tokens.Fresh {
		r.usedAt, r.next, r.family.used = now, slices.Clone(n.Next), now
		m.refresh[string(n.NextHash)] = &refresh{family: r.family, expires: r.family.until(now, n.Lasts)}
	}
	return out, nil
}

// end revokes a family. Its caller has the lock.
func (m *Memory) end(f *family) {
	if !f.revoked {
		f.revoked = true
		m.tell(tokens.RevokedFamily, f.ID)
	}
}

// living gives a user's families that can still be used, newest first. Its caller has the lock.
func (m *Memory) living(user string) []*family {
	now := time.Now()
	alive := map[*family]bool{}
	for _, r := range m.refresh {
		if r.family.User == user && !r.family.revoked && r.usedAt.IsZero() && now.Before(r.expires) {
			alive[r.family] = true
		}
	}
	out := make([]*family, 0, len(alive))
	for f := range alive {
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b *family) int { return b.created.Compare(a.created) })
	return out
}

// Sessions implements tokens.FamilyStore.
func (m *Memory) Sessions(_ context.Context, user string) ([]tokens.Session, error) {
	leave, err := m.enter("Sessions")
	defer leave()
	if err != nil {
		return nil, err
	}
	all := m.living(user)
	out := make([]tokens.Session, 0, len(all))
	for _, f := range all {
		out = append(out, tokens.Session{ID: f.ID, Device: f.Device, Created: f.created, LastUsed: f.used, Expires: f.ends})
	}
	return out, nil
}

// RevokeFamily implements tokens.FamilyStore.
func (m *Memory) RevokeFamily(_ context.Context, user, id string) (bool, error) {
	leave, err := m.enter("RevokeFamily")
	defer leave()
	if err != nil {
		return false, err
	}
	f := m.families[id]
	if f == nil || f.User != user || f.revoked {
		return false, nil
	}
	m.end(f)
	return true, nil
}

// RevokeFamilies implements tokens.FamilyStore.
func (m *Memory) RevokeFamilies(_ context.Context, user string) (int, error) {
	leave, err := m.enter("RevokeFamilies")
	defer leave()
	if err != nil {
		return 0, err
	}
	n := len(m.living(user))
	for _, f := range m.families {
		if f.User == user {
			m.end(f)
		}
	}
	return n, nil
}

var _ tokens.Store = (*Memory)(nil)
