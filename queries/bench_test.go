package queries

import (
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkLogin is what the store does for one login: a lease, a look, a session, and the lease back.
func BenchmarkLogin(b *testing.B) {
	for name, dsn := range map[string]func(testing.TB) string{"sqlite": sqliteDSN, "postgres": postgresDSN} {
		b.Run(name, func(b *testing.B) {
			s := openStore(b, dsn(b))
			var n atomic.Int64
			sealed := make([]byte, 2048)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					i := int(n.Add(1))
					key := strconv.Itoa(i)
					if _, ok, err := s.Lease(b.Context(), key, "me", time.Minute); !ok || err != nil {
						b.Fatal(ok, err)
					}
					if _, _, err := s.Session(b.Context(), numbered(i)); err != nil {
						b.Fatal(err)
					}
					if ok, err := s.ReplaceSession(b.Context(), numbered(i), Version{}, Session{Version: Version{1, 0}, Sealed: sealed, Expires: in(time.Hour)}); !ok || err != nil {
						b.Fatal(ok, err)
					}
					if err := s.Release(b.Context(), key, "me"); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

// BenchmarkSession is a look at a session that is there.
func BenchmarkSession(b *testing.B) {
	for name, dsn := range map[string]func(testing.TB) string{"sqlite": sqliteDSN, "postgres": postgresDSN} {
		b.Run(name, func(b *testing.B) {
			s := openStore(b, dsn(b))
			if _, err := s.ReplaceSession(b.Context(), numbered(1), Version{}, Session{Version: Version{1, 0}, Sealed: make([]byte, 2048), Expires: in(time.Hour)}); err != nil {
				b.Fatal(err)
			}
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, ok, err := s.Session(b.Context(), numbered(1)); !ok || err != nil {
						b.Fatal(ok, err)
					}
				}
			})
		})
	}
}
