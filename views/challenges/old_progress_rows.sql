-- The rows of learn.old_progress_table with what is wrong with each, null where nothing is.
create or replace view learn_internal.old_progress_rows as
select c.id, c.user_id, c.challenge_id, c.levels, c.total_xp,
  coalesce(c.problem, case when c.first_id <> c.id
    then format('row %s is of the same user and challenge', c.first_id) end) as rejection
from (
  select p.*, first_value(p.id) over (
      partition by p.user_id, p.challenge_id, p.problem is null order by p.id) as first_id
  from (
    select r.id, r.user_id, c.id as challenge_id, l.levels, r.total_xp, case
      when r.user_id is null then 'user_id is null'
      when u.id is null then 'unknown user'
      when r.problem_id is null then 'problem_id is null'
      when c.id is null then 'unknown challenge'
      when r.completed_levels is null then 'completed_levels is null'
      when l.has_other then 'completed_levels has something else than levels 1 to 5'
      when l.has_twice then 'completed_levels has a level twice'
      when m.level is not null then format('level %s is missing before level %s', m.level, (
        select min(x) from unnest(l.levels) x where x > m.level))
      when r.total_xp is null then 'total_xp is null'
      when r.total_xp < 0 then 'total_xp is negative'
      when not i.completed_levels <@ l.levels or r.total_xp < i.total_xp
        then format('it was imported with more: levels %s, %s XP', i.completed_levels, i.total_xp)
    end as problem
    from learn.old_progress_table r
    left join learn.users u on u.id = r.user_id
    left join learn.challenges c on c.slug = r.problem_id
    left join learn.imported_challenge_progress i
      on i.user_id = r.user_id and i.challenge_id = c.id
    cross join lateral (
      select coalesce(array_agg(x order by x), '{}') as levels,
        coalesce(bool_or(x is null or x not between 1 and 5), false) as has_other,
        count(*) > count(distinct x) as has_twice
      from unnest(r.completed_levels) x
    ) l
    left join learn.user_challenge_progress p on p.user_id = r.user_id and p.challenge_id = c.id
    left join lateral (
      select learn_internal.missing_level(c.id, l.levels || p.levels_completed) as level
      where not l.has_other
    ) m on true
  ) p
) c;
comment on view learn_internal.old_progress_rows is
  'The rows of old_progress_table, with why each cannot be imported.';
