-- +goose Up
-- Links that are mailed, each good for one use. One without a user was asked for somebody who is not there: it is written all
-- the same, so that asking takes as long.
create table account_links (
	hash       bytea       primary key check (octet_length(hash) = 32),
	user_id    uuid        references users (id) on delete cascade,
	email_key  text        not null,
	purpose    text        not null check (purpose in ('recover', 'invite', 'verify')),
	created_at timestamptz not null,
	expires_at timestamptz not null,
	used_at    timestamptz
);
create index account_links_by_user on account_links (user_id);
create index account_links_by_end on account_links (expires_at);

-- What is done once in the life of a store, however many gateways start at once.
create table marks (
	name       text        primary key check (name <> ''),
	created_at timestamptz not null
);

-- +goose Down
drop table marks;
drop table account_links;
