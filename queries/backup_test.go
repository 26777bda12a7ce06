package queries

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/fairway-gateway/fairway/queries/db"
)

// fileStore opens a store in a file, which is closed with the test, or before.
func fileStore(t *testing.T, path string) (s *Store, end func()) {
	t.Helper()
	s, err := Open(t.Context(), Config{DSN: "sqlite:" + path})
	if err != nil {
		t.Fatal(err)
	}
	end = sync.OnceFunc(s.Close)
	t.Cleanup(end)
	return s, end
}

func makeUser(t *testing.T, s *Store, email string) {
	t.Helper()
	if _, err := s.CreateUser(t.Context(), By{Actor: "test"}, db.User{Email: email, Role: "USER", IsActive: true}); err != nil {
		t.Fatal(err)
	}
}

// TestBackup: a backup is one moment of a store that is written all the while, and becomes a store again.
func TestBackup(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, to := filepath.Join(dir, "store.db"), filepath.Join(dir, "backup.db")
	s, end := fileStore(t, path)
	makeUser(t, s, "first@example.org")
	ctx, stop := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	writing.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			// Both or none.
			err := s.InTx(ctx, func(q db.Querier) error {
				for _, key := range []string{"a", "b"} {
					if err := Tell(ctx, q, Event{Type: "t", Subject: key, Data: []byte("1")}); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		}
	})
	err := Backup(t.Context(), path, to)
	stop()
	writing.Wait()
	if err != nil {
		t.Fatal(err)
	}
	makeUser(t, s, "second@example.org")
	if info, err := os.Stat(to); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	if err := Backup(t.Context(), path, to); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a backup was written over: %v", err)
	}
	if left, _ := filepath.Glob(to + ".part*"); left != nil {
		t.Errorf("these are left: %v", left)
	}
	if _, err := Restore(t.Context(), path, to); !errors.Is(err, ErrInUse) {
		t.Errorf("a store that is open was replaced: %v", err)
	}
	if _, err := s.FindUser(t.Context(), "second@example.org"); err != nil {
		t.Error(err)
	}
	end()
	if _, err := Restore(t.Context(), path, to); err != nil {
		t.Fatal(err)
	}
	s, _ = fileStore(t, path)
	if _, err := s.FindUser(t.Context(), "first@example.org"); err != nil {
		t.Error(err)
	}
	if _, err := s.FindUser(t.Context(), "second@example.org"); err == nil {
		t.Error("who was made after the backup is there")
	}
	makeUser(t, s, "third@example.org")

	fresh := filepath.Join(dir, "fresh.db")
	if _, err := Restore(t.Context(), fresh, to); err != nil {
		t.Fatal(err)
	}
	s, _ = fileStore(t, fresh)
	if _, err := s.FindUser(t.Context(), "first@example.org"); err != nil {
		t.Error(err)
	}
}

// TestNoBackup: what is no backup leaves the store as it is.
func TestNoBackup(t *testing.T) { //nolint:tparallel // its subtests try the same store
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "store.db")
	s, end := fileStore(t, path)
	makeUser(t, s, "first@example.org")
	whole := filepath.Join(dir, "whole.db")
	if err := Backup(t.Context(), path, whole); err != nil {
		t.Fatal(err)
	}
	end()
	content, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	change := func(statement string) func(*testing.T, string) {
		return func(t *testing.T, file string) {
			t.Helper()
			if err := os.WriteFile(file, content, 0o600); err != nil {
				t.Fatal(err)
			}
			conn, err := openAlone(file, "")
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := conn.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
	}
	write := func(b []byte) func(*testing.T, string) {
		return func(t *testing.T, file string) {
			t.Helper()
			if err := os.WriteFile(file, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name, want string
		make       func(*testing.T, string)
	}{
		{"nothing", "no such file", func(*testing.T, string) {}},
		{"empty", "it is empty", write(nil)},
		{"a directory", "no file", func(t *testing.T, file string) {
			t.Helper()
			if err := os.Mkdir(file, 0o700); err != nil {
				t.Fatal(err)
			}
		}},
		{"text", "it cannot be read", write([]byte(strings.Repeat("no database ", 500)))},
		{"half", "it", write(content[:len(content)/2])},
		{"another database", "no tables of a store", change("drop table " + storeTable)},
		{"no schema", "never made", change("delete from " + storeTable)},
		{"newer", "a newer version", change("insert into " + storeTable + " (version_id, is_applied) values (999, 1)")},
	} {
		t.Run(c.name, func(t *testing.T) { //nolint:paralleltest // all of them try the same store
			file := filepath.Join(t.TempDir(), "file")
			c.make(t, file)
			if _, err := Restore(t.Context(), path, file); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
		})
	}
	s, _ = fileStore(t, path)
	if _, err := s.FindUser(t.Context(), "first@example.org"); err != nil {
		t.Error(err)
	}
}
