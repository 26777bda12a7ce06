-- name: InsertTeam :one
insert into teams (id, title, version, created_at, updated_at)
values (sqlc.arg(id), sqlc.arg(title), 1, clock_timestamp(), clock_timestamp())
returning id, number, title, version, created_at, updated_at;

-- name: GetTeam :one
select id, number, title, version, created_at, updated_at
from teams
where id = sqlc.arg(id);

-- name: GetTeamByNumber :one
select id, number, title, version, created_at, updated_at
from teams
where number = sqlc.arg(number);

-- name: LockTeam :one
-- Nobody else changes it until the transaction ends.
select id, number, title, version, created_at, updated_at
from teams
where id = sqlc.arg(id)
for update;

-- name: ListTeams :many
select id, number, title, version, created_at, updated_at
from teams
order by number
limit sqlc.arg(at_most)::bigint offset sqlc.arg(skip)::bigint;

-- name: CountTeams :one
select count(*) from teams;

-- name: UpdateTeam :one
update teams
set title = sqlc.arg(title), version = version + 1, updated_at = clock_timestamp()
where id = sqlc.arg(id)
returning id, number, title, version, created_at, updated_at;

-- name: TouchTeam :one
-- Who its members are has changed.
update teams
set version = version + 1, updated_at = clock_timestamp()
where id = sqlc.arg(id)
returning id, number, title, version, created_at, updated_at;

-- name: DeleteTeam :execrows
delete from teams
where id = sqlc.arg(id);

-- name: InsertTeamMember :one
-- No row: there is no such team, or no such living user.
insert into team_members (team_id, user_id, is_leader, created_at)
select t.id, u.id, sqlc.arg(is_leader)::boolean, clock_timestamp()
from teams t, users u
where t.id = sqlc.arg(team_id) and u.id = sqlc.arg(user_id) and u.deleted_at is null
returning team_id, user_id, is_leader, created_at;

-- name: DeleteTeamMember :one
delete from team_members
where team_id = sqlc.arg(team_id) and user_id = sqlc.arg(user_id)
returning team_id, user_id, is_leader, created_at;

-- name: GetTeamMember :one
select team_id, user_id, is_leader, created_at
from team_members
where team_id = sqlc.arg(team_id) and user_id = sqlc.arg(user_id);

-- name: ListTeamMembers :many
-- Those who live.
select m.team_id, m.user_id, m.is_leader, m.created_at
from team_members m
join users u on u.id = m.user_id
where m.team_id = sqlc.arg(team_id) and u.deleted_at is null
order by u.number;

-- name: CountTeamMembers :one
-- Those who live, and how many of them lead.
select count(*) as members, cast(coalesce(sum(case when m.is_leader then 1 else 0 end), 0) as bigint) as leaders
from team_members m
join users u on u.id = m.user_id
where m.team_id = sqlc.arg(team_id) and u.deleted_at is null;

-- name: ListTeamsOfUser :many
select t.id, t.number, t.title, t.version, t.created_at, t.updated_at
from teams t
join team_members m on m.team_id = t.id
where m.user_id = sqlc.arg(user_id)
order by t.number;
