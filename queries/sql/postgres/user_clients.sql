-- name: SeeUserClient :execrows
-- Writes what is new, and else at most once a minute. What is not known any more stays as it was.
insert into user_clients (id, user_id, client_type, client_version, os, qgis_version, language, extra_metadata, created_at, last_seen_at)
values (sqlc.arg(id), sqlc.arg(user_id), sqlc.arg(client_type), sqlc.arg(client_version), sqlc.arg(os), sqlc.arg(qgis_version), sqlc.arg(language), sqlc.arg(extra_metadata), clock_timestamp(), clock_timestamp())
on conflict (user_id, client_type) do update
set client_version = coalesce(nullif(excluded.client_version, ''), user_clients.client_version), os = coalesce(nullif(excluded.os, ''), user_clients.os),
	qgis_version = coalesce(nullif(excluded.qgis_version, ''), user_clients.qgis_version), language = coalesce(nullif(excluded.language, ''), user_clients.language),
	extra_metadata = case when excluded.extra_metadata = '{}' then user_clients.extra_metadata else excluded.extra_metadata end, last_seen_at = excluded.last_seen_at
where user_clients.last_seen_at < clock_timestamp() - interval '1 minute'
	or excluded.client_version <> '' and excluded.client_version <> user_clients.client_version or excluded.os <> '' and excluded.os <> user_clients.os
	or excluded.qgis_version <> '' and excluded.qgis_version <> user_clients.qgis_version or excluded.language <> '' and excluded.language <> user_clients.language
	or excluded.extra_metadata <> '{}' and excluded.extra_metadata <> user_clients.extra_metadata;

-- name: TrimUserClients :execrows
-- Deletes all but those of a user that were seen last.
delete from user_clients
where id in (
	select c.id from user_clients c
	where c.user_id = sqlc.arg(user_id)
	order by c.last_seen_at desc, c.id desc
	offset sqlc.arg(keep)::bigint
);

-- name: ListUserClients :many
select id, user_id, client_type, client_version, os, qgis_version, language, extra_metadata, created_at, last_seen_at
from user_clients
where user_id = sqlc.arg(user_id)
order by last_seen_at desc, id desc;
