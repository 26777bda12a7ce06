-- name: InsertSchedule :one
insert into schedules (id, user_id, script_id, script_version, name, description, params, cron, every_ms, once_at, zone, skipped, repeated, catch_up, catch_up_most, overlap, wishes, plan, plan_version, alert_failures, alert_silence_ms, paused_at, paused_reason, due_at, wake_at, alert, awaited_since, last_outcome, last_status, failures, version, created_at, updated_at)
values (sqlc.arg(id), sqlc.arg(user_id), sqlc.arg(script_id), sqlc.narg(script_version), sqlc.arg(name), sqlc.arg(description), sqlc.arg(params), sqlc.arg(cron), sqlc.arg(every_ms), sqlc.narg(once_at), sqlc.arg(zone), sqlc.arg(skipped), sqlc.arg(repeated), sqlc.arg(catch_up), sqlc.arg(catch_up_most), sqlc.arg(overlap), sqlc.arg(wishes), sqlc.arg(plan), sqlc.arg(plan_version), sqlc.arg(alert_failures), sqlc.arg(alert_silence_ms), sqlc.narg(paused_at), sqlc.arg(paused_reason), sqlc.narg(due_at), sqlc.narg(wake_at),
	'', sqlc.arg(now), '', '', 0, 1, sqlc.arg(now), sqlc.arg(now))
returning id, user_id, script_id, script_version, name, description, params, cron, every_ms, once_at, zone, skipped, repeated, catch_up, catch_up_most, overlap, wishes, plan, plan_version, alert_failures, alert_silence_ms, alert, alerted_at, paused_at, paused_reason, due_at, wake_at, awaited_since, last_due_at, last_fired_at, last_outcome, last_execution, last_status, last_success_at, failures, version, created_at, updated_at, deleted_at;

-- name: GetSchedule :one
select id, user_id, script_id, script_version, name, description, params, cron, every_ms, once_at, zone, skipped, repeated, catch_up, catch_up_most, overlap, wishes, plan, plan_version, alert_failures, alert_silence_ms, alert, alerted_at, paused_at, paused_reason, due_at, wake_at, awaited_since, last_due_at, last_fired_at, last_outcome, last_execution, last_status, last_success_at, failures, version, created_at, updated_at, deleted_at
from schedules
where id = sqlc.arg(id) and deleted_at is null;

-- name: LockSchedule :one
-- Nobody else changes it until the transaction ends.
select id, user_id, script_id, script_version, name, description, params, cron, every_ms, once_at, zone, skipped, repeated, catch_up, catch_up_most, overlap, wishes, plan, plan_version, alert_failures, alert_silence_ms, alert, alerted_at, paused_at, paused_reason, due_at, wake_at, awaited_since, last_due_at, last_fired_at, last_outcome, last_execution, last_status, last_success_at, failures, version, created_at, updated_at, deleted_at
from schedules
where id = sqlc.arg(id) and deleted_at is null;

-- name: UpdateSchedule :one
-- What people change. The schedule is locked.
update schedules
set version = version + 1, updated_at = sqlc.arg(now),
	script_version = sqlc.narg(script_version), name = sqlc.arg(name), description = sqlc.arg(description), params = sqlc.arg(params), cron = sqlc.arg(cron), every_ms = sqlc.arg(every_ms), once_at = sqlc.narg(once_at), zone = sqlc.arg(zone), skipped = sqlc.arg(skipped), repeated = sqlc.arg(repeated), catch_up = sqlc.arg(catch_up), catch_up_most = sqlc.arg(catch_up_most), overlap = sqlc.arg(overlap), wishes = sqlc.arg(wishes), plan = sqlc.arg(plan), plan_version = sqlc.arg(plan_version), alert_failures = sqlc.arg(alert_failures), alert_silence_ms = sqlc.arg(alert_silence_ms), alert = sqlc.arg(alert), alerted_at = sqlc.narg(alerted_at), paused_at = sqlc.narg(paused_at), paused_reason = sqlc.arg(paused_reason), due_at = sqlc.narg(due_at), wake_at = sqlc.narg(wake_at), awaited_since = sqlc.arg(awaited_since), failures = sqlc.arg(failures), deleted_at = sqlc.narg(deleted_at)
