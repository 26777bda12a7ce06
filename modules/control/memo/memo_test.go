package memo_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/memo"
)

func TestMemo(t *testing.T) {
	t.Parallel()
	now := time.Now()
	later := now.Add(time.Hour)
	for name, c := range map[string]struct {
		size int
		do   func(m *memo.Memo[string, int])
		want map[string]bool
	}{
		"what was put is there":      {2, func(m *memo.Memo[string, int]) { m.Put("a", 1, later, m.Epoch()) }, map[string]bool{"a": true, "b": false}},
		"what has expired is not":    {2, func(m *memo.Memo[string, int]) { m.Put("a", 1, now, m.Epoch()) }, map[string]bool{"a": false}},
		"with no room nothing is":    {0, func(m *memo.Memo[string, int]) { m.Put("a", 1, later, m.Epoch()) }, map[string]bool{"a": false}},
		"nor what is of another age": {2, func(m *memo.Memo[string, int]) { e := m.Epoch(); m.Clear(); m.Put("a", 1, later, e) }, map[string]bool{"a": false}},
		"nor what another dropped meanwhile": {2, func(m *memo.Memo[string, int]) {
			e := m.Epoch()
			m.Drop(func(int) bool { return false })
			m.Put("a", 1, later, e)
		}, map[string]bool{"a": false}},
		"what has changed is dropped alone": {2, func(m *memo.Memo[string, int]) {
			m.Put("a", 1, later, m.Epoch())
			m.Put("b", 2, later, m.Epoch())
			m.Drop(func(v int) bool { return v == 1 })
		}, map[string]bool{"a": false, "b": true}},
		"a key that is there needs no room": {1, func(m *memo.Memo[string, int]) {
			m.Put("a", 1, later, m.Epoch())
			m.Put("a", 2, later, m.Epoch())
		}, map[string]bool{"a": true}},
		"what nobody used goes first": {2, func(m *memo.Memo[string, int]) {
			m.Put("a", 1, later, m.Epoch())
			m.Put("b", 2, later, m.Epoch())
			m.Get("a", now)
			m.Put("c", 3, later, m.Epoch())
			if m.Len() != 2 {
				panic("too many")
			}
		}, map[string]bool{"c": true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := memo.New[string, int](c.size)
			c.do(m)
			for key, want := range c.want {
				if _, ok := m.Get(key, now); ok != want {
					t.Errorf("%s: %v", key, ok)
				}
			}
		})
	}
}

// TestBound holds that many who put at once do not make it larger.
func TestBound(t *testing.T) {
	t.Parallel()
	m := memo.New[string, int](100)
	later := time.Now().Add(time.Hour)
	var wait sync.WaitGroup
	for g := range 8 {
		wait.Go(func() {
			for i := range 1000 {
				key := fmt.Sprintf("%d-%d", g, i)
				m.Put(key, i, later, m.Epoch())
				m.Get(key, time.Now())
				if i%100 == 0 {
					m.Drop(func(v int) bool { return v%2 == 0 })
				}
			}
		})
	}
	wait.Wait()
	if m.Len() > 100 {
		t.Errorf("%d are kept", m.Len())
	}
}
