-- xp: rules, the ledger, and the level curve.

set role learn_owner;

create table learn.xp_rules (
  activity_type text primary key
    references learn.activity_types on update cascade on delete cascade,
  amount        integer not null,
  daily_cap     integer,
  constraint amount_is_not_negative check (amount >= 0),
  constraint daily_cap_is_not_negative check (daily_cap >= 0)
);
comment on table learn.xp_rules is
  'XP that a fact of a type pays, unless the fact carries an amount of its own.';
comment on column learn.xp_rules.daily_cap is
  'At most this much XP per user and local day from this type; null: no cap.';
grant select on learn.xp_rules to learn_app, learn_readonly;

create table learn.xp_transactions (
  user_id       uuid not null references learn.users on delete cascade,
  id            bigint generated always as identity,
  amount        integer not null,
  activity_type text not null,
  source_type   text not null,
  source_id     text,
  description   text,
  earned_on     date not null,
  created_at    timestamptz not null default learn.clock(),
  primary key (user_id, created_at, id),
  constraint amount_is_not_zero check (amount <> 0)
) partition by range (created_at);
comment on table learn.xp_transactions is
  'The ledger: append-only (LX009), partitioned by month of created_at. '
  'user_stats.total_xp is its sum.';
comment on column learn.xp_transactions.activity_type is
  'The type of the fact that paid, which the log has checked.';
comment on column learn.xp_transactions.source_type is
  'Activity type that paid, or what award_xp() was told; reversal for a row that takes XP back.';
comment on column learn.xp_transactions.earned_on is
  'The user''s local date of the fact that paid.';
grant select on learn.xp_transactions to learn_app, learn_readonly;
create table learn.xp_transactions_default partition of learn.xp_transactions default;
comment on table learn.xp_transactions_default is
  'Ledger rows of months without a partition of their own; ensure_partitions() '
  'moves them into one.';
grant select on learn.xp_transactions_default to learn_app, learn_readonly;

create table learn.level_thresholds (
  level  integer primary key,
  min_xp bigint not null,
  -- checked once per statement
  constraint level_thresholds_min_xp_is_unique unique (min_xp) deferrable,
  constraint level_is_positive check (level >= 1),
  constraint min_xp_is_not_negative check (min_xp >= 0)
);
comment on table learn.level_thresholds is
  'The level curve: total XP from which a user is on a level. Level 1 starts at 0.';
grant select on learn.level_thresholds to learn_app, learn_readonly;

-- 100 × L × (L − 1) / 2 for level L: 0, 100, 300, 600 …; the last row is the highest
-- level there is.
insert into learn.level_thresholds (level, min_xp)
select l, 50 * l::bigint * (l - 1) from generate_series(1, 100) l;

-- functions/xp/calculate_level_from_xp.sql
-- Level for an amount of XP, by the curve in learn.level_thresholds. Below 0 is level 1;
-- the highest level is the cap.
create or replace function learn.calculate_level_from_xp(p_xp bigint)
returns integer
language sql
stable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    (select t.level from learn.level_thresholds t
      where t.min_xp <= p_xp order by t.min_xp desc limit 1), 1);
$$;
comment on function learn.calculate_level_from_xp(bigint) is
  'Level for an amount of XP, by the level curve.';
revoke all on function learn.calculate_level_from_xp(bigint) from public;
grant execute on function learn.calculate_level_from_xp(bigint) to learn_app, learn_readonly;

-- functions/xp/xp_for_level.sql
-- XP from which a user is on a level.
-- Errors: LX001 no such level.
create or replace function learn.xp_for_level(p_level integer)
returns bigint
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_xp bigint;
begin
  select t.min_xp into v_xp from learn.level_thresholds t where t.level = p_level;
  if not found then
    raise exception 'there is no such level'
      using errcode = 'LX001', detail = format('p_level = %s', coalesce(p_level::text, 'null')),
        hint = (
          select format('Levels go from %s to %s.', min(t.level), max(t.level))
          from learn.level_thresholds t);
  end if;
  return v_xp;
