-- +goose Up
-- Requests that a limit refused: in a window those of one caller or address, with one method at one endpoint, are one row. It has
-- partitions by time from the beginning, as the audit log has.
create table refusals (
	id               uuid        not null,
	window_at        timestamptz not null,
	key_hash         bytea       not null check (octet_length(key_hash) = 32),
	first_at         timestamptz not null,
	last_at          timestamptz not null,
	expires_at       timestamptz not null,
	refused          bigint      not null check (refused > 0),
	kind             text        not null check (kind in ('AUTH', 'USER', 'IP')),
	user_id          uuid,
	user_email       text        not null,
	user_role        text        not null,
	scope            text        not null,
	endpoint         text        not null,
	method           text        not null,
	limit_definition text        not null,
	limit_count      bigint      not null,
	limit_seconds    bigint      not null,
	retry_seconds    bigint      not null,
	limit_key        text        not null,
	ip_address       text        not null,
	user_agent       text        not null check (length(user_agent) <= 255),
	primary key (window_at, key_hash)
) partition by range (window_at);
-- Not seen by sqlc, which would make a type of it.
-- +goose StatementBegin
do $$ begin
	create table refusals_rest partition of refusals default;
end $$;
-- +goose StatementEnd
create index refusals_by_id on refusals (id);
create index refusals_by_time on refusals (last_at, id);

-- +goose Down
drop table refusals;
