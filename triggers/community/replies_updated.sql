-- When replies change: one that is accepted for the first time is a fact, and the discussions
-- concerned are solved or not. A reply that moves counts elsewhere.
create or replace function learn_internal.replies_updated()
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
declare
  v_accepted       bigint[];
  v_discussion_ids bigint[];
  v_replies        integer[];
begin
  if not exists (select from new_rows) then
    return null;
  end if;
  -- New and old rows are matched by grouping, in the same time per row for any number: see docs/engine.md
  select array_agg(c.id) into v_accepted
  from (
    select r.id
    from (
      select n.id, n.first_accepted_at, true as is_new from new_rows n
      union all
      select o.id, o.first_accepted_at, false from old_rows o
    ) r
    group by r.id
    having bool_or(r.is_new and r.first_accepted_at is not null)
      and bool_or(not r.is_new and r.first_accepted_at is null)
  ) c;
  if v_accepted is not null then
    perform learn_internal.write_solutions(v_accepted);
  end if;

  select array_agg(g.discussion_id), array_agg(g.replies) into v_discussion_ids, v_replies
  from (
    -- where replies have come and gone; with 0 where only the solution has changed
    select c.discussion_id, sum(c.replies)::integer as replies
    from (
      select r.id, r.discussion_id, r.is_solution, sum(r.replies) as replies
      from (
        select n.id, n.discussion_id, n.is_solution, 1 as replies from new_rows n
        union all
        select o.id, o.discussion_id, o.is_solution, -1 from old_rows o
      ) r
      group by r.id, r.discussion_id, r.is_solution
      having sum(r.replies) <> 0
    ) c
    group by c.discussion_id
  ) g;
  perform learn_internal.count_replies(v_discussion_ids, v_replies);
  return null;
end;
$$;
comment on function learn_internal.replies_updated() is
  'Statement trigger: accepted replies become facts and solve their discussions.';
revoke all on function learn_internal.replies_updated() from public;

create or replace trigger replies_updated
  after update on learn.replies
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.replies_updated();
comment on trigger replies_updated on learn.replies is
  'Accepted replies become facts and solve their discussions.';
