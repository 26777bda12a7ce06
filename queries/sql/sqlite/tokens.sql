-- name: InsertFamily :execrows
-- No row: the user is not there, or was deleted.
insert into token_families (id, user_id, client, scopes, device, created_at, expires_at)
select sqlc.arg(id), u.id, sqlc.arg(client), sqlc.arg(scopes), sqlc.arg(device), strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'), strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', printf('%+.3f seconds', cast(sqlc.arg(lifetime_ms) as integer) / 1000.0))
from users u
where u.id = sqlc.arg(user_id) and u.deleted_at is null;

-- name: InsertRefreshToken :execrows
-- It ends with its family.
insert into refresh_tokens (hash, family_id, parent, issued_at, expires_at)
select sqlc.arg(hash), f.id, sqlc.narg(parent), strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'), min(strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', printf('%+.3f seconds', cast(sqlc.arg(lifetime_ms) as integer) / 1000.0)), f.expires_at)
from token_families f
where f.id = sqlc.arg(family_id);

-- name: GetRefreshToken :one
-- Whatever has become of it.
select f.id as family_id, f.user_id, f.client, f.scopes
from refresh_tokens t
join token_families f on f.id = t.family_id
where t.hash = sqlc.arg(hash);

-- name: RotateRefreshToken :one
-- Marks a token as used, if it was not: of those who try at once, one does.
update refresh_tokens
set used_at = strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'), successor_sealed = sqlc.arg(successor_sealed)
where hash = sqlc.arg(hash) and used_at is null and expires_at > strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')
	and exists (
		select 1 from token_families f
		where f.id = refresh_tokens.family_id and f.client = sqlc.arg(client) and f.revoked_at is null and f.expires_at > strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')
	)
returning family_id;

