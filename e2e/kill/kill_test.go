package kill_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/e2e/api"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// kind is what an execution is to do, and what may become of it.
type kind struct {
	name    string
	steps   int // of a tenth of a second
	fails   int // how many attempts fail
	filling int // bytes of its results
	retries int
	cancel  bool
}

func kinds() []kind {
	return []kind{
		{name: "short"},
		{name: "results", steps: 1, filling: 200_000}, // too long for the store
		{name: "failing", steps: 1, fails: 99},
		{name: "retried", fails: 1, retries: 2},
		{name: "steps", steps: 8, filling: 100},
		{name: "long", steps: 40, retries: 3},
		{name: "cancelled", steps: 600, cancel: true},
		{name: "cancelled and retried", steps: 600, retries: 2, cancel: true},
	}
}

// load makes executions.
type load struct {
	s   *site
	ctx context.Context //nolint:containedctx // that of all of its requests

	mu    sync.Mutex
	made  map[string]kind // by id
	order []string
}

func (l *load) params(k kind) []byte {
	text, _ := json.Marshal(map[string]int{"steps": k.steps, "fails": k.fails, "filling": k.filling}) // numbers
	return text
}

// run makes one after the other until the end, of which no more than a few run. Every one is asked for until that is answered, with one key.
func (l *load) run(seed uint64, script func() string, ending <-chan struct{}) error {
	r := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // no secret
	for {
		select {
		case <-ending:
			return nil
		default:
		}
		l.room()
		k := kinds()[r.IntN(len(kinds()))]
		a, err := l.s.api.Insist(l.ctx, http.MethodPost, "/api/v1/script/"+script()+"/run", l.params(k), map[string]string{
			"Idempotency-Key": uuid.NewString(), "Fairway-Retries": strconv.Itoa(k.retries),
		})
		if err != nil {
			return err
		}
		d, err := a.Data()
		if err != nil {
			return err
		}
		l.mu.Lock()
		l.made[d.Data.ID] = k
		l.order = append(l.order, d.Data.ID)
		l.mu.Unlock()
		pause := time.Duration(r.IntN(700)) * time.Millisecond
		time.Sleep(pause)
		if !k.cancel {
			continue
		}
		if _, err = l.s.api.Insist(l.ctx, http.MethodPost, "/api/v1/execution/"+d.Data.ID+"/cancel", nil, nil); err != nil {
			return err
		}
	}
}

