-- name: InsertUser :one
insert into users (id, email, email_key, username, username_key, name, first_name, middle_name, last_name, country, institution, profile, role,
	is_active, is_regular_user, is_internal, is_plugin_user, is_in_mailing_list, password_hash, password_parameters, password_changed_at, email_verified_at,
	version, created_at, updated_at)
values (sqlc.arg(id), sqlc.arg(email), sqlc.arg(email_key), sqlc.arg(username), sqlc.arg(username_key), sqlc.arg(name), sqlc.arg(first_name), sqlc.arg(middle_name), sqlc.arg(last_name),
	sqlc.arg(country), sqlc.arg(institution), sqlc.arg(profile), sqlc.arg(role),
	sqlc.arg(is_active), sqlc.arg(is_regular_user), sqlc.arg(is_internal), sqlc.arg(is_plugin_user), sqlc.arg(is_in_mailing_list), sqlc.arg(password_hash), sqlc.arg(password_parameters),
	sqlc.arg(password_changed_at), sqlc.arg(email_verified_at),
	1, strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'), strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'))
returning id, number, email, email_key, username, username_key, name, first_name, middle_name, last_name, country, institution, profile, role,
	is_active, is_regular_user, is_internal, is_plugin_user, is_in_mailing_list, password_hash, password_parameters, password_changed_at, email_verified_at,
	last_login_at, last_activity_at, version, created_at, updated_at, deleted_at;

-- name: GetUser :one
-- Deleted ones, too.
select id, number, email, email_key, username, username_key, name, first_name, middle_name, last_name, country, institution, profile, role,
	is_active, is_regular_user, is_internal, is_plugin_user, is_in_mailing_list, password_hash, password_parameters, password_changed_at, email_verified_at,
	last_login_at, last_activity_at, version, created_at, updated_at, deleted_at
from users
where id = sqlc.arg(id);

-- name: GetUserByNumber :one
-- Deleted ones, too.
select id, number, email, email_key, username, username_key, name, first_name, middle_name, last_name, country, institution, profile, role,
	is_active, is_regular_user, is_internal, is_plugin_user, is_in_mailing_list, password_hash, password_parameters, password_changed_at, email_verified_at,
	last_login_at, last_activity_at, version, created_at, updated_at, deleted_at
from users
where number = sqlc.arg(number);

-- name: GetUserByEmail :one
select id, number, email, email_key, username, username_key, name, first_name, middle_name, last_name, country, institution, profile, role,
	is_active, is_regular_user, is_internal, is_plugin_user, is_in_mailing_list, password_hash, password_parameters, password_changed_at, email_verified_at,
	last_login_at, last_activity_at, version, created_at, updated_at, deleted_at
from users
where email_key = sqlc.arg(email_key) and deleted_at is null;

-- name: GetUserByUsername :one
select id, number, email, email_key, username, username_key, name, first_name, middle_name, last_name, country, institution, profile, role,
	is_active, is_regular_user, is_internal, is_plugin_user, is_in_mailing_list, password_hash, password_parameters, password_changed_at, email_verified_at,
	last_login_at, last_activity_at, version, created_at, updated_at, deleted_at
from users
where username_key = sqlc.arg(username_key) and deleted_at is null;

-- name: LockUser :one
-- Nobody else changes it until the transaction ends.
select id, number, email, email_key, username, username_key, name, first_name, middle_name, last_name, country, institution, profile, role,
	is_active, is_regular_user, is_internal, is_plugin_user, is_in_mailing_list, password_hash, password_parameters, password_changed_at, email_verified_at,
	last_login_at, last_activity_at, version, created_at, updated_at, deleted_at
from users
where id = sqlc.arg(id);

-- name: ListUsers :many
select id, number, email, email_key, username, username_key, name, first_name, middle_name, last_name, country, institution, profile, role,
	is_active, is_regular_user, is_internal, is_plugin_user, is_in_mailing_list, password_hash, password_parameters, password_changed_at, email_verified_at,
	last_login_at, last_activity_at, version, created_at, updated_at, deleted_at
