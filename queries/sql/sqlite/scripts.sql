-- name: InsertScript :one
insert into scripts (id, slug, name, description, user_id, status, build_error, public, restricted, current_version, cpu_reservation, cpu_limit, memory_reservation, memory_limit,
	environment, environment_version, compute_type, uses_gee, last_log, version, created_at, updated_at)
values (sqlc.arg(id), sqlc.arg(slug), sqlc.arg(name), sqlc.arg(description), sqlc.arg(user_id), 'PENDING', '', false, false, 1, sqlc.arg(cpu_reservation), sqlc.arg(cpu_limit), sqlc.arg(memory_reservation), sqlc.arg(memory_limit),
	sqlc.arg(environment), sqlc.arg(environment_version), sqlc.arg(compute_type), sqlc.arg(uses_gee), 0, 1, sqlc.arg(now), sqlc.arg(now))
returning id, slug, name, description, user_id, status, build_error, public, restricted, current_version, cpu_reservation, cpu_limit, memory_reservation, memory_limit, environment, environment_version, compute_type, uses_gee, last_log, version, created_at, updated_at, published_at, deleted_at;

-- name: GetScript :one
select id, slug, name, description, user_id, status, build_error, public, restricted, current_version, cpu_reservation, cpu_limit, memory_reservation, memory_limit, environment, environment_version, compute_type, uses_gee, last_log, version, created_at, updated_at, published_at, deleted_at
from scripts
where id = sqlc.arg(id) and deleted_at is null;

-- name: GetScriptBySlug :one
select id, slug, name, description, user_id, status, build_error, public, restricted, current_version, cpu_reservation, cpu_limit, memory_reservation, memory_limit, environment, environment_version, compute_type, uses_gee, last_log, version, created_at, updated_at, published_at, deleted_at
from scripts
where slug = sqlc.arg(slug) and deleted_at is null;

-- name: LockScript :one
-- Nobody else changes it until the transaction ends.
select id, slug, name, description, user_id, status, build_error, public, restricted, current_version, cpu_reservation, cpu_limit, memory_reservation, memory_limit, environment, environment_version, compute_type, uses_gee, last_log, version, created_at, updated_at, published_at, deleted_at
from scripts
where id = sqlc.arg(id) and deleted_at is null;

-- name: UpdateScript :one
-- Changes one that nobody has changed since.
update scripts
set version = scripts.version + 1, updated_at = sqlc.arg(now), slug = sqlc.arg(slug), name = sqlc.arg(name), description = sqlc.arg(description), user_id = sqlc.arg(user_id), status = sqlc.arg(status), build_error = sqlc.arg(build_error),
	public = sqlc.arg(public), restricted = sqlc.arg(restricted), current_version = sqlc.arg(current_version),
	cpu_reservation = sqlc.arg(cpu_reservation), cpu_limit = sqlc.arg(cpu_limit), memory_reservation = sqlc.arg(memory_reservation), memory_limit = sqlc.arg(memory_limit),
	environment = sqlc.arg(environment), environment_version = sqlc.arg(environment_version), compute_type = sqlc.arg(compute_type), uses_gee = sqlc.arg(uses_gee), published_at = sqlc.narg(published_at)
where id = sqlc.arg(id) and version = sqlc.arg(version) and deleted_at is null
returning id, slug, name, description, user_id, status, build_error, public, restricted, current_version, cpu_reservation, cpu_limit, memory_reservation, memory_limit, environment, environment_version, compute_type, uses_gee, last_log, version, created_at, updated_at, published_at, deleted_at;

-- name: DeleteScript :one
-- Frees its slug.
update scripts
set version = scripts.version + 1, updated_at = sqlc.arg(now), deleted_at = sqlc.arg(now)
where id = sqlc.arg(id) and deleted_at is null
returning id, slug, name, description, user_id, status, build_error, public, restricted, current_version, cpu_reservation, cpu_limit, memory_reservation, memory_limit, environment, environment_version, compute_type, uses_gee, last_log, version, created_at, updated_at, published_at, deleted_at;

-- name: InsertScriptVersion :one
insert into script_versions (script_id, number, status, build_error, blob_key, blob_sha256, blob_size, built_key, configuration, parameters,
	cpu_reservation, cpu_limit, memory_reservation, memory_limit, environment, environment_version, compute_type, uses_gee, created_by, created_at, fence)
values (sqlc.arg(script_id), sqlc.arg(number), 'PENDING', '', sqlc.arg(blob_key), sqlc.arg(blob_sha256), sqlc.arg(blob_size), '', sqlc.arg(configuration), sqlc.arg(parameters),
	sqlc.arg(cpu_reservation), sqlc.arg(cpu_limit), sqlc.arg(memory_reservation), sqlc.arg(memory_limit), sqlc.arg(environment), sqlc.arg(environment_version), sqlc.arg(compute_type), sqlc.arg(uses_gee), sqlc.arg(created_by), sqlc.arg(now), 0)
returning script_id, number, status, build_error, blob_key, blob_sha256, blob_size, built_key, configuration, parameters, cpu_reservation, cpu_limit, memory_reservation, memory_limit, environment, environment_version, compute_type, uses_gee, created_by, created_at, builder, fence, lease_until, built_at;

