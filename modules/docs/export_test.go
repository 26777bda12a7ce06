package docs

import (
	"maps"
	"slices"
)

// Written are the operations that are described by hand.
func Written() []string { return slices.Sorted(maps.Keys(handwritten())) }
