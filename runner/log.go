package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/logs"
	"github.com/fairway-gateway/fairway/runner/ticket"
)

// ship brings what a run writes to the store, to its end.
func (r *Runner) ship(ctx context.Context, a *attempt, run executor.Run) error {
	output, err := run.Output(ctx, logs.From(a.at))
	if err != nil {
		return err
	}
	_, err = logs.Ship(ctx, output, a.seq, a.at, sink{r.Store, a.Holder}, logs.Options{
		Secrets: logs.NewSecrets(r.Secrets...).Shaped(ticket.Prefix, ticket.Alphabet, ticket.Length), Most: r.Bounds.Output,
		Progress: func(percent int) { a.percent.Store(int64(percent)) },
	})
	err = errors.Join(err, output.Close())
	if errors.Is(err, logs.ErrStop) {
		return errFenced
	}
	return err
}

// note writes a line of the runner's own into the log of an attempt, before its script writes.
func (r *Runner) note(ctx context.Context, a *attempt, text string) {
	line := logs.Line{Level: logs.Info, Time: time.Now(), Text: text}
	chunk := logs.Chunk{Seq: a.seq + 1, Lines: 1, First: line.Time, Last: line.Time, Data: logs.Pack(a.at, []logs.Line{line})}
	if err := (sink{r.Store, a.Holder}).Append(ctx, []logs.Chunk{chunk}); err == nil {
		a.seq++
	}
}

// sink keeps chunks of an attempt's log in the store.
type sink struct {
	store  *queries.Store
	holder queries.Holder
}

// Append implements logs.Sink.
func (s sink) Append(ctx context.Context, chunks []logs.Chunk) error {
	rows := make([]queries.LogChunk, len(chunks))
	for i, c := range chunks {
		rows[i] = queries.LogChunk{Seq: c.Seq, Lines: c.Lines, First: c.First, Last: c.Last, Data: c.Data}
	}
	err := s.store.AppendLog(ctx, s.holder, rows)
	if _, gap := errors.AsType[*queries.SequenceError](err); gap || errors.Is(err, queries.ErrFenced) {
		return fmt.Errorf("%w: %w", logs.ErrStop, err)
	}
	return err
}
