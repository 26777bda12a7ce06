-- +goose Up
-- Where others start a script of whom it is known by a signature that they have its secret. Secrets are sealed; the one before holds until
-- old_until.
create table hooks (
	id         uuid        primary key,
	user_id    uuid        not null references users (id),
	script_id  uuid        not null references scripts (id),
	name       text        not null check (length(name) between 1 and 256),
	params     json        not null,
	body_into  text        not null,
	secret     bytea       not null,
	old_secret bytea,
	old_until  timestamptz,
	version    bigint      not null check (version > 0),
	created_at timestamptz not null,
	updated_at timestamptz not null,
	check ((old_secret is null) = (old_until is null))
);
create index hooks_by_user on hooks (user_id, id);

-- What became of events that arrived: who sent it, by origin, and what it said it was. path are the origins that led there, where an execution
-- that an event started had another event started by it.
create table arrivals (
	id           uuid        not null,
	at           timestamptz not null,
	origin       text        not null check (origin <> ''),
	user_id      uuid,
	event        text        not null,
	outcome      text        not null check (outcome in ('STARTED', 'REFUSED', 'SKIPPED')),
	reason       text        not null,
	execution_id uuid,
	path         text        not null,
	primary key (at, id)
) partition by range (at);
-- Not seen by sqlc, which would make a type of it.
-- +goose StatementBegin
do $$ begin
	create table arrivals_rest partition of arrivals default;
end $$;
-- +goose StatementEnd
create index arrivals_by_origin on arrivals (origin, id);
create index arrivals_by_user on arrivals (user_id, id) where user_id is not null;
create index arrivals_by_execution on arrivals (execution_id) where execution_id is not null;

-- +goose StatementBegin
create function arrivals_are_append_only() returns trigger language plpgsql as $$
begin
	raise exception 'what became of events that arrived is append only';
end
$$;
-- +goose StatementEnd
create trigger arrivals_append_only before update or delete on arrivals for each row execute function arrivals_are_append_only();

-- +goose Down
drop table arrivals;
drop function arrivals_are_append_only;
drop table hooks;
