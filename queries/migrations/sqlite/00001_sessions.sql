-- +goose Up
create table sessions (
	session_index blob      not null primary key check (length(session_index) = 32),
	generation    integer   not null check (generation > 0),
	revision      integer   not null check (revision >= 0),
	sealed        blob      not null,
	created_at    timestamp not null,
	updated_at    timestamp not null,
	expires_at    timestamp not null
) without rowid;
create index sessions_by_end on sessions (expires_at);

create table leases (
	name       text      not null primary key check (name <> ''),
	holder     text      not null check (holder <> ''),
	fence      integer   not null check (fence > 0),
	expires_at timestamp not null
) without rowid;
create index leases_by_end on leases (expires_at);

-- +goose Down
drop table leases;
drop table sessions;
