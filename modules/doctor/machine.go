package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// How much room a disk needs, in bytes; and how many files, in parts of all that it may have.
const (
	littleRoom = 1 << 30
	noRoom     = 100 << 20
	littleMore = 100
)

// leastFiles is how many files and connections a gateway should be able to have open.
const leastFiles = 4096

// disks looks at the directories where something is kept.
func (e *examination) disks(context.Context) []Finding {
	runs := false
	if e.provisioned {
		runs, _ = e.app.Embeds()
	}
	directories := e.app.Directories(runs)
	out := make([]Finding, 0, len(directories))
	for _, d := range directories {
		out = append(out, disk("disk "+d.What, d.Directory))
	}
	return out
}

// disk says whether a directory can be written, and how much room there is. One that is not there is looked at as the one in which it would be
// made.
func disk(check, directory string) Finding {
	at := directory
	info, err := os.Stat(at)
	for errors.Is(err, fs.ErrNotExist) && filepath.Dir(at) != at {
		at = filepath.Dir(at)
		info, err = os.Stat(at)
	}
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is no directory", at)
	}
	if err == nil {
		err = writable(at)
	}
	if err != nil {
		return Finding{check, Failure, fmt.Sprintf("%s: %v", directory, err), "give it to the user whose gateway it is, and call this command as that user; or have another directory (XDG_DATA_HOME, TMPDIR, or the word of the configuration)"}
	}
	out := fine(check, "%s can be written", directory)
	if at != directory {
		out.Found = directory + " can be made"
	}
	if s, ok := stranger(info); ok {
		out.State, out.Do = Warning, "call this command, and all others, as the user whose gateway it is: files that another user makes are not the gateway's to change"
		out.Found += ", but is of " + s
	}
	room, ok := roomOf(at)
	if !ok {
		return out
	}
	out.Found += fmt.Sprintf(", %d MiB are free", room.bytes>>20)
	const free = "free some room, or have a larger disk: docs/store.md says for how long what is kept"
	switch {
	case room.bytes < noRoom:
		out.State, out.Do = Failure, free
	case room.bytes < littleRoom:
		out.State, out.Do = Warning, free
	case room.mostFiles > 0 && room.files < room.mostFiles/littleMore:
		out.State, out.Do = Warning, "there is room for few more files (inodes): remove some"
		out.Found += fmt.Sprintf(", and %d more files", room.files)
	}
	return out
}

// writable makes a file, and removes it: rights, disks that are full or read-only, and quotas are all told by that.
func writable(directory string) (err error) {
	f, err := os.CreateTemp(directory, ".fairway-doctor-")
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err // the name is of no interest
	}
	if err != nil {
		return err
	}
	_, written := f.Write(make([]byte, 4096))
	return errors.Join(written, f.Close(), os.Remove(f.Name()))
}

// room is what is free on a disk.
type room struct{ bytes, files, mostFiles uint64 }

// blobs asks a place that is no directory.
func (e *examination) blobs(ctx context.Context) []Finding {
	if !e.provisioned || e.app.BlobsAt == "" {
		return nil
	}
	place, err := e.app.Blobs(ctx)
	if err == nil {
		err = place.Ready(ctx)
	}
	if err != nil {
		return []Finding{{"blobs", Failure, err.Error(), "see that it is there, and that the environment has who one is to it (AWS_ACCESS_KEY_ID)"}}
	}
	return []Finding{fine("blobs", "%s can be reached", place)}
}

// mail greets the server.
func (e *examination) mail(ctx context.Context) []Finding {
	cfg, err := e.app.ResolvedMail()
	if err != nil {
		return []Finding{{"mail", Failure, err.Error(), "docs/mail.md has how it is written"}}
	}
	if cfg.URL == "" {
		return []Finding{fine("mail", "there is no server: letters are written to the log")}
	}
	at, err := cfg.Greet(ctx)
	if err != nil {
		return []Finding{{"mail", Failure, fmt.Sprintf("%s: %v", at, err), "see that it runs, and that address, port and tls are right; letters wait meanwhile"}}
	}
	return []Finding{fine("mail", "%s answers; nobody logged in", at)}
}

// zones says whether schedules can have the times of a place.
func (*examination) zones(context.Context) []Finding {
	for _, name := range []string{"Europe/Berlin", "America/New_York"} {
		if _, err := time.LoadLocation(name); err != nil {
			return []Finding{{"time zones", Failure, err.Error(), "remove the variable ZONEINFO: the program has all zones built in"}}
		}
	}
	return []Finding{fine("time zones", "they are known; here it is %s", time.Now().Format("15:04 MST"))}
}

// limits says how much the system lets a process have.
func (*examination) limits(context.Context) []Finding {
	most, ok := openFiles()
	if !ok {
		return nil
	}
	out := fine("open files", "%d at most", most)
	if most < leastFiles {
		out.State, out.Do = Warning, fmt.Sprintf("allow %d at least (LimitNOFILE= of systemd, ulimit -n): each connection is one", leastFiles)
	}
	return []Finding{out}
}
