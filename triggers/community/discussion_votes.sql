-- What happens when votes are cast, changed or taken back: nobody votes for a post of their own, and the posts' counts
-- follow. Discussions come before replies, in key order; posts that are gone are passed over. See also hold_learners.sql.
-- Errors: LX010.
create or replace function learn_internal.votes_written()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set enable_hashjoin = off
set jit = off
as $$
declare
  g       record;
  v_votes learn_internal.vote[];
begin
  if tg_op <> 'DELETE' then
    for g in
      select n.user_id, n.discussion_id, n.reply_id
      from new_rows n
      where n.user_id = coalesce(
        (select d.author_id from learn.discussions d where d.id = n.discussion_id),
        (select r.author_id from learn.replies r where r.id = n.reply_id))
      limit 1
    loop
      raise exception 'nobody votes for a post of their own'
        using errcode = 'LX010',
          detail = format('user_id = %s, discussion_id = %s, reply_id = %s', g.user_id,
            coalesce(g.discussion_id::text, 'null'), coalesce(g.reply_id::text, 'null')),
          hint = 'Show the author the votes of others, and no buttons.';
    end loop;
    select array_agg((n.discussion_id, n.reply_id, n.vote_type, 1)::learn_internal.vote) into v_votes
    from new_rows n;
  end if;
  if tg_op <> 'INSERT' then
    v_votes := v_votes || array(
      select (o.discussion_id, o.reply_id, o.vote_type, -1)::learn_internal.vote from old_rows o);
  end if;

  for g in
    select v.discussion_id, v.reply_id,
      coalesce(sum(v.votes) filter (where v.vote_type = 'upvote'), 0)::integer as upvotes,
      coalesce(sum(v.votes) filter (where v.vote_type = 'downvote'), 0)::integer as downvotes
    from unnest(v_votes) v
    group by v.discussion_id, v.reply_id
    order by v.reply_id nulls first, v.discussion_id
  loop
    continue when g.upvotes = 0 and g.downvotes = 0;
    if g.reply_id is null then
      update learn.discussions d
      set upvote_count = d.upvote_count + g.upvotes, downvote_count = d.downvote_count + g.downvotes
      where d.id = g.discussion_id;
    else
      update learn.replies r
      set upvote_count = r.upvote_count + g.upvotes, downvote_count = r.downvote_count + g.downvotes
      where r.id = g.reply_id;
    end if;
  end loop;
  return null;
end;
$$;
comment on function learn_internal.votes_written() is
  'Statement trigger: votes count for others'' posts (LX010), changed ones differently, deleted ones no more.';

create or replace trigger votes_inserted
  after insert on learn.discussion_votes
  referencing new table as new_rows
  for each statement
  execute function learn_internal.votes_written();

create or replace trigger votes_updated
  after update on learn.discussion_votes
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.votes_written();

create or replace trigger votes_deleted
  after delete on learn.discussion_votes
  referencing old table as old_rows
  for each statement
  execute function learn_internal.votes_written();

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.discussion_votes
  for each row
  when (learn_internal.is_off_time(new.created_at, new.created_at))
  execute function learn_internal.refuse_times('created_at');

create or replace trigger refuse_new_times
  before update of created_at on learn.discussion_votes
  for each row
  when (new.created_at is distinct from old.created_at and learn_internal.is_off_time(new.created_at, new.created_at))
  execute function learn_internal.refuse_times('created_at');
