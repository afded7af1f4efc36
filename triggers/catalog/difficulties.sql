-- What happens when rows of learn.difficulties are written, in the order in which triggers fire.

-- When difficulties multiply XP differently, or are renamed, which lessons and tracks follow:
-- this blocks learners.
create or replace trigger difficulties_change
  before update of key, xp_multiplier on learn.difficulties
  for each statement
  execute function learn_internal.change_content();

-- When difficulties multiply XP differently: lessons of that tier weigh differently in mastery.
create or replace function learn_internal.difficulties_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.refresh_courses(array_agg(distinct l.course_id))
  from learn.lessons l
  where l.course_id is not null and l.difficulty in (
    select n.key
    from new_rows n
    left join old_rows o on o.key = n.key
    where n.xp_multiplier is distinct from o.xp_multiplier)
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.difficulties_updated() is
  'Statement trigger: recounts courses with lessons of difficulties that changed.';

create or replace trigger difficulties_updated
  after update on learn.difficulties
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.difficulties_updated();
