-- +goose Up
-- With which programs users call: one row for each kind of program, of the version that was seen last. An empty text is not known.
create table user_clients (
	id             uuid        not null primary key,
	user_id        uuid        not null references users (id) on delete cascade,
	client_type    text        not null check (length(client_type) between 1 and 50),
	client_version text        not null check (length(client_version) <= 50),
	os             text        not null check (length(os) <= 50),
	qgis_version   text        not null check (length(qgis_version) <= 50),
	language       text        not null check (length(language) <= 50),
	extra_metadata jsonb       not null check (json_valid(cast(extra_metadata as text)) and json_type(cast(extra_metadata as text)) = 'object'),
	created_at     timestamp   not null,
	last_seen_at   timestamp   not null,
	unique (user_id, client_type)
);

-- +goose Down
drop table user_clients;
