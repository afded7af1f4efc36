-- When lesson progress is written: started lessons are facts, and completed ones pay and move their tracks.
create or replace function learn_internal.lesson_progress_inserted()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_user_ids   uuid[];
  v_lesson_ids bigint[];
  v_at         timestamptz[];
begin
  select array_agg(n.user_id), array_agg(n.lesson_id), array_agg(n.started_at)
  into v_user_ids, v_lesson_ids, v_at
  from new_rows n
  where n.started_at is not null;
  if v_user_ids is not null then
    perform from learn.user_stats s where s.user_id = any (v_user_ids) order by s.user_id for no key update;
    perform learn_internal.write_lesson_starts(v_user_ids, v_lesson_ids, v_at);
  end if;

  select array_agg(n.user_id), array_agg(n.lesson_id) into v_user_ids, v_lesson_ids
  from new_rows n
  where n.completed_at is not null;
  if v_user_ids is not null then
    perform learn_internal.apply_lesson_completions(v_user_ids, v_lesson_ids);
  end if;
  return null;
end;
$$;
comment on function learn_internal.lesson_progress_inserted() is
  'Statement trigger: facts of started lessons; completed ones pay and move their tracks.';
revoke all on function learn_internal.lesson_progress_inserted() from public;

create or replace trigger lesson_progress_inserted
  after insert on learn.user_lesson_progress
  referencing new table as new_rows
  for each statement
  execute function learn_internal.lesson_progress_inserted();
comment on trigger lesson_progress_inserted on learn.user_lesson_progress is 'Started and completed lessons become facts.';
