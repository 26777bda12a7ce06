//go:build linux

package dockertest

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
)

// start does for the machine's PostgreSQL what the entry point of the image postgres on Docker Hub does, as far as anybody here asks for it.
//
//nolint:dupword // it is a shell's
const start = `#!/bin/sh
set -eu
export PGDATA="${PGDATA:-/var/lib/postgresql/data}"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
	[ -z "${POSTGRES_PASSWORD_FILE:-}" ] || POSTGRES_PASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
	printf '%s\n' "${POSTGRES_PASSWORD:?}" >/tmp/password
	initdb --no-sync --no-instructions -U "${POSTGRES_USER:-postgres}" --pwfile=/tmp/password -A scram-sha-256 -E UTF8 --locale=C >/dev/null
	rm /tmp/password
	echo 'host all all 0.0.0.0/0 scram-sha-256' >>"$PGDATA/pg_hba.conf"
	if [ "${POSTGRES_DB:-postgres}" != postgres ]; then
		echo "create database \"$POSTGRES_DB\"" | postgres --single -j postgres >/dev/null
	fi
fi
exec "$@" -c listen_addresses='*' -c fsync=off
`

// Postgres writes an archive as Busybox does, with the machine's PostgreSQL, and /start, which wants the variables of the image postgres. Changes is what
// its image says beside that, as Load has it. Its user is 70, as that of the image postgres:alpine.
func Postgres(to io.Writer) (changes []string, err error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(found) == 0 {
		return nil, errors.Join(err, errors.New("there is no PostgreSQL of Debian's"))
	}
	home := filepath.Dir(found[len(found)-1])
	share := strings.Replace(home, "/lib/", "/share/", 1)
	var failed error
	err = Busybox(to, func(a *Archive) { failed = a.postgres(home, share) })
	return []string{
		"ENV PATH=" + home + "/bin:/bin", "ENV PGDATA=/var/lib/postgresql/data", "USER 70:70", "VOLUME /var/lib/postgresql/data", "EXPOSE 5432",
		`ENTRYPOINT ["/start"]`, `CMD ["postgres"]`,
	}, errors.Join(failed, err)
}

func (a *Archive) postgres(home, share string) error {
	programs := []string{"bin/initdb", "bin/postgres", "bin/psql", "bin/pg_isready", "bin/pg_dump", "lib/plpgsql.so", "lib/dict_snowball.so"}
	for i, name := range programs {
		programs[i] = filepath.Join(home, name)
	}
	needed, err := linked(programs)
	if err != nil {
		return err
	}
	for _, path := range append(needed, programs...) {
		if err := a.copy(path); err != nil {
			return fmt.Errorf("an image of PostgreSQL: %w", err)
		}
	}
	if err := filepath.WalkDir(share, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == "man":
			return fs.SkipDir
		case entry.IsDir():
			return nil
		}
		return a.copy(path)
	}); err != nil {
		return fmt.Errorf("an image of PostgreSQL: %w", err)
	}
	a.Add(tar.Header{Name: "etc/passwd", Mode: 0o644}, []byte("root:x:0:0::/:/bin/sh\npostgres:x:70:70::/var/lib/postgresql:/bin/sh\n"))
	for _, name := range []string{"var/lib/postgresql/", "var/lib/postgresql/data/", "run/postgresql/", "var/run/postgresql/"} {
		a.Add(tar.Header{Name: name, Typeflag: tar.TypeDir, Mode: 0o700, Uid: 70, Gid: 70}, nil)
	}
	a.Add(tar.Header{Name: "start"}, []byte(start))
	return a.err
}
