-- When replies change: one that is accepted for the first time is a fact, and the discussions
-- concerned are solved or not. A reply that moves counts elsewhere.
create or replace function learn_internal.replies_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
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
  select array_agg(distinct n.id) filter (
    where n.first_accepted_at is not null and o.first_accepted_at is null)
  into v_accepted
  from new_rows n
  join old_rows o on o.id = n.id;
  if v_accepted is not null then
    perform learn_internal.write_solutions(v_accepted);
  end if;

  select array_agg(g.discussion_id), array_agg(g.replies) into v_discussion_ids, v_replies
  from (
    select c.discussion_id, sum(c.replies)::integer as replies
    from new_rows n
    join old_rows o on o.id = n.id
    cross join lateral (
      values (n.discussion_id, 1), (o.discussion_id, -1)
    ) c(discussion_id, replies)
    where n.discussion_id <> o.discussion_id or n.is_solution <> o.is_solution
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
