package queries

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// random are 32 bytes that nobody else has.
func random() []byte {
	out := make([]byte, 32)
	_, _ = rand.Read(out) // never fails
	return out
}

// owned makes a user for those who need one, who is deleted at the end.
func owned(id uuid.UUID) (before, after step) {
	email := id.String() + "@x.org"
	before = step{"", func(ctx context.Context, q db.Querier) (any, error) {
		_, err := q.InsertUser(ctx, db.InsertUserParams{ID: id, Email: email, EmailKey: email, Profile: []byte("{}"), Role: "USER", IsActive: true})
		return nil, err
	}, nil}
	after = step{"", func(ctx context.Context, q db.Querier) (any, error) {
		_, err := q.DeleteUser(ctx, id)
		return nil, err
	}, nil}
	return before, after
}

func clientSteps() []step {
	owner, id := fresh(), fresh()
	before, after := owned(owner)
	name := func(c db.OauthClient, err error) (any, error) { return c.Name, err }
	number := func(c []db.OauthClient, err error) (any, error) { return len(c) > 0, err }
	return []step{
		before,
		{"InsertClient", func(ctx context.Context, q db.Querier) (any, error) {
			return name(q.InsertClient(ctx, db.InsertClientParams{ID: id, ClientID: id.String(), Name: "n", SecretHash: []byte{}, OwnerID: &owner}))
		}, "n"},
		{"GetClient", func(ctx context.Context, q db.Querier) (any, error) { return name(q.GetClient(ctx, id)) }, "n"},
		{"GetLivingClient", func(ctx context.Context, q db.Querier) (any, error) { return name(q.GetLivingClient(ctx, id.String())) }, "n"},
		{"ListClients", func(ctx context.Context, q db.Querier) (any, error) {
			return number(q.ListClients(ctx, db.ListClientsParams{AtMost: 9}))
		}, true},
		{"ListClientsOf", func(ctx context.Context, q db.Querier) (any, error) { return number(q.ListClientsOf(ctx, &owner)) }, true},
		{"CountLivingClientsOf", func(ctx context.Context, q db.Querier) (any, error) { return q.CountLivingClientsOf(ctx, &owner) }, int64(1)},
		{"TouchClient", func(ctx context.Context, q db.Querier) (any, error) {
			return q.TouchClient(ctx, db.TouchClientParams{ClientID: id.String(), EveryMs: 1000})
		}, int64(1)},
		{"RevokeClient", func(ctx context.Context, q db.Querier) (any, error) {
			c, err := q.RevokeClient(ctx, id)
			return c.RevokedAt != nil && c.LastUsedAt != nil, err
		}, true},
		after,
	}
}

