package doctor

import "io/fs"

// roomOf does not ask.
func roomOf(string) (room, bool) { return room{}, false }

// openFiles has no limit.
func openFiles() (uint64, bool) { return 0, false }

// stranger cannot be told.
func stranger(fs.FileInfo) (string, bool) { return "", false }
