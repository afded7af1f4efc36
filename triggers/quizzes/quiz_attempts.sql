-- What happens when rows of learn.quiz_attempts are written, in the order in which triggers fire.

-- Before quizzes are written: rules are held.
create or replace trigger quiz_attempts_hold
  before insert on learn.quiz_attempts
  for each statement
  execute function learn_internal.hold_content_first();
comment on trigger quiz_attempts_hold on learn.quiz_attempts is 'Keeps rules as they are.';

-- When quizzes are written: the quiz, each correct answer, and a perfect score are facts, and what
-- they paid is noted with the quiz. Answers that are written by the same statement tell which
-- questions these were.
create or replace function learn_internal.quizzes_completed()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set jit = off
as $$
declare
  v_user_ids uuid[];
  v_facts    learn_internal.fact[];
  v_minimum  numeric;
  v_high     numeric;
  v_last_id  bigint;              -- of the ledger, before
  v_now      timestamptz := learn.clock();
begin
  select array_agg(distinct n.user_id) into v_user_ids from new_rows n;
  if v_user_ids is null then
    return null;
  end if;
  perform from learn.user_stats s where s.user_id = any (v_user_ids)
  order by s.user_id for no key update;
  select coalesce(max(l.id), 0) into v_last_id
  from unnest(v_user_ids) u(user_id)
  cross join lateral (
    select t.id from learn.xp_transactions t
    where t.user_id = u.user_id
    order by t.id desc
    limit 1
  ) l;
  v_minimum := learn_internal.setting_number('quiz_minimum_questions');
  v_high := learn_internal.setting_number('quiz_high_score_percentage');

  with answered as (
    select a.user_id, a.quiz_attempt_id, a.question_id, q.domain,
      row_number() over (partition by a.user_id, a.quiz_attempt_id order by a.position) as number
    from new_rows n
    join learn.user_answers a on a.user_id = n.user_id and a.quiz_attempt_id = n.id
    left join learn.questions q on q.id = a.question_id
    where a.is_correct
  ), facts as (
    select n.user_id, n.id, n.completed_at, 1 as kind, g.number, 'question_answered_correctly' as type,
      jsonb_build_object('exam_type', n.exam_type, 'question_id', a.question_id,
        'domain', a.domain) as properties
    from new_rows n
    cross join lateral generate_series(1, n.correct_answers) g(number)
    left join answered a
      on a.user_id = n.user_id and a.quiz_attempt_id = n.id and a.number = g.number
    union all
    select n.user_id, n.id, n.completed_at, 2, 0, 'quiz_completed',
      jsonb_build_object('exam_type', n.exam_type, 'score', n.score_percentage,
        'total_questions', n.total_questions, 'correct_answers', n.correct_answers,
        'is_perfect', n.correct_answers = n.total_questions and n.total_questions >= v_minimum,
        'is_high_score', 100 * n.correct_answers >= v_high * n.total_questions
          and n.total_questions >= v_minimum)
    from new_rows n
    union all
    select n.user_id, n.id, n.completed_at, 3, 0, 'quiz_perfect',
      jsonb_build_object('exam_type', n.exam_type)
    from new_rows n
    where n.correct_answers = n.total_questions
  )
  select array_agg(
    (f.user_id, f.type, 'quiz', f.id::text, f.properties, null, f.completed_at)::learn_internal.fact
    order by f.user_id, f.completed_at, f.id, f.kind, f.number)
  into v_facts
  from facts f;
  perform learn_internal.write_facts(v_facts);

  -- What the facts have paid is what the ledger has got since.
  with paid as materialized (
    select t.user_id, t.source_id, sum(t.amount) as xp
    from learn.xp_transactions t
    where t.user_id = any (v_user_ids) and t.id > v_last_id and t.created_at >= v_now
      and t.activity_type in ('question_answered_correctly', 'quiz_perfect', 'quiz_completed')
    group by t.user_id, t.source_id
  )
  update learn.quiz_attempts a
  set xp_earned = coalesce(p.xp, 0)
  from new_rows n
  left join paid p on p.user_id = n.user_id and p.source_id = n.id::text
  where a.user_id = n.user_id and a.id = n.id and a.xp_earned <> coalesce(p.xp, 0);
  return null;
end;
$$;
comment on function learn_internal.quizzes_completed() is
  'Statement trigger: quizzes, correct answers and perfect scores become facts, which pay.';
revoke all on function learn_internal.quizzes_completed() from public;

create or replace trigger quizzes_completed
  after insert on learn.quiz_attempts
  referencing new table as new_rows
  for each statement
  execute function learn_internal.quizzes_completed();
comment on trigger quizzes_completed on learn.quiz_attempts is
  'Quizzes, correct answers and perfect scores become facts.';

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.quiz_attempts
  for each row
  when (learn_internal.is_off_time(new.completed_at, new.completed_at))
  execute function learn_internal.refuse_times('completed_at');
comment on trigger refuse_times on learn.quiz_attempts is 'Refuses times out of bounds (LX001).';

create or replace trigger refuse_new_times
  before update of completed_at on learn.quiz_attempts
  for each row
  when (new.completed_at is distinct from old.completed_at and learn_internal.is_off_time(new.completed_at, new.completed_at))
  execute function learn_internal.refuse_times('completed_at');
comment on trigger refuse_new_times on learn.quiz_attempts is 'Refuses times out of bounds (LX001).';
