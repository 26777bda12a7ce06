-- +goose Up
create table sessions (
	session_index bytea       primary key check (octet_length(session_index) = 32),
	generation    bigint      not null check (generation > 0),
	revision      bigint      not null check (revision >= 0),
	sealed        bytea       not null,
	created_at    timestamptz not null,
	updated_at    timestamptz not null,
	expires_at    timestamptz not null
);
create index sessions_by_end on sessions (expires_at);

create table leases (
	name       text        primary key check (name <> ''),
	holder     text        not null check (holder <> ''),
	fence      bigint      not null check (fence > 0),
	expires_at timestamptz not null
);
create index leases_by_end on leases (expires_at);

-- +goose Down
drop table leases;
drop table sessions;
