-- What happens when rows of learn.discussion_votes are written, in the order in which triggers fire.

-- When votes are taken back, or go with their users: the posts' counts follow.
create or replace function learn_internal.votes_deleted()
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
      (-count(*) filter (where c.vote_type = 'upvote'))::integer as upvotes,
      (-count(*) filter (where c.vote_type = 'downvote'))::integer as downvotes
    from old_rows c
    group by c.discussion_id, c.reply_id
  ) g
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.votes_deleted() is
  'Statement trigger: deleted votes count no more.';
revoke all on function learn_internal.votes_deleted() from public;

create or replace trigger votes_deleted
  after delete on learn.discussion_votes
  referencing old table as old_rows
  for each statement
  execute function learn_internal.votes_deleted();
comment on trigger votes_deleted on learn.discussion_votes is 'Deleted votes count no more.';

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

-- When votes change, in kind or in target: the posts' counts follow.
create or replace function learn_internal.votes_updated()
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
      (coalesce(sum(c.vote) filter (where c.vote_type = 'upvote'), 0))::integer as upvotes,
      (coalesce(sum(c.vote) filter (where c.vote_type = 'downvote'), 0))::integer as downvotes
    from (
      select n.discussion_id, n.reply_id, n.vote_type, 1 as vote from new_rows n
      union all
      select o.discussion_id, o.reply_id, o.vote_type, -1 from old_rows o
    ) c
    group by c.discussion_id, c.reply_id
  ) g
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.votes_updated() is
  'Statement trigger: changed votes count differently.';
revoke all on function learn_internal.votes_updated() from public;

create or replace trigger votes_updated
  after update on learn.discussion_votes
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.votes_updated();
comment on trigger votes_updated on learn.discussion_votes is 'Changed votes count differently.';

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.discussion_votes
  for each row
  when (learn_internal.is_off_time(new.created_at, new.created_at))
  execute function learn_internal.refuse_times('created_at');
comment on trigger refuse_times on learn.discussion_votes is 'Refuses times out of bounds (LX001).';

create or replace trigger refuse_new_times
  before update of created_at on learn.discussion_votes
  for each row
  when (new.created_at is distinct from old.created_at and learn_internal.is_off_time(new.created_at, new.created_at))
  execute function learn_internal.refuse_times('created_at');
comment on trigger refuse_new_times on learn.discussion_votes is 'Refuses times out of bounds (LX001).';
