-- +goose Up
-- Requests that are done once: status is 0 as long as one is under way, and leased_until is when it is taken for dead.
create table idempotency_keys (
	key_hash     blob      not null primary key check (length(key_hash) = 32),
	body_hash    blob      not null check (length(body_hash) = 32),
	fence        integer   not null check (fence > 0),
	leased_until timestamp,
	status       integer   not null check (status between 0 and 599),
	sealed       blob      not null,
	created_at   timestamp not null,
	expires_at   timestamp not null,
	check ((status = 0) = (leased_until is not null))
);
create index idempotency_keys_by_end on idempotency_keys (expires_at);

-- +goose Down
drop table idempotency_keys;
