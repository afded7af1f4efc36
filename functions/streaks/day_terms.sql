-- What active days mean, looked up once for all users of a statement.
-- Errors: LX003 the setting is missing.
create or replace function learn_internal.day_terms()
returns learn_internal.day_terms
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    array(
      select m.key from learn.metrics m
      where m.key in ('active_days', 'current_streak', 'longest_streak') and m.is_board),
    learn_internal.setting_number('streak_freeze_every_days')::integer
  )::learn_internal.day_terms;
end;
$$;
comment on function learn_internal.day_terms() is
  'Which metrics of active days have boards, and after how many days a streak earns a freeze.';
