-- When replies are posted: each is a fact of its author, and counts in its discussion.
create or replace function learn_internal.replies_inserted()
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
  v_facts    learn_internal.fact[];
  v_accepted bigint[];
begin
  select array_agg(
      (n.author_id, 'reply_posted', 'reply', n.id::text,
        jsonb_build_object('discussion_id', n.discussion_id), null,
        n.created_at)::learn_internal.fact
      order by n.author_id, n.id),
    array_agg(n.id) filter (where n.first_accepted_at is not null)
  into v_facts, v_accepted
  from new_rows n;
  if v_facts is null then
    return null;
  end if;
  perform from learn.user_stats s
  where s.user_id = any (array(select f.user_id from unnest(v_facts) f))
  order by s.user_id for no key update;
  perform learn_internal.write_facts(v_facts);
  if v_accepted is not null then
    perform learn_internal.write_solutions(v_accepted);
  end if;

  perform learn_internal.count_replies(array_agg(g.discussion_id), array_agg(g.replies))
  from (
    select n.discussion_id, count(*)::integer as replies from new_rows n group by n.discussion_id
  ) g;
  return null;
end;
$$;
comment on function learn_internal.replies_inserted() is
  'Statement trigger: new replies become facts and count in their discussions.';
revoke all on function learn_internal.replies_inserted() from public;

create or replace trigger replies_inserted
  after insert on learn.replies
  referencing new table as new_rows
  for each statement
  execute function learn_internal.replies_inserted();
comment on trigger replies_inserted on learn.replies is
  'New replies become facts and count in their discussions.';
