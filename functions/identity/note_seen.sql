-- Notes when users learned last, parallel arrays: users.last_active_at, and in user_stats, where the engine looks
-- anyway, so that it writes this once in five minutes at most. Its caller has locked the users.
create or replace function learn_internal.note_seen(p_user_ids uuid[], p_at timestamptz[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  s record;
begin
  for s in
    select t.user_id, max(t.at) as at
    from unnest(p_user_ids, p_at) t(user_id, at)
    group by t.user_id
    order by t.user_id
  loop
    update learn.user_stats k set last_active_at = s.at where k.user_id = s.user_id;
    update learn.users u set last_active_at = s.at
    where u.id = s.user_id and (u.last_active_at is null or u.last_active_at < s.at);
  end loop;
end;
$$;
comment on function learn_internal.note_seen(uuid[], timestamptz[]) is
  'Notes when users learned last, in users and in user_stats.';
