package runner

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/runner/blobs"
	"github.com/fairway-gateway/fairway/runner/bundle"
	"github.com/fairway-gateway/fairway/runner/executor"
)

// configuration is what of a script's configuration.json runners need; it was checked when it was uploaded.
type configuration struct {
	Command []string `json:"command"`
	CPU     float64  `json:"cpu_reservation"`
	Memory  float64  `json:"memory_reservation"`
}

// reservation is what is kept free for a script that says so much of it, in the units of executor.Limits.
func (configuration) reservation(said float64) int64 {
	const usual, most = 100_000_000, 1e15 // as where scripts are uploaded
	if said == 0 {
		return usual
	}
	return int64(min(max(said, 1), most))
}

// script is the version of a script that an attempt runs.
func (r *Runner) script(a *attempt) (executor.Script, error) {
	if len(a.Work.Configuration) > 0 {
		if err := json.Unmarshal(a.Work.Configuration, &a.config); err != nil {
			return executor.Script{}, fmt.Errorf("the script's configuration cannot be read: %w", err)
		}
	}
	return executor.Script{
		Version: version(a), Slug: a.Work.Slug, Command: a.config.Command,
		Files: func(ctx context.Context, directory string) error { return r.unpack(ctx, a, directory) },
	}, nil
}

// unpack brings the files of a script into a directory, if they are those that were uploaded.
func (r *Runner) unpack(ctx context.Context, a *attempt, directory string) (err error) {
	blob, err := r.Blobs.Read(ctx, a.Work.BlobKey)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, blob.Close()) }()
	root, err := os.OpenRoot(directory)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	digest := sha256.New()
	if err := bundle.Extract(ctx, io.TeeReader(blob, digest), root, bundle.Limits{}); err != nil {
		return err
	}
	if _, err := io.Copy(digest, blob); err != nil {
		return err
	}
	if !bytes.Equal(digest.Sum(nil), a.Work.BlobSha256) {
		return fmt.Errorf("the files are not those that were uploaded: their digest is %s", hex.EncodeToString(digest.Sum(nil)))
	}
	return nil
}

// mostParams is how long parameters may be, in bytes.
const mostParams = 16 << 20

// params are what the script is run with.
func (r *Runner) params(ctx context.Context, a *attempt) (_ []byte, err error) {
	if a.Work.ParamsKey == "" {
		return a.Work.Params, nil
	}
	blob, err := r.Blobs.Read(ctx, a.Work.ParamsKey)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, blob.Close()) }()
	text, err := io.ReadAll(io.LimitReader(blob, mostParams+1))
	if err == nil && len(text) > mostParams {
		err = fmt.Errorf("they have more than %d bytes", mostParams)
	}
	return text, err
}

// results puts what the script gave into what the store is told, or into a blob if it is long. A script that wrote something else than JSON has failed, and is told so.
func (r *Runner) results(ctx context.Context, a *attempt, run executor.Run, f *queries.FinishRequest) error {
	if f.Outcome != queries.OutcomeSucceeded && f.Outcome != queries.OutcomeCancelled {
		return nil
	}
	most := r.Bounds.WithDefaults().Results
	var text []byte
	err := r.insistOn(ctx, "results are read", nil, func() (err error) {
		file, err := run.Results(ctx)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		text, err = io.ReadAll(io.LimitReader(file, most+1))
		return err
	})
	if errors.Is(err, executor.ErrNoResults) {
		return nil
	}
	switch {
	case err != nil:
		return r.spoilt(ctx, f, err)
	case int64(len(text)) > most:
		return r.spoilt(ctx, f, fmt.Errorf("they have more than %d bytes", most))
	case !json.Valid(text) || !utf8.Valid(text):
		return r.spoilt(ctx, f, errors.New("they are no JSON"))
	}
	f.ResultsSize = int64(len(text))
	if f.ResultsSize <= r.Results {
		f.Results = text
		return nil
	}
	key := fmt.Sprintf("results/%s/%d.json", a.Execution, a.Number)
	_, err = r.Blobs.Write(ctx, key, "application/json", most, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
	if limit, ok := errors.AsType[*blobs.LimitError](err); ok {
		return r.spoilt(ctx, f, limit)
	}
	if err != nil {
		return r.spoilt(ctx, f, err)
	}
	f.ResultsKey = key
	return nil
}

// spoilt says that results cannot be kept.
func (r *Runner) spoilt(ctx context.Context, f *queries.FinishRequest, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	f.Results, f.ResultsKey, f.ResultsSize = nil, "", 0
	if f.Outcome == queries.OutcomeSucceeded {
		f.Outcome, f.Reason = queries.OutcomeFailed, "its results cannot be kept: "+err.Error()
	}
	return nil
}
