package soak_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/e2e/api"
	"github.com/fairway-gateway/fairway/e2e/fleet"
	"github.com/fairway-gateway/fairway/queries"
)

// pause is between two requests of one worker: the machine has others to do, too.
const pause = 20 * time.Millisecond

// get asks for a path, and holds the answer to be this one where there is one.
func (s *soak) get(ctx context.Context, kind, path, want string) {
	status, body, err := fleet.Get(ctx, s.by, s.f.Balancer.URL+path)
	if err != nil {
		status = 0
	}
	s.tally.add(kind, fmt.Sprint(status))
	if status == http.StatusOK && body != want+"\n" || status != http.StatusOK && !excused(status) {
		s.wrong("%s %s: %d %.300q, want %q", kind, path, status, body, want)
	}
	s.rest(pause)
}

func (s *soak) plain(ctx context.Context, _ *rand.Rand) {
	id := uuid.NewString()
	s.get(ctx, "wrap", "/plain/"+id, `{"path":"/plain","id":"`+id+`"}`)
}

func (s *soak) joined(ctx context.Context, _ *rand.Rand) {
	id := uuid.NewString()
	s.get(ctx, "join", "/joined/"+id, `{"other":"`+id+`","part":"`+id+`"}`)
}

func (s *soak) guarded(ctx context.Context, _ *rand.Rand) {
	id := uuid.NewString()
	s.get(ctx, "login", "/guarded/"+id, `{"path":"/guarded","id":"`+id+`"}`)
}

// writes has the backend write something down, by a POST that nobody may repeat.
func (s *soak) writes(ctx context.Context, _ *rand.Rand) {
	id := uuid.NewString()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.f.Balancer.URL+"/written/", bytes.NewBufferString(`{"id":"`+id+`"}`))
	if err != nil {
		s.wrong("write %v", err)
		return
	}
	request.Header.Set("Content-Type", "application/json")
	status, body := 0, []byte(nil)
	if response, err := s.by.Do(request); err == nil {
		if body, err = io.ReadAll(io.LimitReader(response.Body, 1<<20)); err == nil {
			status = response.StatusCode
		}
		_ = response.Body.Close()
	}
	s.tally.add("write", fmt.Sprint(status))
	switch n := s.f.Backend.Written(id); {
	case status == http.StatusOK && (n != 1 || string(body) != `{"id":"`+id+`"}`+"\n"):
		s.wrong("write %s, %.300q: written %d times", id, body, n)
	case status != http.StatusOK && (n > 1 || !excused(status)):
		s.wrong("write %s: %d %.300q, written %d times", id, status, body, n)
	}
	s.rest(pause)
}

// names has the administrator change his name, and read it.
func (s *soak) names(ctx context.Context, _ *rand.Rand) {
	name := "Root " + uuid.NewString()
	a, err := s.api.Insist(ctx, http.MethodPatch, "/api/v1/user/me", []byte(`{"name":"`+name+`"}`), nil)
	if err != nil || a.Status != http.StatusOK {
		s.wrong("control %d %.300s, %v", a.Status, a.Body, err)
		return
	}
	a, err = s.api.Insist(ctx, http.MethodGet, "/api/v1/user/me", nil, nil)
	var got struct{ Data struct{ Name string } }
	if err != nil || a.Status != http.StatusOK || json.Unmarshal(a.Body, &got) != nil || got.Data.Name != name {
		s.wrong("control %s was acknowledged, and is %d %.300s, %v", name, a.Status, a.Body, err)
	}
	s.tally.add("control", "changed and read")
	s.rest(10 * pause)
}

// tokens gets a token, uses it, and ends it: then no gateway takes it any more.
func (s *soak) tokens(ctx context.Context, _ *rand.Rand) {
	defer s.rest(25 * pause)
	c := &api.Client{Email: fleet.AdminEmail, Password: fleet.AdminPassword, Patience: patience, HTTP: s.by}
	c.At(s.f.Balancer.URL)
	if c.Login(ctx); c.Token() == "" {
		s.tally.add("token", "none")
		return
	}
	for first := true; ; first = false {
		status := s.show(ctx, http.MethodPost, "/auth/logout", c.Token())
		if status == http.StatusOK || status == http.StatusUnauthorized && !first { // it was ended, and nobody heard of it
			break
		}
		if !excused(status) {
			s.wrong("token %d when it was to be ended", status)
			return
		}
		s.rest(pause)
		if s.over() {
			return
		}
	}
	// Two seconds are promised while the store answers; it may be dead for some, and a gateway that starts takes its time.
	for begun := time.Now(); !s.over(); s.rest(pause) {
		switch status := s.show(ctx, http.MethodGet, "/api/v1/user/me", c.Token()); {
		case status == http.StatusUnauthorized:
			s.tally.add("token", "ended")
			return
		case status == http.StatusOK && time.Since(begun) > time.Minute:
			s.wrong("token was ended a minute ago, and is good")
			return
		case status != http.StatusOK && !excused(status):
			s.wrong("token %d after it was ended", status)
			return
		}
	}
}

