-- name: GetSession :one
-- left_ms is how long it has by the clock of the database.
select generation, revision, sealed, cast((unixepoch(expires_at, 'subsec') - unixepoch('now', 'subsec')) * 1000 as integer) as left_ms
from sessions
where session_index = sqlc.arg(session_index) and expires_at > strftime('%Y-%m-%d %H:%M:%f+00:00', 'now');

-- name: InsertSession :execrows
-- Writes a first record, or one in the place of an expired one.
insert into sessions (session_index, generation, revision, sealed, created_at, updated_at, expires_at)
values (sqlc.arg(session_index), sqlc.arg(generation), sqlc.arg(revision), sqlc.arg(sealed), strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'), strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'),
	strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', printf('%+.3f seconds', cast(sqlc.arg(lifetime_ms) as integer) / 1000.0)))
on conflict (session_index) do update
set generation = excluded.generation, revision = excluded.revision, sealed = excluded.sealed,
	created_at = excluded.created_at, updated_at = excluded.updated_at, expires_at = excluded.expires_at
where sessions.expires_at <= strftime('%Y-%m-%d %H:%M:%f+00:00', 'now');

-- name: UpdateSession :execrows
update sessions
set generation = sqlc.arg(generation), revision = sqlc.arg(revision), sealed = sqlc.arg(sealed), updated_at = strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'),
	expires_at = strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', printf('%+.3f seconds', cast(sqlc.arg(lifetime_ms) as integer) / 1000.0))
where session_index = sqlc.arg(session_index) and generation = sqlc.arg(old_generation) and revision = sqlc.arg(old_revision);

-- name: DeleteSession :execrows
delete from sessions
where session_index = sqlc.arg(session_index) and generation = sqlc.arg(generation) and revision = sqlc.arg(revision);

-- name: DeleteExpiredSessions :execrows
-- Deletes some of the expired records.
delete from sessions
where session_index in (
	select s.session_index from sessions s
	where s.expires_at <= strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')
	order by s.expires_at
	limit cast(sqlc.arg(at_most) as integer)
);
