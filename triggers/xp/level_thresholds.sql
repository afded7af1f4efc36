-- What happens when rows of learn.level_thresholds are written, in the order in which triggers fire.
-- Errors: LX001.

-- When the level curve changes: this blocks learners.
create or replace trigger level_thresholds_change
  before insert or update or delete or truncate on learn.level_thresholds
  for each statement
  execute function learn_internal.change_content();

-- When the level curve is changed: it must be one, and everybody's level follows it.
-- Levels that were reached stay reached: nothing is announced, and no achievement is taken away.
-- Errors: LX001 not a curve.
create or replace function learn_internal.apply_level_curve()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (
    select from (
      select t.level, t.min_xp, row_number() over (order by t.level) as position,
        lag(t.min_xp) over (order by t.level) as previous
      from learn.level_thresholds t
    ) c
    where c.level <> c.position or c.position = 1 and c.min_xp <> 0 or c.min_xp <= c.previous
  ) or not exists (select from learn.level_thresholds)
  then
    raise exception 'the level curve must rise from level 1 at 0 XP without gaps'
      using errcode = 'LX001',
        detail = (
          select coalesce(
            string_agg(format('%s: %s', t.level, t.min_xp), ', ' order by t.level), 'no levels')
          from learn.level_thresholds t),
        hint = 'Change all levels concerned in one statement.';
  end if;

  perform from learn.user_stats s
  where s.current_level <> learn.calculate_level_from_xp(s.total_xp)
  order by s.user_id
  for no key update;
  update learn.user_stats s
  set current_level = learn.calculate_level_from_xp(s.total_xp)
  where s.current_level <> learn.calculate_level_from_xp(s.total_xp);
  return null;
end;
$$;
comment on function learn_internal.apply_level_curve() is
  'Statement trigger: checks the level curve (LX001) and applies it to all users.';

create or replace trigger apply_level_curve
  after insert or update or delete or truncate on learn.level_thresholds
  for each statement
  execute function learn_internal.apply_level_curve();

-- When the level curve changes: the totals of XP at which something happens are noted again.
create or replace trigger level_thresholds_marks
  after insert or update or delete or truncate on learn.level_thresholds
  for each statement
  execute function learn_internal.note_xp_marks();
