//go:build fairway_cheap_hashes

package passwords

// Default is the scheme of new hashes in a program that is built for tests, thousands of which log in: it protects no password.
func Default() Scheme { return Scheme{Algorithm: Argon2id, Passes: 1, MemoryKiB: 1 << 10, Lanes: 1} }
