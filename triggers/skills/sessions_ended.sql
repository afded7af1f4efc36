-- When learning sessions end: what the user's XP has gained since the start is noted.
create or replace function learn_internal.sessions_ended()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_user_ids uuid[];
begin
  select array_agg(distinct n.user_id) into v_user_ids
  from new_rows n
  join old_rows o on o.user_id = n.user_id and o.id = n.id
  where n.ended_at is not null and o.ended_at is null;
  if v_user_ids is null then
    return null;
  end if;
  perform from learn.user_stats s where s.user_id = any (v_user_ids)
  order by s.user_id for no key update;
  update learn.learning_sessions l
  set xp_earned = greatest(0, s.total_xp - coalesce(n.xp_at_start, s.total_xp))
  from new_rows n
  join old_rows o on o.user_id = n.user_id and o.id = n.id
  join learn.user_stats s on s.user_id = n.user_id
  where n.ended_at is not null and o.ended_at is null and l.user_id = n.user_id and l.id = n.id;
  return null;
end;
$$;
comment on function learn_internal.sessions_ended() is
  'Statement trigger: notes what users'' XP has gained in sessions that end.';
revoke all on function learn_internal.sessions_ended() from public;

create or replace trigger sessions_ended
  after update on learn.learning_sessions
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.sessions_ended();
comment on trigger sessions_ended on learn.learning_sessions is 'Notes the XP gained.';
