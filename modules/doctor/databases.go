package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/fairway-gateway/fairway/modules/fairway"
)

// How far the clock of a database may be from the one here. What is stored has the database's time, so that gateways agree; but when a token or
// a certificate ends, each looks at its own clock.
const (
	skewWarning = 2 * time.Second
	skewFailure = time.Minute
)

// secret says whether there is one that seals what is stored.
func (e *examination) secret(context.Context) []Finding {
	made, err := e.app.CheckSecret()
	switch {
	case err != nil && e.provisioned && !e.app.UsesStore():
		return nil
	case err != nil:
		return []Finding{{"secret", Failure, err.Error(), "docs/store.md says how it is made, and that all gateways of a store have the same"}}
	case made:
		return []Finding{fine("secret", "there is none yet; the gateway makes one in its data directory")}
	}
	return []Finding{fine("secret", "it can be read")}
}

func (e *examination) store(ctx context.Context) []Finding {
	if e.provisioned && !e.app.UsesStore() {
		return []Finding{fine("store", "nothing in the configuration needs it")}
	}
	found, err := e.app.Examine(ctx, "store")
	if errors.Is(err, fs.ErrNotExist) {
		return []Finding{fine("store", "there is none yet; the gateway makes it when it starts")}
	}
	if err != nil {
		return []Finding{{"store", Failure, err.Error(), "see that it runs, that its address is right and that nothing is between; docs/store.md has how it is written"}}
	}
	return append([]Finding{schema("store", "up", found)}, clock(found)...)
}

func (e *examination) database(ctx context.Context, name string) []Finding {
	check := "database " + name
	found, err := e.app.Examine(ctx, name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !found.Shared:
		return []Finding{{check, Failure, err.Error(), "make the file, or correct the address"}}
	case err != nil:
		return []Finding{{check, Failure, err.Error(), "see that it runs, that its address is right and that nothing is between; docs/sql.md has how it is written"}}
	case found.Unready:
		return []Finding{{check, Failure, found.Server + " is behind a pooler, and its address does not say so", "write default_query_exec_mode=exec among the options of the address (docs/sql.md)"}}
	case !found.Migrated:
		return []Finding{fine(check, "%s answers", found.Server)}
	}
	return []Finding{schema(check, "up "+name, found)}
}

// schema says what there is to do about migrations, by `fairway db` with a command.
func schema(check, up string, found fairway.Examined) Finding {
	is := fmt.Sprintf("%s, schema %d of %d", found.Server, found.Applied, found.Newest)
	if found.Pooled {
		is += ", behind a pooler"
	}
	switch {
	case found.Standby && check == "store":
		return Finding{check, Failure, is + ", which takes no changes: it is a standby", "write the address of the server that it follows, or those of both, of which the one that takes changes is chosen (docs/store.md)"}
	case found.Applied > found.Newest && check == "store":
		return Finding{check, Failure, is + ": a newer version of this program made it", "start that version, or restore a backup of before (docs/backups.md)"}
	case found.Applied > found.Newest:
		return Finding{check, Warning, is + ": more was applied than the folder has", "bring the folder of its migrations up to date"}
	case found.Applied < found.Newest && check == "store":
		return Finding{check, Warning, is, "make a backup; then `fairway db " + up + "`, or the start of a gateway, brings it up to date"}
	case found.Applied < found.Newest:
		return Finding{check, Failure, is, "call `fairway db " + up + "`; a gateway does not do that"}
	}
	return fine(check, "%s", is)
}

// clock says how far the store's is away.
func clock(found fairway.Examined) []Finding {
	if !found.Shared {
		return nil // it is the same one
	}
	out := fine("clock", "that of the store goes %s before the one here, give or take %s", rounded(found.Ahead), rounded(found.Unsure))
	if found.Ahead < 0 {
		out.Found = fmt.Sprintf("that of the store goes %s after the one here, give or take %s", rounded(-found.Ahead), rounded(found.Unsure))
	}
	surely := found.Ahead.Abs() - found.Unsure
	if surely > skewWarning {
		out.State, out.Do = Warning, "have both machines set their clocks by NTP: tokens and certificates begin and end by the clock of each"
	}
	if surely > skewFailure {
		out.State = Failure
	}
	return []Finding{out}
}

func rounded(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