func familySteps() []step {
	user, id, hash, next := fresh(), fresh(), random(), random()
	before, after := owned(user)
	is := func(got uuid.UUID, err error) (any, error) { return got == id, err }
	return []step{
		before,
		{"InsertFamily", func(ctx context.Context, q db.Querier) (any, error) {
			return q.InsertFamily(ctx, db.InsertFamilyParams{ID: id, UserID: user, Client: "c", Scopes: "a b", LifetimeMs: 60_000})
		}, int64(1)},
		{"InsertRefreshToken", func(ctx context.Context, q db.Querier) (any, error) {
			return q.InsertRefreshToken(ctx, db.InsertRefreshTokenParams{Hash: hash, FamilyID: id, LifetimeMs: 60_000})
		}, int64(1)},
		{"GetRefreshToken", func(ctx context.Context, q db.Querier) (any, error) {
			row, err := q.GetRefreshToken(ctx, hash)
			return row == db.GetRefreshTokenRow{FamilyID: id, UserID: user, Client: "c", Scopes: "a b"}, err
		}, true},
		{"ListFamilies", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListFamilies(ctx, user)
			return len(all), err
		}, 1},
		{"GetStanding", func(ctx context.Context, q db.Querier) (any, error) {
			row, err := q.GetStanding(ctx, db.GetStandingParams{Access: "x", FamilyID: id, ClientID: "c", UserID: user})
			return []any{row.ID == user, row.Role, row.IsActive, row.AccessRevoked, row.FamilyLives, row.ClientLives}, err
		}, []any{true, "USER", true, false, true, false}},
		{"ExtendRefreshToken", func(ctx context.Context, q db.Querier) (any, error) {
			return is(q.ExtendRefreshToken(ctx, db.ExtendRefreshTokenParams{Hash: hash, Client: "c", LifetimeMs: 1 << 40}))
		}, true},
		{"RotateRefreshToken", func(ctx context.Context, q db.Querier) (any, error) {
			got, err := q.RotateRefreshToken(ctx, db.RotateRefreshTokenParams{Hash: hash, Client: "c", SuccessorSealed: []byte("s")})
			if err == nil {
				_, err = q.InsertRefreshToken(ctx, db.InsertRefreshTokenParams{Hash: next, FamilyID: id, Parent: hash, LifetimeMs: 60_000})
			}
			return is(got, err)
		}, true},
		{"TouchFamily", func(ctx context.Context, q db.Querier) (any, error) { return q.TouchFamily(ctx, id) }, int64(1)},
		{"GetSuccessor", func(ctx context.Context, q db.Querier) (any, error) {
			return q.GetSuccessor(ctx, db.GetSuccessorParams{Hash: hash, Client: "c", GraceMs: 60_000})
		}, []byte("s")},
		{"EndReusedFamily", func(ctx context.Context, q db.Querier) (any, error) {
			return is(q.EndReusedFamily(ctx, db.EndReusedFamilyParams{Hash: hash, Client: "c"}))
		}, true},
		{"CountReused", func(ctx context.Context, q db.Querier) (any, error) {
			return q.CountReused(ctx, db.CountReusedParams{Hash: hash, Client: "c"})
		}, int64(1)},
		{"EndFamily", func(ctx context.Context, q db.Querier) (any, error) {
			return q.EndFamily(ctx, db.EndFamilyParams{ID: id, UserID: user})
		}, int64(0)},
		{"EndFamiliesOf", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.EndFamiliesOf(ctx, user)
			return len(all), err
		}, 0},
		{"DeleteEndedFamilies", func(ctx context.Context, q db.Querier) (any, error) {
			return q.DeleteEndedFamilies(ctx, db.DeleteEndedFamiliesParams{KeepMs: -600_000, AtMost: 10})
		}, int64(1)},
		after,
	}
}

func apiTokenSteps() []step {
	user, id, hash := fresh(), fresh(), random()
	before, after := owned(user)
	is := func(t db.ApiToken, err error) (any, error) { return t.ID == id, err }
	return []step{
		before,
		{"InsertAPIToken", func(ctx context.Context, q db.Querier) (any, error) {
			return is(q.InsertAPIToken(ctx, db.InsertAPITokenParams{ID: id, Hash: hash, Kind: "user", UserID: &user, Metadata: []byte(`{"a":1}`)}))
		}, true},
		{"GetAPIToken", func(ctx context.Context, q db.Querier) (any, error) { return is(q.GetAPIToken(ctx, id)) }, true},
		{"GetLivingAPIToken", func(ctx context.Context, q db.Querier) (any, error) { return is(q.GetLivingAPIToken(ctx, hash)) }, true},
		{"GetAPITokenByHash", func(ctx context.Context, q db.Querier) (any, error) { return is(q.GetAPITokenByHash(ctx, hash)) }, true},
		{"GetAPITokenByNumber", func(ctx context.Context, q db.Querier) (any, error) {
			t, err := q.GetAPIToken(ctx, id)
			if err != nil {
				return nil, err
			}
			return is(q.GetAPITokenByNumber(ctx, t.Number))
		}, true},
		{"ListAPITokens", func(ctx context.Context, q db.Querier) (any, error) {
			var counts []int
			for _, p := range []db.ListAPITokensParams{
				{AtMost: 10, UserID: &user, AnyKind: true},
				{AtMost: 10, UserID: &user, Kind: "user"},
				{AtMost: 10, UserID: &user, Kind: "permanent"},
				{AtMost: 10, UserID: &id, AnyKind: true},
				{AtMost: 10, AnyUser: true, AnyKind: true},
			} {
				all, err := q.ListAPITokens(ctx, p)
				if err != nil {
					return nil, err
				}
				counts = append(counts, len(all))
			}
			return counts, nil
		}, []int{1, 1, 0, 0, 1}},
		{"TouchAPIToken", func(ctx context.Context, q db.Querier) (any, error) {
			return q.TouchAPIToken(ctx, db.TouchAPITokenParams{ID: id, EveryMs: 1000})
		}, int64(1)},
		{"LockAPIToken", func(ctx context.Context, q db.Querier) (any, error) { return is(q.LockAPIToken(ctx, id)) }, true},
		{"UpdateAPIToken", func(ctx context.Context, q db.Querier) (any, error) {
			t, err := q.UpdateAPIToken(ctx, db.UpdateAPITokenParams{ID: id, Disabled: true, Description: "d"})
			return []any{t.ID == id, t.Disabled, t.Description}, err
		}, []any{true, true, "d"}},
		{"RevokeAPIToken", func(ctx context.Context, q db.Querier) (any, error) { return is(q.RevokeAPIToken(ctx, id)) }, true},
		{"DeleteExpiredAPITokens", func(ctx context.Context, q db.Querier) (any, error) {
			return q.DeleteExpiredAPITokens(ctx, db.DeleteExpiredAPITokensParams{AtMost: 10})
		}, int64(0)},
		after,
	}
}

