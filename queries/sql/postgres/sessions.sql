-- name: GetSession :one
-- left_ms is how long it has by the clock of the database.
select generation, revision, sealed, (extract(epoch from expires_at - clock_timestamp()) * 1000)::bigint as left_ms
from sessions
where session_index = sqlc.arg(session_index) and expires_at > clock_timestamp();

-- name: InsertSession :execrows
-- Writes a first record, or one in the place of an expired one.
insert into sessions (session_index, generation, revision, sealed, created_at, updated_at, expires_at)
values (sqlc.arg(session_index), sqlc.arg(generation), sqlc.arg(revision), sqlc.arg(sealed), clock_timestamp(), clock_timestamp(), clock_timestamp() + sqlc.arg(lifetime_ms)::bigint * interval '1 millisecond')
on conflict (session_index) do update
set generation = excluded.generation, revision = excluded.revision, sealed = excluded.sealed,
	created_at = clock_timestamp(), updated_at = clock_timestamp(), expires_at = clock_timestamp() + sqlc.arg(lifetime_ms)::bigint * interval '1 millisecond'
where sessions.expires_at <= clock_timestamp();

-- name: UpdateSession :execrows
update sessions
set generation = sqlc.arg(generation), revision = sqlc.arg(revision), sealed = sqlc.arg(sealed),
	updated_at = clock_timestamp(), expires_at = clock_timestamp() + sqlc.arg(lifetime_ms)::bigint * interval '1 millisecond'
where session_index = sqlc.arg(session_index) and generation = sqlc.arg(old_generation) and revision = sqlc.arg(old_revision);

-- name: DeleteSession :execrows
delete from sessions
where session_index = sqlc.arg(session_index) and generation = sqlc.arg(generation) and revision = sqlc.arg(revision);

-- name: DeleteExpiredSessions :execrows
-- Deletes some of the expired records.
delete from sessions
where session_index in (
	select s.session_index from sessions s
	where s.expires_at <= clock_timestamp()
	order by s.expires_at
	limit sqlc.arg(at_most)::bigint
	for update skip locked
);
