-- name: AddRefusals :exec
-- Adds requests that were refused a while ago to those of their window, whose length is window_ms.
insert into refusals (id, window_at, key_hash, first_at, last_at, expires_at, refused, kind, user_id, user_email, user_role, scope, endpoint, method,
	limit_definition, limit_count, limit_seconds, retry_seconds, limit_key, ip_address, user_agent)
values (sqlc.arg(id), strftime('%Y-%m-%d %H:%M:%f+00:00', (cast(strftime('%s', 'now', printf('%+.3f seconds', cast(sqlc.arg(first_ago_ms) as integer) / -1000.0)) as integer) * 1000 / cast(sqlc.arg(window_ms) as integer)) * cast(sqlc.arg(window_ms) as integer) / 1000, 'unixepoch'), sqlc.arg(key_hash),
	strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', printf('%+.3f seconds', cast(sqlc.arg(first_ago_ms) as integer) / -1000.0)), strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', printf('%+.3f seconds', cast(sqlc.arg(last_ago_ms) as integer) / -1000.0)),
	strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', printf('%+.3f seconds', cast(sqlc.arg(retry_seconds) as integer) - cast(sqlc.arg(last_ago_ms) as integer) / 1000.0)),
	sqlc.arg(refused), sqlc.arg(kind), sqlc.arg(user_id), sqlc.arg(user_email), sqlc.arg(user_role), sqlc.arg(scope), sqlc.arg(endpoint), sqlc.arg(method),
	sqlc.arg(limit_definition), sqlc.arg(limit_count), sqlc.arg(limit_seconds), sqlc.arg(retry_seconds), sqlc.arg(limit_key), sqlc.arg(ip_address), sqlc.arg(user_agent))
on conflict (window_at, key_hash) do update
set first_at = min(refusals.first_at, excluded.first_at), last_at = max(refusals.last_at, excluded.last_at), expires_at = max(refusals.expires_at, excluded.expires_at),
	refused = refusals.refused + excluded.refused, retry_seconds = excluded.retry_seconds, ip_address = excluded.ip_address, user_agent = excluded.user_agent;

-- name: ExpireRefusals :execrows
-- Has refusals be over that a reset has ended: of one caller or address, or with an empty key all.
update refusals
set expires_at = strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')
where expires_at > strftime('%Y-%m-%d %H:%M:%f+00:00', 'now') and (cast(sqlc.arg(limit_key) as text) = '' or limit_key = cast(sqlc.arg(limit_key) as text));

-- name: DeleteOldRefusals :execrows
-- Deletes some of those that were long ago.
delete from refusals
where id in (
	select r.id from refusals r
	where r.last_at < strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', printf('%+.3f seconds', cast(sqlc.arg(keep_ms) as integer) / -1000.0))
	order by r.last_at
	limit cast(sqlc.arg(at_most) as integer)
);

-- name: DeleteSurplusRefusals :execrows
-- Deletes some of those that are beyond the newest.
delete from refusals
where id in (
	select r.id from refusals r
	order by r.last_at desc, r.id desc
	limit cast(sqlc.arg(at_most) as integer) offset cast(sqlc.arg(keep) as integer)
);
