//go:build !fairway_cheap_hashes

package passwords

// Default is the scheme of new hashes: argon2id with 2 passes over 19 MiB in 1 lane.
func Default() Scheme { return Scheme{Algorithm: Argon2id, Passes: 2, MemoryKiB: 19 << 10, Lanes: 1} }
