-- +goose Up
-- Where others start a script of whom it is known by a signature that they have its secret. Secrets are sealed; the one before holds until
-- old_until.
create table hooks (
	id         uuid      not null primary key,
	user_id    uuid      not null references users (id),
	script_id  uuid      not null references scripts (id),
	name       text      not null check (length(name) between 1 and 256),
	params     json      not null,
	body_into  text      not null,
	secret     blob      not null,
	old_secret blob,
	old_until  timestamp,
	version    integer   not null check (version > 0),
	created_at timestamp not null,
	updated_at timestamp not null,
	check ((old_secret is null) = (old_until is null))
);
create index hooks_by_user on hooks (user_id, id);

-- What became of events that arrived: who sent it, by origin, and what it said it was. path are the origins that led there, where an execution
-- that an event started had another event started by it.
create table arrivals (
	id           uuid      not null,
	at           timestamp not null,
	origin       text      not null check (origin <> ''),
	user_id      uuid,
	event        text      not null,
	outcome      text      not null check (outcome in ('STARTED', 'REFUSED', 'SKIPPED')),
	reason       text      not null,
	execution_id uuid,
	path         text      not null,
	primary key (at, id)
);
create index arrivals_by_origin on arrivals (origin, id);
create index arrivals_by_user on arrivals (user_id, id) where user_id is not null;
create index arrivals_by_execution on arrivals (execution_id) where execution_id is not null;

-- +goose StatementBegin
create trigger arrivals_append_only before update on arrivals
begin
	select raise(abort, 'what became of events that arrived is append only');
end;
-- +goose StatementEnd
-- +goose StatementBegin
create trigger arrivals_keeps before delete on arrivals
when not exists (select 1 from retention r where r.name = 'arrivals' and old.at < r.kept_since)
begin
	select raise(abort, 'what became of events that arrived is append only');
end;
-- +goose StatementEnd

-- +goose Down
drop table arrivals;
drop table hooks;