-- name: GetScriptVersion :one
select script_id, number, status, build_error, blob_key, blob_sha256, blob_size, built_key, configuration, parameters, cpu_reservation, cpu_limit, memory_reservation, memory_limit, environment, environment_version, compute_type, uses_gee, created_by, created_at, builder, fence, lease_until, built_at
from script_versions
where script_id = sqlc.arg(script_id) and number = sqlc.arg(number);

-- name: ListScriptVersions :many
-- The newest first.
select script_id, number, status, build_error, blob_key, blob_sha256, blob_size, built_key, configuration, parameters, cpu_reservation, cpu_limit, memory_reservation, memory_limit, environment, environment_version, compute_type, uses_gee, created_by, created_at, builder, fence, lease_until, built_at
from script_versions
where script_id = sqlc.arg(script_id)
order by number desc
limit cast(sqlc.arg(at_most) as integer);

-- name: ClaimBuild :many
-- Gives the version that has waited longest, or whose builder was not heard of any more, to a builder.
update script_versions
set status = 'BUILDING', builder = sqlc.arg(builder), fence = fence + 1, lease_until = sqlc.arg(lease_until)
where (script_id, number) in (
	select v.script_id, v.number from script_versions v
	where v.status in ('PENDING', 'BUILDING') and (v.status = 'PENDING' or v.lease_until <= sqlc.arg(now))
	order by v.created_at, v.script_id, v.number
	limit 1
)
returning script_id, number, status, build_error, blob_key, blob_sha256, blob_size, built_key, configuration, parameters, cpu_reservation, cpu_limit, memory_reservation, memory_limit, environment, environment_version, compute_type, uses_gee, created_by, created_at, builder, fence, lease_until, built_at;

-- name: RenewBuild :execrows
update script_versions
set lease_until = sqlc.arg(lease_until)
where script_id = sqlc.arg(script_id) and number = sqlc.arg(number) and fence = sqlc.arg(fence) and status = 'BUILDING';

-- name: FinishBuild :one
update script_versions
set status = sqlc.arg(status), build_error = sqlc.arg(build_error), built_key = sqlc.arg(built_key), lease_until = null, built_at = sqlc.arg(now)
where script_id = sqlc.arg(script_id) and number = sqlc.arg(number) and fence = sqlc.arg(fence) and status = 'BUILDING'
returning script_id, number, status, build_error, blob_key, blob_sha256, blob_size, built_key, configuration, parameters, cpu_reservation, cpu_limit, memory_reservation, memory_limit, environment, environment_version, compute_type, uses_gee, created_by, created_at, builder, fence, lease_until, built_at;

-- name: SetScriptStatus :execrows
-- That of the script's newest version.
update scripts
set status = sqlc.arg(status), build_error = sqlc.arg(build_error), updated_at = sqlc.arg(now), version = scripts.version + 1
where id = sqlc.arg(id) and current_version = sqlc.arg(number) and deleted_at is null;

-- name: TakeScriptLogs :one
-- Numbers for so many lines more, which nobody else gets.
update scripts
set last_log = last_log + cast(sqlc.arg(count) as integer)
where id = sqlc.arg(id)
returning last_log;

-- name: InsertScriptLogs :exec
insert into script_logs (script_id, id, number, text, register_date)
select sqlc.arg(script_id), json_extract(i.value, '$.id'), sqlc.arg(number), json_extract(i.value, '$.text'), json_extract(i.value, '$.at')
from json_each(cast(sqlc.arg(batch) as text)) i;

-- name: ListScriptLogs :many
-- Lines behind one, and later than a time.
select script_id, id, number, text, register_date
from script_logs
where script_id = sqlc.arg(script_id) and id > sqlc.arg(last_id) and register_date > sqlc.arg(since)
order by id
limit cast(sqlc.arg(at_most) as integer);

-- name: ListScriptLogsBackward :many
-- The last lines, the last one first.
select script_id, id, number, text, register_date
from script_logs
where script_id = sqlc.arg(script_id)
order by id desc
limit cast(sqlc.arg(at_most) as integer);

-- name: ListScriptUsers :many
select user_id from script_users where script_id = sqlc.arg(script_id) order by user_id;

-- name: ListScriptRoles :many
select role from script_roles where script_id = sqlc.arg(script_id) order by role;

-- name: InsertScriptUser :execrows
insert into script_users (script_id, user_id, created_at)
values (sqlc.arg(script_id), sqlc.arg(user_id), sqlc.arg(now))
on conflict (script_id, user_id) do nothing;

-- name: InsertScriptRole :execrows
insert into script_roles (script_id, role, created_at)
values (sqlc.arg(script_id), sqlc.arg(role), sqlc.arg(now))
on conflict (script_id, role) do nothing;

-- name: DeleteScriptUser :execrows
delete from script_users where script_id = sqlc.arg(script_id) and user_id = sqlc.arg(user_id);

-- name: DeleteScriptRole :execrows
delete from script_roles where script_id = sqlc.arg(script_id) and role = sqlc.arg(role);

-- name: DeleteScriptUsers :execrows
delete from script_users where script_id = sqlc.arg(script_id);

-- name: DeleteScriptRoles :execrows
delete from script_roles where script_id = sqlc.arg(script_id);

-- name: CountScriptGrants :one
-- Whether a user was given it, or everybody of a role.
select count(*) from (
	select u.script_id from script_users u where u.script_id = sqlc.arg(script_id) and u.user_id = sqlc.arg(user_id)
	union all
	select r.script_id from script_roles r where r.script_id = sqlc.arg(script_id) and r.role = sqlc.arg(role)
) granted;