func keySteps() []step {
	kid := fresh().String()
	var newest string
	var number int64
	return []step{
		{"ListSigningKeys", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListSigningKeys(ctx)
			for _, k := range all {
				newest = k.Kid
				if k.SignsInMs > 0 || k.RetiresInMs > 60_000 || k.RetiresInMs < 1000 {
					err = errors.Join(err, errors.New("it has other times than it was given"))
				}
			}
			return nil, err
		}, nil},
		{"InsertSigningKey", func(ctx context.Context, q db.Querier) (any, error) {
			return q.InsertSigningKey(ctx, db.InsertSigningKeyParams{Kid: kid, PublicKey: []byte("p"), Sealed: []byte("s"), RetiresMs: 60_000, Newest: newest})
		}, int64(1)},
		{"ResealSigningKey", func(ctx context.Context, q db.Querier) (any, error) {
			return q.ResealSigningKey(ctx, db.ResealSigningKeyParams{Kid: kid, OldSealed: []byte("s"), Sealed: []byte("t")})
		}, int64(1)},
		{"RetireSigningKeys", func(ctx context.Context, q db.Querier) (any, error) {
			n, err := q.RetireSigningKeys(ctx, db.RetireSigningKeysParams{Kid: "another", RetiresMs: 60_000})
			return n > 0, err
		}, true},
		{"NextRevocation", func(ctx context.Context, q db.Querier) (any, error) {
			var err error
			number, err = q.NextRevocation(ctx)
			return number > 0, err
		}, true},
		{"InsertRevocation", func(ctx context.Context, q db.Querier) (any, error) {
			return nil, q.InsertRevocation(ctx, db.InsertRevocationParams{Number: number, Kind: "access", Subject: "x"})
		}, nil},
		{"GetRevocationNumber", func(ctx context.Context, q db.Querier) (any, error) {
			n, err := q.GetRevocationNumber(ctx)
			return n == number, err
		}, true},
		{"ListRevocations", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListRevocations(ctx, db.ListRevocationsParams{After: number - 1, AtMost: 10})
			return len(all), err
		}, 1},
		{"DeleteExpiredRevocations", func(ctx context.Context, q db.Querier) (any, error) { return q.DeleteExpiredRevocations(ctx, 10) }, int64(1)},
	}
}

