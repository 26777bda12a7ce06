-- name: TakeLease :one
-- Takes a lease that nobody has, or makes that of the holder longer. The fence grows with every new holding, and begins
-- with the time, so that it goes on when a row has been deleted.
insert into leases (name, holder, fence, expires_at)
values (sqlc.arg(name), sqlc.arg(holder), cast(unixepoch('now', 'subsec') * 1000 as integer),
	strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', printf('%+.3f seconds', cast(sqlc.arg(lifetime_ms) as integer) / 1000.0)))
on conflict (name) do update
set holder = excluded.holder,
	fence = case when leases.holder = excluded.holder and leases.expires_at > strftime('%Y-%m-%d %H:%M:%f+00:00', 'now') then leases.fence
		else max(leases.fence + 1, excluded.fence) end,
	expires_at = excluded.expires_at
where leases.holder = excluded.holder or leases.expires_at <= strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')
returning fence;

-- name: ReleaseLease :execrows
-- The row stays for its fence.
update leases
set expires_at = strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')
where name = sqlc.arg(name) and holder = sqlc.arg(holder) and expires_at > strftime('%Y-%m-%d %H:%M:%f+00:00', 'now');

-- name: DeleteExpiredLeases :execrows
-- Deletes some of the leases that have been expired for a while.
delete from leases
where name in (
	select l.name from leases l
	where l.expires_at < strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', printf('%+.3f seconds', cast(sqlc.arg(keep_ms) as integer) / -1000.0))
	order by l.expires_at
	limit cast(sqlc.arg(at_most) as integer)
);
