-- Draws a quiz for a learner, and returns its questions in the order in which to ask them, without the key:
-- those never answered before come first, then those whose last answer was wrong, then the others, each at
-- random. An exam that has fewer gives what it has. A quiz of this exam that was left open is closed
-- as abandoned. submit_quiz() with answers to these questions completes it, within its time.
-- Errors: LX001 a number of questions or domains out of range; LX002; LX003 unknown exam, or no question
-- in the domains; LX004 user inactive, exam retired.
create or replace function learn.start_quiz(
  p_user_id   uuid,
  p_exam_type text,
  p_questions integer,
  p_domains   text[] default null
)
returns table (
  quiz_id bigint, "position" integer, question_id bigint, domain text, question_text text,
  options jsonb, started_at timestamptz, ends_at timestamptz
)
language plpgsql
volatile
security definer                  -- backends write no table, and do not read the key
set search_path = pg_catalog, pg_temp
set enable_seqscan = off   -- by key, also where a table was small when this was planned
set jit = off
as $$
#variable_conflict use_column
declare
  v_call    learn_internal.call := learn_internal.begin_call(
    'start_quiz', p_user_id, '{}', null, null);
  v_exam    learn.exam_types := learn_internal.require_exam(p_exam_type);
  v_maximum integer := learn_internal.setting_number('quiz_maximum_questions');
  v_ids     bigint[];
  v_drawn   learn.drawn_quizzes;
begin
  perform learn_internal.require_size('p_domains', cardinality(p_domains), 1000, 'elements');
  perform learn_internal.require_size('p_domains', pg_column_size(p_domains), 65536, 'bytes');
  if p_questions is null or p_questions not between 1 and v_maximum then
    raise exception 'a quiz of so many questions cannot be drawn'
      using errcode = 'LX001', detail = format('p_questions = %s', coalesce(p_questions::text, 'null')),
        hint = format('Ask for 1 to %s questions (setting quiz_maximum_questions).', v_maximum);
  end if;

  v_ids := array(
    select d.id
    from (
      select q.id, random() as chance, (
        select a.is_correct::integer
        from learn.user_answers a
        where a.user_id = p_user_id and a.question_id = q.id
        order by a.quiz_attempt_id desc
        limit 1) as last_answer
      from learn.questions q
      where q.exam_type = p_exam_type and q.is_active
        and (p_domains is null or q.domain = any (p_domains))
    ) d
    order by d.last_answer nulls first, d.chance
    limit p_questions);
  if v_ids = '{}' then
    raise exception 'there is no question to ask'
      using errcode = 'LX003',
        detail = format('p_exam_type = %s, p_domains = %s', p_exam_type, left(p_domains::text, 200)),
        hint = 'The domains of an exam are in learn.quiz_questions; null means all of them.';
  end if;

  update learn.drawn_quizzes d
  set closed_at = greatest(d.started_at, least(d.ends_at, learn.clock()))
  where d.user_id = p_user_id and d.exam_type = p_exam_type and d.closed_at is null;
  insert into learn.drawn_quizzes as d (user_id, exam_type, question_ids, started_at, ends_at)
  values (p_user_id, p_exam_type, v_ids, v_call.occurred_at, v_call.occurred_at
    + cardinality(v_ids) * v_exam.seconds_per_question * interval '1 second')
  on conflict do nothing
  returning d.* into v_drawn;

  return query
  select v_drawn.id, l.place::integer, q.id, q.domain, q.question_text, q.options,
    v_drawn.started_at, v_drawn.ends_at
  from unnest(v_ids) with ordinality l(id, place)
  join learn.quiz_questions q on q.id = l.id
  order by l.place;
end;
$$;
comment on function learn.start_quiz(uuid, text, integer, text[]) is
  'Draws a quiz: unseen questions first, then those last answered wrongly; closes one left open. Returns '
  'the questions without the key, and when the time is up (null: no limit).';
grant execute on function learn.start_quiz(uuid, text, integer, text[]) to learn_app, learn_user;
