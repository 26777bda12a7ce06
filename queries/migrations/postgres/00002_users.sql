-- +goose Up
create table users (
	id                  uuid        primary key,
	number              bigint      not null generated always as identity unique,
	email               text        not null check (length(email) between 1 and 320),
	email_key           text        not null check (email_key <> ''),
	username            text        check (length(username) between 1 and 256),
	username_key        text        check (username_key <> ''),
	name                text        not null,
	first_name          text        not null,
	middle_name         text        not null,
	last_name           text        not null,
	country             text        not null,
	institution         text        not null,
	profile             jsonb       not null check (jsonb_typeof(profile) = 'object'),
	role                text        not null check (role in ('SUPERADMIN', 'ADMIN', 'USER')),
	is_active           boolean     not null,
	is_regular_user     boolean     not null,
	is_internal         boolean     not null,
	is_plugin_user      boolean     not null,
	is_in_mailing_list  boolean     not null,
	password_hash       text        not null,
	password_parameters text        not null,
	password_changed_at timestamptz,
	email_verified_at   timestamptz,
	last_login_at       timestamptz,
	last_activity_at    timestamptz,
	version             bigint      not null check (version > 0),
	created_at          timestamptz not null,
	updated_at          timestamptz not null,
	deleted_at          timestamptz,
	check ((username is null) = (username_key is null)),
	check ((password_hash = '') = (password_parameters = ''))
);
create unique index users_email_key on users (email_key) where deleted_at is null;
create unique index users_username_key on users (username_key) where deleted_at is null;
create index users_by_password_parameters on users (password_parameters) where deleted_at is null;

create table teams (
	id         uuid        primary key,
	number     bigint      not null generated always as identity unique,
	title      text        not null check (length(title) between 1 and 256),
	version    bigint      not null check (version > 0),
	created_at timestamptz not null,
	updated_at timestamptz not null
);

create table team_members (
	team_id    uuid        not null references teams (id) on delete cascade,
	user_id    uuid        not null references users (id) on delete cascade,
	is_leader  boolean     not null,
	created_at timestamptz not null,
	primary key (team_id, user_id)
);
create index team_members_by_user on team_members (user_id);

-- It has partitions by time from the beginning, so that later ones can be made and old ones detached without copying it.
create table audit_log (
	id         uuid        not null,
	at         timestamptz not null,
	actor      text        not null check (actor <> ''),
	actor_user uuid,
	request_id text        not null,
	action     text        not null check (action <> ''),
	subject    text        not null check (subject <> ''),
	diff       jsonb       not null check (jsonb_typeof(diff) = 'object'),
	primary key (at, id)
) partition by range (at);
-- Not seen by sqlc, which would make a type of it.
-- +goose StatementBegin
do $$ begin
	create table audit_log_rest partition of audit_log default;
end $$;
-- +goose StatementEnd
create index audit_log_by_subject on audit_log (subject, at);
create index audit_log_by_id on audit_log (id);

-- +goose StatementBegin
create function audit_log_is_append_only() returns trigger language plpgsql as $$
begin
	raise exception 'the audit log is append only';
end
$$;
-- +goose StatementEnd
create trigger audit_log_append_only before update or delete on audit_log for each row execute function audit_log_is_append_only();
create trigger audit_log_not_emptied before truncate on audit_log for each statement execute function audit_log_is_append_only();

-- +goose Down
drop table audit_log;
drop function audit_log_is_append_only;
drop table team_members;
drop table teams;
drop table users;
