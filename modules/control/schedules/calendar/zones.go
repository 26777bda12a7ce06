package calendar

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // a container may have no zones
)

// Zones are time zones by their IANA names, each read once. The zero Zones are ready, and used concurrently.
type Zones struct{ read sync.Map }

// mostZone is how long the name of a zone is, in bytes.
const mostZone = 64

// Zone gives the zone of a name, as Europe/Berlin or UTC. The error is for who wrote it.
func (z *Zones) Zone(name string) (*time.Location, error) {
	if found, ok := z.read.Load(name); ok {
		return found.(*time.Location), nil
	}
	// "" and Local would be the zone of the machine.
	// posix/… and right/… are there on some machines only.
	_, known, _ := strings.Cut(name, "/")
	if name == "" || len(name) > mostZone || strings.HasPrefix(name, "posix") || strings.HasPrefix(name, "right/") || known == "" && strings.EqualFold(strings.TrimSuffix(name, "time"), "local") || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("it is no name of a time zone, like Europe/Berlin or UTC")
	}
	found, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("there is no time zone %q; they are called like Europe/Berlin or UTC", name)
	}
	z.read.Store(name, found) // there are some hundred
	return found, nil
}
