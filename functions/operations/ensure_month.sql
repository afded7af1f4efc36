-- Makes the partition of one month of a log that is partitioned by month, and moves the rows
-- of that month out of the default partition. A table of its name that is there, filled by attach_archive(),
-- becomes the partition. Returns whether there was something to do. The caller holds the locks: see lock_logs().
create or replace function learn_internal.ensure_month(p_table name, p_month date)
returns boolean
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_partition name := p_table || to_char(p_month, '_YYYY_MM');
  v_default   name := p_table || '_default';
  v_time      name := case p_table when 'activity_log' then 'recorded_at' else 'created_at' end;
  v_from      timestamptz := p_month::timestamp at time zone 'UTC';
  v_until     timestamptz := (p_month + interval '1 month')::timestamp at time zone 'UTC';
begin
  if exists (select from pg_inherits i where i.inhrelid = to_regclass(format('learn.%I', v_partition))) then
    return false;
  end if;

  if to_regclass(format('learn.%I', v_partition)) is null then
    perform learn_internal.create_month(p_table, p_month);
  end if;
  execute format('alter table learn.%I disable trigger user', v_default);
  execute format(
    'with moved as (delete from learn.%1$I where %2$I >= %3$L and %2$I < %4$L returning *)
     insert into learn.%5$I select * from moved',
    v_default, v_time, v_from, v_until, v_partition);
  execute format('alter table learn.%I enable trigger user', v_default);
  execute format('alter table learn.%I attach partition learn.%I for values from (%L) to (%L)',
    p_table, v_partition, v_from, v_until);
  execute format('alter table learn.%I drop constraint is_of_the_month', v_partition);
  execute format(
    'create trigger %I before truncate on learn.%I for each statement execute function '
    'learn_internal.refuse_truncate()',
    v_partition || '_truncate', v_partition);
  if p_table = 'activity_log' then
    execute format(
      'create trigger refuse_by_hand before insert on learn.%I for each statement when (pg_trigger_depth() = 0) '
      'execute function learn_internal.refuse_by_hand(%L)',
      v_partition, 'Insert into learn.activity_log.');
  end if;
  execute format('comment on table learn.%I is %L',
    v_partition, 'Rows of ' || to_char(p_month, 'YYYY-MM') || ' (UTC).');
  perform learn_internal.hide_texts(format('learn.%I', v_partition)::regclass);
  if p_table <> 'audit_log' then  -- which is nobody's to read
    execute format('grant select on learn.%I to learn_app, learn_readonly', v_partition);
    perform learn_internal.protect_rows(
      format('learn.%I', v_partition)::regclass, 'user_id = (select learn.current_learner())');
  end if;
  return true;
end;
$$;
comment on function learn_internal.ensure_month(name, date) is
  'Makes one month''s partition of activity_log, audit_log or xp_transactions; '
  'false when it is there already.';
