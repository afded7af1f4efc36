-- Notes when users learned last, parallel arrays: users.last_active_at, and in user_stats, where the engine looks
-- anyway, so that it writes this once in five minutes at most. Its caller has locked the users.
create or replace function learn_internal.note_seen(p_user_ids uuid[], p_at timestamptz[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  for v_i in 1 .. cardinality(p_user_ids) loop
    update learn.user_stats k set last_active_at = greatest(k.last_active_at, p_at[v_i])
    where k.user_id = p_user_ids[v_i];
    update learn.users u set last_active_at = p_at[v_i]
    where u.id = p_user_ids[v_i] and (u.last_active_at is null or u.last_active_at < p_at[v_i]);
  end loop;
end;
$$;
comment on function learn_internal.note_seen(uuid[], timestamptz[]) is
  'Notes when users learned last, in users and in user_stats.';
