-- +goose Up
create table outbox (
	id           uuid        primary key,
	topic        text        not null check (topic <> ''),
	payload      jsonb       not null,
	once         text        unique check (once <> ''),
	attempts     bigint      not null check (attempts >= 0),
	next_at      timestamptz not null,
	leased_by    text        not null,
	leased_until timestamptz,
	last_error   text        not null,
	created_at   timestamptz not null,
	dead_at      timestamptz,
	check ((leased_by = '') = (leased_until is null)),
	check (dead_at is null or leased_by = '')
);
create index outbox_due on outbox (topic, next_at) where dead_at is null;
create index outbox_dead on outbox (dead_at) where dead_at is not null;

-- +goose StatementBegin
create function outbox_is_told() returns trigger language plpgsql as $$
begin
	perform pg_notify('fairway_outbox', new.topic);
	return null;
end
$$;
-- +goose StatementEnd
create trigger outbox_told after insert on outbox for each row execute function outbox_is_told();

-- Buckets that leak: empty_us is when one will be empty, last_us when something was added, in microseconds since 1970, and
-- level what was in it before. The rest is what was asked for, where a conflict can read it.
create table rate_counters (
	key        bytea  primary key check (octet_length(key) between 1 and 64),
	empty_us   bigint not null,
	last_us    bigint not null,
	level      bigint not null,
	leak_us    bigint not null check (leak_us > 0),
	full_level bigint not null,
	free       bigint not null,
	first_us   bigint not null,
	most_us    bigint not null
);
create index rate_counters_by_end on rate_counters (empty_us);

-- +goose Down
drop table rate_counters;
drop table outbox;
drop function outbox_is_told;
