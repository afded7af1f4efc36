-- After a change of content: completes lessons for everybody who has solved
-- all that is left of them.
create or replace function learn_internal.refresh_lessons(p_lesson_ids bigint[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids   uuid[];
  v_lesson_ids bigint[];
begin
  select array_agg(v.user_id), array_agg(v.lesson_id) into v_user_ids, v_lesson_ids
  from learn_internal.solved_lessons v
  where v.lesson_id = any (p_lesson_ids) and not exists (
    select from learn.user_lesson_progress p
    where p.user_id = v.user_id and p.lesson_id = v.lesson_id and p.completed_at is not null);
  if v_user_ids is not null then
    perform from learn.user_stats s where s.user_id = any (v_user_ids)
    order by s.user_id for no key update;
    perform learn_internal.complete_solved_lessons(v_user_ids, v_lesson_ids);
  end if;
end;
$$;
comment on function learn_internal.refresh_lessons(bigint[]) is
  'Completes lessons for everybody who has solved all that is left of them, '
  'after a change of content.';
