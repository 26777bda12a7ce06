-- name: InsertSigningKey :execrows
-- Adds a key if the newest that has not retired is still this one; empty: there is none. Of those who try at once one does.
insert into signing_keys (number, kid, public_key, sealed, created_at, signs_at, retires_at)
select coalesce((select max(m.number) from signing_keys m), 0) + 1, sqlc.arg(kid), sqlc.arg(public_key), sqlc.arg(sealed), strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'),
	strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', printf('%+.3f seconds', cast(sqlc.arg(signs_ms) as integer) / 1000.0)), strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', printf('%+.3f seconds', cast(sqlc.arg(retires_ms) as integer) / 1000.0))
where coalesce((select n.kid from signing_keys n where n.retires_at > strftime('%Y-%m-%d %H:%M:%f+00:00', 'now') order by n.number desc limit 1), '') = cast(sqlc.arg(newest) as text)
on conflict (number) do nothing;

-- name: ListSigningKeys :many
-- Those that have not retired, the oldest first. signs_in_ms and retires_in_ms are by the clock of the database.
select kid, public_key, sealed, cast((unixepoch(signs_at, 'subsec') - unixepoch('now', 'subsec')) * 1000 as integer) as signs_in_ms, cast((unixepoch(retires_at, 'subsec') - unixepoch('now', 'subsec')) * 1000 as integer) as retires_in_ms
from signing_keys
where retires_at > strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')
order by number;

-- name: ResealSigningKey :execrows
-- Writes a key sealed anew, unless somebody did meanwhile.
update signing_keys
set sealed = sqlc.arg(sealed)
where kid = sqlc.arg(kid) and sealed = sqlc.arg(old_sealed);

-- name: RetireSigningKeys :execrows
-- Has all keys but one retire soon, unless they do sooner.
update signing_keys
set retires_at = min(retires_at, strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', printf('%+.3f seconds', cast(sqlc.arg(retires_ms) as integer) / 1000.0)))
where kid <> sqlc.arg(kid) and retires_at > strftime('%Y-%m-%d %H:%M:%f+00:00', 'now');

-- name: NextRevocation :one
-- Nobody else gets one until the transaction ends.
update revocation_counter
set number = number + 1
where id = 1
returning number;

-- name: GetRevocationNumber :one
select number from revocation_counter where id = 1;

-- name: InsertRevocation :exec
insert into revocations (number, kind, subject, created_at, expires_at)
values (sqlc.arg(number), sqlc.arg(kind), sqlc.arg(subject), strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'), strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', printf('%+.3f seconds', cast(sqlc.arg(lifetime_ms) as integer) / 1000.0)));

-- name: ListRevocations :many
select number, kind, subject
from revocations
where number > sqlc.arg(after)
order by number
limit cast(sqlc.arg(at_most) as integer);

-- name: DeleteExpiredRevocations :execrows
-- Deletes some of those that have expired.
delete from revocations
where number in (
	select r.number from revocations r
	where r.expires_at <= strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')
	order by r.expires_at
	limit cast(sqlc.arg(at_most) as integer)
);
