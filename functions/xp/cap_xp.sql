-- What facts of a user, a type and a day pay where the rule has a cap for the day: in the order of
-- their ids, as much as the cap leaves after what the same type has paid this user for that day.
-- Takes parallel arrays of ids and of the XP that the facts carry (null: what the rule pays).
-- Ledger rows of a day are never older than it, which leaves older partitions and rows alone.
create or replace function learn_internal.cap_xp(
  p_user_id uuid, p_activity_type text, p_local_date date, p_ids bigint[], p_amounts integer[]
)
returns learn_internal.capped_xp[]
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_rule   learn.xp_rules;
  v_left   bigint;
  v_capped learn_internal.capped_xp[];
  f        record;
begin
  select * into v_rule from learn.xp_rules r where r.activity_type = p_activity_type;
  select v_rule.daily_cap - coalesce(sum(t.amount), 0) into v_left
  from learn.xp_transactions t
  where t.user_id = p_user_id and t.earned_on = p_local_date
    and t.activity_type = p_activity_type
    and t.amount > 0 and t.created_at >= p_local_date - interval '2 days';
  for f in
    select i.id, coalesce(i.amount, v_rule.amount) as amount
    from unnest(p_ids, p_amounts) i(id, amount)
    order by i.id
  loop
    if f.amount > 0 then
      f.amount := greatest(0, least(f.amount, v_left));
      v_left := v_left - f.amount;
    end if;
    v_capped := v_capped || (f.id, f.amount)::learn_internal.capped_xp;
  end loop;
  return v_capped;
end;
$$;
comment on function learn_internal.cap_xp(uuid, text, date, bigint[], integer[]) is
  'What facts pay where the rule has a cap for the day.';
revoke all on function learn_internal.cap_xp(uuid, text, date, bigint[], integer[]) from public;
