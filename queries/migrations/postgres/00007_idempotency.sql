-- +goose Up
-- Requests that are done once: status is 0 as long as one is under way, and leased_until is when it is taken for dead.
create table idempotency_keys (
	key_hash     bytea       primary key check (octet_length(key_hash) = 32),
	body_hash    bytea       not null check (octet_length(body_hash) = 32),
	fence        bigint      not null check (fence > 0),
	leased_until timestamptz,
	status       bigint      not null check (status between 0 and 599),
	sealed       bytea       not null,
	created_at   timestamptz not null,
	expires_at   timestamptz not null,
	check ((status = 0) = (leased_until is not null))
);
create index idempotency_keys_by_end on idempotency_keys (expires_at);

-- +goose Down
drop table idempotency_keys;
