-- When lesson progress is written by hand: status and date agree, and a completion stays.
-- Errors: LX009 the change would take a completion away.
create or replace function learn_internal.date_completions()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'UPDATE' and old.completed_at is not null then
    if new.status <> 'completed' or new.completed_at is null then
      raise exception 'a completed lesson stays completed'
        using errcode = 'LX009',
          detail = format('user_id = %s, lesson_id = %s', old.user_id, old.lesson_id),
          hint = 'Completions are sticky; XP is taken back by learn.reverse_xp().';
    end if;
    new.completed_at := old.completed_at;
  elsif new.status = 'completed' and new.completed_at is null then
    new.completed_at := learn.clock();
  elsif new.completed_at is not null then
    new.status := 'completed';
  end if;
  return new;
end;
$$;
comment on function learn_internal.date_completions() is
  'Row trigger: a completed lesson has a date, and keeps it (LX009).';
revoke all on function learn_internal.date_completions() from public;

create or replace trigger date_completions
  before insert on learn.user_lesson_progress
  for each row
  when ((new.status = 'completed') <> (new.completed_at is not null))
  execute function learn_internal.date_completions();
comment on trigger date_completions on learn.user_lesson_progress is
  'Makes status and completed_at agree.';

create or replace trigger keep_completions
  before update on learn.user_lesson_progress
  for each row
  when ((new.status = 'completed') <> (new.completed_at is not null)
    or old.completed_at is not null and new.completed_at is distinct from old.completed_at)
  execute function learn_internal.date_completions();
comment on trigger keep_completions on learn.user_lesson_progress is
  'A completion is sticky (LX009).';
