-- +goose Up
create table oauth_clients (
	id            uuid        not null primary key,
	client_id     text        not null unique check (length(client_id) between 1 and 256),
	name          text        not null,
	confidential  boolean     not null,
	secret_hash   blob        not null check (length(secret_hash) in (0, 32)),
	secret_prefix text        not null,
	scopes        text        not null,
	grants        text        not null,
	redirect_uris text        not null,
	owner_id      uuid        references users (id) on delete cascade,
	version       integer     not null check (version > 0),
	created_at    timestamp   not null,
	updated_at    timestamp   not null,
	last_used_at  timestamp,
	expires_at    timestamp,
	revoked_at    timestamp,
	check (not confidential or length(secret_hash) = 32)
);
create index oauth_clients_by_owner on oauth_clients (owner_id);

create table token_families (
	id           uuid        not null primary key,
	user_id      uuid        not null references users (id) on delete cascade,
	client       text        not null,
	scopes       text        not null,
	device       text        not null check (length(device) <= 500),
	created_at   timestamp   not null,
	last_used_at timestamp,
	expires_at   timestamp   not null,
	revoked_at   timestamp
);
create index token_families_by_user on token_families (user_id);
create index token_families_by_end on token_families (expires_at);

create table refresh_tokens (
	hash             blob        not null primary key check (length(hash) = 32),
	family_id        uuid        not null references token_families (id) on delete cascade,
	parent           blob        unique,
	successor_sealed blob,
	issued_at        timestamp   not null,
	expires_at       timestamp   not null,
	used_at          timestamp,
	check ((used_at is null) = (successor_sealed is null))
);
create index refresh_tokens_by_family on refresh_tokens (family_id);

create table api_tokens (
	id           uuid        not null unique,
	number       integer     not null primary key autoincrement,
	hash         blob        not null unique check (length(hash) = 32),
	kind         text        not null check (kind in ('permanent', 'user', 'temporary')),
	user_id      uuid        references users (id) on delete cascade,
	scopes       text        not null,
	description  text        not null,
	metadata     jsonb       not null check (json_valid(cast(metadata as text)) and json_type(cast(metadata as text)) = 'object'),
	disabled     boolean     not null,
	not_before   timestamp,
	expires_at   timestamp,
	created_at   timestamp   not null,
	last_used_at timestamp,
	revoked_at   timestamp,
	check (kind <> 'user' or user_id is not null),
	check (kind <> 'temporary' or expires_at is not null)
);
create index api_tokens_by_user on api_tokens (user_id);

create table signing_keys (
	number     integer     not null primary key check (number > 0),
	kid        text        not null unique check (kid <> ''),
	public_key blob        not null,
	sealed     blob        not null,
	created_at timestamp   not null,
	signs_at   timestamp   not null,
	retires_at timestamp   not null
);

-- The counter is locked until a revocation is committed, so that they become visible in the order of their numbers.
create table revocation_counter (
	id     integer not null primary key check (id = 1),
	number integer not null check (number >= 0)
);
insert into revocation_counter (id, number) values (1, 0);

create table revocations (
	number     integer     not null primary key check (number > 0),
	kind       text        not null check (kind in ('access', 'family', 'client', 'user', 'token', 'keys')),
	subject    text        not null,
	created_at timestamp   not null,
	expires_at timestamp   not null
);
create index revocations_by_subject on revocations (subject, kind);
create index revocations_by_end on revocations (expires_at);

-- +goose Down
drop table revocations;
drop table revocation_counter;
drop table signing_keys;
drop table api_tokens;
drop table refresh_tokens;
drop table token_families;
drop table oauth_clients;
