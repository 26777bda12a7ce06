-- name: TakeLease :one
-- Takes a lease that nobody has, or makes that of the holder longer. The fence grows with every new holding, and begins
-- with the time, so that it goes on when a row has been deleted.
insert into leases (name, holder, fence, expires_at)
values (sqlc.arg(name), sqlc.arg(holder), (extract(epoch from clock_timestamp()) * 1000)::bigint, clock_timestamp() + sqlc.arg(lifetime_ms)::bigint * interval '1 millisecond')
on conflict (name) do update
set holder = excluded.holder,
	fence = case when leases.holder = excluded.holder and leases.expires_at > clock_timestamp() then leases.fence
		else greatest(leases.fence + 1, excluded.fence) end,
	expires_at = clock_timestamp() + sqlc.arg(lifetime_ms)::bigint * interval '1 millisecond'
where leases.holder = excluded.holder or leases.expires_at <= clock_timestamp()
returning fence;

-- name: ReleaseLease :execrows
-- The row stays for its fence.
update leases
set expires_at = clock_timestamp()
where name = sqlc.arg(name) and holder = sqlc.arg(holder) and expires_at > clock_timestamp();

-- name: DeleteExpiredLeases :execrows
-- Deletes some of the leases that have been expired for a while.
delete from leases
where name in (
	select l.name from leases l
	where l.expires_at < clock_timestamp() - sqlc.arg(keep_ms)::bigint * interval '1 millisecond'
	order by l.expires_at
	limit sqlc.arg(at_most)::bigint
	for update skip locked
);
