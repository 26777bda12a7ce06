-- +goose Up
-- Where events go that somebody asked for. The secret is sealed. Letters on their way are in the outbox, in the lane of its id.
create table webhooks (
	id         uuid primary key,
	user_id    uuid not null references users (id),
	url        text not null check (length(url) between 1 and 2000),
	types      text not null,
	secret     bytea not null,
	everything boolean not null,
	disabled   text not null,
	version    bigint not null check (version > 0),
	created_at timestamptz not null,
	updated_at timestamptz not null
);
create index webhooks_by_user on webhooks (user_id, id);

-- +goose Down
drop table webhooks;