func outboxSteps() []step {
	id := fresh()
	var attempts int64
	due := func(ctx context.Context, q db.Querier) (any, error) {
		all, err := q.ClaimOutbox(ctx, db.ClaimOutboxParams{Topic: "t", Holder: "h", AtMost: 5, LeaseMs: 60_000})
		if len(all) != 1 {
			return len(all), err
		}
		attempts = all[0].Attempts
		return []any{all[0].ID == id, all[0].Attempts, string(all[0].Payload)}, err
	}
	count := func(ctx context.Context, q db.Querier) (any, error) { return q.CountOutbox(ctx, "t") }
	return []step{
		{"InsertOutbox", func(ctx context.Context, q db.Querier) (any, error) {
			return q.InsertOutbox(ctx, db.InsertOutboxParams{ID: id, Topic: "t", Payload: []byte(`"p"`)})
		}, int64(1)},
		{"ClaimOutbox", due, []any{true, int64(1), `"p"`}},
		{"RenewOutbox", func(ctx context.Context, q db.Querier) (any, error) {
			return q.RenewOutbox(ctx, db.RenewOutboxParams{ID: id, Holder: "h", Attempts: attempts, LeaseMs: 1000})
		}, int64(1)},
		{"FailOutbox", func(ctx context.Context, q db.Querier) (any, error) {
			return q.FailOutbox(ctx, db.FailOutboxParams{ID: id, Holder: "h", Attempts: attempts, LastError: "e", Most: 1})
		}, int64(1)},
		{"CountOutbox", count, db.CountOutboxRow{Waiting: 0, Dead: 1}},
		{"ListDeadOutbox", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListDeadOutbox(ctx, 10)
			return len(all) == 1 && all[0].LastError == "e", err
		}, true},
		{"DeleteDeadOutbox", func(ctx context.Context, q db.Querier) (any, error) {
			return q.DeleteDeadOutbox(ctx, db.DeleteDeadOutboxParams{KeepMs: 60_000, AtMost: 10})
		}, int64(0)},
		{"ReviveOutbox", func(ctx context.Context, q db.Querier) (any, error) { return q.ReviveOutbox(ctx, id) }, int64(1)},
		{"", due, []any{true, int64(1), `"p"`}},
		{"FinishOutbox", func(ctx context.Context, q db.Querier) (any, error) {
			return q.FinishOutbox(ctx, db.FinishOutboxParams{ID: id, Holder: "h", Attempts: attempts})
		}, int64(1)},
	}
}

func rateSteps() []step {
	key := random()
	return []step{
		{"TryBucket", func(ctx context.Context, q db.Querier) (any, error) {
			return q.TryBucket(ctx, db.TryBucketParams{Key: key, LeakUs: 60_000_000, FullLevel: 10, Free: 5})
		}, int64(0)},
		{"", func(ctx context.Context, q db.Querier) (any, error) {
			return q.TryBucket(ctx, db.TryBucketParams{Key: key, LeakUs: 60_000_000, FullLevel: 10, Free: 5})
		}, int64(1)},
		{"TakeRate", func(ctx context.Context, q db.Querier) (any, error) {
			left, err := q.TakeRate(ctx, db.TakeRateParams{Key: key, LeakUs: 60_000_000, FullLevel: 10})
			return left > 2*60_000_000 && left <= 3*60_000_000, err
		}, true},
		{"CountBuckets", func(ctx context.Context, q db.Querier) (any, error) {
			return q.CountBuckets(ctx, db.CountBucketsParams{FirstKey: key, EndKey: behind(key), FullUs: 2 * 60_000_000})
		}, db.CountBucketsRow{Used: 1, Filled: 1}},
		{"UndoBucket", func(ctx context.Context, q db.Querier) (any, error) {
			return q.UndoBucket(ctx, db.UndoBucketParams{Key: key, LeakUs: 3 * 60_000_000})
		}, int64(1)},
		{"GetBucket", func(ctx context.Context, q db.Querier) (any, error) {
			row, err := q.GetBucket(ctx, key)
			return row.EmptyUs <= row.NowUs && row.LastUs <= row.NowUs, err
		}, true},
		{"ClearBuckets", func(ctx context.Context, q db.Querier) (any, error) {
			return q.ClearBuckets(ctx, db.ClearBucketsParams{FirstKey: key, EndKey: behind(key)})
		}, int64(0)},
		{"ClearBucket", func(ctx context.Context, q db.Querier) (any, error) { return q.ClearBucket(ctx, key) }, int64(1)},
		{"DeleteEmptyBuckets", func(ctx context.Context, q db.Querier) (any, error) {
			return q.DeleteEmptyBuckets(ctx, db.DeleteEmptyBucketsParams{KeepMs: 60_000, AtMost: 10})
		}, int64(0)},
	}
}
