-- Writes the facts of newly started lessons.
create or replace function learn_internal.write_lesson_starts(
  p_user_ids uuid[], p_lesson_ids bigint[], p_at timestamptz[]
)
returns void
language sql
volatile
set search_path = ''
as $$
  select learn_internal.write_facts(array_agg(
    (s.user_id, 'lesson_started', 'lesson', s.lesson_id::text, '{}', null, s.at)::learn_internal.fact
    order by s.user_id, s.at))
  from unnest(p_user_ids, p_lesson_ids, p_at) s(user_id, lesson_id, at);
$$;
comment on function learn_internal.write_lesson_starts(uuid[], bigint[], timestamptz[]) is
  'Writes lesson_started facts.';
revoke all on function learn_internal.write_lesson_starts(uuid[], bigint[], timestamptz[]) from public;
