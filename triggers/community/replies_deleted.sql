-- When replies are deleted, by hand or with their authors: they count no more.
create or replace function learn_internal.replies_deleted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set jit = off
as $$
begin
  perform learn_internal.count_replies(array_agg(g.discussion_id), array_agg(g.replies))
  from (
    select o.discussion_id, -count(*)::integer as replies
    from old_rows o
    group by o.discussion_id
  ) g
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.replies_deleted() is
  'Statement trigger: deleted replies count no more.';
revoke all on function learn_internal.replies_deleted() from public;

create or replace trigger replies_deleted
  after delete on learn.replies
  referencing old table as old_rows
  for each statement
  execute function learn_internal.replies_deleted();
comment on trigger replies_deleted on learn.replies is 'Deleted replies count no more.';