where id = sqlc.arg(id)
returning id, user_id, script_id, script_version, name, description, params, cron, every_ms, once_at, zone, skipped, repeated, catch_up, catch_up_most, overlap, wishes, plan, plan_version, alert_failures, alert_silence_ms, alert, alerted_at, paused_at, paused_reason, due_at, wake_at, awaited_since, last_due_at, last_fired_at, last_outcome, last_execution, last_status, last_success_at, failures, version, created_at, updated_at, deleted_at;

-- name: CountSchedulesOf :one
select count(*) from schedules where user_id = sqlc.arg(user_id) and deleted_at is null;

-- name: LockDueSchedules :many
-- Those that wake, each for one gateway, with what else says whether they may fire.
select s.id, s.user_id, s.script_id, s.script_version, s.name, s.description, s.params, s.cron, s.every_ms, s.once_at, s.zone, s.skipped, s.repeated, s.catch_up, s.catch_up_most, s.overlap, s.wishes, s.plan, s.plan_version, s.alert_failures, s.alert_silence_ms, s.alert, s.alerted_at, s.paused_at, s.paused_reason, s.due_at, s.wake_at, s.awaited_since, s.last_due_at, s.last_fired_at, s.last_outcome, s.last_execution, s.last_status, s.last_success_at, s.failures, s.version, s.created_at, s.updated_at, s.deleted_at,
	u.role as user_role, u.email as user_email, cast((u.deleted_at is null and u.is_active) as boolean) as user_lives, cast((sc.deleted_at is null) as boolean) as script_lives, sc.slug as script_slug, sc.status as script_status, sc.current_version as script_current,
	cast((sc.user_id = s.user_id or u.role <> 'USER' or sc.public and not sc.restricted
		or exists (select 1 from script_users a where a.script_id = sc.id and a.user_id = s.user_id) or exists (select 1 from script_roles a where a.script_id = sc.id and a.role = u.role)) as boolean) as script_visible
from schedules s
join users u on u.id = s.user_id
join scripts sc on sc.id = s.script_id
where s.wake_at <= sqlc.arg(now)
order by s.wake_at, s.id
limit cast(sqlc.arg(at_most) as integer);

-- name: NextWake :one
-- When the next one wakes.
select wake_at from schedules where wake_at is not null order by wake_at limit 1;

-- name: WakeSchedulesOfEnded :execrows
-- Wakes those of which an execution has ended.
update schedules
set wake_at = sqlc.arg(now)
where id in (
	select s.id from schedules s
	where s.deleted_at is null and (s.wake_at is null or s.wake_at > sqlc.arg(now)) and s.id in (
		select r.schedule_id from schedule_runs r join executions e on e.id = r.execution_id where e.ended_at is not null)
	order by s.id
	limit cast(sqlc.arg(at_most) as integer)
);

-- name: AdvanceSchedules :execrows
-- What a firing makes of schedules that the transaction has locked.
update schedules
set updated_at = sqlc.arg(now), version = version + json_extract(cast(sqlc.arg(batch) as text), '$."' || id || '".changes'),
	alert = json_extract(cast(sqlc.arg(batch) as text), '$."' || id || '".alert'), alerted_at = json_extract(cast(sqlc.arg(batch) as text), '$."' || id || '".alerted_at'), paused_at = json_extract(cast(sqlc.arg(batch) as text), '$."' || id || '".paused_at'), paused_reason = json_extract(cast(sqlc.arg(batch) as text), '$."' || id || '".paused_reason'), due_at = json_extract(cast(sqlc.arg(batch) as text), '$."' || id || '".due_at'), wake_at = json_extract(cast(sqlc.arg(batch) as text), '$."' || id || '".wake_at'), awaited_since = json_extract(cast(sqlc.arg(batch) as text), '$."' || id || '".awaited_since'), last_due_at = json_extract(cast(sqlc.arg(batch) as text), '$."' || id || '".last_due_at'), last_fired_at = json_extract(cast(sqlc.arg(batch) as text), '$."' || id || '".last_fired_at'), last_outcome = json_extract(cast(sqlc.arg(batch) as text), '$."' || id || '".last_outcome'), last_execution = json_extract(cast(sqlc.arg(batch) as text), '$."' || id || '".last_execution'), last_status = json_extract(cast(sqlc.arg(batch) as text), '$."' || id || '".last_status'), last_success_at = json_extract(cast(sqlc.arg(batch) as text), '$."' || id || '".last_success_at'), failures = json_extract(cast(sqlc.arg(batch) as text), '$."' || id || '".failures')
