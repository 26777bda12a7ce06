-- name: InsertLink :exec
insert into account_links (hash, user_id, email_key, purpose, created_at, expires_at)
values (sqlc.arg(hash), sqlc.narg(user_id), sqlc.arg(email_key), sqlc.arg(purpose), clock_timestamp(), clock_timestamp() + sqlc.arg(lifetime_ms)::bigint * interval '1 millisecond');

-- name: GetLink :one
-- One that is good still: not used, not expired, and its user has the address that it was mailed to.
select l.user_id, l.purpose
from account_links l
join users u on u.id = l.user_id
where l.hash = sqlc.arg(hash) and l.used_at is null and l.expires_at > clock_timestamp() and u.deleted_at is null and u.email_key = l.email_key;

-- name: UseLink :one
-- Marks one that is good still as used: of those who try at once, one does.
update account_links
set used_at = clock_timestamp()
where hash = sqlc.arg(hash) and used_at is null and expires_at > clock_timestamp()
	and exists (select 1 from users u where u.id = account_links.user_id and u.deleted_at is null and u.email_key = account_links.email_key)
returning user_id, purpose;

-- name: EndLinksOf :execrows
-- Those of a user that were not used.
delete from account_links
where user_id = sqlc.arg(user_id) and used_at is null;

-- name: DeleteExpiredLinks :execrows
-- Deletes some of those that have expired.
delete from account_links
where hash in (
	select l.hash from account_links l
	where l.expires_at <= clock_timestamp()
	order by l.expires_at
	limit sqlc.arg(at_most)::bigint
	for update skip locked
);

-- name: InsertMark :execrows
-- Of those who try at once, one does, and the others wait until it has.
insert into marks (name, created_at)
values (sqlc.arg(name), clock_timestamp())
on conflict (name) do nothing;

-- name: HasUsers :one
-- Deleted ones, too.
select exists (select 1 from users) as has_users;
