package integration_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"github.com/fairway-gateway/fairway/internal/required"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// startJetStream starts a server with a stream of scenes.> and told.>, and gives its address and a connection.
func startJetStream(t *testing.T) (string, nats.JetStreamContext) {
	t.Helper()
	program := required.Program(t, "nats-server")
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	_, port, _ := net.SplitHostPort(address)
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program, "-js", "-sd", t.TempDir(), "-a", "127.0.0.1", "-p", port)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	var js nats.JetStreamContext
	if err := waitFor(func() error {
		conn, err := nats.Connect("nats://" + address)
		if err != nil {
			return err
		}
		if js, err = conn.JetStream(nats.MaxWait(10 * time.Second)); err == nil {
			_, err = js.AddStream(&nats.StreamConfig{Name: "S", Subjects: []string{"scenes.>", "told.>"}})
		}
		if err != nil {
			conn.Close()
			return err
		}
		t.Cleanup(conn.Close)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return "nats://" + address, js
}

// TestOn has two gateways over one store start executions by events of the store and of NATS, once each, and one go on alone.
func TestOn(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		server, js := startJetStream(t)
		newUser(t, dsn, "root@example.org", "correct horse battery", "SUPERADMIN")
		newUser(t, dsn, "ann@example.org", "Correct-Horse-1", "USER")
		store, err := queries.Open(t.Context(), queries.Config{DSN: dsn})
		must(err)
		t.Cleanup(store.Close)
		ann, err := store.FindUser(t.Context(), "ann@example.org")
		must(err)
		by := queries.By{Actor: "test"}
		_, err = store.CreateScript(t.Context(), by, queries.ScriptUpload{Slug: "greet", Name: "greet", User: ann.ID, Version: queries.VersionUpload{BlobKey: "k", BlobSHA256: make([]byte, 32), Configuration: []byte(`{"name":"greet","labels":["nobody"]}`)}})
		must(err)
		b, ok, err := store.ClaimBuild(t.Context(), uuid.New(), time.Hour)
		if !ok || err != nil {
			t.Fatal(ok, err)
		}
		must(store.FinishBuild(t.Context(), b, queries.Built{OK: true}))
		text := strings.Replace(withStore("\tcontrol"), "\t\tsecret", `		runner off
		events {
			publish `+server+` {
				topic told.before.{type}
			}
			on fairway.user.created run greet {
				as ann@example.org
				params `+"`{ user: .data.user_id }`"+`
			}
			on scenes.> run greet {
				name scenes
				as ann@example.org
				from `+server+`
			}
		}
		secret`, 1)
		env := []string{"DATABASE_URL=" + dsn, "FAIRWAY_SECRET=" + someSecret}
		g, other := startGateway(t, text, env...), launch(t, text, env)
		t.Cleanup(other.kill)
		must(other.waitUntilItAnswers())
		must(waitFor(func() error {
			_, err := store.EventsBehind(t.Context(), "on greet")
			_, also := js.ConsumerInfo("S", "fairway-scenes")
			return errors.Join(err, also)
		}))
		// long is waitFor for what was on its way to a gateway that is killed: another has it a minute later.
		long := func(condition func() error) (err error) {
			for range 4 {
				if err = waitFor(condition); err == nil {
					return nil
				}
			}
			return err
		}
		// arrived waits until so many executions are there of an origin, and gives what was refused of it.
		arrived := func(origin string, started int) (refused []string) {
			t.Helper()
			must(long(func() error {
				all, err := store.ArrivalsFrom(t.Context(), origin, 1000)
				if err != nil {
					return err
				}
				refused = nil
				n, seen := 0, map[uuid.UUID]bool{}
				for _, a := range all {
					if a.Outcome != queries.ArrivalStarted {
						refused = append(refused, a.Reason)
						continue
					}
					n++
					seen[*a.ExecutionID] = true
				}
				if n > started {
					return fatalError{fmt.Errorf("%d executions of %s, not %d", n, origin, started)}
				}
				if n != started || len(seen) != started {
					return fmt.Errorf("%d executions of %s, not %d", n, origin, started)
				}
				return nil
			}))
			return refused
		}
		ben, err := store.CreateUser(t.Context(), by, db.User{Email: "ben@example.org", Name: "Ben", Role: "USER"})
		must(err)
		arrived("on:greet", 1)
		all, err := store.ArrivalsFrom(t.Context(), "on:greet", 1)
		must(err)
		e, err := store.Execution(t.Context(), *all[0].ExecutionID)
		if err != nil || string(e.Params) != `{"user":"`+ben.ID.String()+`"}` || *e.UserID != ann.ID {
			t.Errorf("%s %v", e.Params, err)
		}
		publish := func(first, last int) {
			t.Helper()
			for i := first; i <= last; i++ {
				for range 2 { // two messages, one event
					_, err := js.Publish("scenes.landsat", fmt.Appendf(nil, `{"specversion":"1.0","id":"%d","source":"/usgs","type":"scene.new","data":{"scene":%d}}`, i, i))
					must(err)
				}
			}
		}
		publish(1, 20)
		_, err = js.Publish("scenes.landsat", []byte("poison"))
		must(err)
		arrived("on:scenes", 20)
		other.kill()
		publish(15, 25) // some that are known
		arrived("on:scenes", 25)
		must(long(func() error {
			info, err := js.ConsumerInfo("S", "fairway-scenes")
			if err == nil && (info.NumPending > 0 || info.NumAckPending > 0) {
				err = fmt.Errorf("%d wait, %d are not acknowledged", info.NumPending, info.NumAckPending)
			}
			return err
		}))
		if refused := arrived("on:scenes", 25); len(refused) != 1 || !strings.Contains(refused[0], "no CloudEvent") {
			t.Error(refused)
		}
		// What another configuration says holds from then on, also where publishers alone are others.
		text = strings.Replace(text, "told.before", "told.after", 1)
		must(g.reload(text))
		_, err = store.CreateUser(t.Context(), by, db.User{Email: "dan@example.org", Name: "Dan", Role: "USER"})
		must(err)
		must(long(func() error {
			_, err := js.GetLastMsg("S", "told.after.fairway.user.created")
			return err
		}))
		arrived("on:greet", 2)
		must(g.reload(strings.Replace(text, "{ user: .data.user_id }", "{ other: .data.user_id }", 1)))
		cid, err := store.CreateUser(t.Context(), by, db.User{Email: "cid@example.org", Name: "Cid", Role: "USER"})
		must(err)
		arrived("on:greet", 3)
		all, err = store.ArrivalsFrom(t.Context(), "on:greet", 1)
		must(err)
		if e, err = store.Execution(t.Context(), *all[0].ExecutionID); err != nil || string(e.Params) != `{"other":"`+cid.ID.String()+`"}` {
			t.Errorf("%s %v", e.Params, err)
		}
		answer := g.ask(t, request{path: "/api/v1/arrival", user: "ann@example.org:Correct-Horse-1"})
		if answer.status != http.StatusOK || !strings.Contains(answer.body, `"outcome":"STARTED"`) || !strings.Contains(answer.body, `"event":"/usgs 25"`) {
			t.Errorf("%d %.300s", answer.status, answer.body)
		}
	})
}