// show makes a request with a token and gives the status, 0 without an answer.
func (s *soak) show(ctx context.Context, method, path, token string) int {
	request, err := http.NewRequestWithContext(ctx, method, s.f.Balancer.URL+path, http.NoBody)
	if err != nil {
		return 0
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := s.by.Do(request)
	if err != nil {
		return 0
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// purges has a value forgotten, by way of any gateway, and then by all.
func (s *soak) purges(ctx context.Context, r *rand.Rand) {
	defer s.rest(between(r, 50*pause, 200*pause))
	value := func(origin string) string {
		status, body, err := fleet.Get(ctx, s.by, origin+"/cached/x")
		if err != nil || status != http.StatusOK {
			return ""
		}
		return body
	}
	was := value(s.f.Gateways[0].URL)
	if was == "" {
		return
	}
	told := s.f.Gateways[r.IntN(len(s.f.Gateways))]
	request, err := http.NewRequestWithContext(ctx, http.MethodDelete, told.Admin+"/fairway/cache?service=cached", http.NoBody)
	if err != nil {
		return
	}
	response, err := s.by.Do(request)
	if err != nil {
		return
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		s.tally.add("purge", fmt.Sprint(response.StatusCode))
		return
	}
	for begun := time.Now(); value(s.f.Gateways[0].URL) == was; s.rest(pause) {
		if time.Since(begun) > time.Minute {
			s.wrong("purge was acknowledged a minute ago, and %q is kept", was)
			return
		}
	}
	s.tally.add("purge", "forgotten")
}

// echo is a script that takes a moment and gives its parameters back.
const echo = "#!/bin/sh\nparams=$(cat)\nsleep 0.2\nprintf '%s' \"$params\" >\"$FAIRWAY_RESULTS\"\necho done\n"

// runs are executions.
type runs struct {
	*soak
	mu      sync.Mutex
	made    map[string]string // what they were run with, by id
	waiting []string          // those of which nobody knows that they have ended
}

// run makes one, and asks until that is answered, with one key.
func (s *runs) run(ctx context.Context, _ *rand.Rand) {
	defer s.rest(10 * pause)
	params := `{"n":"` + uuid.NewString() + `"}`
	a, err := s.api.Insist(ctx, http.MethodPost, "/api/v1/script/"+s.script+"/run", []byte(params), map[string]string{"Idempotency-Key": uuid.NewString(), "Fairway-Retries": "3"})
	if err != nil {
		s.wrong("run %v", err)
		return
	}
	d, err := a.Data()
	if err != nil {
		s.wrong("run %v", err)
		return
	}
	s.tally.add("run", "asked for")
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, twice := s.made[d.Data.ID]; twice {
		s.wrong("run %s was given to two", d.Data.ID)
	}
	s.made[d.Data.ID] = params
	s.waiting = append(s.waiting, d.Data.ID)
}

// check looks at the oldest that is not known to have ended.
func (s *runs) check(ctx context.Context, _ *rand.Rand) {
	s.mu.Lock()
	if len(s.waiting) == 0 {
		s.mu.Unlock()
		s.rest(10 * pause)
		return
	}
	id := s.waiting[0]
	s.waiting = s.waiting[1:]
	s.mu.Unlock()
	if s.ended(ctx, id) {
		return
	}
	s.mu.Lock()
	s.waiting = append(s.waiting, id)
	s.mu.Unlock()
	s.rest(2 * pause)
}

// ended says whether one has ended, and holds its results to be its own.
func (s *runs) ended(ctx context.Context, id string) bool {
	a, err := s.api.Insist(ctx, http.MethodGet, "/api/v1/execution/"+id, nil, nil)
	if err != nil {
		s.wrong("execution %s: %v", id, err)
		return true
	}
	d, err := a.Data()
	if err != nil {
		s.wrong("execution %s was acknowledged: %v", id, err)
		return true
	}
	if !queries.Ended(d.Data.Status) {
		return false
	}
	s.tally.add("execution", d.Data.Status)
	s.mu.Lock()
	params := s.made[id]
	s.mu.Unlock()
	if got := strings.ReplaceAll(string(d.Data.Results), " ", ""); d.Data.Status == queries.StatusFinished && got != params {
		s.wrong("execution %s: %.300s, want %s", id, d.Data.Results, params)
	}
	return true
}

// end waits for all, and reads some of those again that were read.
func (s *runs) end(ctx context.Context) {
	for _, id := range s.waiting {
		s.await("execution "+id+" ends", func() error {
			if !s.ended(ctx, id) {
				return fmt.Errorf("it does not")
			}
			return nil
		})
	}
	if n := s.f.SQL(s.t, "select count(*) from executions"); n != fmt.Sprint(len(s.made)) {
		s.wrong("executions: %s are in the store, and %d were acknowledged", n, len(s.made))
	}
	again := 0
	for id := range s.made { // any
		a, err := s.api.Insist(ctx, http.MethodGet, "/api/v1/execution/"+id, nil, nil)
		d, bad := a.Data()
		if err != nil || bad != nil || !queries.Ended(d.Data.Status) {
			s.wrong("execution %s, read again: %.300s, %v", id, a.Body, err)
		}
		if again++; again == 1000 {
			break
		}
	}
}
