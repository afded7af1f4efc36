-- Notes the difficulties that users have completed by now. Returns the facts to write.
create or replace function learn_internal.refresh_difficulties(
  p_user_ids uuid[], p_difficulties text[]
)
returns setof learn_internal.fact
language plpgsql                  -- keeps its plan, where an SQL function would be parsed
                                  -- in every statement
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_difficulties is null then
    return;
  end if;
  return query
  with saved as (
    insert into learn.user_difficulty_progress (user_id, difficulty, completed_at)
    select r.user_id, r.difficulty, r.last_completed_at
    from learn_internal.difficulty_recounts r
    where r.user_id = any (p_user_ids) and r.difficulty = any (p_difficulties)
    order by r.user_id, r.difficulty
    on conflict do nothing
    returning user_id, difficulty, completed_at
  )
  select s.user_id, 'difficulty_completed', 'difficulty', s.difficulty,
    jsonb_build_object('difficulty', s.difficulty), null::integer, s.completed_at
  from saved s
  order by s.user_id, s.completed_at, s.difficulty;
end;
$$;
comment on function learn_internal.refresh_difficulties(uuid[], text[]) is
  'Notes the difficulties that users have completed by now; returns the facts to write.';
