-- name: InsertClient :one
insert into oauth_clients (id, client_id, name, confidential, secret_hash, secret_prefix, scopes, grants, redirect_uris, owner_id, version, created_at, updated_at, expires_at)
values (sqlc.arg(id), sqlc.arg(client_id), sqlc.arg(name), sqlc.arg(confidential), sqlc.arg(secret_hash), sqlc.arg(secret_prefix), sqlc.arg(scopes), sqlc.arg(grants), sqlc.arg(redirect_uris),
	sqlc.arg(owner_id), 1, strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'), strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'), sqlc.arg(expires_at))
returning id, client_id, name, confidential, secret_hash, secret_prefix, scopes, grants, redirect_uris, owner_id, version, created_at, updated_at, last_used_at, expires_at, revoked_at;

-- name: GetClient :one
-- Revoked and expired ones, too.
select id, client_id, name, confidential, secret_hash, secret_prefix, scopes, grants, redirect_uris, owner_id, version, created_at, updated_at, last_used_at, expires_at, revoked_at
from oauth_clients
where id = sqlc.arg(id);

-- name: GetLivingClient :one
select id, client_id, name, confidential, secret_hash, secret_prefix, scopes, grants, redirect_uris, owner_id, version, created_at, updated_at, last_used_at, expires_at, revoked_at
from oauth_clients
where client_id = sqlc.arg(client_id) and revoked_at is null and (expires_at is null or expires_at > strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'));

-- name: ListClientsOf :many
select id, client_id, name, confidential, secret_hash, secret_prefix, scopes, grants, redirect_uris, owner_id, version, created_at, updated_at, last_used_at, expires_at, revoked_at
from oauth_clients
where owner_id = sqlc.arg(owner_id)
order by created_at, id;

-- name: ListClients :many
select id, client_id, name, confidential, secret_hash, secret_prefix, scopes, grants, redirect_uris, owner_id, version, created_at, updated_at, last_used_at, expires_at, revoked_at
from oauth_clients
order by created_at, id
limit cast(sqlc.arg(at_most) as integer) offset cast(sqlc.arg(skip) as integer);

-- name: CountLivingClientsOf :one
select count(*) from oauth_clients
where owner_id = sqlc.arg(owner_id) and revoked_at is null and (expires_at is null or expires_at > strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'));

-- name: RevokeClient :one
update oauth_clients
set revoked_at = strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'), version = version + 1, updated_at = strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')
where id = sqlc.arg(id) and revoked_at is null
returning id, client_id, name, confidential, secret_hash, secret_prefix, scopes, grants, redirect_uris, owner_id, version, created_at, updated_at, last_used_at, expires_at, revoked_at;

-- name: TouchClient :execrows
-- Writes at most once in a while.
update oauth_clients
set last_used_at = strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')
where client_id = sqlc.arg(client_id) and (last_used_at is null or last_used_at < strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', printf('%+.3f seconds', cast(sqlc.arg(every_ms) as integer) / -1000.0)));