-- name: ExtendRefreshToken :one
-- Has a token that was not used live longer, at most as long as its family.
update refresh_tokens
set expires_at = min(strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', printf('%+.3f seconds', cast(sqlc.arg(lifetime_ms) as integer) / 1000.0)), (select g.expires_at from token_families g where g.id = refresh_tokens.family_id))
where hash = sqlc.arg(hash) and used_at is null and expires_at > strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')
	and exists (
		select 1 from token_families f
		where f.id = refresh_tokens.family_id and f.client = sqlc.arg(client) and f.revoked_at is null and f.expires_at > strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')
	)
returning family_id;

-- name: GetSuccessor :one
-- The successor of a token that was used a moment ago, by the same client.
select t.successor_sealed
from refresh_tokens t
join token_families f on f.id = t.family_id
where t.hash = sqlc.arg(hash) and f.client = sqlc.arg(client) and f.revoked_at is null and f.expires_at > strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')
	and t.used_at > strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', printf('%+.3f seconds', cast(sqlc.arg(grace_ms) as integer) / -1000.0));

-- name: EndReusedFamily :one
-- Ends the family of a token that was used longer ago than that.
update token_families
set revoked_at = strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')
where client = sqlc.arg(client) and revoked_at is null and id in (
	select t.family_id from refresh_tokens t
	where t.hash = sqlc.arg(hash) and t.used_at <= strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', printf('%+.3f seconds', cast(sqlc.arg(grace_ms) as integer) / -1000.0))
)
returning id;

-- name: CountReused :one
select count(*)
from refresh_tokens t
join token_families f on f.id = t.family_id
where t.hash = sqlc.arg(hash) and f.client = sqlc.arg(client) and t.used_at <= strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', printf('%+.3f seconds', cast(sqlc.arg(grace_ms) as integer) / -1000.0));

-- name: TouchFamily :execrows
update token_families
set last_used_at = strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')
where id = sqlc.arg(id);

-- name: ListFamilies :many
-- Those of a user that live and have a token that does, the newest first.
select f.id, f.user_id, f.client, f.scopes, f.device, f.created_at, f.last_used_at, f.expires_at, f.revoked_at
from token_families f
where f.user_id = sqlc.arg(user_id) and f.revoked_at is null and f.expires_at > strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')
	and exists (select 1 from refresh_tokens t where t.family_id = f.id and t.used_at is null and t.expires_at > strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'))
order by f.created_at desc, f.id desc;

-- name: EndFamily :execrows
update token_families
set revoked_at = strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')
where id = sqlc.arg(id) and user_id = sqlc.arg(user_id) and revoked_at is null and expires_at > strftime('%Y-%m-%d %H:%M:%f+00:00', 'now');

-- name: EndFamiliesOf :many
update token_families
set revoked_at = strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')
where user_id = sqlc.arg(user_id) and revoked_at is null and expires_at > strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')
returning id;

-- name: DeleteEndedFamilies :execrows
-- Deletes some of those that ended a while ago, with their tokens.
delete from token_families
where id in (
	select f.id from token_families f
	where f.expires_at < strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', printf('%+.3f seconds', cast(sqlc.arg(keep_ms) as integer) / -1000.0))
	order by f.expires_at
	limit cast(sqlc.arg(at_most) as integer)
);

-- name: InsertAPIToken :one
insert into api_tokens (id, hash, kind, user_id, scopes, description, metadata, disabled, not_before, expires_at, created_at)
values (sqlc.arg(id), sqlc.arg(hash), sqlc.arg(kind), sqlc.arg(user_id), sqlc.arg(scopes), sqlc.arg(description), sqlc.arg(metadata), sqlc.arg(disabled), sqlc.arg(not_before), sqlc.arg(expires_at), strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'))
returning id, number, hash, kind, user_id, scopes, description, metadata, disabled, not_before, expires_at, created_at, last_used_at, revoked_at;

-- name: GetLivingAPIToken :one
-- Not those of users who were deleted, or are not active.
select t.id, t.number, t.hash, t.kind, t.user_id, t.scopes, t.description, t.metadata, t.disabled, t.not_before, t.expires_at, t.created_at, t.last_used_at, t.revoked_at
from api_tokens t
where t.hash = sqlc.arg(hash) and t.revoked_at is null and not t.disabled
	and (t.expires_at is null or t.expires_at > strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')) and (t.not_before is null or t.not_before <= strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'))
	and (t.user_id is null or exists (select 1 from users u where u.id = t.user_id and u.deleted_at is null and u.is_active));

-- name: GetAPIToken :one
select id, number, hash, kind, user_id, scopes, description, metadata, disabled, not_before, expires_at, created_at, last_used_at, revoked_at
from api_tokens
where id = sqlc.arg(id);

-- name: GetAPITokenByNumber :one
select id, number, hash, kind, user_id, scopes, description, metadata, disabled, not_before, expires_at, created_at, last_used_at, revoked_at
from api_tokens
where number = sqlc.arg(number);

-- name: GetAPITokenByHash :one
-- Whatever has become of it.
select id, number, hash, kind, user_id, scopes, description, metadata, disabled, not_before, expires_at, created_at, last_used_at, revoked_at
from api_tokens
where hash = sqlc.arg(hash);

-- name: ListAPITokens :many
-- Those that have not ended, of a user or of all, of a kind or of all.
select id, number, hash, kind, user_id, scopes, description, metadata, disabled, not_before, expires_at, created_at, last_used_at, revoked_at
from api_tokens
where number > sqlc.arg(after) and revoked_at is null and (expires_at is null or expires_at > strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'))
	and (cast(sqlc.arg(any_user) as boolean) or user_id = sqlc.arg(user_id))
	and (cast(sqlc.arg(any_kind) as boolean) or kind = sqlc.arg(kind))
order by number
limit cast(sqlc.arg(at_most) as integer);

-- name: LockAPIToken :one
select id, number, hash, kind, user_id, scopes, description, metadata, disabled, not_before, expires_at, created_at, last_used_at, revoked_at
from api_tokens
where id = sqlc.arg(id) and revoked_at is null;

-- name: UpdateAPIToken :one
update api_tokens
set disabled = sqlc.arg(disabled), description = sqlc.arg(description)
where id = sqlc.arg(id) and revoked_at is null
returning id, number, hash, kind, user_id, scopes, description, metadata, disabled, not_before, expires_at, created_at, last_used_at, revoked_at;

-- name: RevokeAPIToken :one
update api_tokens
set revoked_at = strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')
where id = sqlc.arg(id) and revoked_at is null
returning id, number, hash, kind, user_id, scopes, description, metadata, disabled, not_before, expires_at, created_at, last_used_at, revoked_at;

-- name: TouchAPIToken :execrows
-- Writes at most once in a while.
update api_tokens
set last_used_at = strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')
where id = sqlc.arg(id) and (last_used_at is null or last_used_at < strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', printf('%+.3f seconds', cast(sqlc.arg(every_ms) as integer) / -1000.0)));

-- name: DeleteExpiredAPITokens :execrows
-- Deletes some of those that expired a while ago.
delete from api_tokens
where id in (
	select t.id from api_tokens t
	where t.expires_at < strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', printf('%+.3f seconds', cast(sqlc.arg(keep_ms) as integer) / -1000.0))
	order by t.expires_at
	limit cast(sqlc.arg(at_most) as integer)
);

-- name: GetStanding :one
-- What has become of what a token speaks of. No row: there is no such living user.
select u.id, u.number, u.email, u.username, u.name, u.role, u.is_active, u.is_regular_user, u.is_internal,
	exists (select 1 from revocations r where r.kind = 'access' and r.subject = sqlc.arg(access) and r.expires_at > strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')) as access_revoked,
	exists (select 1 from token_families f where f.id = sqlc.arg(family_id) and f.revoked_at is null and f.expires_at > strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')) as family_lives,
	exists (select 1 from oauth_clients c where c.client_id = sqlc.arg(client_id) and c.revoked_at is null and (c.expires_at is null or c.expires_at > strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'))) as client_lives
from users u
where u.id = sqlc.arg(user_id) and u.deleted_at is null;
