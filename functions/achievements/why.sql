-- Why a user has an achievement, or not yet: a row for the achievement, one for each condition of its
-- rule, and below it the facts that count for it, up to the one that met it: the last 100 of them.
-- The rule is that of today; what it was when the achievement was earned, the first row says.
-- Errors: LX002 unknown user; LX003 unknown achievement, or a hidden one that the user has not earned.
create or replace function learn.why(p_user_id uuid, p_slug text)
returns table (
  condition integer, metric text, scope text, needed bigint, had bigint,
  occurred_at timestamptz, what text, amount bigint, total bigint, why text
)
language plpgsql
stable
security definer                  -- reads metrics and the log for the caller
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  a         record;
  c         record;
  v_met     record;                -- the fact that met a condition
begin
  perform learn_internal.require_self(p_user_id);
  perform learn_internal.require_user(p_user_id);
  perform learn_internal.require_size('p_slug', length(p_slug), 200);
  select k.id, k.criteria, k.xp_reward, u.earned_at, u.evidence into a
  from learn.achievements k
  left join learn.user_achievements u on u.user_id = p_user_id and u.achievement_id = k.id
  where k.slug = p_slug and (u.earned_at is not null or not k.is_hidden);
  if not found then
    raise exception 'unknown achievement'
      using errcode = 'LX003', detail = format('p_slug = %s', coalesce(p_slug, 'null')),
        hint = 'Look it up in learn.achievements; a hidden one can be asked for once it is earned.';
  end if;

  condition := 0;
  occurred_at := a.earned_at;
  what := p_slug;
  amount := a.xp_reward;
  why := case
    when a.earned_at is null then 'not earned yet'
    when a.evidence ? 'metric' then format('earned when %s reached %s', concat_ws(' of ',
      a.evidence ->> 'metric', nullif(a.evidence ->> 'scope', '')), a.evidence ->> 'value')
    else format('earned, as its evidence says: %s', a.evidence)
  end || case when a.evidence ? 'is_backfill' then ', granted for the past' else '' end;
  return next;

  for c in
    with recursive nodes as (
      select a.criteria as node, array[]::bigint[] as path, '' as words
      union all
      select i.value, o.path || i.place, case
        when o.node ? 'all' then 'one of all'
        when o.node ? 'any' then 'any of these is enough'
        else format('%s of these are enough', o.node ->> 'at_least') end
      from nodes o
      cross join lateral jsonb_array_elements(
        coalesce(o.node -> 'all', o.node -> 'any', o.node -> 'of')) with ordinality i(value, place)
      where not o.node ? 'metric'
    )
    select row_number() over (order by n.path)::integer as number, n.node ->> 'metric' as metric,
      coalesce(n.node ->> 'scope', '') as scope, (n.node ->> 'at_least')::numeric::bigint as needed,
      n.words
    from nodes n
    where n.node ? 'metric'
    order by n.path
  loop
    condition := c.number;
    metric := c.metric;
    scope := c.scope;
    needed := c.needed;
    had := coalesce((
      select v.value from learn_internal.reward_values v
      where v.user_id = p_user_id and v.metric = c.metric and v.scope = c.scope), 0);
    select f.* into v_met
    from learn_internal.metric_steps(p_user_id, c.metric, c.scope) f
    where f.total >= c.needed
    order by f.place
    limit 1;
    occurred_at := v_met.occurred_at;
    what := null;
    amount := null;
    total := v_met.total;
    why := concat_ws('; ', case
      when v_met.place is not null then
        format('%s needed, met by %s', c.needed, v_met.what)
      when had >= c.needed then format('%s needed, and met before', c.needed)
      else format('%s needed, %s so far', c.needed, had) end, nullif(c.words, ''));
    return next;

    return query
    select c.number, c.metric, c.scope, c.needed, condition_had.value, n.occurred_at, n.what, n.amount,
      n.total, format('adds %s, which makes %s of %s', n.amount, n.total, c.needed)
    from (
      select f.*
      from learn_internal.metric_steps(p_user_id, c.metric, c.scope) f
      where v_met.place is null or f.place <= v_met.place
      order by f.place desc
      limit 100
    ) n
    cross join (select had as value) condition_had
    order by n.place;
  end loop;
end;
$$;
comment on function learn.why(uuid, text) is
  'Why a user has an achievement, or not yet: each condition (needed and had) and the facts that count.';
grant execute on function learn.why(uuid, text) to learn_app, learn_user, learn_readonly;
