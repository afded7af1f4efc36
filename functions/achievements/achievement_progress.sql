-- How far a user is with every active achievement (hidden ones only once earned).
-- For one condition, value and target are the metric's; for a list, how many of its conditions
-- hold and how many are needed.
-- Errors: LX002.
create or replace function learn.achievement_progress(p_user_id uuid)
returns table (
  slug text, name text, category text, value bigint, target bigint,
  percentage numeric, earned_at timestamptz
)
language plpgsql
stable
security definer                  -- reads metrics and thresholds for the caller
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  perform learn_internal.require_self(p_user_id);
  if not exists (select from learn.users u where u.id = p_user_id) then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', coalesce(p_user_id::text, 'null')),
        hint = 'Register the user first: learn.register_user().';
  end if;
  return query
  select a.slug, a.name, a.category, p.value, p.target,
    case when u.earned_at is not null then 100.00
      else least(100, round(100.0 * p.value / p.target, 2)) end,
    u.earned_at
  from learn.achievements a
  left join learn.user_achievements u on u.user_id = p_user_id and u.achievement_id = a.id
  cross join lateral (
    select coalesce(case
        when a.criteria ->> 'metric' = 'current_streak' and u.earned_at is null
          then learn.calculate_user_streak(p_user_id)::bigint
        else (
          select v.value from learn_internal.reward_values v
          where v.user_id = p_user_id and v.metric = a.criteria ->> 'metric'
            and v.scope = coalesce(a.criteria ->> 'scope', ''))
      end, 0) as value, (a.criteria ->> 'at_least')::numeric::bigint as target
    where a.criteria ? 'metric'
    union all
    select count(*) filter (where learn_internal.satisfies_criteria(p_user_id, c.value)), case
        when a.criteria ? 'all' then count(*)
        when a.criteria ? 'any' then 1
        else (a.criteria ->> 'at_least')::numeric::bigint
      end
    from jsonb_array_elements(
      coalesce(a.criteria -> 'all', a.criteria -> 'any', a.criteria -> 'of')) c
    where not a.criteria ? 'metric'
    having not a.criteria ? 'metric'
  ) p
  where a.is_active and (not a.is_hidden or u.earned_at is not null) or u.earned_at is not null
  order by a.system, a.display_order, a.slug;
end;
$$;
comment on function learn.achievement_progress(uuid) is
  'How far a user is with every active achievement: value of target, in percent, '
  'and when it was earned.';
revoke all on function learn.achievement_progress(uuid) from public;
grant execute on function learn.achievement_progress(uuid) to learn_app, learn_user, learn_readonly;
