package queries

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/queries/rows"
)

// Refused are requests that one limit refused: those of one Key in one Window are one row of the store.
type Refused struct {
	// Key is SHA-256 of what they have in common: 32 bytes.
	Key []byte
	// Window is in which time they are one, at least a second.
	Window time.Duration
	// First and Last are how long ago the first and the last of them were, Count how many they are.
	First, Last time.Duration
	Count       int64
	// Kind is AUTH, USER or IP.
	Kind string
	// User is who it was, nil: nobody who is known. Email and Role are the user's.
	User        *uuid.UUID
	Email, Role string
	// Scope is what the limit is of, Endpoint and Method what was asked for.
	Scope, Endpoint, Method string
	// Definition is the limit as a Caddyfile has it: Limit requests in Per. Retry is after how long the last one was to come again.
	Definition string
	Limit      int
	Per, Retry time.Duration
	// LimitKey is whom the limit counted: user:<id>, ip:<address>. Address and Agent are those of the last request; Agent has at
	// most 255 characters.
	LimitKey, Address, Agent string
}

// AddRefusals writes refusals in one transaction, each into the row of its window, whoever else does at the same time.
func (s *Store) AddRefusals(ctx context.Context, all []Refused) error {
	// In one order, so that no two transactions wait for each other.
	sorted := slices.SortedFunc(slices.Values(all), func(a, b Refused) int { return bytes.Compare(a.Key, b.Key) })
	return s.inTx(ctx, func(q db.Querier) error {
		for i := range sorted {
			r := &sorted[i]
			if err := plain(r.Email, r.Role, r.Scope, r.Endpoint, r.Method, r.Definition, r.LimitKey, r.Address, r.Agent); err != nil {
				return err
			}
			id, err := uuid.NewV7()
			if err != nil {
				return err
			}
			if err := q.AddRefusals(ctx, db.AddRefusalsParams{
				ID: id, KeyHash: r.Key, WindowMs: max(r.Window, time.Second).Milliseconds(), FirstAgoMs: milliseconds(r.First), LastAgoMs: milliseconds(r.Last),
				Refused: r.Count, Kind: r.Kind, UserID: r.User, UserEmail: r.Email, UserRole: r.Role, Scope: r.Scope, Endpoint: r.Endpoint, Method: r.Method,
				LimitDefinition: r.Definition, LimitCount: int64(r.Limit), LimitSeconds: seconds(r.Per), RetrySeconds: seconds(r.Retry),
				LimitKey: r.LimitKey, IpAddress: r.Address, UserAgent: r.Agent,
			}); err != nil {
				return err
			}
		}
		return nil
	})
}

// seconds rounds up.
func seconds(d time.Duration) int64 { return int64((max(d, 0) + time.Second - 1) / time.Second) }

// ExpireRefusals has refusals be over, since the limits were reset: those of one LimitKey, with an empty one all. It says how many.
func (s *Store) ExpireRefusals(ctx context.Context, key string) (int, error) {
	n, err := s.queries().ExpireRefusals(ctx, key)
	return int(n), err
}

// Refusals are all refusals of limits, for List.
func Refusals() *rows.Table[db.Refusal] {
	return rows.NewTable[db.Refusal]("refusals", rows.NewColumn("id", rows.ID))
}
