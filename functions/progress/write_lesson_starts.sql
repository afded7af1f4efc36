-- Writes the facts of newly started lessons.
create or replace function learn_internal.write_lesson_starts(
  p_starts learn_internal.lesson_event[]
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform from learn.user_stats s
  where s.user_id = any (array(select e.user_id from unnest(p_starts) e))
  order by s.user_id
  for no key update;
  perform learn_internal.write_facts(array_agg(
    (e.user_id, 'lesson_started', 'lesson', e.lesson_id::text, '{}',
      null, e.at)::learn_internal.fact
    order by e.user_id, e.at, e.lesson_id))
  from unnest(p_starts) e;
end;
$$;
comment on function learn_internal.write_lesson_starts(learn_internal.lesson_event[]) is
  'Writes lesson_started facts.';
revoke all on function learn_internal.write_lesson_starts(learn_internal.lesson_event[])
  from public;
