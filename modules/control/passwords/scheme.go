package passwords

import (
	"errors"
	"fmt"
)

// Algorithm is a function that makes hashes of passwords.
type Algorithm uint8

// Algorithms.
const (
	Argon2id Algorithm = iota + 1
	Bcrypt
)

// Scheme is an algorithm with what it costs. Two hashes of one Scheme are the same work.
type Scheme struct {
	// Algorithm says which of the other fields count.
	Algorithm Algorithm
	// Passes, 1 to 32, Memory, in KiB, at least 8 for each lane and at most 65536, and Lanes, 1 to 16, are argon2id's. Passes
	// times Memory is at most 1048576: about a second.
	Passes, MemoryKiB uint32
	Lanes             uint8
	// Cost is bcrypt's, 4 to 15: the logarithm of its rounds.
	Cost uint8
}

// Limits of schemes that are read. A store could name a hash that takes a day and all memory.
const (
	mostPasses    = 32
	mostMemoryKiB = 64 << 10
	mostWork      = 1 << 20 // passes times KiB
	mostLanes     = 16
	leastCost     = 4
	mostCost      = 15
	// bcryptMemory is what bcrypt holds: the boxes of Blowfish, and the library's copies.
	bcryptMemory = 64 << 10
)

// Check says what is wrong with a scheme.
func (s Scheme) Check() error {
	switch s.Algorithm {
	case Argon2id:
		return s.checkArgon2id()
	case Bcrypt:
		if s.Cost < leastCost || s.Cost > mostCost {
			return fmt.Errorf("bcrypt with cost %d: it is %d to %d", s.Cost, leastCost, mostCost)
		}
		return nil
	}
	return errors.New("a scheme has an algorithm")
}

func (s Scheme) checkArgon2id() error {
	switch {
	case s.Passes < 1 || s.Passes > mostPasses:
		return fmt.Errorf("argon2id with %d passes: they are 1 to %d", s.Passes, mostPasses)
	case s.Lanes < 1 || s.Lanes > mostLanes:
		return fmt.Errorf("argon2id with %d lanes: they are 1 to %d", s.Lanes, mostLanes)
	case s.MemoryKiB < 8*uint32(s.Lanes) || s.MemoryKiB > mostMemoryKiB:
		return fmt.Errorf("argon2id with %d KiB: they are 8 for each lane to %d", s.MemoryKiB, mostMemoryKiB)
	case s.Passes*s.MemoryKiB > mostWork:
		return fmt.Errorf("argon2id with %d passes over %d KiB is more than %d in all", s.Passes, s.MemoryKiB, mostWork)
	}
	return nil
}

// Memory is what one hash holds while it is made, in bytes.
func (s Scheme) Memory() int64 {
	if s.Algorithm == Bcrypt {
		return bcryptMemory
	}
	return int64(s.MemoryKiB) << 10
}

// work compares what schemes cost. The unit is one pass over one KiB, about a microsecond; a round of bcrypt takes about 72 of
// them.
func (s Scheme) work() uint64 {
	if s.Algorithm == Bcrypt {
		return 72 << s.Cost
	}
	return uint64(s.Passes) * uint64(s.MemoryKiB)
}

// String is what stands before the salt of a hash, such as $argon2id$v=19$m=19456,t=2,p=1 or $2b$12.
func (s Scheme) String() string {
	switch s.Algorithm {
	case Argon2id:
		return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d", s.MemoryKiB, s.Passes, s.Lanes)
	case Bcrypt:
		return fmt.Sprintf("$2b$%02d", s.Cost)
	}
	return "no scheme"
}
