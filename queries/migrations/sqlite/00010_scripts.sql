-- +goose Up
create table scripts (
	id                  uuid        not null primary key,
	slug                text        not null check (length(slug) between 1 and 256),
	name                text        not null check (length(name) between 1 and 256),
	description         text        not null,
	user_id             uuid        not null references users (id),
	status              text        not null check (status in ('PENDING', 'BUILDING', 'SUCCESS', 'FAIL')),
	build_error         text        not null,
	public              boolean     not null,
	restricted          boolean     not null,
	current_version     integer      not null check (current_version > 0),
	cpu_reservation     integer      not null check (cpu_reservation >= 0),
	cpu_limit           integer      not null check (cpu_limit >= 0),
	memory_reservation  integer      not null check (memory_reservation >= 0),
	memory_limit        integer      not null check (memory_limit >= 0),
	environment         text        not null,
	environment_version text        not null,
	compute_type        text        not null,
	uses_gee            boolean     not null,
	last_log            integer      not null check (last_log >= 0),
	version             integer      not null check (version > 0),
	created_at          timestamp not null,
	updated_at          timestamp not null,
	published_at        timestamp,
	deleted_at          timestamp,
	check (published_at is not null or not public)
);
create unique index scripts_slug on scripts (slug) where deleted_at is null;
create index scripts_by_created on scripts (created_at, id) where deleted_at is null;
create index scripts_by_user on scripts (user_id, created_at, id) where deleted_at is null;

-- What was uploaded, and what became of it. The newest one is that of the script.
create table script_versions (
	script_id           uuid        not null references scripts (id),
	number              integer      not null check (number > 0),
	status              text        not null check (status in ('PENDING', 'BUILDING', 'SUCCESS', 'FAIL')),
	build_error         text        not null,
	blob_key            text        not null check (blob_key <> ''),
	blob_sha256         blob       not null check (length(blob_sha256) = 32),
	blob_size           integer      not null check (blob_size >= 0),
	built_key           text        not null,
	configuration       json        not null,
	parameters          json        not null,
	cpu_reservation     integer      not null check (cpu_reservation >= 0),
	cpu_limit           integer      not null check (cpu_limit >= 0),
	memory_reservation  integer      not null check (memory_reservation >= 0),
	memory_limit        integer      not null check (memory_limit >= 0),
	environment         text        not null,
	environment_version text        not null,
	compute_type        text        not null,
	uses_gee            boolean     not null,
	created_by          uuid        not null,
	created_at          timestamp not null,
	builder             uuid,
	fence               integer      not null check (fence >= 0),
	lease_until         timestamp,
	built_at            timestamp,
	primary key (script_id, number),
	check ((status = 'BUILDING') = (lease_until is not null)),
	check ((status in ('SUCCESS', 'FAIL')) = (built_at is not null))
);
create index script_versions_to_build on script_versions (created_at, script_id, number) where status in ('PENDING', 'BUILDING');

-- Who may use a script that is not theirs, beside everybody where it is public and not restricted.
create table script_users (
	script_id  uuid        not null references scripts (id),
	user_id    uuid        not null references users (id),
	created_at timestamp not null,
	primary key (script_id, user_id)
);
create index script_users_by_user on script_users (user_id);

create table script_roles (
	script_id  uuid        not null references scripts (id),
	role       text        not null check (role in ('SUPERADMIN', 'ADMIN', 'USER')),
	created_at timestamp not null,
	primary key (script_id, role)
);

-- Lines of builds; their numbers grow within a script.
create table script_logs (
	script_id     uuid        not null references scripts (id),
	id            integer      not null check (id > 0),
	number        integer      not null,
	text          text        not null,
	register_date timestamp not null,
	primary key (script_id, id)
);

-- +goose Down
drop table script_logs;
drop table script_roles;
drop table script_users;
drop table script_versions;
drop table scripts;