where id in (select key from json_each(cast(sqlc.arg(batch) as text)));

-- name: InsertFirings :exec
insert into schedule_firings (id, at, schedule_id, due_at, outcome, reason, execution_id)
select json_extract(i.value, '$.id'), sqlc.arg(now), json_extract(i.value, '$.schedule_id'), json_extract(i.value, '$.due_at'), json_extract(i.value, '$.outcome'), json_extract(i.value, '$.reason'), json_extract(i.value, '$.execution_id')
from json_each(cast(sqlc.arg(batch) as text)) i;

-- name: PutScheduleRuns :execrows
-- What waits has no execution; what waited gets one.
insert into schedule_runs (schedule_id, due_at, execution_id, manual)
select json_extract(i.value, '$.schedule_id'), json_extract(i.value, '$.due_at'), json_extract(i.value, '$.execution_id'), json_extract(i.value, '$.manual')
from json_each(cast(sqlc.arg(batch) as text)) i
where true
on conflict (schedule_id, due_at) do update set execution_id = excluded.execution_id;

-- name: DeleteScheduleRuns :execrows
delete from schedule_runs
where (schedule_id, due_at) in (select json_extract(i.value, '$.schedule_id'), json_extract(i.value, '$.due_at') from json_each(cast(sqlc.arg(batch) as text)) i);

-- name: ListScheduleRuns :many
-- What of schedules is not over, in order.
select r.schedule_id, r.due_at, r.execution_id, r.manual, cast(coalesce(e.status, '') as text) as status, e.ended_at
from schedule_runs r
left join executions e on e.id = r.execution_id
where r.schedule_id in (select value from json_each(cast(sqlc.arg(ids) as text)))
order by r.schedule_id, r.due_at;

-- name: InsertScheduledExecutions :many
-- The key is made of schedule and time: what there is of these already is not made again, and not given.
insert into executions (id, script_id, script_version, user_id, status, reason, progress, params, params_key, results, results_key, results_size, queue, priority,
	attempt, max_attempts, retry_on, retry_delay_ms, timeout_ms, idempotency_key, body_hash, is_plugin_execution, rerun_of, last_log, log_bytes, created_at, queued_at, updated_at)
select json_extract(i.value, '$.id'), s.script_id, json_extract(i.value, '$.version'), s.user_id, 'PENDING', '', 0, s.params, '', cast('null' as blob), '', 0, json_extract(i.value, '$.queue'), json_extract(i.value, '$.priority'),
	0, json_extract(i.value, '$.max_attempts'), json_extract(i.value, '$.retry_on'), json_extract(i.value, '$.retry_delay_ms'), json_extract(i.value, '$.timeout_ms'), unhex(json_extract(i.value, '$.key')), unhex(json_extract(i.value, '$.key')), false, null, 0, 0, sqlc.arg(now), sqlc.arg(now), sqlc.arg(now)
from json_each(cast(sqlc.arg(batch) as text)) i
join schedules s on s.id = json_extract(i.value, '$.schedule_id')
where true
on conflict (user_id, idempotency_key) where idempotency_key is not null do nothing
returning id;
