-- Id of the newest user_achievements row of a user: what is newer was earned after this moment.
create or replace function learn_internal.last_achievement(p_user_id uuid)
returns bigint
language sql
stable
set search_path = ''
as $$
  select coalesce(max(a.id), 0) from learn.user_achievements a where a.user_id = p_user_id;
$$;
comment on function learn_internal.last_achievement(uuid) is 'Id of the newest achievement row of a user; 0 without any.';
revoke all on function learn_internal.last_achievement(uuid) from public;
