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
revoke all on function learn_internal.check_criteria() from public;

create or replace trigger check_criteria
  before insert or update of criteria, is_active on learn.achievements
  for each row
  execute function learn_internal.check_criteria();
comment on trigger check_criteria on learn.achievements is 'Validates the criteria (LX011).';
