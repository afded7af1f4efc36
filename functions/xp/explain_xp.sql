-- Where a user's XP of some days comes from: each row of the ledger, in words. Days are the user's own,
-- both included. Rules, multipliers and caps are those of today: where they were others then, the amount
-- is what was paid, and the words say that it differs.
-- Errors: LX001 no days, the last before the first, or absurd ones; LX002 unknown user.
create or replace function learn.explain_xp(p_user_id uuid, p_from date, p_to date)
returns table (
  transaction_id bigint, occurred_at timestamptz, earned_on date, what text, amount integer,
  rule_amount integer, multiplier numeric, daily_cap integer, source_type text, source_id text,
  why text
)
language plpgsql
stable
security definer                  -- reads the ledger and the log for the caller
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  perform learn_internal.require_self(p_user_id);
  perform learn_internal.require_user(p_user_id);
  if p_from is null or p_to is null or p_to < p_from or p_from < '1970-01-01'
    or p_to >= '2200-01-01'
  then
    raise exception 'the days make no period'
      using errcode = 'LX001', detail = format('p_from = %s, p_to = %s',
          coalesce(p_from::text, 'null'), coalesce(p_to::text, 'null')),
        hint = 'Name the first and the last day, both included, from 1970 on.';
  end if;
  return query
  select x.id, x.happened_at, x.earned_on, x.what, x.amount::integer, x.rule_amount, x.multiplier,
    x.daily_cap, x.source_type::text, x.source_id::text,
    case
      when x.activity_type = 'xp_reversed' then
        concat_ws(': ', 'taken back', x.description)
      when x.activity_type = 'xp_awarded' then
        concat_ws(': ', format('awarded as %s', x.source_type), x.description)
      when x.expected is null then format('%s carried by the fact, no rule', x.amount)
      else format('%s by %s', x.base, x.base_from)
        || case when x.multiplier <> 1 then format(' × %s (%s)', x.multiplier, x.difficulty) else '' end
        || case
          when x.amount = x.expected then ''
          when x.daily_cap is not null and x.amount < x.expected then
            format(', cut to %s by the cap of %s a day', x.amount, x.daily_cap)
          else format(', paid as %s: by the rules of then, or less for hints', x.amount) end
    end
  from (
    select t.*, coalesce(f.occurred_at, t.created_at) as happened_at,
      concat_ws(' ', t.activity_type, nullif(f.subject_type, t.activity_type),
        coalesce(f.properties ->> 'slug', t.source_id)) as what,
      r.amount as rule_amount, r.daily_cap, b.base, b.base_from, d.key as difficulty,
      case when t.activity_type = 'lesson_completed' then coalesce(d.xp_multiplier, 1) end as multiplier,
      round(b.base * case when t.activity_type = 'lesson_completed'
        then coalesce(d.xp_multiplier, 1) else 1 end)::integer as expected
    from learn_internal.all_payments t
    left join learn.xp_rules r on r.activity_type = t.activity_type
    left join (  -- the fact that paid: recorded with the row, on that day or later
      select distinct on (l.activity_type, l.recorded_at, l.subject_id) l.activity_type, l.recorded_at, l.subject_id,
        l.occurred_at, l.subject_type, l.properties, l.xp
      from learn_internal.all_facts l
      where l.user_id = p_user_id and l.recorded_at >= (p_from - 2)::timestamp at time zone 'UTC'
      order by l.activity_type, l.recorded_at, l.subject_id, l.id
    ) f on f.activity_type = t.activity_type and f.recorded_at = t.created_at
      and f.subject_id is not distinct from t.source_id and t.activity_type not in ('xp_awarded', 'xp_reversed')
    left join learn.difficulties d
      on t.activity_type = 'lesson_completed' and d.key = f.properties ->> 'difficulty'
    left join learn.lessons o
      on t.activity_type = 'lesson_completed' and o.id::text = t.source_id
    cross join lateral (
      select coalesce(o.xp_reward, case when t.activity_type <> 'lesson_completed' then f.xp end,
          r.amount) as base,
        case
          when o.xp_reward is not null then 'the lesson''s own reward'
          when t.activity_type <> 'lesson_completed' and f.xp is not null then 'what the fact carries'
          else format('the rule %s', t.activity_type) end as base_from
    ) b
    where t.user_id = p_user_id and t.earned_on between p_from and p_to
  ) x
  order by x.created_at, x.id;
end;
$$;
comment on function learn.explain_xp(uuid, date, date) is
  'Where a user''s XP of some days comes from: each row of the ledger with rule, multiplier, cap and '
  'source, in words.';
grant execute on function learn.explain_xp(uuid, date, date) to learn_app, learn_user, learn_readonly;
