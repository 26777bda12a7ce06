//go:build !race

package build

// Race says whether the tests look for races. The gateway of most is then built to look for them, too.
const Race = false
