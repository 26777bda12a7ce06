-- +goose Up
create table outbox (
	id           uuid      not null primary key,
	topic        text      not null check (topic <> ''),
	payload      jsonb     not null check (json_valid(cast(payload as text))),
	once         text      unique check (once <> ''),
	attempts     integer   not null check (attempts >= 0),
	next_at      timestamp not null,
	leased_by    text      not null,
	leased_until timestamp,
	last_error   text      not null,
	created_at   timestamp not null,
	dead_at      timestamp,
	check ((leased_by = '') = (leased_until is null)),
	check (dead_at is null or leased_by = '')
);
create index outbox_due on outbox (topic, next_at) where dead_at is null;
create index outbox_dead on outbox (dead_at) where dead_at is not null;

-- Buckets that leak: empty_us is when one will be empty, last_us when something was added, in microseconds since 1970, and
-- level what was in it before. The rest is what was asked for, where a conflict can read it.
create table rate_counters (
	key        blob    not null primary key check (length(key) between 1 and 64),
	empty_us   integer not null,
	last_us    integer not null,
	level      integer not null,
	leak_us    integer not null check (leak_us > 0),
	full_level integer not null,
	free       integer not null,
	first_us   integer not null,
	most_us    integer not null
);
create index rate_counters_by_end on rate_counters (empty_us);

-- +goose Down
drop table rate_counters;
drop table outbox;
