-- Brings the active days of a learner who has learned in several zones up to date with local_days, and says which
-- are new, which are none any more, and from which date on something is different (null: nothing is). Whether the
-- last zone is settled: its days have come to follow each other, and no fact can be in doubt any more.
-- The caller has locked the user.
create or replace function learn_internal.settle_days(
  p_user_id uuid, out added date[], out removed date[], out changed_from date
)
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_chain   learn_internal.chained_day[];
  v_last    learn_internal.chained_day;
  v_zone    integer;
begin
  v_chain := array(
    select (c.activity_date, c.zone_number, c.flown_over)::learn_internal.chained_day
    from learn_internal.chain_days(array(
      select d from learn_internal.local_days d where d.user_id = p_user_id)) c
    order by c.activity_date);
  added := array(
    select c.activity_date from unnest(v_chain) c
    where not exists (
      select from learn.user_activity_days d
      where d.user_id = p_user_id and d.activity_date = c.activity_date and not d.is_freeze));
  removed := array(
    select d.activity_date from learn.user_activity_days d
    where d.user_id = p_user_id and not d.is_freeze
      and d.activity_date not in (select c.activity_date from unnest(v_chain) c));
  select least(min(c.activity_date), (select min(r) from unnest(removed) r)) into changed_from
  from unnest(v_chain) c
  left join learn.user_activity_days d
    on d.user_id = p_user_id and d.activity_date = c.activity_date and not d.is_freeze
  where d.flown_over is distinct from c.flown_over;

  delete from learn.user_activity_days d
  where d.user_id = p_user_id and d.activity_date = any (removed);
  insert into learn.user_activity_days as d (user_id, activity_date, flown_over)
  select p_user_id, c.activity_date, c.flown_over from unnest(v_chain) c
  on conflict (user_id, activity_date) do update
    set is_freeze = false, flown_over = excluded.flown_over
    where (d.is_freeze, d.flown_over) <> (false, excluded.flown_over);
  update learn_internal.local_days d
  set is_active = not d.is_active
  where d.user_id = p_user_id and d.is_active <> exists (
    select from unnest(v_chain) c
    where c.zone_number = d.zone_number and c.activity_date = d.local_date);

  v_last := v_chain[cardinality(v_chain)];
  select max(d.zone_number) into v_zone from learn_internal.local_days d where d.user_id = p_user_id;
  update learn.user_stats s
  set last_zone_number = v_last.zone_number,
    settled_zone = case
      when v_last.zone_number = v_zone and exists (
        select from unnest(v_chain) c
        where c.zone_number = v_zone and c.activity_date < v_last.activity_date)
        and not exists (
        select from learn_internal.local_days d
        where d.user_id = p_user_id and d.zone_number < v_zone
          and d.local_date > v_last.activity_date - 4)
      then v_zone else -1 end
  where s.user_id = p_user_id;
end;
$$;
comment on function learn_internal.settle_days(uuid) is
  'Brings the active days of a learner who has learned in several zones up to date with local_days.';