// room waits as long as more executions wait than are soon run.
func (l *load) room() {
	const most = 16
	for l.ctx.Err() == nil {
		found, err := l.s.store.States(l.ctx, l.recent())
		waiting := 0
		for _, one := range found {
			if !queries.Ended(one.Status) {
				waiting++
			}
		}
		if err != nil || waiting < most { // a store that was killed is asked again with the next one
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// recent are the ids of the last ones.
func (l *load) recent() []uuid.UUID {
	l.mu.Lock()
	defer l.mu.Unlock()
	var ids []uuid.UUID
	for _, id := range l.order[max(0, len(l.order)-40):] {
		ids = append(ids, uuid.MustParse(id))
	}
	return ids
}

// states are those in which something is to be, somewhere, when the next kill comes.
func states() []string {
	return []string{"any", queries.StatusPending, queries.StatusReady, "STARTING", queries.StatusRunning, "END", queries.StatusCancelling, "BUILD"}
}

// reach waits for a while until something is in a state.
func (l *load) reach(state string) {
	deadline := time.Now().Add(2 * time.Second)
	ctx, cancel := context.WithDeadline(l.ctx, deadline)
	defer cancel()
	if state == "END" {
		select {
		case <-l.s.effects.ending: // an old one
		default:
		}
		select {
		case <-l.s.effects.ending:
		case <-ctx.Done():
		}
		return
	}
	for ctx.Err() == nil && state != "any" && state != "BUILD" {
		found, err := l.s.store.States(ctx, l.recent())
		if err != nil {
			return // the store was killed
		}
		for _, one := range found {
			if one.Status == state {
				return
			}
			if state != "STARTING" || one.Status != queries.StatusReady {
				continue
			}
			attempts, err := l.s.store.Attempts(ctx, one.ID)
			if err == nil && slices.ContainsFunc(attempts, func(a db.ExecutionAttempt) bool { return a.State == state }) {
				return
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// TestKilled is what the package is for.
func TestKilled(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, s *site) {
		t.Helper()
		r := rand.New(rand.NewPCG(*seed, 2)) //nolint:gosec // no secret
		chosen := make([]int, *kills)
		for i := range chosen {
			chosen[i] = r.IntN(len(s.victims))
		}
		s.kills(r, chosen)
	})
}

// kills makes executions while victims are killed, and holds what became of all of them to what is promised.
func (s *site) kills(r *rand.Rand, chosen []int) {
	t := s.t
	t.Helper()
	t.Logf("go test ./kill -kills %d -seed %d", *kills, *seed)
	s.await("a login", func() error {
		s.api.Login(t.Context())
		if a := s.api.Ask(t.Context(), http.MethodGet, "/api/v1/user/me", nil, nil); a.Status != http.StatusOK {
			return fmt.Errorf("%d %s", a.Status, a.Body)
		}
		return nil
	})
	first, err := s.api.Upload(t.Context(), "first", s.effects.script(s.tell))
	if err != nil {
		t.Fatal(err)
	}
	var scripts, building sync.Mutex
	newest := first
	script := func() string {
		scripts.Lock()
		defer scripts.Unlock()
		return newest
	}
	l := &load{s: s, ctx: t.Context(), made: map[string]kind{}}
	ending := make(chan struct{})
	var busy sync.WaitGroup
	for i := range 4 {
		busy.Go(func() {
			if err := l.run(*seed+uint64(i), script, ending); err != nil { //nolint:gosec // a small number
				t.Error(err)
			}
		})
	}
	for n, which := range chosen {
		state := states()[r.IntN(len(states()))]
		wait := time.Duration(r.IntN(400)) * time.Millisecond
		// One at a time: builds that are killed again and again are queued faster than they end.
		if state == "BUILD" && building.TryLock() {
			busy.Go(func() {
				defer building.Unlock()
				id, err := s.api.Upload(t.Context(), fmt.Sprintf("script%d", n), s.effects.script(s.tell))
				if err != nil {
					t.Error(err)
					return
				}
				scripts.Lock()
				defer scripts.Unlock()
				newest = id
			})
		}
		if state == "any" || state == "BUILD" {
			time.Sleep(wait)
		}
		l.reach(state)
		t.Logf("kill %d: %s, %s", n+1, s.victims[which].name, state)
		s.api.Disturbed.Store(time.Now().Unix())
		s.victims[which].kill()
		if t.Failed() {
			break
		}
	}
	close(ending)
	busy.Wait()
	l.hold()
}

// hold holds what became of all executions to what is promised.
func (l *load) hold() {
	t, s := l.s.t, l.s
	t.Helper()
	if t.Failed() {
		return
	}
	counts, attempts, twice := map[string]int{}, 0, 0
	for _, id := range l.order {
		k := l.made[id]
		var last api.Data
		s.await("an execution ends: "+k.name+" "+id, func() error {
			a, err := s.api.Insist(l.ctx, http.MethodGet, "/api/v1/execution/"+id, nil, nil)
			if err != nil {
				return err
			}
			if last, err = a.Data(); err != nil {
				return err
			}
			if !queries.Ended(last.Data.Status) {
				return fmt.Errorf("it is %s, attempt %d", last.Data.Status, last.Data.Attempt)
			}
			return nil
		})
		result := k.name + " " + last.Data.Status
		if last.Data.Status == queries.StatusFailed && k.fails <= k.retries {
			result += ": " + last.Data.Reason
		}
		counts[result]++
		n, again := l.judge(id, k, last)
		attempts += n
		twice += again
	}
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		t.Logf("%4d %s", counts[what], what)
	}
	t.Logf("%d executions, %d attempts, %d of them begun after another one of the same execution had", len(l.order), attempts, twice)
	l.s.await("nothing is left", l.s.left)
}

// judge holds one execution to what is promised.
func (l *load) judge(id string, k kind, d api.Data) (attempts, again int) {
	t, e := l.s.t, d.Data
	t.Helper()
	wrong := func(format string, args ...any) {
		t.Helper()
		t.Errorf("%s, a %s one, %s (%s): %s", id, k.name, e.Status, e.Reason, fmt.Sprintf(format, args...))
	}
	tried, err := l.s.store.Attempts(t.Context(), uuid.MustParse(id))
	if err != nil {
		t.Fatal(err)
	}
	begun, ended := l.s.effects.of(id)
	succeeded, ran := 0, 0
	for _, a := range tried {
		if a.State != "ENDED" {
			wrong("attempt %d is %s", a.Number, a.State)
		}
		if a.Outcome == string(queries.OutcomeSucceeded) {
			succeeded++
		}
		if a.StartedAt != nil {
			ran++
		}
	}
	if unique := slices.Compact(slices.Sorted(slices.Values(begun))); len(unique) != len(begun) || len(begun) > ran {
		wrong("of %d attempts that were started %v began", ran, begun)
	}
	if succeeded > 1 || (e.Status == queries.StatusFinished) != (succeeded == 1) {
		wrong("%d attempts succeeded", succeeded)
	}
	if len(begun) > 1+k.retries {
		wrong("it was begun %d times, and may be %d", len(begun), 1+k.retries)
	}
	if e.Progress != 100 {
		wrong("progress %d", e.Progress)
	}
	if e.Status == queries.StatusCancelled && !k.cancel {
		wrong("nobody wished that")
	}
	if e.Status == queries.StatusFinished {
		l.judgeResults(id, k, d, ended, wrong)
	}
	if e.Status == queries.StatusFailed && k.fails <= k.retries && !slices.ContainsFunc(tried, l.s.spoilt) {
		wrong("why did it fail? %v", outcomes(tried))
	}
	l.judgeLogs(id, d, wrong)
	return len(tried), max(0, len(begun)-1)
}

// judgeResults holds results to be those of the attempt that counts.
func (l *load) judgeResults(id string, k kind, d api.Data, ended []string, wrong func(string, ...any)) {
	l.s.t.Helper()
	text := d.Data.Results
	if k.filling > 64<<10 {
		a, err := l.s.api.Insist(l.ctx, http.MethodGet, "/api/v1/execution/"+id+"/results", nil, nil)
		if err != nil {
			wrong("results: %v", err)
			return
		}
		var wrapped struct {
			Data json.RawMessage `json:"data"`
		}
		text = a.Body
		if json.Unmarshal(a.Body, &wrapped) == nil && wrapped.Data != nil {
			text = wrapped.Data
		}
	}
	var results struct {
		Attempt int    `json:"attempt"`
		Filling string `json:"filling"`
	}
	if err := json.Unmarshal(text, &results); err != nil || results.Attempt != d.Data.Attempt || len(results.Filling) != max(k.filling, 1) {
		wrong("results %.100s, of attempt %d: %v", text, d.Data.Attempt, err)
	}
	if !slices.Contains(ended, strconv.Itoa(d.Data.Attempt)) {
		wrong("attempt %d counts, and %v told their end", d.Data.Attempt, ended)
	}
}

// judgeLogs holds the history to be whole, and the end to be in the log.
func (l *load) judgeLogs(id string, d api.Data, wrong func(string, ...any)) {
	t := l.s.t
	t.Helper()
	moves, err := l.s.store.StatusLog(t.Context(), uuid.MustParse(id), 1000)
	if err != nil {
		t.Fatal(err)
	}
	was := ""
	for _, m := range moves {
		if m.StatusFrom != was {
			wrong("its history goes from %s to %s after %s", m.StatusFrom, m.StatusTo, was)
		}
		was = m.StatusTo
	}
	if was != d.Data.Status {
		wrong("its history ends with %s", was)
	}
	a, err := l.s.api.Insist(l.ctx, http.MethodGet, "/api/v1/execution/"+id+"/log.txt", nil, nil)
	if err != nil {
		wrong("its log: %v", err)
		return
	}
	end := map[string]string{queries.StatusFinished: "last", queries.StatusFailed: "The execution has failed.", queries.StatusCancelled: ""}[d.Data.Status]
	if l.s.forgets && d.Data.Status == queries.StatusFinished {
		return
	}
	lines := strings.Split(strings.TrimSpace(string(a.Body)), "\n")
	if end != "" && !strings.HasSuffix(strings.TrimSpace(lines[len(lines)-1]), end) {
		wrong("its log ends with %q", lines[max(0, len(lines)-3):])
	}
}

func outcomes(all []db.ExecutionAttempt) (out []string) {
	for _, a := range all {
		out = append(out, a.Outcome)
	}
	return out
}

// spoilt says whether an attempt failed for what was killed.
func (s *site) spoilt(a db.ExecutionAttempt) bool {
	_, shot := s.shot.Load(a.ID.String())
	// An engine that was killed does not always know how what ran had ended.
	return shot || strings.HasSuffix(a.Reason, "or the engine was ended") || a.Outcome == string(queries.OutcomeLost)
}

// noDirectory says which directory of an attempt is left.
func noDirectory(homes []string) error {
	for _, home := range homes {
		left, err := os.ReadDir(filepath.Join(home, "attempts"))
		if err != nil && !os.IsNotExist(err) {
			return err
		}
		if len(left) > 0 {
			return fmt.Errorf("%d directories of attempts are left in %s, as %s", len(left), home, left[0].Name())
		}
	}
	return nil
}

// noProcess says which process is left that has to do with a directory.
func noProcess(directory string) error {
	found, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return err
	}
	for _, path := range found {
		for _, file := range []string{path, filepath.Join(filepath.Dir(path), "environ")} {
			if text, err := os.ReadFile(file); err == nil && strings.Contains(string(text), directory) { //nolint:gosec // of /proc
				return fmt.Errorf("%s is left: %q", filepath.Dir(path), text[:min(len(text), 300)])
			}
		}
		if err := noKeeper(filepath.Dir(path), directory); err != nil {
			return err
		}
	}
	return nil
}

// noKeeper says whether a process is the keeper of an attempt in a directory, which it has open.
func noKeeper(process, directory string) error {
	text, err := os.ReadFile(filepath.Join(process, "cmdline"))
	if err != nil || !strings.HasPrefix(string(text), "fairway-keeper") {
		return nil //nolint:nilerr // it has ended
	}
	files, err := filepath.Glob(filepath.Join(process, "fd", "*"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if of, err := os.Readlink(file); err == nil && strings.HasPrefix(of, directory+"/") {
			return fmt.Errorf("%s is left, a keeper that has %s", process, of)
		}
	}
	return nil
}
