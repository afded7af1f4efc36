-- What happens when rows of learn.skills are written, in the order in which triggers fire.
-- Errors: LX012.

-- When what levels of skills take changes, skills come, go or get other parents: this blocks learners.
create or replace trigger skills_change
  before insert or update of max_level, xp_per_level, parent_skill_id or delete on learn.skills
  for each statement
  execute function learn_internal.change_content();

-- When levels of skills take other points, or there are more or fewer of them: the levels of all
-- who have points there are recounted. What was reached or mastered stays reported.
create or replace function learn_internal.skills_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_skill_ids bigint[];
begin
  select array_agg(n.id) into v_skill_ids
  from new_rows n
  join old_rows o on o.id = n.id
  where (n.max_level, n.xp_per_level) <> (o.max_level, o.xp_per_level);
  if v_skill_ids is null then
    return null;
  end if;
  perform from learn.user_stats s
  where s.user_id in (
    select u.user_id from learn.user_skills u where u.skill_id = any (v_skill_ids))
  order by s.user_id for no key update;
  perform learn_internal.settle_skills(
    array_agg(u.user_id), array_agg(u.skill_id), array_agg(learn.clock()))
  from learn.user_skills u
  where u.skill_id = any (v_skill_ids)
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.skills_updated() is
  'Statement trigger: recounts the levels of skills that take other points.';

create or replace trigger skills_updated
  after update on learn.skills
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.skills_updated();

create or replace trigger skills_touch
  before update on learn.skills
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.touch_updated_at();

-- When skills get other parents: no cycle.
create or replace trigger skill_parents_updated
  after update on learn.skills
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('id', 'parent_skill_id');

-- When skills are added: no cycle of parents.
create or replace trigger skills_inserted
  after insert on learn.skills
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('id', 'parent_skill_id');
