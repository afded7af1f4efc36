-- A fact that is written by hand, and neither by a function nor by the trigger of another table, is one from outside, as
-- record_activity() takes it: what follows from its type and from the learner's zone is filled in, whatever the writer
-- says; what has happened is not written twice; what pays is bounded. XP it may carry, which no other fact from outside
-- may, and be an award. Functions say that it is them, by a setting, because to look costs more than they do.
-- Errors: LX001 unknown activity type, a malformed fact, a time ahead of the clock or before 1970; LX002 unknown user;
-- LX010 a type that Laurel writes itself, or XP taken away.
create or replace function learn_internal.complete_activity()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_type    learn.activity_types;
  v_problem text;
begin
  if current_setting('learn_internal.writes_facts', true) = 'yes' then  -- asked here: a long WHEN is read in every statement
    return new;
  end if;
  perform learn_internal.require_possible_time('occurred_at', new.occurred_at);
  perform learn_internal.require_possible_time('recorded_at', new.recorded_at);
  select * into v_type from learn.activity_types t where t.key = new.activity_type;
  if v_type.key = 'xp_awarded' then
    v_problem := case when coalesce(new.xp, 0) <= 0 then format('an award is positive: %s', new.xp) end;
    new.properties := '{"source_type": "manual"}' || new.properties;
  else
    v_problem := learn_internal.activity_problem(
      new.activity_type, new.subject_type, new.subject_id, new.properties);
    if v_problem is null and new.xp < 0 then
      v_problem := format('%s would take XP away: %s', v_type.key, new.xp);
    end if;
  end if;
  if v_problem is not null then
    raise exception 'the fact cannot be written by hand'
      using errcode = case when new.xp < 0 then 'LX010'
          else learn_internal.activity_problem_code(new.activity_type) end, detail = v_problem,
        hint = 'Laurel writes internal types itself, when a function such as learn.grant_achievement() or '
          'learn.reverse_xp() is called, or their rows are inserted.';
  end if;

  if v_type.pays > 0 and new.xp is null or v_type.happens_once or v_type.key = 'xp_awarded' then
    perform from learn.user_stats s where s.user_id = new.user_id for no key update;
  end if;
  select d.local_date, d.zone_number into new.local_date, new.zone_number
  from learn_internal.local_date(new.user_id, new.occurred_at) d;
  if new.local_date is null then
    perform learn_internal.require_user(new.user_id, false, 'user_id');
  end if;
  new.is_qualifying := v_type.is_qualifying;
  if new.subject_id is not null and (v_type.happens_once or v_type.key = 'xp_awarded') then
    if learn_internal.has_happened(
      new.user_id, new.activity_type, new.subject_type, new.subject_id)
    then
      return null;
    end if;
    insert into learn_internal.recorded_subjects (user_id, activity_type, subject_type, subject_id)
    values (new.user_id, new.activity_type, new.subject_type, new.subject_id)
    on conflict do nothing;
  end if;
  if v_type.pays > 0 and new.xp is null then
    new.xp := learn_internal.recorded_xp(new.user_id, new.activity_type);
  end if;
  return new;
end;
$$;
comment on function learn_internal.complete_activity() is
  'Row trigger: a fact that is written by hand is taken as record_activity() takes it (LX001, LX002, LX010).';

create or replace trigger complete_activity
  before insert on learn.activity_log
  for each row
  when (pg_trigger_depth() = 0)
  execute function learn_internal.complete_activity();
