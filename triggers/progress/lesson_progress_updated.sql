-- When lesson progress changes: what has become started or completed by the change is treated like new rows.
create or replace function learn_internal.lesson_progress_updated()
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
  if not exists (select from new_rows) then
    return null;
  end if;

  select array_agg(n.user_id), array_agg(n.lesson_id), array_agg(n.started_at)
  into v_user_ids, v_lesson_ids, v_at
  from new_rows n
  join old_rows o on o.user_id = n.user_id and o.lesson_id = n.lesson_id
  where n.started_at is not null and o.started_at is null;
  if v_user_ids is not null then
    perform from learn.user_stats s where s.user_id = any (v_user_ids) order by s.user_id for no key update;
    perform learn_internal.write_lesson_starts(v_user_ids, v_lesson_ids, v_at);
  end if;

  select array_agg(n.user_id), array_agg(n.lesson_id) into v_user_ids, v_lesson_ids
  from new_rows n
  join old_rows o on o.user_id = n.user_id and o.lesson_id = n.lesson_id
  where n.completed_at is not null and o.completed_at is null;
  if v_user_ids is not null then
    perform learn_internal.apply_lesson_completions(v_user_ids, v_lesson_ids);
  end if;
  return null;
end;
$$;
comment on function learn_internal.lesson_progress_updated() is
  'Statement trigger: lessons that a change has started or completed become facts.';
revoke all on function learn_internal.lesson_progress_updated() from public;

create or replace trigger lesson_progress_updated
  after update on learn.user_lesson_progress
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.lesson_progress_updated();
comment on trigger lesson_progress_updated on learn.user_lesson_progress is 'Started and completed lessons become facts.';