from users
where number > sqlc.arg(after) and deleted_at is null
order by number
limit cast(sqlc.arg(at_most) as integer);

-- name: CountUsers :one
select count(*) from users where deleted_at is null;

-- name: UpdateUser :one
-- Changes one whose version is still this.
update users
set email = sqlc.arg(email), email_key = sqlc.arg(email_key), username = sqlc.arg(username), username_key = sqlc.arg(username_key),
	name = sqlc.arg(name), first_name = sqlc.arg(first_name), middle_name = sqlc.arg(middle_name), last_name = sqlc.arg(last_name),
	country = sqlc.arg(country), institution = sqlc.arg(institution), profile = sqlc.arg(profile), role = sqlc.arg(role),
	is_active = sqlc.arg(is_active), is_regular_user = sqlc.arg(is_regular_user), is_internal = sqlc.arg(is_internal),
	is_plugin_user = sqlc.arg(is_plugin_user), is_in_mailing_list = sqlc.arg(is_in_mailing_list),
	password_hash = sqlc.arg(password_hash), password_parameters = sqlc.arg(password_parameters),
	password_changed_at = sqlc.arg(password_changed_at), email_verified_at = sqlc.arg(email_verified_at),
	version = version + 1, updated_at = strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')
where id = sqlc.arg(id) and version = sqlc.arg(version) and deleted_at is null
returning id, number, email, email_key, username, username_key, name, first_name, middle_name, last_name, country, institution, profile, role,
	is_active, is_regular_user, is_internal, is_plugin_user, is_in_mailing_list, password_hash, password_parameters, password_changed_at, email_verified_at,
	last_login_at, last_activity_at, version, created_at, updated_at, deleted_at;

-- name: DeleteUser :one
-- It stays, and its addresses are free.
update users
set deleted_at = strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'), version = version + 1, updated_at = strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')
where id = sqlc.arg(id) and deleted_at is null
returning id, number, email, email_key, username, username_key, name, first_name, middle_name, last_name, country, institution, profile, role,
	is_active, is_regular_user, is_internal, is_plugin_user, is_in_mailing_list, password_hash, password_parameters, password_changed_at, email_verified_at,
	last_login_at, last_activity_at, version, created_at, updated_at, deleted_at;

-- name: RestoreUser :one
-- Fails as a duplicate where somebody has taken one of its addresses.
update users
set deleted_at = null, version = version + 1, updated_at = strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')
where id = sqlc.arg(id) and deleted_at is not null
returning id, number, email, email_key, username, username_key, name, first_name, middle_name, last_name, country, institution, profile, role,
	is_active, is_regular_user, is_internal, is_plugin_user, is_in_mailing_list, password_hash, password_parameters, password_changed_at, email_verified_at,
	last_login_at, last_activity_at, version, created_at, updated_at, deleted_at;

-- name: RehashPassword :execrows
-- Writes another hash of the same password, unless it was changed meanwhile.
update users
set password_hash = sqlc.arg(password_hash), password_parameters = sqlc.arg(password_parameters)
where id = sqlc.arg(id) and password_hash = sqlc.arg(old_hash);

-- name: TouchLogin :execrows
update users
set last_login_at = strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'), last_activity_at = strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')
where id = sqlc.arg(id);

-- name: TouchActivity :execrows
-- Writes at most once in a while.
update users
set last_activity_at = strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')
where id = sqlc.arg(id) and (last_activity_at is null or last_activity_at < strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', printf('%+.3f seconds', cast(sqlc.arg(every_ms) as integer) / -1000.0)));

-- name: ListPasswordParameters :many
-- Those that the hashes of living users have, each once.
select distinct password_parameters
from users
where deleted_at is null and password_parameters <> ''
order by password_parameters;
