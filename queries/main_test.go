package queries

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fairway-gateway/fairway/internal/pgtest"
)

// shared is the server that the tests have in common.
var shared pgtest.Shared

// writeEnv has the tests' binary write sessions into the store of a DSN without end, and print the number of each that is written.
const writeEnv = "FAIRWAY_TEST_WRITE"

// openEnv has the tests' binary open the store of a DSN and end: it is the second process of tests that need one.
const openEnv = "FAIRWAY_TEST_OPEN"

func TestMain(m *testing.M) {
	if dsn := os.Getenv(openEnv); dsn != "" {
		if err := openOnce(dsn); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if dsn := os.Getenv(chaosEnv); dsn != "" {
		fmt.Fprintln(os.Stderr, chaosForever(dsn))
		os.Exit(1)
	}
	if dsn := os.Getenv(writeEnv); dsn != "" {
		fmt.Fprintln(os.Stderr, writeMany(dsn))
		os.Exit(1)
	}
	os.Exit(shared.Main(m))
}

func writeMany(dsn string) error {
	s, err := Open(context.Background(), Config{DSN: dsn})
	if err != nil {
		return err
	}
	for n := 1; ; n++ {
		ok, err := s.ReplaceSession(context.Background(), numbered(n), Version{}, Session{Version: Version{Generation: int64(n)}, Sealed: numbered(n), Expires: in(time.Hour)})
		if !ok || err != nil {
			return fmt.Errorf("%v, %w", ok, err)
		}
		if _, err := fmt.Println(n); err != nil {
			return err
		}
	}
}

// numbered is the index of a number.
func numbered(n int) []byte {
	out := make([]byte, 32)
	binary.BigEndian.PutUint64(out, uint64(n))
	return out
}

func openOnce(dsn string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s, err := Open(ctx, Config{DSN: dsn})
	if err != nil {
		return err
	}
	defer s.Close()
	_, _, err = s.Session(ctx, index(1))
	return err
}

// postgresDSN is the address of a database of its own for the test.
func postgresDSN(t testing.TB) string {
	t.Helper()
	return shared.Database(t) + poolOption
}

// poolOption keeps the pools of all tests under what the server has.
const poolOption = "&pool_max_conns=5"

// command runs statements on a connection of its own.
func command(t testing.TB, dsn, text string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), strings.TrimSuffix(dsn, poolOption))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _, err := conn.PgConn().Exec(t.Context(), text).ReadAll(); err != nil {
		t.Fatal(err)
	}
}

func sqliteDSN(t testing.TB) string {
	t.Helper()
	return "sqlite:" + filepath.Join(t.TempDir(), "a b#%.db")
}

// both runs a test with each engine, on an empty database.
func both(t *testing.T, test func(t *testing.T, dsn string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, sqliteDSN(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, postgresDSN(t))
	})
}

func openStore(t testing.TB, dsn string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// index is an index of 32 bytes.
func index(n byte) []byte {
	out := make([]byte, 32)
	out[31] = n
	return out
}

func in(d time.Duration) time.Time { return time.Now().Add(d) }
