-- name: AddRefusals :exec
-- Adds requests that were refused a while ago to those of their window, whose length is window_ms.
insert into refusals (id, window_at, key_hash, first_at, last_at, expires_at, refused, kind, user_id, user_email, user_role, scope, endpoint, method,
	limit_definition, limit_count, limit_seconds, retry_seconds, limit_key, ip_address, user_agent)
values (sqlc.arg(id), to_timestamp(floor((extract(epoch from clock_timestamp()) * 1000 - sqlc.arg(first_ago_ms)::bigint) / sqlc.arg(window_ms)::bigint) * sqlc.arg(window_ms)::bigint / 1000), sqlc.arg(key_hash),
	clock_timestamp() - sqlc.arg(first_ago_ms)::bigint * interval '1 millisecond', clock_timestamp() - sqlc.arg(last_ago_ms)::bigint * interval '1 millisecond',
	clock_timestamp() - sqlc.arg(last_ago_ms)::bigint * interval '1 millisecond' + sqlc.arg(retry_seconds)::bigint * interval '1 second',
	sqlc.arg(refused), sqlc.arg(kind), sqlc.arg(user_id), sqlc.arg(user_email), sqlc.arg(user_role), sqlc.arg(scope), sqlc.arg(endpoint), sqlc.arg(method),
	sqlc.arg(limit_definition), sqlc.arg(limit_count), sqlc.arg(limit_seconds), sqlc.arg(retry_seconds)::bigint, sqlc.arg(limit_key), sqlc.arg(ip_address), sqlc.arg(user_agent))
on conflict (window_at, key_hash) do update
set first_at = least(refusals.first_at, excluded.first_at), last_at = greatest(refusals.last_at, excluded.last_at), expires_at = greatest(refusals.expires_at, excluded.expires_at),
	refused = refusals.refused + excluded.refused, retry_seconds = excluded.retry_seconds, ip_address = excluded.ip_address, user_agent = excluded.user_agent;

-- name: ExpireRefusals :execrows
-- Has refusals be over that a reset has ended: of one caller or address, or with an empty key all.
update refusals
set expires_at = clock_timestamp()
where expires_at > clock_timestamp() and (sqlc.arg(limit_key)::text = '' or limit_key = sqlc.arg(limit_key)::text);

-- name: DeleteOldRefusals :execrows
-- Deletes some of those that were long ago.
delete from refusals
where id in (
	select r.id from refusals r
	where r.last_at < clock_timestamp() - sqlc.arg(keep_ms)::bigint * interval '1 millisecond'
	order by r.last_at
	limit sqlc.arg(at_most)::bigint
	for update skip locked
);

-- name: DeleteSurplusRefusals :execrows
-- Deletes some of those that are beyond the newest.
delete from refusals
where id in (
	select r.id from refusals r
	order by r.last_at desc, r.id desc
	limit sqlc.arg(at_most)::bigint offset sqlc.arg(keep)::bigint
);
