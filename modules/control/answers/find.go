package answers

import (
	"bytes"
	"context"
	"crypto/subtle"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/proxies/identity"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/wrap"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// Find implements wrap.Executions.
func (k *Keeper) Find(ctx context.Context, s wrap.LongSeeker) (*wrap.LongState, *problem.Problem) {
	id, err := uuid.Parse(s.ID)
	if err != nil {
		return nil, nil //nolint:nilerr // there is none
	}
	store, err := k.cfg.Store(ctx)
	if err != nil {
		return nil, away(err)
	}
	keys, err := k.keys.get(k.cfg.Keys)
	if err != nil {
		return nil, away(err)
	}
	row, err := store.LongAnswer(ctx, id)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, away(err)
	case row.Service != s.Service || !keys.isCaller(row.Caller, s.Callers) || row.TokenHash != nil && subtle.ConstantTimeCompare(row.TokenHash, tokenHash(s.Token)) != 1:
		return nil, nil // as if there were none
	}
	out := &wrap.LongState{ID: s.ID, Status: row.ExecutionStatus, Reason: row.Reason, Began: timeOf(id), Ended: queries.Ended(row.ExecutionStatus)}
	if out.Ended && row.Status != nil {
		if out.Answer, err = k.kept(&row); err != nil {
			return nil, problem.Of(err)
		}
	}
	return out, nil
}

// kept is an answer as the store has it.
func (k *Keeper) kept(row *db.GetLongAnswerRow) (*wrap.KeptAnswer, error) {
	a := &wrap.KeptAnswer{Status: int(*row.Status), Size: row.BodySize, Header: http.Header{}}
	if err := json.Unmarshal(row.Header, &a.Header); err != nil {
		return nil, err
	}
	body, key := row.Body, row.BodyKey
	a.Open = func(ctx context.Context) (io.ReadCloser, error) {
		if key == "" {
			return io.NopCloser(bytes.NewReader(body)), nil
		}
		place, err := k.cfg.Blobs(ctx)
		if err != nil {
			return nil, err
		}
		return place.Read(ctx, key)
	}
	return a, nil
}

// Cancel implements wrap.Executions.
func (k *Keeper) Cancel(ctx context.Context, l *wrap.LongState, by *identity.User) *problem.Problem {
	id, err := uuid.Parse(l.ID)
	if err != nil {
		return problem.Of(err)
	}
	store, err := k.cfg.Store(ctx)
	if err != nil {
		return away(err)
	}
	who := queries.By{Actor: "anonymous"}
	if by != nil {
		who.Actor = by.Key
		if user, err := uuid.Parse(by.ID); err == nil {
			who.User = &user
		}
	}
	if l.Ended {
		err = store.DeleteExecution(ctx, who, id)
	} else {
		_, err = store.Cancel(ctx, who, id, "its caller wished so")
	}
	if _, moved := errors.AsType[*queries.StatusError](err); moved || errors.Is(err, sql.ErrNoRows) {
		return nil // it has ended meanwhile, or was deleted
	}
	if err != nil {
		return away(err)
	}
	return nil
}
