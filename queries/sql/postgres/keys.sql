-- name: InsertSigningKey :execrows
-- Adds a key if the newest that has not retired is still this one; empty: there is none. Of those who try at once one does.
insert into signing_keys (number, kid, public_key, sealed, created_at, signs_at, retires_at)
select coalesce((select max(m.number) from signing_keys m), 0) + 1, sqlc.arg(kid), sqlc.arg(public_key), sqlc.arg(sealed), clock_timestamp(),
	clock_timestamp() + sqlc.arg(signs_ms)::bigint * interval '1 millisecond', clock_timestamp() + sqlc.arg(retires_ms)::bigint * interval '1 millisecond'
where coalesce((select n.kid from signing_keys n where n.retires_at > clock_timestamp() order by n.number desc limit 1), '') = sqlc.arg(newest)::text
on conflict (number) do nothing;

-- name: ListSigningKeys :many
-- Those that have not retired, the oldest first. signs_in_ms and retires_in_ms are by the clock of the database.
select kid, public_key, sealed, (extract(epoch from signs_at - clock_timestamp()) * 1000)::bigint as signs_in_ms, (extract(epoch from retires_at - clock_timestamp()) * 1000)::bigint as retires_in_ms
from signing_keys
where retires_at > clock_timestamp()
order by number;

-- name: ResealSigningKey :execrows
-- Writes a key sealed anew, unless somebody did meanwhile.
update signing_keys
set sealed = sqlc.arg(sealed)
where kid = sqlc.arg(kid) and sealed = sqlc.arg(old_sealed);

-- name: RetireSigningKeys :execrows
-- Has all keys but one retire soon, unless they do sooner.
update signing_keys
set retires_at = least(retires_at, clock_timestamp() + sqlc.arg(retires_ms)::bigint * interval '1 millisecond')
where kid <> sqlc.arg(kid) and retires_at > clock_timestamp();

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
values (sqlc.arg(number), sqlc.arg(kind), sqlc.arg(subject), clock_timestamp(), clock_timestamp() + sqlc.arg(lifetime_ms)::bigint * interval '1 millisecond');

-- name: ListRevocations :many
select number, kind, subject
from revocations
where number > sqlc.arg(after)
order by number
limit sqlc.arg(at_most)::bigint;

-- name: DeleteExpiredRevocations :execrows
-- Deletes some of those that have expired.
delete from revocations
where number in (
	select r.number from revocations r
	where r.expires_at <= clock_timestamp()
	order by r.expires_at
	limit sqlc.arg(at_most)::bigint
	for update skip locked
);
