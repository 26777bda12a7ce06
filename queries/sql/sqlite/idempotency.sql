-- name: TakeIdempotencyKey :one
-- Gives a fence to who may do what a key is for: nobody has done it, or what was kept has expired, or who did it is dead. No row:
-- somebody has done it, or is doing it, or with another body.
insert into idempotency_keys (key_hash, body_hash, fence, leased_until, status, sealed, created_at, expires_at)
values (sqlc.arg(key_hash), sqlc.arg(body_hash), 1, strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', printf('%+.3f seconds', cast(sqlc.arg(lease_ms) as integer) / 1000.0)), 0, x'', strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'), strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', printf('%+.3f seconds', cast(sqlc.arg(lifetime_ms) as integer) / 1000.0)))
on conflict (key_hash) do update
set body_hash = excluded.body_hash, fence = idempotency_keys.fence + 1, leased_until = excluded.leased_until, status = 0, sealed = excluded.sealed,
	created_at = excluded.created_at, expires_at = excluded.expires_at
where idempotency_keys.expires_at <= strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')
	or idempotency_keys.leased_until <= strftime('%Y-%m-%d %H:%M:%f+00:00', 'now') and idempotency_keys.body_hash = excluded.body_hash
returning fence;

-- name: GetIdempotencyKey :one
select body_hash, status, sealed
from idempotency_keys
where key_hash = sqlc.arg(key_hash) and expires_at > strftime('%Y-%m-%d %H:%M:%f+00:00', 'now');

-- name: AnswerIdempotencyKey :execrows
update idempotency_keys
set status = sqlc.arg(status), sealed = sqlc.arg(sealed), leased_until = null
where key_hash = sqlc.arg(key_hash) and fence = sqlc.arg(fence) and status = 0;

-- name: ReleaseIdempotencyKey :execrows
-- The row stays, so that fences go on.
update idempotency_keys
set leased_until = strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')
where key_hash = sqlc.arg(key_hash) and fence = sqlc.arg(fence) and status = 0;

-- name: DeleteExpiredIdempotencyKeys :execrows
-- Deletes some of those that have expired.
delete from idempotency_keys
where key_hash in (
	select k.key_hash from idempotency_keys k
	where k.expires_at <= strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')
	order by k.expires_at
	limit cast(sqlc.arg(at_most) as integer)
);
