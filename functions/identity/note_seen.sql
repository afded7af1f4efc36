-- Notes when users learned last, parallel arrays: users.last_active_at, and in user_stats, where the engine looks
-- anyway, so that it writes this once in five minutes at most. Its caller has locked the users.
create or replace function learn_internal.note_seen(p_user_ids uuid[], p_at timestamptz[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_users uuid[];                    -- in a row, of one moment
begin
  if cardinality(p_user_ids) > 1 then
    select array_agg(s.user_id order by s.at, s.user_id), array_agg(s.at order by s.at, s.user_id)
    into p_user_ids, p_at
    from unnest(p_user_ids, p_at) s(user_id, at);
  end if;
  for v_i in 1 .. cardinality(p_user_ids) loop
    v_users := v_users || p_user_ids[v_i];
    continue when p_at[v_i] = p_at[v_i + 1];
    update learn.user_stats k set last_active_at = p_at[v_i]
    where k.user_id = any (v_users) and (k.last_active_at is null or k.last_active_at < p_at[v_i]);
    update learn.users u set last_active_at = p_at[v_i]
    where u.id = any (v_users) and (u.last_active_at is null or u.last_active_at < p_at[v_i]);
    v_users := null;
  end loop;
end;
$$;
comment on function learn_internal.note_seen(uuid[], timestamptz[]) is
  'Notes when users learned last, in users and in user_stats.';
