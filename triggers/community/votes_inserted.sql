-- When votes are cast: the posts' counts follow.
create or replace function learn_internal.votes_inserted()
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
  perform learn_internal.count_votes(
    array_agg(g.discussion_id), array_agg(g.reply_id), array_agg(g.upvotes), array_agg(g.downvotes))
  from (
    select c.discussion_id, c.reply_id,
      (count(*) filter (where c.vote_type = 'upvote'))::integer as upvotes,
      (count(*) filter (where c.vote_type = 'downvote'))::integer as downvotes
    from new_rows c
    group by c.discussion_id, c.reply_id
  ) g
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.votes_inserted() is
  'Statement trigger: votes count.';
revoke all on function learn_internal.votes_inserted() from public;

create or replace trigger votes_inserted
  after insert on learn.discussion_votes
  referencing new table as new_rows
  for each statement
  execute function learn_internal.votes_inserted();
comment on trigger votes_inserted on learn.discussion_votes is 'Votes count.';
