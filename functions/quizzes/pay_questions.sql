-- Which of a learner's right answers pay: each question does once a local day, by the clock, whatever the
-- dates of the quizzes, and once on the local day of the quiz. Of a quiz that was written without its
-- answers nobody knows the questions (null): they are taken for those of the exam that have paid today
-- already, as far as these go. The caller has locked the learner.
create or replace function learn_internal.pay_questions(
  p_user_id       uuid,
  p_exam_type     text,
  p_question_ids  bigint[],
  p_completed_at  timestamptz,
  p_before        bigint            -- the first attempt that is being written
)
returns boolean[]                   -- for each of the questions
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_seqscan = off   -- by key, also where a table was small when this was planned
set jit = off
as $$
declare
  v_day       learn_internal.paid_questions;
  v_date      date;                 -- of the quiz
  v_is_late   boolean;              -- of another day than today
  v_paid      text[] := '{}'::text[];  -- on the date of the quiz, which may have begun in another zone
  v_ids       bigint[];
  v_known     integer;              -- unnamed answers that are taken for paid ones
  v_unnamed   integer;
  v_id        bigint;
  v_pays      boolean;
  v_result    boolean[] := '{}'::boolean[];
begin
  v_day := learn_internal.open_paid_day(p_user_id);
  v_date := (learn_internal.local_date(p_user_id, p_completed_at)).local_date;
  v_is_late := v_date <> (learn_internal.local_date(p_user_id, learn.clock())).local_date;
  if exists (
    select from learn.users u
    where u.id = p_user_id and u.zone_since > p_completed_at - interval '3 days')
  then
    v_paid := array(
      select coalesce(f.properties ->> 'question_id', '')
      from learn.activity_log f
      where f.user_id = p_user_id and f.recorded_at > p_completed_at - interval '3 days'
        and f.activity_type = 'question_answered_correctly' and f.subject_type = 'quiz'
        and f.properties ->> 'exam_type' = p_exam_type and f.local_date = v_date and f.xp is distinct from 0);
  end if;
  v_ids := v_day.question_ids;
  v_unnamed := coalesce((v_day.unnamed ->> p_exam_type)::integer, 0);
  if array_position(p_question_ids, null) is not null then
    select count(*) into v_known
    from learn.questions q
    where q.id = any (v_ids) and q.exam_type = p_exam_type;
    v_known := greatest(v_known + v_unnamed, cardinality(v_paid));
    if v_is_late then
      select greatest(v_known, max(t.correct_answers)) into v_known
      from learn.quiz_attempts t
      where t.user_id = p_user_id and t.id < p_before and t.exam_type = p_exam_type
        and t.completed_at between p_completed_at - interval '2 days' and p_completed_at + interval '2 days'
        and (learn_internal.local_date(p_user_id, t.completed_at)).local_date = v_date;
    end if;
  end if;

  foreach v_id in array p_question_ids loop
    if v_id is null then
      v_pays := v_known = 0;
      v_known := greatest(0, v_known - 1);
      v_unnamed := v_unnamed + v_pays::integer;
    else
      v_pays := v_id <> all (v_day.question_ids) and v_id::text <> all (v_paid);
      if v_pays and v_is_late then
        v_pays := not exists (
          select from learn.user_answers a
          join learn.quiz_attempts t on t.user_id = a.user_id and t.id = a.quiz_attempt_id
          where a.user_id = p_user_id and a.question_id = v_id and a.quiz_attempt_id < p_before
            and a.is_correct
            and (learn_internal.local_date(p_user_id, t.completed_at)).local_date = v_date);
      end if;
      if v_pays then
        v_ids := v_ids || v_id;
      end if;
    end if;
    v_result := v_result || v_pays;
  end loop;

  if true = any (v_result) then
    if v_unnamed > 0 then
      v_day.unnamed := v_day.unnamed || jsonb_build_object(p_exam_type, v_unnamed);
    end if;
    insert into learn_internal.paid_questions as d
      (user_id, opened_at, question_ids, unnamed, perfect)
    values (p_user_id, v_day.opened_at, v_ids, v_day.unnamed, v_day.perfect)
    on conflict (user_id) do update
      set opened_at = excluded.opened_at,
        question_ids = excluded.question_ids, unnamed = excluded.unnamed, perfect = excluded.perfect;
  end if;
  return v_result;
end;
$$;
comment on function learn_internal.pay_questions(uuid, text, bigint[], timestamptz, bigint) is
  'Which of a learner''s right answers pay: each question once a local day.';
