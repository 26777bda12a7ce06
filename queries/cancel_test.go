package queries

import (
	"database/sql"
	"errors"
	"slices"
	"sync"
	"testing"
)

// TestDeletedUsers have nothing executed any more: what waits is cancelled, who runs something is told, and what they ask for meanwhile is
// cancelled, too, or not made.
func TestDeletedUsers(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		u, other := create(t, s, aUser("a@x.org")), create(t, s, aUser("b@x.org"))
		sc := aScript(t, s, other.ID, "one")
		two := Limits{PerUser: 3}
		of := func(user *NewExecution) NewExecution { user.User = u.ID; return *user }
		n := execution(sc)
		mine := of(&n)
		ended := run1(t, s, two, mine)
		if _, err := s.Cancel(t.Context(), by(), ended.ID, "enough"); err != nil {
			t.Fatal(err)
		}
		running := run1(t, s, two, mine)
		c := claim1(t, s, fresh())
		start1(t, s, c)
		starting := run1(t, s, two, mine)
		claim1(t, s, fresh())
		ready, waiting, others := run1(t, s, two, mine), run1(t, s, two, mine), run1(t, s, two, execution(sc))
		if statusOf(t, s, waiting.ID) != StatusPending {
			t.Fatal(statusOf(t, s, waiting.ID))
		}
		var asking sync.WaitGroup
		begin := make(chan struct{})
		for range 4 {
			asking.Go(func() {
				<-begin
				for range 5 {
					if _, err := s.CreateExecution(t.Context(), two, mine); err != nil && !errors.Is(err, sql.ErrNoRows) {
						t.Error(err)
					}
				}
			})
		}
		close(begin)
		if _, err := s.DeleteUser(t.Context(), by(), u.ID); err != nil {
			t.Fatal(err)
		}
		asking.Wait()
		for _, c := range []struct {
			id   [16]byte
			want string
		}{
			{ended.ID, StatusCancelled}, {running.ID, StatusCancelling}, {starting.ID, StatusCancelling}, {ready.ID, StatusCancelled}, {waiting.ID, StatusCancelled}, {others.ID, StatusReady},
		} {
			if got := statusOf(t, s, c.id); got != c.want {
				t.Errorf("%s, not %s", got, c.want)
			}
		}
		if left, err := s.Queries().ListLivingOf(t.Context(), &u.ID); err != nil || len(left) != 0 {
			t.Errorf("%v %v", left, err)
		}
		if v, err := s.Renew(t.Context(), []Holder{c.Holder}, 0); err != nil || !slices.Equal(v, []Verdict{{Held: true, Stop: OutcomeCancelled}}) {
			t.Errorf("%v %v", v, err)
		}
		if moves, err := s.StatusLog(t.Context(), waiting.ID, 10); err != nil || moves[len(moves)-1].Reason != "its user was deleted" {
			t.Errorf("%v %v", moves, err)
		}
	})
}
