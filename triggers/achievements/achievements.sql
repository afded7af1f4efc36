-- What happens when rows of learn.achievements are written, in the order in which triggers fire.
-- Errors: LX009, LX011.

-- When the rules of achievements change: this blocks learners.
create or replace trigger achievements_change
  before insert or update of criteria, is_active or delete on learn.achievements
  for each statement
  execute function learn_internal.change_content();

-- When an achievement is written: its criteria must make sense, and a change of the rule is dated.
-- Errors: LX011 criteria are not of the grammar, or name an unknown metric.
create or replace function learn_internal.check_criteria()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_problem text := learn_internal.criteria_problem(new.criteria);
begin
  if v_problem is not null then
    raise exception 'invalid criteria of achievement %', new.slug
      using errcode = 'LX011', detail = v_problem,
        hint = 'Criteria are {"metric": m, "scope": s?, "at_least": n}, {"all": […]}, '
          '{"any": […]} or {"at_least": k, "of": […]}; metrics are rows of learn.metrics.';
  end if;
  if tg_op = 'INSERT' or new.criteria <> old.criteria or new.is_active and not old.is_active then
    new.criteria_changed_at := learn.clock();
  end if;
  return new;
end;
$$;
comment on function learn_internal.check_criteria() is
  'Row trigger: validates an achievement''s criteria (LX011).';

create or replace trigger check_criteria
  before insert or update of criteria, is_active on learn.achievements
  for each row
  execute function learn_internal.check_criteria();

-- When an achievement is written: its thresholds are indexed, or taken out of the index
-- while it is inactive.
create or replace function learn_internal.index_criteria()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from learn_internal.achievement_thresholds t where t.achievement_id = new.id;
  if new.is_active then
    insert into learn_internal.achievement_thresholds
      (metric, scope, threshold, achievement_id, is_sole)
    select distinct l.metric, l.scope, l.threshold, new.id, l.is_sole
    from learn_internal.criteria_leaves(new.criteria) l;
  end if;
  return null;
end;
$$;
comment on function learn_internal.index_criteria() is
  'Row trigger: indexes the thresholds of an active achievement.';

create or replace trigger index_criteria
  after insert or update of criteria, is_active on learn.achievements
  for each row
  execute function learn_internal.index_criteria();

-- When an achievement is deleted: not while somebody holds it, because another of its name would be earned again.
-- Errors: LX009.
create or replace function learn_internal.keep_held_achievements()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (select from learn.user_achievements u where u.achievement_id = old.id) then
    raise exception 'an achievement that somebody holds stays'
      using errcode = 'LX009', detail = format('achievement %s', old.slug),
        hint = 'Deactivate it: update learn.achievements set is_active = false.';
  end if;
  return old;
end;
$$;
comment on function learn_internal.keep_held_achievements() is
  'Row trigger: an achievement that somebody holds is not deleted (LX009).';

create or replace trigger keep_held_achievements
  before delete on learn.achievements
  for each row execute function learn_internal.keep_held_achievements();
