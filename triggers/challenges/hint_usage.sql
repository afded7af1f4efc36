-- What happens when the use of a hint is written: its penalty is the one that the level says, and stays, as the use does.
-- Errors: LX003 the level has no such hint; LX005 the challenge is locked; LX009 it would cost something else.
create or replace function learn_internal.fill_hints()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_hint jsonb;
begin
  select l.hints -> case when new.hint_number > 0 then new.hint_number - 1 end into v_hint
  from learn.challenge_levels l
  where l.challenge_id = new.challenge_id and l.level_number = new.level_number;
  if found and not exists (
    select from learn.user_challenge_progress p
    where p.user_id = new.user_id and p.challenge_id = new.challenge_id and p.unlocked_at is not null)
    and not exists (
    select from learn_internal.due_challenge_unlocks d
    where d.user_id = new.user_id and d.challenge_id = new.challenge_id)
  then
    raise exception 'the challenge is locked'
      using errcode = 'LX005',
        detail = format('user_id = %s, challenge_id = %s', new.user_id, new.challenge_id),
        hint = 'What it takes: learn.challenge_prerequisites_status.';
  end if;
  if v_hint is null then
    raise exception 'unknown hint'
      using errcode = 'LX003',
        detail = format('challenge_id = %s, level %s, hint %s',
          new.challenge_id, new.level_number, coalesce(new.hint_number::text, 'null')),
        hint = 'Look at learn.challenge_levels.hints; the first one is 1.';
  end if;
  new.xp_penalty := coalesce((v_hint ->> 'xp_penalty')::numeric::integer, 0);
  return new;
end;
$$;
comment on function learn_internal.fill_hints() is
  'Row trigger: a hint must be there (LX003), and its penalty is the level''s.';

create or replace trigger fill_hints
  before insert on learn.hint_usage
  for each row
  execute function learn_internal.fill_hints();

create or replace trigger results_stay
  after update of xp_penalty, used_at on learn.hint_usage
  for each row when ((old.xp_penalty, old.used_at) is distinct from (new.xp_penalty, new.used_at))
  execute function learn_internal.refuse_change();

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.hint_usage
  for each row
  when (learn_internal.is_off_time(new.used_at, new.used_at))
  execute function learn_internal.refuse_times('used_at');

create or replace trigger refuse_new_times
  before update of used_at on learn.hint_usage
  for each row
  when (new.used_at is distinct from old.used_at and learn_internal.is_off_time(new.used_at, new.used_at))
  execute function learn_internal.refuse_times('used_at');

-- A hint that was used has been used, whatever begins again: it goes with its level.
-- Errors: LX009.
create or replace trigger hints_stay
  before delete on learn.hint_usage
  for each row when (pg_trigger_depth() = 0)
  execute function learn_internal.refuse_change();

create or replace trigger hint_usage_truncate
  before truncate on learn.hint_usage
  for each statement execute function learn_internal.refuse_truncate();
