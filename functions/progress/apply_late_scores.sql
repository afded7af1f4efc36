-- After completed lessons have got a first score that is full, or lost a full one: a lesson without exercises that was
-- completed without a score is perfect when the first one that comes is full. That is a fact, which pays, once.
-- The caller has matched new and old rows.
create or replace function learn_internal.apply_late_scores(p_lessons learn_internal.lesson_event[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  c       record;
  v_facts learn_internal.fact[] := '{}'::learn_internal.fact[];
begin
  for c in
    select p.user_id, p.lesson_id
    from unnest(p_lessons) l
    join learn.user_lesson_progress p
      on p.user_id = l.user_id and p.lesson_id = l.lesson_id and p.score = 100
    where not exists (select from learn.exercises e where e.lesson_id = l.lesson_id)
    order by p.user_id, p.lesson_id
  loop
    perform from learn.user_stats s where s.user_id = c.user_id for no key update;
    v_facts := v_facts || (
      c.user_id, 'lesson_perfect', 'lesson', c.lesson_id::text, '{}', null,
      learn.clock())::learn_internal.fact;
  end loop;
  if cardinality(v_facts) > 0 then
    perform learn_internal.write_facts(v_facts);
  end if;
  -- It has paid: now, or with the completion, where a full score was taken away.
  insert into learn_internal.recorded_subjects (user_id, activity_type, subject_type, subject_id)
  select l.user_id, 'lesson_perfect', 'lesson', l.lesson_id::text
  from unnest(p_lessons) l
  order by 1, 4
  on conflict do nothing;
end;
$$;
comment on function learn_internal.apply_late_scores(learn_internal.lesson_event[]) is
  'Writes the facts of first scores that are full and have come after the completion, once each.';
