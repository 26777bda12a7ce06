-- +goose Up
-- What is to be forgotten of caches is told to all gateways as what is revoked is (00003): its subject says of what.
alter table revocations drop constraint revocations_kind_check;
alter table revocations add constraint revocations_kind_check check (kind in ('access', 'family', 'client', 'user', 'token', 'keys', 'cache'));

-- +goose Down
delete from revocations where kind = 'cache';
alter table revocations drop constraint revocations_kind_check;
alter table revocations add constraint revocations_kind_check check (kind in ('access', 'family', 'client', 'user', 'token', 'keys'));
