-- What a user's active days and freezes make of the streak, from the first day to the last: so that it is
-- the same in whatever order they came in. Before each active day, the days missed since the last one are
-- covered if the freezes in hand suffice for all of them, each held by the day that it covers; else the streak
-- starts anew. From the day p_from on, streaks earn freezes, by the settings of now; those that were earned
-- before, and null for all, are taken as they are. Freezes that were granted on a day count from the next
-- on as held when it comes to earning another.
create or replace function learn_internal.walk_streak(p_user_id uuid, p_from date)
returns learn_internal.streak_walk
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_walk    learn_internal.streak_walk;
  v_every   integer := 0;
  v_maximum integer;
  v_ids     bigint[];                -- the freezes in hand, in the order in which they are spent
  v_granted date[];
  v_last    date;
  v_missed  integer;
  v_covered integer;
  v_place   integer;
  v_date    date;
  v_flown   integer;
begin
  if p_from is not null then
    v_every := learn_internal.setting_number('streak_freeze_every_days');
    v_maximum := learn_internal.setting_number('streak_freeze_maximum');
  end if;
  select coalesce(array_agg(f.id order by f.granted_on, f.is_earned, f.id), '{}'),
    coalesce(array_agg(f.granted_on order by f.granted_on, f.is_earned, f.id), '{}')
  into v_ids, v_granted
  from learn.streak_freezes f
  where f.user_id = p_user_id and not (f.is_earned and v_every > 0 and f.granted_on >= p_from);
  v_walk := (0, 0, 0, null, '{}', '{}', '{}', '{}');

  for v_date, v_flown in
    select d.activity_date, d.flown_over
    from learn.user_activity_days d
    where d.user_id = p_user_id and not d.is_freeze
    order by d.activity_date
  loop
    v_missed := v_date - v_last - 1 - v_flown;
    if v_missed > 0 and v_missed <= cardinality(v_ids) then
      select count(*) filter (where g.granted_on <= v_last + g.place::integer) into v_covered
      from unnest(v_granted[1:v_missed]) with ordinality g(granted_on, place);
      if v_covered = v_missed then
        v_walk.used_on := v_walk.used_on
          || array(select v_last + n from generate_series(1, v_missed) n);
        v_walk.freeze_ids := v_walk.freeze_ids || v_ids[1:v_missed];
        v_walk.granted_on := v_walk.granted_on || v_granted[1:v_missed];
        v_ids := v_ids[v_missed + 1:];
        v_granted := v_granted[v_missed + 1:];
        v_missed := 0;
      end if;
    end if;
    v_walk.current_streak := case when v_missed = 0 then v_walk.current_streak + 1 else 1 end;
    v_walk.longest_streak := greatest(v_walk.longest_streak, v_walk.current_streak);
    v_walk.active_days := v_walk.active_days + 1;
    if v_every > 0 and v_date >= p_from and v_walk.current_streak % v_every = 0 then
      v_place := (select count(*) from unnest(v_granted) g where g < v_date);
      if v_place < v_maximum then
        v_walk.earned_on := v_walk.earned_on || v_date;
        v_place := (select count(*) from unnest(v_granted) g where g <= v_date);
        v_ids := v_ids[:v_place] || null::bigint || v_ids[v_place + 1:];
        v_granted := v_granted[:v_place] || v_date || v_granted[v_place + 1:];
      end if;
    end if;
    v_last := v_date;
  end loop;
  v_walk.last_activity_date := v_last;
  return v_walk;
end;
$$;
comment on function learn_internal.walk_streak(uuid, date) is
  'What a user''s active days and freezes make of the streak, in whatever order they came in.';
