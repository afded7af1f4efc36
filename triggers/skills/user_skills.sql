-- What happens when rows of learn.user_skills are written, in the order in which triggers fire.
-- Errors: LX001, LX006, LX009.

-- Before points are put into skills: content is held.
create or replace trigger user_skills_hold
  before insert or update on learn.user_skills
  for each statement
  execute function learn_internal.hold_content_first();

-- When users' skills are deleted: only with the user or with the skill, because levels that were
-- reached would be reported again.
-- Errors: LX009.
create or replace function learn_internal.user_skills_deleted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_kept record;
begin
  select d.user_id, k.slug into v_kept
  from deleted_rows d
  join learn.users u on u.id = d.user_id
  join learn.skills k on k.id = d.skill_id
  limit 1;
  if found then
    raise exception 'skills of users are not deleted'
      using errcode = 'LX009',
        detail = format('user_id = %s, skill %s', v_kept.user_id, v_kept.slug),
        hint = 'Set points_allocated to 0 to give the points back.';
  end if;
  return null;
end;
$$;
comment on function learn_internal.user_skills_deleted() is
  'Statement trigger: users'' skills go only with the user or the skill (LX009).';

create or replace trigger user_skills_deleted
  after delete on learn.user_skills
  referencing old table as deleted_rows
  for each statement
  execute function learn_internal.user_skills_deleted();

-- When users begin skills: points, room and prerequisites are checked, and levels follow.
-- Errors: LX001 more points than there are, or than fit; LX006 prerequisites at level 0.
create or replace function learn_internal.user_skills_inserted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.apply_allocations(
    array_agg(n.user_id), array_agg(n.skill_id), array_agg(true), array_agg(n.allocated_at))
  from new_rows n
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.user_skills_inserted() is
  'Statement trigger: checks points in skills that users begin (LX001, LX006); levels follow.';

create or replace trigger user_skills_inserted
  after insert on learn.user_skills
  referencing new table as new_rows
  for each statement
  execute function learn_internal.user_skills_inserted();

-- When users have more points in skills: points and room are checked, and levels follow. Fewer
-- points are always good. What does not touch points is left alone, as the levels that are
-- written by settle_skills().
-- Errors: LX001 more points than there are, or than fit.
create or replace function learn_internal.user_skills_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now     timestamptz := learn.clock();
  v_changes record;
begin
  select
    array_agg(c.user_id) filter (where c.points > 0) as more_user_ids,
    array_agg(c.skill_id) filter (where c.points > 0) as more_skill_ids,
    array_agg(false) filter (where c.points > 0) as more_begun,
    -- who says nothing of the time means now
    array_agg(case when c.allocated_at <> c.old_allocated_at then c.allocated_at else v_now end)
      filter (where c.points > 0) as more_at,
    array_agg(c.user_id) filter (where c.points < 0) as less_user_ids,
    array_agg(c.skill_id) filter (where c.points < 0) as less_skill_ids,
    array_agg(v_now) filter (where c.points < 0) as less_at
  into v_changes
  from (
    -- New and old rows are matched by grouping, in the same time per row for any number: see docs/engine.md
    select r.user_id, r.skill_id, sum(r.points) as points,
      max(r.allocated_at) filter (where r.is_new) as allocated_at,
      max(r.allocated_at) filter (where not r.is_new) as old_allocated_at
    from (
      select n.user_id, n.skill_id, n.points_allocated as points, n.allocated_at, true as is_new from new_rows n
      union all
      select o.user_id, o.skill_id, -o.points_allocated, o.allocated_at, false from old_rows o
    ) r
    group by r.user_id, r.skill_id
    having count(*) = 2
  ) c;
  if v_changes.more_user_ids is not null and not learn_internal.is_merging() then
    perform learn_internal.apply_allocations(
      v_changes.more_user_ids, v_changes.more_skill_ids, v_changes.more_begun, v_changes.more_at);
  end if;
  if v_changes.less_user_ids is not null then
    perform from learn.user_stats s where s.user_id = any (v_changes.less_user_ids)
    order by s.user_id for no key update;
    perform learn_internal.settle_skills(
      v_changes.less_user_ids, v_changes.less_skill_ids, v_changes.less_at);
  end if;
  return null;
end;
$$;
comment on function learn_internal.user_skills_updated() is
  'Statement trigger: checks more points in skills (LX001); levels follow.';

create or replace trigger user_skills_updated
  after update on learn.user_skills
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.user_skills_updated();

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.user_skills
  for each row
  when (learn_internal.is_off_time(
    greatest(new.unlocked_at, new.allocated_at, new.mastered_at),
    least(new.unlocked_at, new.allocated_at, new.mastered_at)))
  execute function learn_internal.refuse_times('unlocked_at', 'allocated_at', 'mastered_at');

create or replace trigger refuse_new_times
  before update of unlocked_at, allocated_at, mastered_at on learn.user_skills
  for each row
  when (new.unlocked_at is distinct from old.unlocked_at and learn_internal.is_off_time(new.unlocked_at, new.unlocked_at)
    or new.allocated_at is distinct from old.allocated_at and learn_internal.is_off_time(new.allocated_at, new.allocated_at)
    or new.mastered_at is distinct from old.mastered_at and learn_internal.is_off_time(new.mastered_at, new.mastered_at))
  execute function learn_internal.refuse_times('unlocked_at', 'allocated_at', 'mastered_at');
