-- +goose Up
-- Requests that a limit refused: in a window those of one caller or address, with one method at one endpoint, are one row.
create table refusals (
	id               uuid      not null,
	window_at        timestamp not null,
	key_hash         blob      not null check (length(key_hash) = 32),
	first_at         timestamp not null,
	last_at          timestamp not null,
	expires_at       timestamp not null,
	refused          integer   not null check (refused > 0),
	kind             text      not null check (kind in ('AUTH', 'USER', 'IP')),
	user_id          uuid,
	user_email       text      not null,
	user_role        text      not null,
	scope            text      not null,
	endpoint         text      not null,
	method           text      not null,
	limit_definition text      not null,
	limit_count      integer   not null,
	limit_seconds    integer   not null,
	retry_seconds    integer   not null,
	limit_key        text      not null,
	ip_address       text      not null,
	user_agent       text      not null check (length(user_agent) <= 255),
	primary key (window_at, key_hash)
);
create index refusals_by_id on refusals (id);
create index refusals_by_time on refusals (last_at, id);

-- +goose Down
drop table refusals;
