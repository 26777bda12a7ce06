-- +goose Up
create table oauth_clients (
	id            uuid        primary key,
	client_id     text        not null unique check (length(client_id) between 1 and 256),
	name          text        not null,
	confidential  boolean     not null,
	secret_hash   bytea       not null check (octet_length(secret_hash) in (0, 32)),
	secret_prefix text        not null,
	scopes        text        not null,
	grants        text        not null,
	redirect_uris text        not null,
	owner_id      uuid        references users (id) on delete cascade,
	version       bigint      not null check (version > 0),
	created_at    timestamptz not null,
	updated_at    timestamptz not null,
	last_used_at  timestamptz,
	expires_at    timestamptz,
	revoked_at    timestamptz,
	check (not confidential or octet_length(secret_hash) = 32)
);
create index oauth_clients_by_owner on oauth_clients (owner_id);

create table token_families (
	id           uuid        primary key,
	user_id      uuid        not null references users (id) on delete cascade,
	client       text        not null,
	scopes       text        not null,
	device       text        not null check (length(device) <= 500),
	created_at   timestamptz not null,
	last_used_at timestamptz,
	expires_at   timestamptz not null,
	revoked_at   timestamptz
);
create index token_families_by_user on token_families (user_id);
create index token_families_by_end on token_families (expires_at);

create table refresh_tokens (
	hash             bytea       primary key check (octet_length(hash) = 32),
	family_id        uuid        not null references token_families (id) on delete cascade,
	parent           bytea       unique,
	successor_sealed bytea,
	issued_at        timestamptz not null,
	expires_at       timestamptz not null,
	used_at          timestamptz,
	check ((used_at is null) = (successor_sealed is null))
);
create index refresh_tokens_by_family on refresh_tokens (family_id);

create table api_tokens (
	id           uuid        primary key,
	number       bigint      not null generated always as identity unique,
	hash         bytea       not null unique check (octet_length(hash) = 32),
	kind         text        not null check (kind in ('permanent', 'user', 'temporary')),
	user_id      uuid        references users (id) on delete cascade,
	scopes       text        not null,
	description  text        not null,
	metadata     jsonb       not null check (jsonb_typeof(metadata) = 'object'),
	disabled     boolean     not null,
	not_before   timestamptz,
	expires_at   timestamptz,
	created_at   timestamptz not null,
	last_used_at timestamptz,
	revoked_at   timestamptz,
	check (kind <> 'user' or user_id is not null),
	check (kind <> 'temporary' or expires_at is not null)
);
create index api_tokens_by_user on api_tokens (user_id);

create table signing_keys (
	number     bigint      primary key check (number > 0),
	kid        text        not null unique check (kid <> ''),
	public_key bytea       not null,
	sealed     bytea       not null,
	created_at timestamptz not null,
	signs_at   timestamptz not null,
	retires_at timestamptz not null
);

-- The counter is locked until a revocation is committed, so that they become visible in the order of their numbers.
create table revocation_counter (
	id     bigint primary key check (id = 1),
	number bigint not null check (number >= 0)
);
insert into revocation_counter (id, number) values (1, 0);

create table revocations (
	number     bigint      primary key check (number > 0),
	kind       text        not null check (kind in ('access', 'family', 'client', 'user', 'token', 'keys')),
	subject    text        not null,
	created_at timestamptz not null,
	expires_at timestamptz not null
);
create index revocations_by_subject on revocations (subject, kind);
create index revocations_by_end on revocations (expires_at);

-- +goose StatementBegin
create function revocations_are_told() returns trigger language plpgsql as $$
begin
	perform pg_notify('fairway_revocations', new.number::text);
	return null;
end
$$;
-- +goose StatementEnd
create trigger revocations_told after insert on revocations for each row execute function revocations_are_told();

-- +goose Down
drop table revocations;
drop function revocations_are_told;
drop table revocation_counter;
drop table signing_keys;
drop table api_tokens;
drop table refresh_tokens;
drop table token_families;
drop table oauth_clients;
