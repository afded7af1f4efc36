-- What happens when rows of learn.streak_freezes are written: by hand they are granted, or taken away, as functions do
-- it. What earns freezes and what they cover follows from days.
-- Errors: LX001 a date out of bounds; LX009 another date; LX010 one that was earned, or covers a day, by hand.

create or replace function learn_internal.freezes_by_hand()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := learn.clock();
  v     record;
begin
  perform from learn.user_stats s
  where s.user_id in (select c.user_id from changed_rows c)
  order by s.user_id for no key update;
  if tg_op = 'DELETE' then
    for v in
      select distinct c.user_id from changed_rows c join learn.users u on u.id = c.user_id order by 1
    loop
      perform learn_internal.settle_streak(v.user_id, null);
      insert into learn_internal.board_gains (user_id, metric, local_date)
      select v.user_id, m.key, '-infinity' from learn.metrics m
      where m.key = 'current_streak' and m.is_board;
    end loop;
    return null;
  end if;
  for v in
    select c.user_id, c.granted_on, count(*)::integer as freezes, bool_or(c.is_earned) as is_earned,
      bool_or(c.used_on is not null) as is_used, u.timezone, u.day_starts_at
    from changed_rows c
    join learn.users u on u.id = c.user_id
    group by c.user_id, c.granted_on, u.id
    order by c.user_id, c.granted_on
  loop
    if v.is_earned or v.is_used then
      raise exception 'freezes are earned and used by days'
        using errcode = 'LX010', detail = format('user_id = %s, granted_on = %s', v.user_id, v.granted_on),
          hint = 'Write user_id and granted_on: the day that it covers follows.';
    end if;
    perform learn_internal.note_streak_freezes(v.user_id, v.granted_on, v.freezes, 'streak_freeze_granted',
      least(v_now, (v.granted_on + v.day_starts_at) at time zone v.timezone));
  end loop;
  return null;
end;
$$;
comment on function learn_internal.freezes_by_hand() is
  'Statement trigger: freezes that are written or deleted by hand are granted, or taken away (LX010).';

-- Content is held, before PostgreSQL locks the users of the rows.
create or replace trigger freezes_hold
  before insert or update on learn.streak_freezes
  for each statement when (pg_trigger_depth() = 0 and coalesce(current_setting('learn_internal.writes_facts', true), '') = '')
  execute function learn_internal.hold_content_first();

create or replace trigger freezes_inserted
  after insert on learn.streak_freezes
  referencing new table as changed_rows
  for each statement when (pg_trigger_depth() = 0 and coalesce(current_setting('learn_internal.writes_facts', true), '') = '')
  execute function learn_internal.freezes_by_hand();

create or replace trigger freezes_deleted
  after delete on learn.streak_freezes
  referencing old table as changed_rows
  for each statement when (pg_trigger_depth() = 0 and coalesce(current_setting('learn_internal.writes_facts', true), '') = '')
  execute function learn_internal.freezes_by_hand();

create or replace trigger results_stay
  after update of granted_on, is_earned on learn.streak_freezes
  for each row
  when ((old.granted_on, old.is_earned) is distinct from (new.granted_on, new.is_earned))
  execute function learn_internal.refuse_change();

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.streak_freezes
  for each row
  when (learn_internal.is_off_date(
    greatest(new.granted_on, new.used_on),
    least(new.granted_on, new.used_on)))
  execute function learn_internal.refuse_times('granted_on', 'used_on');

create or replace trigger refuse_new_times
  before update of granted_on, used_on on learn.streak_freezes
  for each row
  when (new.granted_on is distinct from old.granted_on and learn_internal.is_off_date(new.granted_on, new.granted_on)
    or new.used_on is distinct from old.used_on and learn_internal.is_off_date(new.used_on, new.used_on))
  execute function learn_internal.refuse_times('granted_on', 'used_on');
