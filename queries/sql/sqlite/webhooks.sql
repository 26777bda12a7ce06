-- name: InsertWebhook :execrows
-- No row: the user has as many as may be.
insert into webhooks (id, user_id, url, types, secret, everything, disabled, version, created_at, updated_at)
select sqlc.arg(id), sqlc.arg(user_id), sqlc.arg(url), sqlc.arg(types), sqlc.arg(secret), sqlc.arg(everything), '', 1, sqlc.arg(now), sqlc.arg(now)
from users u
where u.id = sqlc.arg(user_id) and u.deleted_at is null and (select count(*) from webhooks w where w.user_id = sqlc.arg(user_id)) < cast(sqlc.arg(most) as integer);

-- name: GetWebhook :one
select id, user_id, url, types, secret, everything, disabled, version, created_at, updated_at from webhooks where id = sqlc.arg(id);

-- name: ListWebhooksOf :many
select id, user_id, url, types, secret, everything, disabled, version, created_at, updated_at from webhooks where user_id = sqlc.arg(user_id) order by id;

-- name: ListWebhooks :many
select id, user_id, url, types, secret, everything, disabled, version, created_at, updated_at from webhooks order by id limit cast(sqlc.arg(at_most) as integer);

-- name: ListLivingWebhooks :many
-- Those that get events: of users who are there and may log in.
select webhooks.id, webhooks.user_id, webhooks.url, webhooks.types, webhooks.secret, webhooks.everything, webhooks.disabled, webhooks.version, webhooks.created_at, webhooks.updated_at
from webhooks
join users on users.id = webhooks.user_id
where webhooks.disabled = '' and users.deleted_at is null and users.is_active and (not webhooks.everything or users.role <> 'USER')
order by webhooks.id;

-- name: UpdateWebhook :execrows
update webhooks
set url = sqlc.arg(url), types = sqlc.arg(types), everything = sqlc.arg(everything), disabled = sqlc.arg(disabled), version = webhooks.version + 1, updated_at = sqlc.arg(now)
where id = sqlc.arg(id) and version = sqlc.arg(version);

-- name: DisableWebhook :execrows
-- No row: it is disabled already.
update webhooks
set disabled = sqlc.arg(disabled), version = webhooks.version + 1, updated_at = sqlc.arg(now)
where id = sqlc.arg(id) and disabled = '';

-- name: DeleteWebhook :execrows
delete from webhooks where id = sqlc.arg(id);