end;
$$;
comment on function learn.xp_for_level(integer) is 'XP from which a user is on a level.';
revoke all on function learn.xp_for_level(integer) from public;
grant execute on function learn.xp_for_level(integer) to learn_app, learn_readonly;

-- triggers/xp/xp_transactions_is_append_only.sql
-- When a ledger row is changed or deleted: refused.
create or replace trigger xp_transactions_is_append_only
  before update or delete on learn.xp_transactions
  for each row
  execute function learn_internal.refuse_change();
comment on trigger xp_transactions_is_append_only on learn.xp_transactions is
  'Refuses update and delete (LX009).';

-- triggers/xp/xp_transactions_truncate.sql
-- When someone empties the ledger: refused.
create or replace trigger xp_transactions_truncate
  before truncate on learn.xp_transactions
  for each statement
  execute function learn_internal.refuse_truncate();
comment on trigger xp_transactions_truncate on learn.xp_transactions is 'Refuses truncate (LX009).';

-- triggers/xp/xp_transactions_default_truncate.sql
-- When someone empties the default partition: refused.
create or replace trigger xp_transactions_default_truncate
  before truncate on learn.xp_transactions_default
  for each statement
  execute function learn_internal.refuse_truncate();
comment on trigger xp_transactions_default_truncate on learn.xp_transactions_default is
  'Refuses truncate (LX009).';

-- triggers/xp/xp_rules_change.sql
-- When the rules that pay change: learners wait.
create or replace trigger xp_rules_change
  before insert or update or delete on learn.xp_rules
  for each statement
  execute function learn_internal.change_content();
comment on trigger xp_rules_change on learn.xp_rules is 'A change has learners wait.';

-- triggers/xp/xp_rules_consequences.sql
-- When the rules that pay change: what each type of fact can cause is noted with the type.
create or replace trigger xp_rules_consequences
  after insert or update or delete on learn.xp_rules
  for each statement
  execute function learn_internal.note_consequences();
comment on trigger xp_rules_consequences on learn.xp_rules is
  'Notes with activity types what facts can cause.';

-- triggers/xp/level_thresholds_change.sql
-- When the level curve changes: learners wait.
create or replace trigger level_thresholds_change
  before insert or update or delete or truncate on learn.level_thresholds
  for each statement
  execute function learn_internal.change_content();
comment on trigger level_thresholds_change on learn.level_thresholds is
  'A change has learners wait.';

-- triggers/xp/apply_level_curve.sql
-- When the level curve is changed: it must be one, and everybody's level follows it.
-- Levels that were reached stay reached: nothing is announced, and no achievement is taken away.
-- Errors: LX001 not a curve.
create or replace function learn_internal.apply_level_curve()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (
    select from (
      select t.level, t.min_xp, row_number() over (order by t.level) as position,
        lag(t.min_xp) over (order by t.level) as previous
      from learn.level_thresholds t
    ) c
    where c.level <> c.position or c.position = 1 and c.min_xp <> 0 or c.min_xp <= c.previous
  ) or not exists (select from learn.level_thresholds)
  then
    raise exception 'the level curve must rise from level 1 at 0 XP without gaps'
      using errcode = 'LX001',
        detail = (
          select coalesce(
            string_agg(format('%s: %s', t.level, t.min_xp), ', ' order by t.level), 'no levels')
          from learn.level_thresholds t),
        hint = 'Change all levels concerned in one statement.';
  end if;

  perform from learn.user_stats s
  where s.current_level <> learn.calculate_level_from_xp(s.total_xp)
  order by s.user_id
  for no key update;
  update learn.user_stats s
  set current_level = learn.calculate_level_from_xp(s.total_xp)
  where s.current_level <> learn.calculate_level_from_xp(s.total_xp);
  return null;
end;
$$;
comment on function learn_internal.apply_level_curve() is
  'Statement trigger: checks the level curve (LX001) and applies it to all users.';
revoke all on function learn_internal.apply_level_curve() from public;

create or replace trigger apply_level_curve
  after insert or update or delete or truncate on learn.level_thresholds
  for each statement
  execute function learn_internal.apply_level_curve();
comment on trigger apply_level_curve on learn.level_thresholds is
  'Checks the level curve (LX001) and applies it to all users.';

reset role;
