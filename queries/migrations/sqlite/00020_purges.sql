-- +goose Up
-- What is to be forgotten of caches is told to all gateways as what is revoked is (00003): its subject says of what.
create table revocations_of_caches (
	number     integer     not null primary key check (number > 0),
	kind       text        not null check (kind in ('access', 'family', 'client', 'user', 'token', 'keys', 'cache')),
	subject    text        not null,
	created_at timestamp   not null,
	expires_at timestamp   not null
);
insert into revocations_of_caches select number, kind, subject, created_at, expires_at from revocations;
drop table revocations;
alter table revocations_of_caches rename to revocations;
create index revocations_by_subject on revocations (subject, kind);
create index revocations_by_end on revocations (expires_at);

-- +goose Down
create table revocations_without_caches (
	number     integer     not null primary key check (number > 0),
	kind       text        not null check (kind in ('access', 'family', 'client', 'user', 'token', 'keys')),
	subject    text        not null,
	created_at timestamp   not null,
	expires_at timestamp   not null
);
insert into revocations_without_caches select number, kind, subject, created_at, expires_at from revocations where kind <> 'cache';
drop table revocations;
alter table revocations_without_caches rename to revocations;
create index revocations_by_subject on revocations (subject, kind);
create index revocations_by_end on revocations (expires_at);
